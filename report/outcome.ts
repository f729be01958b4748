/** What came of a run, as far as the short forms of a report say it: JUnit, job summary, one line. Pure. */
import { decisionOf } from '../judge/reasons.ts';
import { reasonWords } from '../judge/verdict-words.ts';
import { figuresOf, type RunView, sumsOf } from '../results/sums.ts';
import type { CiFacts, Gate, Summary } from '../results/types.ts';
import { formatNumber } from '../results/units.ts';
import { idOf, startOf, verdictWords } from './sections/head.ts';

/** Something against a run that is no gate: it broke, it measured nothing, it did not end by itself. */
export type Fault = { words: string; kind: 'error' | 'failure' };

export type Outcome = {
  id: string;
  scenario: string;
  /** The verdict in a sentence. */
  sentence: string;
  /** null: the run did not end by itself, so there is no verdict. */
  exitCode: number | null;
  passed: boolean;
  gates: readonly Gate[];
  faults: Fault[];
  figures: Summary['figures'];
  /** RFC 3339; absent: not known. */
  startedAt?: string;
  durationMs: number;
  target?: string;
  /** Of the toolkit. */
  version?: string;
  ci: CiFacts;
};

/** A case for each assertion that has something to say of this load. */
const casesOfChain = (chain: Summary['e2e']): Gate[] =>
  (chain?.assertions ?? [])
    .filter(({ outcome }) => outcome !== 'no data')
    .map(({ name, outcome, examples }) => ({
      name: `end to end: ${name}`,
      state: outcome === 'held' ? 'pass' : 'fail',
      value: outcome === 'held' ? 0 : Math.max(1, examples.length),
      limit: 0,
      unit: 'findings',
    }));

/** @throws Error if a stored histogram is broken and the summary is missing */
export function outcomeOf(run: RunView): Outcome {
  const { plan, summary } = run;
  const figures = figuresOf(run);
  const startedAt = startOf(run);
  const sentence = verdictWords(run, figures);
  return {
    id: idOf(run),
    scenario: plan?.scenario ?? summary?.scenario ?? 'load',
    sentence,
    exitCode: summary?.verdict.exitCode ?? null,
    passed: summary?.verdict.passed ?? false,
    gates: [...(summary?.gates ?? []), ...casesOfChain(summary?.e2e)],
    faults: summary === null ? [{ words: sentence, kind: 'error' }] : faultsOf(summary),
    figures,
    ...(startedAt !== undefined && { startedAt }),
    durationMs: summary?.loadMs ?? ((sumsOf(run).samples.last.at(-1)?.elapsedS ?? -1) + 1) * 1000,
    ...(plan && { target: plan.target.url, version: plan.versions.toolkit }),
    ci: plan?.ci ?? {},
  };
}

/** Reasons that are the target's, as a gate's is. */
const FAILURES: readonly string[] = ['lowest rate failed', 'not confirmed', 'end to end'];

function faultsOf({ verdict, gates }: Summary): Fault[] {
  const reasons = (verdict.reasons ?? []).filter(
    (reason) => reason.kind !== 'gate' && decisionOf([reason]).kind !== null,
  );
  const faults = reasons.map((reason): Fault => ({
    words: reasonWords(reason),
    kind: FAILURES.includes(reason.kind) ? 'failure' : 'error',
  }));
  // Whatever a later toolkit decides by: a run that has not passed must not look as if it had.
  const isExplained = faults.length > 0 || gates.some(({ state }) => state !== 'pass');
  return verdict.passed || isExplained ? faults : [{ words: verdict.sentence, kind: 'error' }];
}

/** `1,200 ms`, `3`. */
export const amount = (value: number, unit: string): string =>
  `${formatNumber(value)} ${unit}`.trim();

/** What a gate saw, in words; for one that failed, or had no data. */
export const gateWords = ({ name, state, value, limit, unit }: Gate): string =>
  state === 'no data' || value === null
    ? `${name}: no data`
    : `${name}: observed ${amount(value, unit)}, limit ${amount(limit, unit)}`;
