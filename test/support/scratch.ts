/** A folder for one test or one file of tests, gone at its end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

const folders: string[] = [];
const remove = (folder: string) => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
process.on('exit', () => folders.forEach(remove));

/** @param t the test whose end is its end; without it, the end of the process, which each file of tests has for itself */
export function scratchFolder(t?: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'mina-test-'));
  if (t === undefined) folders.push(folder);
  else t.after(() => remove(folder));
  return folder;
}
