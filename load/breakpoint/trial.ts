/** One trial of a search: the load of one rate, and what it says. Pure. */
import { BREAKPOINT_METRIC, metricOfGate } from '../../judge/gates.ts';
import { queueGrowth, queueOutgrewLateness, troubleBeganMs } from '../../judge/queue-growth.ts';
import type { BreakpointTrial, Gate, Summary } from '../../results/types.ts';
import { formatNumber, formatShare } from '../../results/units.ts';
import { EXIT } from '../../user-error.ts';
import type { LoadJob } from '../job.ts';

/** k6 takes whole numbers of starts per unit of time: rates to a hundredth. */
const RATE_SCALE = 100;
/** A rate was sent when so many of its starts came, late or not. */
const BEGUN = 0.99;

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

/**
 * @param folder name of its folder, below `trials/`
 * @param confirmsForMs of the longer load after the search; null: an ordinary trial
 */
export function trialOf(
  folder: string,
  rate: number,
  summary: Pick<Summary, 'figures' | 'gates' | 'verdict'>,
  confirmsForMs: number | null = null,
): BreakpointTrial {
  const { latency, schedule, errorRate, processes } = summary.figures;
  const outcome = outcomeOf(summary);
  const failed = summary.gates.filter(({ state }) => state !== 'pass');
  const troubleMs =
    confirmsForMs !== null && outcome === 'failed' && schedule ? troubleBeganMs(schedule) : null;
  return {
    folder,
    rate,
    outcome,
    failedGates: outcome === 'held' ? [] : failed.map(({ name }) => name),
    keepingUpShare: schedule?.keepingUpShare ?? null,
    queueGrowth: schedule ? (queueGrowth(schedule)?.share ?? null) : null,
    ...(begunShareOf(summary) !== null && { begunShare: begunShareOf(summary)! }),
    ...(confirmsForMs !== null && { confirmsForMs }),
    ...(troubleMs !== null && { troubleBeganMs: troubleMs }),
    errorRate,
    p50Ms: latency?.p50Ms ?? null,
    p95Ms: latency?.p95Ms ?? null,
    p99Ms: latency?.p99Ms ?? null,
    backendCores: processes.backend?.cpuCoresMean ?? null,
  };
}

function outcomeOf(
  summary: Pick<Summary, 'figures' | 'gates' | 'verdict'>,
): BreakpointTrial['outcome'] {
  const { gates, verdict } = summary;
  // A target that took all of a load which came in bunches takes it when it comes evenly, too: a late start is the generator's.
  const tookIt = gates.every((gate) => gate.state === 'pass' || isOnTime(gate));
  const wasSent = (begunShareOf(summary) ?? 0) >= BEGUN;
  if (tookIt && wasSent) return 'held';
  if (verdict.exitCode !== EXIT.generatorLimited) return verdict.passed ? 'held' : 'failed';
  // All was sent, if late, and the queue grew by more than that: the target fell behind.
  const { schedule } = summary.figures;
  const isTargets = wasSent && mayBeLate(summary) && schedule && queueOutgrewLateness(schedule);
  return isTargets ? 'failed' : 'generator-limited';
}

/** What held the generator back made its starts late and nothing else, as far as was seen. */
const mayBeLate = ({ verdict: { reasons = [] } }: Pick<Summary, 'verdict'>): boolean =>
  reasons.every(
    (reason) =>
      reason.kind !== 'generator-limited' ||
      reason.cause === 'unknown' ||
      reason.cause === 'other processes',
  );

const isOnTime = ({ name }: Gate): boolean => metricOfGate(name) === 'on-time';

function begunShareOf({ figures }: Pick<Summary, 'figures'>): number | null {
  const { schedule } = figures;
  return schedule && schedule.planned > 0 ? schedule.started / schedule.planned : null;
}

export function describeTrial({
  outcome,
  failedGates,
  queueGrowth: growth,
}: BreakpointTrial): string {
  const grew = growth ? `; ${formatShare(growth)} of the starts stayed in the queue` : '';
  if (outcome === 'failed') return `failed (${failedGates.join(', ')}${grew})`;
  return outcome === 'held' ? 'held' : 'the generator could not send that much on time';
}
