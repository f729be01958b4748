/** What a search for the highest rate that holds has come to. Pure. */
import type { BreakpointFigures, Summary, Verdict, VerdictReason } from '../results/types.ts';
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
  { rate, end, confirmedRate, trials }: BreakpointFigures,
  gates: Summary['gates'],
  { problem, interrupted }: { problem: UserError | null; interrupted: boolean },
): VerdictReason[] {
  const failures = trials.filter(({ outcome }) => outcome === 'failed');
  const ofGates = reasonsOfGates(gates);
  const reasons: VerdictReason[] = [];
  if (problem !== null) reasons.push({ kind: 'broken', words: problem.message });
  if (interrupted) reasons.push({ kind: 'interrupted' });
  // Without a trial there is nothing more to say.
  if (trials.length === 0) return inOrder([...reasons, ...ofGates]);
  // What could not be sent says nothing about the target.
  if (rate === null && failures.length === 0)
    reasons.push({
      kind: 'generator-limited',
      rate: trials.reduce((least, trial) => Math.min(least, trial.rate), Infinity),
    });
  else if (end === 'generator-limited' && rate !== null)
    reasons.push({ kind: 'generator-limited' });
  else if ((rate === null || end === 'fails the lowest') && failures.length > 0) {
    const lowest = failures.reduce((least, trial) => (trial.rate < least.rate ? trial : least));
    reasons.push({ kind: 'lowest rate failed', rate: lowest.rate, gates: lowest.failedGates });
  } else if (confirmedRate === null && problem === null && !interrupted)
    reasons.push({ kind: 'not confirmed' });
  return inOrder([...reasons, ...ofGates]);
}
