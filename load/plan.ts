/** From checked options to a plan with nothing left to decide. Pure: no I/O, no clock. */
import type { LoadShape, Plan, Stage, TimedStarts } from '../results/types.ts';
import { timesInWords } from '../results/pace.ts';
import type { BodySize } from '../producers/sized-templates.ts';
import type { KindWeight } from './mix.ts';
import type { FleetRequest } from './own-times.ts';
import { mostWithin, scheduleOf } from './schedule.ts';

/** What the user asked for, checked, with defaults in place. */
export type LoadRequest = {
  /** One of scenarios/*.ts. */
  scenario: string;
  vus: number;
  /** Whether somebody chose `vus`; an open model plans its own else. */
  vusChosen?: boolean;
  durationMs: number;
  /** Makes an open model of the scenarios that can be one. */
  rate?: Rate | null;
  /** Of a ramp: VUs, or starts per the rate's unit of time. */
  stages?: Stage[] | null;
  /** Of a spike. */
  burst?: { factor: number; fromMs: number; lengthMs: number } | null;
  warmUpMs?: number;
  think: { minMs: number; maxMs: number };
  requestTimeoutMs: number;
  seed: string;
  network: 'testnet' | 'mainnet';
  /** null: as many as the load needs. */
  producers: number | null;
  /** Of `big-blocks`, and of that kind in `mixed`. */
  sizes?: readonly BodySize[] | undefined;
  /** Of `fleet`. */
  fleet?: FleetRequest | null;
  /** Of a `replay` at the times of the recording: by what these are divided. */
  timeFactor?: number | null;
  /** Of a `replay` by others than the recorded submitters: whether they sign anew, or the recorded signatures stay, which then fit no more. */
  resign?: { signatures: 'valid' | 'broken' } | null;
  /** Of `mixed`. */
  mix?: readonly KindWeight[] | undefined;
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

/** Starts per unit of time, e.g. 500 per 1000 ms; a whole number, as k6 wants it. */
export type Rate = { starts: number; timeUnitMs: number };

const RATE_UNIT_MS: Record<string, number> = { s: 1000, min: 60_000, m: 60_000, h: 3_600_000 };
/** More than any one generator sends; k6's periods are whole nanoseconds. */
const MOST_STARTS_PER_SECOND = 100_000;

/**
 * `500/s`, `90/min`, `2.5/s`, `500` (per second) -> the rate, else what is wrong, to stand after the name.
 * @returns `scale`: by what a target in the rate's own unit is multiplied to be one per `timeUnitMs` (10 for 2.5/s)
 */
export function parseRate(text: string): (Rate & { scale: number }) | { problem: string } {
  const match = /^(\d+)(?:\.(\d{1,3}))?(?:\/(s|min|m|h))?$/.exec(text.replaceAll(/\s+/g, ''));
  if (!match) return { problem: `must be a rate such as 500/s, 2.5/s or 90/min, but is "${text}"` };
  const [, whole, decimals = '', unit = 's'] = match;
  const scale = 10 ** decimals.length;
  const rate = {
    starts: Number(whole + decimals),
    timeUnitMs: RATE_UNIT_MS[unit] * scale,
    scale,
  };
  const perSecond = (rate.starts * 1000) / rate.timeUnitMs;
  if (perSecond > MOST_STARTS_PER_SECOND)
    return { problem: `must be at most ${MOST_STARTS_PER_SECOND}/s, but is "${text}"` };
  return rate;
}

export const LONGEST_MS = 7 * 86_400_000;
/** As the option `vus` has it. */
export const MOST_VUS = 20_000;

/**
 * `30s:100,1m:100,30s:0` -> stages of duration and target.
 * @param isRate the targets are rates; else VUs
 * @returns the stages, or everything that is wrong, each to stand after the name
 */
export function parseStages(
  text: string,
  parseDuration: (text: string) => number | null,
  isRate: boolean,
): Stage[] | { problems: string[] } {
  const problems: string[] = [];
  const most = isRate ? MOST_STARTS_PER_SECOND : MOST_VUS;
  const stages = text.split(',').map((part, i): Stage => {
    const [time, goal, more] = part.split(':').map((word) => word.trim());
    const durationMs = parseDuration(time);
    const target = Number(goal);
    const where = `stage ${i + 1} ("${part.trim()}")`;
    if (goal === undefined || more !== undefined)
      problems.push(`must have stages such as 30s:100 (duration:target), but ${where} is none`);
    else {
      if (durationMs === null)
        problems.push(`must have durations such as 30s or 1m30s, but ${where} has "${time}"`);
      if (!/^\d+$/.test(goal) || target > most)
        problems.push(
          `must have whole ${isRate ? 'rates' : 'numbers of VUs'} from 0 to ${most} as targets, but ${where} has "${goal}"`,
        );
    }
    return { durationMs: durationMs ?? 0, target };
  });
  if (problems.length > 0) return { problems };
  const sumMs = stages.reduce((sum, { durationMs }) => sum + durationMs, 0);
  if (sumMs < 1000 || sumMs > LONGEST_MS)
    problems.push(`must last from 1 s to 7 days in all, but "${text}" lasts ${sumMs / 1000} s`);
  if (!isRate && stages.every(({ target }) => target === 0))
    problems.push(`must reach at least one VU, but "${text}" has no target above 0`);
  return problems.length > 0 ? { problems } : stages;
}

/** How long an answer is taken to need where an open model's VUs are planned; what takes longer drops starts. */
const PLANNED_ANSWER_MS = 1000;
const FEWEST_POOL_VUS = 10;

/**
 * VUs of an open model: by Little's law as many are busy as start in the time of an answer. A quarter on top is for
 * starts that bunch. A target that takes longer than planned holds them all, and then starts are dropped, and counted;
 * `--vus` plans for it.
 */
export function poolVus(peakRatePerSecond: number, requestTimeoutMs: number): number {
  const answerMs = Math.min(PLANNED_ANSWER_MS, requestTimeoutMs);
  const busy = Math.ceil((1.25 * peakRatePerSecond * answerMs) / 1000);
  return Math.min(MOST_VUS, Math.max(FEWEST_POOL_VUS, busy));
}

/**
 * The same for one trial of the scenario breakpoint, which tries rates far above what a target can do: a queue shows before all
 * VUs wait, so fewer do, and k6 stays small.
 */
const trialVus = (ratePerSecond: number, requestTimeoutMs: number): number =>
  Math.min(poolVus(ratePerSecond, requestTimeoutMs), Math.max(625, Math.ceil(0.3 * ratePerSecond)));

/** Stages of a spike: the base load, `factor` times of it at once, and the base load again. */
function spikeStages(
  base: number,
  durationMs: number,
  { factor, fromMs, lengthMs }: { factor: number; fromMs: number; lengthMs: number },
): Stage[] {
  const peak = Math.round(base * factor);
  return [
    { durationMs: fromMs, target: base },
    { durationMs: 0, target: peak },
    { durationMs: lengthMs, target: peak },
    { durationMs: 0, target: base },
    { durationMs: durationMs - fromMs - lengthMs, target: base },
  ];
}

const highest = (stages: readonly Stage[], start: number): number =>
  stages.reduce((max, { target }) => Math.max(max, target), start);

/**
 * How a load runs whose starts have a time each. VUs as in {@link poolVus}, but by the starts themselves, which may bunch; one
 * that waits to send again is busy too.
 */
export function timedShape(
  request: LoadRequest,
  {
    offsetsMs,
    durationMs,
    timed,
  }: { offsetsMs: Uint32Array; durationMs: number; timed: TimedStarts },
): LoadShape {
  const { vus, vusChosen, requestTimeoutMs } = request;
  const busyMs = Math.min(PLANNED_ANSWER_MS, requestTimeoutMs) + (timed.retry?.everyMs ?? 0);
  const busy = Math.ceil(1.25 * mostWithin(offsetsMs, busyMs));
  const wanted = vusChosen ? vus : Math.min(MOST_VUS, Math.max(FEWEST_POOL_VUS, busy));
  return {
    ...commonShape(request),
    executor: 'shared-iterations',
    // k6 refuses more VUs than iterations.
    vus: Math.min(wanted, offsetsMs.length),
    iterations: offsetsMs.length,
    durationMs,
    think: { minMs: 0, maxMs: 0 },
    timed,
  };
}

const commonShape = ({ requestTimeoutMs, warmUpMs = 0 }: LoadRequest) => ({
  requestTimeoutMs,
  gracefulStopMs: requestTimeoutMs + 1000,
  ...(warmUpMs > 0 && { warmUpMs }),
});

/** How the scenario runs in k6. */
export function loadShape(request: LoadRequest): LoadShape {
  const { scenario, requestTimeoutMs, rate, burst, vus, durationMs } = request;
  const common = commonShape(request);
  if (scenario === 'smoke')
    return {
      ...common,
      executor: 'shared-iterations',
      vus: 1,
      iterations: SMOKE_SUBMISSIONS,
      durationMs: SMOKE_SUBMISSIONS * (SMOKE_THINK_MS + requestTimeoutMs),
      think: { minMs: SMOKE_THINK_MS, maxMs: SMOKE_THINK_MS },
    };
  const stages =
    request.stages ?? (burst ? spikeStages(rate ? rate.starts : vus, durationMs, burst) : null);
  const stagesMs = stages?.reduce((sum, stage) => sum + stage.durationMs, 0);
  if (rate) {
    const top = stages === null ? rate.starts : highest(stages, rate.starts);
    const pool = scenario === 'breakpoint' ? trialVus : poolVus;
    return {
      ...common,
      executor: stages === null ? 'constant-arrival-rate' : 'ramping-arrival-rate',
      vus: request.vusChosen ? vus : pool((top * 1000) / rate.timeUnitMs, requestTimeoutMs),
      iterations: null,
      durationMs: stagesMs ?? durationMs,
      think: { minMs: 0, maxMs: 0 },
      rate,
      ...(stages !== null && { stages }),
    };
  }
  if (stages !== null) {
    const startVus = burst ? vus : 0;
    return {
      ...common,
      executor: 'ramping-vus',
      vus: highest(stages, startVus),
      iterations: null,
      durationMs: stagesMs!,
      think: request.think,
      stages,
      startVus,
    };
  }
  return {
    ...common,
    executor: 'constant-vus',
    vus,
    iterations: null,
    durationMs,
    think: request.think,
  };
}

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
  /** Submissions to prepare: at least as many as will be sent, but for a load without think time; in an open model exactly that. */
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
 * deviation s has mean T/m and variance T·s²/m³, so six standard deviations on top leave nothing to chance.
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
  if (mean === 0)
    return {
      submissions: Math.min(UNPACED_CORPUS, Math.ceil((unpaced * durationMs) / 1000)),
      ratePerSecond: null,
      highestRatePerSecond: null,
      peakRatePerSecond: unpaced,
    };
  const deviation = (think.maxMs - think.minMs) / Math.sqrt(12);
  const { vuMs, begins } = vuTime(shape);
  const spread = 6 * Math.sqrt((vuMs * deviation ** 2) / mean ** 3 + begins);
  const highestRatePerSecond = (vus * 1000) / mean;
  return {
    submissions: Math.ceil(vuMs / mean + begins + spread),
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

/** What k6 does, in words, e.g. `500 VUs for 60 s, think time 1 to 5 s`. */
export function describeShape(load: LoadShape): string {
  const { iterations, vus, durationMs, think, rate, stages, timed, startVus = 0 } = load;
  if (timed !== undefined)
    return `open model, ${iterations} submissions in ${durationMs / 1000} s at ${timesInWords(timed)}, ${vus} VUs at most`;
  if (iterations !== null) return `${iterations} submissions by ${vus} VU`;
  const time = `${durationMs / 1000} s`;
  const path = (start: number, unit: string): string =>
    `${start} -> ${(stages ?? [])
      .map(({ durationMs: ms, target }) =>
        ms === 0 ? `at once ${target}` : `${ms / 1000} s: ${target}`,
      )
      .join(' -> ')} ${unit}`;
  if (rate !== undefined) {
    const unit = `submissions per ${rate.timeUnitMs === 1000 ? 'second' : `${rate.timeUnitMs / 1000} s`}`;
    return stages === undefined
      ? `open model, ${rate.starts} ${unit} for ${time}, ${vus} VUs at most`
      : `open model, ${path(rate.starts, unit)}, ${vus} VUs at most`;
  }
  const thinking =
    think.maxMs === 0
      ? 'no think time'
      : `think time ${think.minMs / 1000} to ${think.maxMs / 1000} s`;
  return stages === undefined
    ? `${vus} VUs for ${time}, ${thinking}`
    : `${path(startVus, 'VUs')}, ${thinking}`;
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
