/** What a search for the highest rate that holds has come to. Pure. */
import type { BreakpointFigures, Summary } from '../results/types.ts';
import { formatNumber } from '../results/units.ts';
import { EXIT, type UserError } from '../user-error.ts';

/** One sentence and one exit code for the whole search. */
export function verdictOfSearch(
  { rate, low, high, end, confirmedRate, trials, holdMs }: BreakpointFigures,
  gates: Summary['gates'],
  { problem, interrupted }: { problem: UserError | null; interrupted: boolean },
): Summary['verdict'] {
  const fail = (exitCode: number, sentence: string) => ({ passed: false, exitCode, sentence });
  const count = `${trials.length} trial${trials.length === 1 ? '' : 's'} of ${holdMs / 1000} s`;
  const failures = trials.filter(({ outcome }) => outcome === 'failed');
  const range =
    rate === null
      ? 'no rate was seen to hold'
      : `the knee lies at ${formatNumber(rate)} submissions/s, with 95 % probability between ${formatNumber(low!)} and ${formatNumber(high!)}`;
  const confirmed =
    confirmedRate === null
      ? ''
      : `; ${formatNumber(confirmedRate)}/s held over the last, longer load`;
  if (problem !== null)
    return fail(problem.exitCode, `BROKEN: ${problem.message}; ${range} (${count}).`);
  if (interrupted) return fail(EXIT.interrupted, `INTERRUPTED: up to then ${range} (${count}).`);
  // What could not be sent says nothing about the target.
  if (rate === null && failures.length === 0)
    return fail(
      EXIT.generatorLimited,
      `GENERATOR-LIMITED: this machine cannot even send ${formatNumber(Math.min(...trials.map((trial) => trial.rate)))}/s (${count}).`,
    );
  if (end === 'generator-limited' && rate !== null)
    return fail(
      EXIT.generatorLimited,
      `GENERATOR-LIMITED: this machine cannot send more, and the target took it${confirmed} (${count}).`,
    );
  if (rate === null || end === 'fails the lowest') {
    const lowest = failures.reduce((least, trial) => (trial.rate < least.rate ? trial : least));
    return fail(
      EXIT.gateFailed,
      `FAILED: the gates do not even hold at ${formatNumber(lowest.rate)}/s: ${lowest.failedGates.join(', ')} (${count}).`,
    );
  }
  const failed = gates.filter(({ state }) => state !== 'pass');
  if (failed.length > 0)
    return fail(
      EXIT.gateFailed,
      `FAILED: ${failed.map(({ name }) => `${name} does not hold`).join('; ')}; ${range}${confirmed} (${count}).`,
    );
  if (end === 'holds the highest' && confirmedRate !== null)
    return {
      passed: true,
      exitCode: EXIT.passed,
      sentence: `PASSED: the highest rate asked for holds${confirmed} (${count}).`,
    };
  if (confirmedRate === null)
    return fail(
      EXIT.gateFailed,
      `FAILED: ${range}, but no rate near it held over a longer load (${count}).`,
    );
  return {
    passed: true,
    exitCode: EXIT.passed,
    sentence: `FOUND: ${range}${confirmed} (${count}).`,
  };
}
