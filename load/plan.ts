/** From checked options to a plan with nothing left to decide. Pure: no I/O, no clock. */
import type { LoadShape, Plan } from '../results/types.ts';

export type ScenarioName = 'smoke' | 'load' | 'replay';

/** What the user asked for, checked, with defaults in place. */
export type LoadRequest = {
  scenario: ScenarioName;
  vus: number;
  durationMs: number;
  think: { minMs: number; maxMs: number };
  requestTimeoutMs: number;
  seed: string;
  network: 'testnet' | 'mainnet';
  /** null: as many as the load needs. */
  producers: number | null;
};

/** Submissions per second that one k6 process can send at most here; bounds what a load without think time prepares. */
export const UNPACED_RATE = 4000;
/** A load without think time sends its corpus again after this many submissions, rather than sign for minutes. */
const UNPACED_CORPUS = 240_000;

const SMOKE_SUBMISSIONS = 10;
/** Two submissions of one submitter in one second share a storage key: the smoke test keeps apart. */
const SMOKE_THINK_MS = 1100;

/** `1s-5s` -> the two ends in milliseconds; `2s` -> the same twice; `0` -> none. null if it is neither. */
export function parseThink(
  text: string,
  parseDuration: (text: string) => number | null,
): { minMs: number; maxMs: number } | null {
  const ends = text.split('-').map((end) => parseDuration(end.trim()));
  if (ends.length > 2 || ends.some((end) => end === null)) return null;
  const [minMs, maxMs = minMs] = ends as number[];
  return minMs <= maxMs ? { minMs: minMs, maxMs: maxMs } : null;
}

/** How the scenario runs in k6. */
export function loadShape(request: LoadRequest): LoadShape {
  const { scenario, requestTimeoutMs } = request;
  const common = { requestTimeoutMs, gracefulStopMs: requestTimeoutMs + 1000 };
  if (scenario === 'smoke')
    return {
      ...common,
      executor: 'shared-iterations',
      vus: 1,
      iterations: SMOKE_SUBMISSIONS,
      durationMs: SMOKE_SUBMISSIONS * (SMOKE_THINK_MS + requestTimeoutMs),
      think: { minMs: SMOKE_THINK_MS, maxMs: SMOKE_THINK_MS },
    };
  return {
    ...common,
    executor: 'constant-vus',
    vus: request.vus,
    iterations: null,
    durationMs: request.durationMs,
    think: request.think,
  };
}

export type Volume = {
  /** Submissions to prepare: at least as many as will be sent, but for a load without think time. */
  submissions: number;
  /** Mean rate if answers take no time; null where only the target's speed limits it. */
  ratePerSecond: number | null;
  /** Upper bound of the rate in any second, for the number of producers. */
  peakRatePerSecond: number;
};

/**
 * How many submissions a shape sends at most. With think times each VU sends one at once and then one per
 * think time (and answer time, taken as 0); the count of a renewal process over T with mean m and standard
 * deviation s has mean T/m and variance T·s²/m³, so six standard deviations on top leave nothing to chance.
 */
export function volumeOf(shape: LoadShape): Volume {
  const { vus, think, durationMs } = shape;
  const mean = (think.minMs + think.maxMs) / 2;
  if (shape.iterations !== null)
    return {
      submissions: shape.iterations,
      ratePerSecond: mean > 0 ? 1000 / mean : null,
      peakRatePerSecond: mean > 0 ? 1000 / mean : UNPACED_RATE,
    };
  if (mean === 0)
    return {
      submissions: Math.min(UNPACED_CORPUS, Math.ceil((UNPACED_RATE * durationMs) / 1000)),
      ratePerSecond: null,
      peakRatePerSecond: UNPACED_RATE,
    };
  const deviation = (think.maxMs - think.minMs) / Math.sqrt(12);
  const perVu = durationMs / mean + 1;
  const spread = 6 * Math.sqrt((vus * durationMs * deviation ** 2) / mean ** 3 + vus);
  const rate = (vus * 1000) / mean;
  return {
    submissions: Math.ceil(vus * perVu + spread),
    ratePerSecond: rate,
    peakRatePerSecond: Math.max(rate, Math.min(vus, rate * 2)),
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
  const { ratePerSecond } = volume;
  const submissions =
    ratePerSecond === null || shape.iterations !== null
      ? volume.submissions
      : Math.round((ratePerSecond * shape.durationMs) / 1000);
  return {
    submissions,
    peakRatePerSecond: ratePerSecond,
    bytesSent: Math.round(submissions * meanBodyBytes),
    k6MemoryBytes,
    durationMs: shape.durationMs,
  };
}

/** The one sentence before the run: what will be sent, how fast, with what. */
export function describePlan(plan: Pick<Plan, 'load' | 'corpus' | 'estimate'>): string {
  const { load, corpus, estimate } = plan;
  const pace =
    load.iterations !== null
      ? `${load.iterations} submissions by ${load.vus} VU`
      : `${load.vus} VUs for ${load.durationMs / 1000} s, ${
          load.think.maxMs === 0
            ? 'no think time'
            : `think time ${load.think.minMs / 1000} to ${load.think.maxMs / 1000} s`
        }`;
  const rate =
    estimate.peakRatePerSecond === null
      ? 'as fast as the target answers'
      : `up to ${round(estimate.peakRatePerSecond)} submissions/s`;
  return (
    `${pace}: ${rate}, bodies of ${round(corpus.meanBodyBytes / 1024)} KB, ` +
    `${corpus.producers} producers; k6 will use at most about ${round(estimate.k6MemoryBytes / 2 ** 20)} MB`
  );
}

const round = (value: number): string => (value >= 10 ? value.toFixed(0) : value.toFixed(1));
