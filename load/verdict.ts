/**
 * The verdict of a run, from counted facts. k6's exit code has no say: it is 0 when every iteration threw
 * and its thresholds pass without a sample (grafana/k6#6480, #4283). Pure.
 */
import type { Gate, Summary } from '../results/types.ts';
import { EXIT } from '../user-error.ts';

export type Facts = {
  figures: Summary['figures'];
  /** What broke, in the user's words, e.g. `the backend ended after 12 s (signal SIGKILL)`; empty: nothing. */
  broken: string[];
  interrupted: boolean;
};

/** At most this share of requests may go without the expected answer. */
const ERROR_RATE_LIMIT = 0.01;

/** Each gate passes, fails, or has no data, which counts as a failure. */
export function gatesOf({ figures }: Pick<Facts, 'figures'>): Gate[] {
  const { errorRate, failedIterations, sent } = figures;
  return [
    {
      name: 'error rate at most 1 %',
      state: errorRate === null ? 'no data' : errorRate <= ERROR_RATE_LIMIT ? 'pass' : 'fail',
      value: errorRate === null ? null : errorRate * 100,
      limit: ERROR_RATE_LIMIT * 100,
      unit: '%',
    },
    {
      name: 'no iteration of the generator failed',
      state: sent + failedIterations === 0 ? 'no data' : failedIterations === 0 ? 'pass' : 'fail',
      value: sent + failedIterations === 0 ? null : failedIterations,
      limit: 0,
      unit: 'iterations',
    },
  ];
}

/**
 * One sentence and one exit code. Order: something broke (5), interrupted (130), no data (3), a gate failed
 * (99), passed (0); an interrupted run's gates stand in its results, its code says that it is not complete.
 */
export function verdictOf(facts: Facts, gates: readonly Gate[]): Summary['verdict'] {
  const { figures, broken, interrupted } = facts;
  const counts = `${figures.accepted} of ${figures.sent} submissions were accepted`;
  const latency = figures.latency ? `, p95 ${formatMs(figures.latency.p95Ms)}` : '';
  const rate =
    figures.submissionsPerSecond === null
      ? ''
      : `, ${figures.submissionsPerSecond.toFixed(1)} submissions/s`;
  const figuresText = `${counts}${rate}${latency}`;
  const fail = (exitCode: number, sentence: string) => ({ passed: false, exitCode, sentence });

  if (broken.length > 0) return fail(EXIT.broken, `BROKEN: ${broken.join('; ')}; ${figuresText}.`);
  if (interrupted)
    return fail(EXIT.interrupted, `INTERRUPTED: the results up to then are valid; ${figuresText}.`);
  if (figures.sent === 0)
    return fail(
      EXIT.noData,
      'NO DATA: not one submission was answered, so the run proves nothing.',
    );
  const failed = gates.filter(({ state }) => state !== 'pass');
  if (failed.length > 0)
    return fail(EXIT.gateFailed, `FAILED: ${failed.map(describeGate).join('; ')}; ${figuresText}.`);
  return { passed: true, exitCode: EXIT.passed, sentence: `PASSED: ${figuresText}.` };
}

function describeGate({ name, state, value, unit }: Gate): string {
  if (state === 'no data') return `no data for "${name}"`;
  return `"${name}" does not hold: ${formatNumber(value!)} ${unit}`;
}

const formatNumber = (value: number): string =>
  Number.isInteger(value) ? String(value) : value.toPrecision(3);

/** `0.52 ms`, `52 ms`, `1.25 s`. */
export function formatMs(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return ms >= 10 ? `${ms.toFixed(0)} ms` : `${ms.toFixed(2)} ms`;
}
