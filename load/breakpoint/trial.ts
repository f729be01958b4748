/** One trial of a search: the load of one rate, and what it says. Pure. */
import { BREAKPOINT_METRIC, metricOfGate } from '../../judge/gates.ts';
import type { BreakpointTrial, Summary } from '../../results/types.ts';
import { formatNumber, formatShare } from '../../results/units.ts';
import { EXIT } from '../../user-error.ts';
import type { LoadJob } from '../job.ts';

/** k6 takes whole numbers of starts per unit of time: rates to a hundredth. */
const RATE_SCALE = 100;

/** Of a search as a whole, not of a trial. */
export const isSearchGate = (text: string): boolean => metricOfGate(text) === BREAKPOINT_METRIC;

export const trialName = (n: number, rate: number): string => `trial ${n}, ${formatNumber(rate)}/s`;

/** The rate that can be sent nearest to the one that is wanted. */
export const sendableRate = (wanted: number): number =>
  Math.max(1, Math.round(wanted * RATE_SCALE)) / RATE_SCALE;

/** The job of trial `n` (from 1) at a rate of {@link sendableRate}. */
export const trialJob = (
  job: LoadJob,
  { n, rate, durationMs, resultsFolder }: { n: number; rate: number; durationMs: number; resultsFolder: string }, // prettier-ignore
): LoadJob => ({
  ...job,
  search: null,
  ab: null,
  resultsFolder,
  gates: job.gates.filter((text) => !isSearchGate(text)),
  // Said once, by the search.
  notes: [],
  request: {
    ...job.request,
    durationMs,
    rate: { starts: Math.round(rate * RATE_SCALE), timeUnitMs: 1000 * RATE_SCALE },
    // Other producers in each trial: neither the hourly limit nor the same second touches what came before.
    seed: `${job.request.seed}/${n}`,
  },
});

/** @param folder name of its folder, below `trials/` */
export function trialOf(
  folder: string,
  rate: number,
  { figures, gates, verdict }: Summary,
): BreakpointTrial {
  const { latency, schedule, errorRate, processes } = figures;
  return {
    folder,
    rate,
    outcome:
      verdict.exitCode === EXIT.generatorLimited
        ? 'generator-limited'
        : verdict.passed
          ? 'held'
          : 'failed',
    failedGates: gates.filter(({ state }) => state !== 'pass').map(({ name }) => name),
    keepingUpShare: schedule?.keepingUpShare ?? null,
    errorRate,
    p50Ms: latency?.p50Ms ?? null,
    p95Ms: latency?.p95Ms ?? null,
    p99Ms: latency?.p99Ms ?? null,
    backendCores: processes.backend?.cpuCoresMean ?? null,
  };
}

export function describeTrial({ outcome, failedGates, keepingUpShare }: BreakpointTrial): string {
  const kept = keepingUpShare === null ? '' : `, ${formatShare(keepingUpShare)} answered in time`;
  if (outcome === 'failed') return `failed (${failedGates.join(', ')}${kept})`;
  return outcome === 'held' ? `held${kept}` : 'the generator could not send that much';
}
