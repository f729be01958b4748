/** How much a load sends, and what that takes. Pure. */
import type { LoadShape, Plan } from '../results/types.ts';
import { scheduleOf } from './schedule.ts';
import { describeShape } from './shape.ts';

/**
 * Submissions per second that one k6 process can send at most here; bounds what is prepared for a load without think time, or with so
 * little that answers alone decide its pace.
 */
export const UNPACED_RATE = 4000;
/** Such a load sends its corpus again after this many submissions, rather than sign for minutes. */
const UNPACED_CORPUS = 240_000;

/**
 * VUs at work, summed over time, and how often one begins.
 * @returns VU-milliseconds, and the number of times that a VU is added
 */
function vuTime({ executor, vus, durationMs, stages = [], startVus = 0 }: LoadShape): {
  vuMs: number;
  begins: number;
} {
  if (executor !== 'ramping-vus') return { vuMs: vus * durationMs, begins: vus };
  let [vuMs, begins, from] = [0, startVus, startVus];
  for (const { durationMs: ms, target } of stages) {
    // k6 rounds the line down on its way up, and up on its way down.
    vuMs += (ms * (from + target)) / 2 + (target < from ? ms : 0);
    begins += Math.max(0, target - from);
    from = target;
  }
  return { vuMs, begins };
}

export type Volume = {
  /** Submissions to prepare: at least as many as will be sent, but where only the target's speed limits it; in an open model exactly that. */
  submissions: number;
  /** Mean rate if answers take no time; null where only the target's speed limits it. */
  ratePerSecond: number | null;
  /** The same where the load is highest. */
  highestRatePerSecond: number | null;
  /** Upper bound of the rate in any second, for the number of producers. */
  peakRatePerSecond: number;
};

/**
 * How many submissions a shape sends at most. An open model's follow from its schedule. With think times each VU sends one at once and then one per
 * think time (and answer time, taken as 0); the count of a renewal process over T with mean m and standard
 * deviation s has mean T/m and variance T·s²/m³, so six standard deviations on top leave nothing to chance. Think times so short that
 * this is more than k6 can send are no pace: 40 VUs with 1 ms would ask for 40,000/s, and send what the target answers.
 * @param unpaced submissions per second to prepare for where only the target's speed limits them
 */
export function volumeOf(shape: LoadShape, unpaced = UNPACED_RATE): Volume {
  const { vus, think, durationMs, timed } = shape;
  if (timed !== undefined)
    return {
      submissions: shape.iterations!,
      ratePerSecond: (shape.iterations! * 1000) / durationMs,
      highestRatePerSecond: timed.peakPerSecond,
      peakRatePerSecond: timed.peakPerSecond,
    };
  const { rate, steered } = shape;
  if (steered?.mostPerSecond !== undefined && rate !== undefined) {
    const ratePerSecond = (rate.starts * 1000) / rate.timeUnitMs;
    return {
      // However far it is raised, and one more for each VU that takes one at the end.
      submissions: Math.ceil((steered.mostPerSecond * durationMs) / 1000) + vus,
      ratePerSecond,
      highestRatePerSecond: ratePerSecond,
      peakRatePerSecond: steered.mostPerSecond,
    };
  }
  const schedule = scheduleOf(shape);
  if (schedule !== null)
    return {
      submissions: schedule.atMost,
      ratePerSecond: (schedule.planned * 1000) / durationMs,
      highestRatePerSecond: schedule.peakRatePerSecond,
      peakRatePerSecond: schedule.peakRatePerSecond,
    };
  const mean = (think.minMs + think.maxMs) / 2;
  if (shape.iterations !== null)
    return {
      submissions: shape.iterations,
      ratePerSecond: mean > 0 ? 1000 / mean : null,
      highestRatePerSecond: mean > 0 ? 1000 / mean : null,
      peakRatePerSecond: mean > 0 ? 1000 / mean : unpaced,
    };
  const sendable = Math.ceil((unpaced * durationMs) / 1000);
  const unpacedVolume: Volume = {
    submissions: Math.min(UNPACED_CORPUS, sendable),
    ratePerSecond: null,
    highestRatePerSecond: null,
    peakRatePerSecond: unpaced,
  };
  if (mean === 0) return unpacedVolume;
  const deviation = (think.maxMs - think.minMs) / Math.sqrt(12);
  const { vuMs, begins } = vuTime(shape);
  const spread = 6 * Math.sqrt((vuMs * deviation ** 2) / mean ** 3 + begins);
  const highestRatePerSecond = (vus * 1000) / mean;
  const submissions = Math.ceil(vuMs / mean + begins + spread);
  // VUs that only begin, once each, are no rate.
  if (submissions > sendable && vuMs / mean > sendable) return unpacedVolume;
  return {
    submissions,
    ratePerSecond: ((vuMs / mean) * 1000) / durationMs,
    highestRatePerSecond,
    peakRatePerSecond: Math.max(highestRatePerSecond, Math.min(vus, highestRatePerSecond * 2)),
  };
}

/** What a run will take, for the plan and for a dry run. */
export function estimateOf(call: {
  shape: LoadShape;
  volume: Volume;
  meanBodyBytes: number;
  k6MemoryBytes: number;
}): Plan['estimate'] {
  const { shape, volume, meanBodyBytes, k6MemoryBytes } = call;
  const { ratePerSecond, highestRatePerSecond } = volume;
  const submissions =
    shape.iterations ??
    (ratePerSecond === null ? null : Math.round((ratePerSecond * shape.durationMs) / 1000));
  const thinkMs = (shape.think.minMs + shape.think.maxMs) / 2;
  return {
    submissions,
    peakRatePerSecond: highestRatePerSecond,
    bytesSent: submissions === null ? null : Math.round(submissions * meanBodyBytes),
    k6MemoryBytes,
    // A fixed number of submissions ends long before k6's limit of time.
    durationMs:
      shape.iterations === null || shape.timed !== undefined
        ? shape.durationMs
        : (shape.iterations * thinkMs) / shape.vus,
  };
}

/** The one sentence before the run: what will be sent, how fast, with what. */
export function describePlan(plan: Pick<Plan, 'load' | 'corpus' | 'estimate'>): string {
  const { load, corpus, estimate } = plan;
  const pace = describeShape(load);
  const rate =
    estimate.peakRatePerSecond === null
      ? 'as fast as the target answers'
      : `up to ${round(estimate.peakRatePerSecond)} submissions/s`;
  return (
    `${pace}: ${rate}, bodies of ${round(corpus.meanBodyBytes / 1024)} KB, ` +
    (corpus.producers === 0
      ? 'as they were recorded'
      : `${corpus.producers} ${corpus.producers === 1 ? 'producer' : 'producers'}`) +
    `; k6 will use at most about ${round(estimate.k6MemoryBytes / 2 ** 20)} MB`
  );
}

const round = (value: number): string => (value >= 10 ? value.toFixed(0) : value.toFixed(1));
