/** A copy of the toolkit's sources in a folder of its own, with its packages; for tests of the build. */
import { execFile } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../paths.ts';
import { scratchFolder } from './scratch.ts';

const LEFT_OUT = new Set(['node_modules', 'dist', 'test', 'docs', '.git', 'stack-data']);

/** @returns its path; it is removed after the tests of the file */
export function checkout(): string {
  const root = scratchFolder();
  for (const name of readdirSync(projectRoot)) {
    if (LEFT_OUT.has(name)) continue;
    cpSync(join(projectRoot, name), join(root, name), {
      recursive: true,
      filter: (path) => !/[\\/]results[\\/]20/.test(path),
    });
  }
  symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
  return root;
}

/** Changes what the command line is built from, so that chunks get other names. */
export function changeSource(root: string, n: number): void {
  const path = join(root, 'cli', 'commands', 'producers.ts');
  writeFileSync(
    path,
    `${readFileSync(path, 'utf8')}\n(globalThis as { changed?: number }).changed = ${n};\n`,
  );
}

export type End = { exitCode: number; stdout: string; stderr: string };

/** Runs `node build.mjs …` there; `before` stands in front of it. */
export const run = (
  root: string,
  args: readonly string[],
  before: readonly string[] = [],
): Promise<End> =>
  new Promise((resolve) => {
    const [file, ...rest] = [...before, process.execPath, join(root, 'build.mjs'), ...args];
    execFile(file, rest, { cwd: root, timeout: 300_000 }, (error, stdout, stderr) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
