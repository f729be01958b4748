/** What assertions said of a dump, kept beside it: the report of a run is made from it, in whatever process. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, type ExitCode } from '../user-error.ts';
import { writeWhole } from '../whole-file.ts';
import { Facts } from './assertions/facts.ts';
import { ASSERTIONS, type Judged as Bare, judge } from './assertions/index.ts';
import { type ForkCost, forkCostOf } from './fork/cost.ts';
import { readDump } from './dump/read.ts';
import type { Secret } from './dump/secrets.ts';
import { searchLogs } from './search-logs.ts';
import { leadsOf, writeTrace, type WrittenTrace } from './trace/write-trace.ts';

const NAME = 'assertions.json';

/** `leads`: of each example of one that failed, where to look on. */
export type Judged = Bare & { leads?: string[] };

/** @throws UserError (exit 3) for a folder that is no dump */
export const judgeDump = async (dump: string, secrets: readonly Secret[]): Promise<Judged[]> =>
  judge(await readDump(dump, secrets));

/**
 * With the way of each submission, written beside the dump.
 * @param results a folder that is there @param name of the run, for the picture
 */
export async function judgeAndTrace(
  dump: string,
  secrets: readonly Secret[],
  results: string,
  name: string,
): Promise<{ judged: Judged[]; trace: WrittenTrace; forkCost: ForkCost | null }> {
  const evidence = await readDump(dump, secrets);
  const beside = await searchLogs(results, dump, secrets);
  evidence.secrets.push(...beside.found);
  evidence.searchedLines += beside.lines;
  const facts = new Facts(evidence);
  const trace = await writeTrace(evidence, results, name, facts);
  const judged = judge(evidence, ASSERTIONS, facts).map((one): Judged => {
    if (one.outcome !== 'failed') return one;
    const leads = one.examples.map((example) =>
      Object.values(leadsOf(example, trace))
        .filter((lead) => lead !== null)
        .join('; '),
    );
    return { ...one, leads };
  });
  return { judged, trace, forkCost: forkCostOf(evidence) };
}

export const writeJudged = (results: string, judged: readonly Judged[]): Promise<void> =>
  writeWhole(join(results, NAME), `${JSON.stringify(judged, null, 2)}\n`);

/** Empty where nothing was judged. */
export function readJudged(results: string): Judged[] {
  try {
    return JSON.parse(readFileSync(join(results, NAME), 'utf8')) as Judged[];
  } catch {
    return [];
  }
}

/** What every run leaves: an assertion that lacks it could not be judged because something is missing, not because it has nothing to say of this run. */
const OF_EVERY_RUN: readonly string[] = [
  'stored rows',
  'blocks',
  'batches',
  'leaderboard answers',
  'logs',
];

export const isUnproved = (one: Judged): boolean =>
  one.outcome === 'no data' && one.lacks.some((need) => OF_EVERY_RUN.includes(need));

/** One that failed decides; where none was judged, or one that every run can be judged by, nothing is proved. */
export function codeOf(judged: readonly Judged[]): ExitCode {
  if (judged.some(({ outcome }) => outcome === 'failed')) return EXIT.gateFailed;
  if (judged.some(isUnproved)) return EXIT.noData;
  return judged.some(({ outcome }) => outcome === 'held') ? EXIT.passed : EXIT.noData;
}
