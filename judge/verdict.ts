/**
 * The verdict of a run, from counted facts. k6's exit code has no say: it is 0 when every iteration threw
 * and its thresholds pass without a sample (grafana/k6#6480, #4283). Pure.
 */
import type { Gate, Summary } from '../results/types.ts';
import { formatMs, formatNumber } from '../results/units.ts';
import { EXIT } from '../user-error.ts';

export type Facts = {
  figures: Summary['figures'];
  /** What broke, in the user's words, e.g. `the backend ended after 12 s (signal SIGKILL)`; empty: nothing. */
  broken: string[];
  /** Accepted submissions that are not in the target's storage; absent or null: nobody knows. */
  missing?: number | null;
  interrupted: boolean;
  /** Why the generator was the bottleneck (load/generator.ts); null: it was not. */
  generatorLimit: string | null;
};

/**
 * One sentence and one exit code. Order: something broke (5), interrupted (130), no data (3), the generator was the
 * bottleneck (4), a gate failed (99), passed (0); an interrupted run's gates stand in its results, its code says that it is not complete.
 */
export function verdictOf(facts: Facts, gates: readonly Gate[]): Summary['verdict'] {
  const { figures, broken, interrupted, generatorLimit } = facts;
  const { sent, accepted, expected } = figures;
  const counts =
    expected === undefined
      ? `${formatNumber(accepted)} of ${formatNumber(sent)} submissions were accepted`
      : `${formatNumber(expected)} of ${formatNumber(sent)} submissions were answered as expected, ${formatNumber(accepted)} accepted`;
  const latency = figures.latency ? `, p95 ${formatMs(figures.latency.p95Ms)}` : '';
  const rate =
    figures.submissionsPerSecond === null
      ? ''
      : `, ${formatNumber(figures.submissionsPerSecond)} submissions/s`;
  const lost = facts.missing
    ? `, ${formatNumber(facts.missing)} of them ${facts.missing === 1 ? 'is' : 'are'} not in the storage`
    : '';
  const figuresText = `${counts}${lost}${rate}${latency}`;
  const fail = (exitCode: number, sentence: string) => ({ passed: false, exitCode, sentence });

  if (broken.length > 0) return fail(EXIT.broken, `BROKEN: ${broken.join('; ')}; ${figuresText}.`);
  if (interrupted)
    return fail(EXIT.interrupted, `INTERRUPTED: the results up to then are valid; ${figuresText}.`);
  if (figures.sent === 0)
    return fail(
      EXIT.noData,
      'NO DATA: not one submission was answered, so the run proves nothing.',
    );
  if (generatorLimit !== null)
    return fail(
      EXIT.generatorLimited,
      `GENERATOR-LIMITED: ${generatorLimit}; this says little about the target; ${figuresText}.`,
    );
  const failed = gates.filter(({ state }) => state !== 'pass');
  if (failed.length > 0)
    return fail(EXIT.gateFailed, `FAILED: ${failed.map(describeGate).join('; ')}; ${figuresText}.`);
  return { passed: true, exitCode: EXIT.passed, sentence: `PASSED: ${figuresText}.` };
}

function describeGate({ name, state, value, unit }: Gate): string {
  if (state === 'no data') return `no data for ${name}`;
  return `${name} does not hold (${`${formatNumber(value!)} ${unit}`.trim()})`;
}
