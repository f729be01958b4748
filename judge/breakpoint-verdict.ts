/** What a search for the highest rate that holds has come to. Pure. */
import type { BreakpointFigures, Summary, Verdict, VerdictReason } from '../results/types.ts';
import { formatNumber } from '../results/units.ts';
import { EXIT, type UserError } from '../user-error.ts';
import { decisionOf, inOrder, reasonsOfGates } from './reasons.ts';
import { searchSentence } from './verdict-words.ts';

/** Reasons, one sentence and one exit code for the whole search. */
export function verdictOfSearch(
  figures: BreakpointFigures,
  gates: Summary['gates'],
  { problem, interrupted }: { problem: UserError | null; interrupted: boolean },
): Verdict {
  const reasons = reasonsOfSearch(figures, gates, { problem, interrupted });
  const { exitCode, kind } = decisionOf(reasons);
  return {
    passed: exitCode === EXIT.passed,
    // What ended the search has a code of its own.
    exitCode: problem?.exitCode ?? exitCode,
    sentence: searchSentence(problem?.exitCode ?? exitCode, kind, reasons, figures),
    reasons,
  };
}

function reasonsOfSearch(
  { end, confirmedRate, notConfirmed, trials }: BreakpointFigures,
  gates: Summary['gates'],
  { problem, interrupted }: { problem: UserError | null; interrupted: boolean },
): VerdictReason[] {
  const held = trials.some(({ outcome }) => outcome === 'held');
  const failures = trials.filter(({ outcome }) => outcome === 'failed');
  const ofGates = reasonsOfGates(gates);
  const reasons: VerdictReason[] = [];
  if (problem !== null) reasons.push({ kind: 'broken', words: problem.message });
  if (interrupted) reasons.push({ kind: 'interrupted' });
  // Without a trial there is nothing more to say.
  if (trials.length === 0) return inOrder([...reasons, ...ofGates]);
  const isOver = problem === null && !interrupted;
  // What could not be sent says nothing about the target.
  if (!held && failures.length === 0) reasons.push(lowestLimit(trials));
  else if (!held || end === 'fails the lowest') {
    const lowest = failures.reduce((least, trial) => (trial.rate < least.rate ? trial : least));
    reasons.push({ kind: 'lowest rate failed', rate: lowest.rate, gates: lowest.failedGates });
  } else if (isOver && confirmedRate === null && notConfirmed !== undefined) {
    const { rate, throttlesAfterMs } = notConfirmed;
    const throttles = throttlesAfterMs !== null && { throttlesAfterMs };
    reasons.push({ kind: 'not confirmed', rate, ...throttles });
  } else if (end === 'generator-limited') reasons.push(upperLimit(trials));
  else if (isOver && confirmedRate === null) reasons.push(confirmingLimit(trials));
  return inOrder([...reasons, ...ofGates]);
}

type Limited = Extract<VerdictReason, { kind: 'generator-limited' }>;
type Trials = BreakpointFigures['trials'];

/** All starts came, if late. */
const wasSent = ({ begunShare = 0 }: Trials[number]): boolean => begunShare >= 0.99;

/** Not one trial says something about the target. */
function lowestLimit(trials: Trials): Limited {
  const lowest = trials.reduce((least, trial) => (trial.rate < least.rate ? trial : least));
  return {
    kind: 'generator-limited',
    rate: lowest.rate,
    ...(wasSent(lowest) && {
      words: `at ${formatNumber(lowest.rate)}/s already this machine was too busy to tell what the target did`,
    }),
  };
}

/** Above what the target took. */
function upperLimit(trials: Trials): Limited {
  const limited = trials.filter(({ outcome }) => outcome === 'generator-limited');
  const words =
    'above the rate that the target took this machine was too busy to tell what the target did';
  return { kind: 'generator-limited', ...(limited.some(wasSent) && { words }) };
}

/** The search found a rate, and the longer load could not be sent as it should. */
function confirmingLimit(trials: Trials): VerdictReason {
  const last = trials.filter(({ confirmsForMs }) => confirmsForMs !== undefined).at(-1);
  if (last?.outcome !== 'generator-limited') return { kind: 'not confirmed' };
  return {
    kind: 'generator-limited',
    words: `this machine could not send ${formatNumber(last.rate)}/s on time for ${last.confirmsForMs! / 1000} s, so no knee is confirmed`,
  };
}
