/**
 * Programs of a few lines that a test runs in processes of their own. They are bundled before they start: to compile our sources anew in
 * each of them (tsx) costs more than what they do.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { projectRoot } from '../../paths.ts';

let folder: string | undefined;
let programs = 0;

/** Below the packages, and below package.json: paths.ts looks for it. */
function makeFolder(): string {
  const dist = join(projectRoot, 'dist');
  mkdirSync(dist, { recursive: true });
  const made = mkdtempSync(join(dist, 'programs-'));
  // Some programs are another user's.
  chmodSync(made, 0o755);
  process.on('exit', () => rmSync(made, { recursive: true, force: true }));
  return made;
}

/**
 * @param code TypeScript; its imports begin at the project's folder: `./system/lines.ts`
 * @returns words for node: the program's own may follow, and stand in `process.argv` from 2 on
 */
export function program(code: string): string[] {
  folder ??= makeFolder();
  const outfile = join(folder, `${programs++}.mjs`);
  buildSync({
    stdin: { contents: code, resolveDir: projectRoot, sourcefile: 'program.ts', loader: 'ts' },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    sourcesContent: false,
    logLevel: 'error',
  });
  return ['--enable-source-maps', outfile];
}
