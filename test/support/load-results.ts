/** Where a command `load` leaves its results, what it left, and what it says when it is refused. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileName } from '../../results/writer.ts';
import type { CliResult } from './cli.ts';
import { scratchFolder } from './scratch.ts';

const folder = scratchFolder();
let folders = 0;
/** For `--results`: it is not there yet. */
export const freshResults = (): string => join(folder, `results-${folders++}`);

/** The only run in `results`. */
export function theRun(results: string): string {
  // While it runs, who runs it stands beside it; after a kill, too.
  const names = readdirSync(results).filter((name) => !name.startsWith('.running.json'));
  assert.equal(names.length, 1, names.join(' '));
  return join(results, names[0]);
}

/** A file of a run. */
export const json = <T>(run: string, file: string): T =>
  JSON.parse(readFileSync(join(run, file), 'utf8')) as T;

/** Every name below a folder of results is one that any system, and a CI's upload of artifacts, takes. @returns how many there are */
export function assertPortableNames(folder: string): number {
  const names = readdirSync(folder, { recursive: true }).map(String);
  const wrong = names.filter((path) => path.split(sep).some((name) => fileName(name) !== name));
  assert.deepEqual(wrong, []);
  return names.length;
}

/** One sentence with cause and value, one hint, the right code, and nothing left behind. */
export function assertRefused(
  result: CliResult,
  code: number,
  cause: RegExp,
  hint: RegExp,
  results?: string,
) {
  assert.equal(result.exitCode, code, result.stderr + result.stdout);
  assert.match(result.stderr, cause);
  assert.match(result.stderr, hint);
  assert.match(result.stderr, /^(error: [^\n]+\n)+what to do: [^\n]+\n$/);
  if (results !== undefined) assert.deepEqual(existsSync(results) ? readdirSync(results) : [], []);
}

/** Lines of samples.ndjson so far, of the only run in `results`. */
export function samplesOf(results: string): number {
  if (!existsSync(results)) return 0;
  const [run] = readdirSync(results).filter((name) => name.startsWith('20'));
  if (run === undefined) return 0;
  const file = join(results, run, 'samples.ndjson');
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
}
