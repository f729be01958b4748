/**
 * The verdict of a run, from counted facts. k6's exit code has no say: it is 0 when every iteration threw
 * and its thresholds pass without a sample (grafana/k6#6480, #4283). Pure.
 */
import type { Gate, Summary, Verdict, VerdictReason } from '../results/types.ts';
import { EXIT } from '../user-error.ts';
import { decisionOf, type Facts, inOrder, reasonsOf } from './reasons.ts';
import { verdictSentence } from './verdict-words.ts';

export type { Facts } from './reasons.ts';

/**
 * Reasons, one sentence and one exit code. Order: something broke (5), interrupted (130), no data (3), the generator was the
 * bottleneck (4), a gate failed (99), passed (0); an interrupted run's gates stand in its results, its code says that it is not complete.
 */
export const verdictOf = (facts: Facts, gates: readonly Gate[]): Verdict =>
  verdictFrom(reasonsOf(facts, gates), facts.figures);

/** The same of reasons that are known, in any order. */
export function verdictFrom(
  unordered: readonly VerdictReason[],
  figures: Summary['figures'],
): Verdict {
  const reasons = inOrder(unordered);
  const { exitCode, kind } = decisionOf(reasons);
  return {
    passed: exitCode === EXIT.passed,
    exitCode,
    sentence: verdictSentence(exitCode, kind, reasons, figures),
    reasons,
  };
}
