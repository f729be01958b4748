/** What assertions said of a dump, kept beside it: the report of a run is made from it, in whatever process. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { EXIT, type ExitCode } from '../user-error.ts';
import { type Judged, judge } from './assertions/index.ts';
import { readDump } from './dump/read.ts';
import type { Secret } from './dump/secrets.ts';

const NAME = 'assertions.json';

/** @throws UserError (exit 3) for a folder that is no dump */
export const judgeDump = async (dump: string, secrets: readonly Secret[]): Promise<Judged[]> =>
  judge(await readDump(dump, secrets));

export const writeJudged = (results: string, judged: readonly Judged[]): Promise<void> =>
  writeFileAtomic(join(results, NAME), `${JSON.stringify(judged, null, 2)}\n`);

/** Empty where nothing was judged. */
export function readJudged(results: string): Judged[] {
  try {
    return JSON.parse(readFileSync(join(results, NAME), 'utf8')) as Judged[];
  } catch {
    return [];
  }
}

/** One that failed decides; where none was judged, nothing is proved. */
export function codeOf(judged: readonly Judged[]): ExitCode {
  if (judged.some(({ outcome }) => outcome === 'failed')) return EXIT.gateFailed;
  return judged.some(({ outcome }) => outcome === 'held') ? EXIT.passed : EXIT.noData;
}
