/** A run of the harness in the form of which reports are made: a case for each step and each assertion. Pure. */
import type { Outcome } from '../../report/outcome.ts';
import { figuresOfSamples } from '../../results/figures.ts';
import type { CiFacts, Gate } from '../../results/types.ts';
import { EXIT } from '../../user-error.ts';
import type { Counts } from '../conditions.ts';
import { isUnproved, type Judged } from '../judged.ts';
import type { Verdict } from '../incidents/verdict.ts';
import { exampleTexts, figuresText } from './lines.ts';

/** What became of a step. */
export type StepResult = {
  step: string;
  title: string;
  outcome: 'done' | 'done before' | 'failed' | 'left out';
  ms: number;
  /** What it counted last. */
  counts?: Counts;
  /** Why it failed. */
  message?: string;
  hint?: string;
};

export type E2eRun = {
  id: string;
  /** What it was made of, a line each. */
  topology: readonly string[];
  startedMs: number;
  endedMs: number;
  steps: readonly StepResult[];
  judged: readonly Judged[];
  /** Of an incident that was put into it; absent: none was. */
  verdict?: Verdict;
  /** Pictures beside the report: title and file. */
  pictures: readonly { title: string; file: string }[];
  exitCode: number;
  version: string;
  ci: CiFacts;
};

export function sentenceOf({ steps, judged, exitCode, verdict }: E2eRun): string {
  const count = (wanted: Judged['outcome']) =>
    judged.filter(({ outcome }) => outcome === wanted).length;
  const failed = steps.find(({ outcome, step }) => outcome === 'failed' && step !== 'assert');
  const unproved = judged.filter(isUnproved).length;
  const apart = count('no data') - unproved;
  const unknown =
    (unproved === 0 ? '' : `, ${unproved} could not be judged`) +
    (apart === 0 ? '' : `, ${apart} ${apart === 1 ? 'does' : 'do'} not apply to this run`);
  if (exitCode === EXIT.interrupted) return 'interrupted';
  if (failed !== undefined)
    return `${failed.step} failed: ${failed.message ?? 'no reason is known'}`;
  if (verdict !== undefined && judged.length > 0)
    return `${verdict.isCaught ? 'passed' : 'failed'}: ${verdict.sentence}`;
  if (count('failed') > 0)
    return `failed: ${count('failed')} of ${judged.length} assertions did not hold${unknown}`;
  if (judged.length === 0) return 'nothing was judged';
  return `passed: ${count('held')} assertions held${unknown}`;
}

/** What failed, and had not to. */
const isFault = ({ verdict }: E2eRun, { name, outcome }: Judged): boolean =>
  outcome === 'failed' && !(verdict?.wanted.includes(name) ?? false);

/** @param prefix of the names of its cases, where several runs are one */
export function casesOf(run: E2eRun, prefix = ''): Gate[] {
  const { steps, judged, verdict } = run;
  return [
    ...(verdict === undefined
      ? []
      : [
          {
            name: `${prefix}incident is caught`,
            state: verdict.isCaught ? 'pass' : 'fail',
            value: verdict.isCaught ? 0 : 1,
            limit: 0,
            unit: 'failures',
          } as const,
        ]),
    ...steps
      // Its assertions are cases of their own.
      .filter(({ outcome, step }) => outcome !== 'left out' && step !== 'assert')
      .map(({ step, outcome }): Gate => ({
        name: `${prefix}step ${step}`,
        state: outcome === 'failed' ? 'fail' : 'pass',
        value: outcome === 'failed' ? 1 : 0,
        limit: 0,
        unit: 'failures',
      })),
    // One that has nothing to say of this run is no case: a test page would show it as an error.
    ...judged
      .filter((one) => one.outcome !== 'no data' || isUnproved(one))
      .map((one): Gate => ({
        name: `${prefix}${one.name}`,
        state: isFault(run, one) ? 'fail' : one.outcome === 'no data' ? 'no data' : 'pass',
        value:
          one.outcome === 'no data'
            ? null
            : one.outcome === 'held' || !isFault(run, one)
              ? 0
              : Math.max(1, one.examples.length),
        limit: 0,
        unit: 'findings',
      })),
  ];
}

export function outcomeOf(run: E2eRun): Outcome {
  const { id, steps, judged, startedMs, endedMs, exitCode, version, ci } = run;
  return {
    id,
    scenario: 'e2e',
    sentence: sentenceOf(run),
    exitCode,
    passed: exitCode === EXIT.passed,
    gates: casesOf(run),
    faults: [
      ...steps
        .filter(({ outcome, step }) => outcome === 'failed' && step !== 'assert')
        .map(({ step, message = 'failed' }) => ({
          words: `${step}: ${message}`,
          kind: 'error' as const,
        })),
      ...judged
        .filter((one) => isFault(run, one))
        .map((one) => ({
          words: `${one.title}${figuresText(one)}${exampleWords(one)}`,
          kind: 'failure' as const,
        })),
    ],
    figures: figuresOfSamples([], []),
    startedAt: new Date(startedMs).toISOString(),
    durationMs: endedMs - startedMs,
    version,
    ci,
  };
}

function exampleWords(one: Judged): string {
  const [first] = exampleTexts(one);
  return first === undefined ? '' : `: ${first}`;
}
