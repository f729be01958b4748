/** How k6 runs a load: executor, VUs, stages, from what was asked for. Pure: no I/O, no clock. */
import { timesInWords } from '../results/pace.ts';
import type { LoadShape, Stage, TimedStarts } from '../results/types.ts';
import { MOST_VUS } from './pace.ts';
import type { LoadRequest } from './request.ts';
import { mostWithin } from './schedule.ts';

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
 * The same for a trial, one of many that try rates far above what a target can do: a queue shows before all
 * VUs wait, so fewer do, and k6 stays small.
 */
export const trialVus = (ratePerSecond: number, requestTimeoutMs: number): number =>
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

/** Of an open model whose pace is changed while it runs: by how much it may be raised. */
const STEERED_UP_TO = 4;
/** Handing out each submission by itself costs this program 0.4 ms of CPU (docs/performance.md). */
export const MOST_STEERED_PER_SECOND = 2000;

/** VUs, or starts at a rate, at a pace that is changed while it runs: in both models VUs wait for their turn at the feeder. */
function steeredShape(request: LoadRequest): LoadShape {
  const { requestTimeoutMs, rate, vus, durationMs } = request;
  const common = { ...commonShape(request), executor: 'constant-vus', iterations: null, durationMs } as const; // prettier-ignore
  if (!rate) return { ...common, vus, think: request.think, steered: {} };
  const perSecond = (rate.starts * 1000) / rate.timeUnitMs;
  const mostPerSecond = Math.max(perSecond, Math.min(MOST_STEERED_PER_SECOND, STEERED_UP_TO * perSecond)); // prettier-ignore
  return {
    ...common,
    vus: request.vusChosen ? vus : poolVus(mostPerSecond, requestTimeoutMs),
    think: { minMs: 0, maxMs: 0 },
    rate,
    steered: { mostPerSecond },
  };
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

/** What every shape has. */
export const commonShape = ({ requestTimeoutMs, warmUpMs = 0 }: LoadRequest) => ({
  requestTimeoutMs,
  gracefulStopMs: requestTimeoutMs + 1000,
  ...(warmUpMs > 0 && { warmUpMs }),
});

/**
 * VUs with think times, or starts at a rate; at a constant pace, in stages, or with a burst: whatever of these the request has.
 * @param pool VUs that stand ready for a rate where nobody chose how many
 */
export function pacedShape(request: LoadRequest, pool = poolVus): LoadShape {
  if (request.steerable) return steeredShape(request);
  const { requestTimeoutMs, rate, burst, vus, durationMs } = request;
  const common = commonShape(request);
  const stages =
    request.stages ?? (burst ? spikeStages(rate ? rate.starts : vus, durationMs, burst) : null);
  const stagesMs = stages?.reduce((sum, stage) => sum + stage.durationMs, 0);
  if (rate) {
    const top = stages === null ? rate.starts : highest(stages, rate.starts);
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

/** What k6 does, in words, e.g. `500 VUs for 60 s, think time 1 to 5 s`. */
export function describeShape(load: LoadShape): string {
  const { iterations, vus, durationMs, think, rate, stages, timed, steered, startVus = 0 } = load;
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
    if (steered !== undefined)
      return `open model, steerable, ${rate.starts} ${unit} at first, for ${time}, ${vus} VUs at most`;
    return stages === undefined
      ? `open model, ${rate.starts} ${unit} for ${time}, ${vus} VUs at most`
      : `open model, ${path(rate.starts, unit)}, ${vus} VUs at most`;
  }
  const thinking =
    think.maxMs === 0
      ? 'no think time'
      : `think time ${think.minMs / 1000} to ${think.maxMs / 1000} s`;
  return stages === undefined
    ? `${vus} VUs for ${time}, ${thinking}${steered === undefined ? '' : ', steerable'}`
    : `${path(startVus, 'VUs')}, ${thinking}`;
}
