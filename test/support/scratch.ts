/** A folder for one test or one file of tests, gone at its end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';

/** @param t the test whose end is its end; without it, the end of the file of tests */
export function scratchFolder(t?: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'mina-test-'));
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  if (t === undefined) after(remove);
  else t.after(remove);
  return folder;
}
