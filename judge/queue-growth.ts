/**
 * Whether requests queue at a target: what was in flight in the first and in the last quarter of a load at a constant rate. Below its
 * capacity a target has as many in flight at the end as at the beginning, however long each answer takes; above it the queue grows by
 * the difference of the two rates, to the end. Pure.
 *
 * How sure that is follows from the load itself. A queue wanders by chance, as a sum of independent steps does (arrivals less answers);
 * the size of a step is seen from one fortieth of the load to the next. At its very capacity a target's queue is such a sum that cannot
 * fall below zero (a reflected Brownian motion: Whitt, "Stochastic-Process Limits", 2002, chapter 9): it grows a little in every load.
 * The median of that growth is allowed for, so that a load exactly at the capacity fails as often as it holds.
 */
import type { QueueFigures, ScheduleFigures } from '../results/types.ts';

export type QueueGrowth = {
  /** By how many requests more were in flight in the last quarter than in the first: medians of their parts. */
  requests: number;
  /** What chance makes of that: half of the loads exactly at the capacity stay below. */
  byChance: number;
  /** What goes beyond, over the starts from the middle of the first quarter to that of the last: 0 to 1. */
  share: number;
};

/** Median growth of a reflected Brownian motion of variance 1 per load, as this module takes growth and steps (bench/breakpoint.ts). */
const CRITICAL_GROWTH = 0.44;
/** From the middle of the first quarter to the middle of the last one, as a share of the load. */
const BETWEEN_QUARTERS = 0.75;
/** Of differences between means over neighbouring parts of a Brownian motion, per part. */
const STEP_VARIANCE = 2 / 3;
/** The standard deviation of a normal distribution over the median of its absolute deviations. */
const SIGMA_OF_MAD = 1.4826;
/** Answers may come later at the end by this without a queue: as much as a start may be late (load/schedule.ts). */
const LATER_ANSWERS_MS = 10;
/** Requests come and go one by one. */
const ROUNDING = 0.5;

/** @returns null: nothing is known of the queue, or nothing was planned */
export function queueGrowth({
  planned,
  queue,
}: Pick<ScheduleFigures, 'planned' | 'queue'>): QueueGrowth | null {
  if (queue === undefined || planned === 0 || queue.inFlight.length < 8) return null;
  const { overMs } = queue;
  const inFlight = settled(queue, planned);
  const startsSettled = (planned * inFlight.length) / queue.inFlight.length;
  const quarter = inFlight.length >> 2;
  const requests = median(inFlight.slice(-quarter)) - median(inFlight.slice(0, quarter));
  const steps = inFlight.slice(1).map((count, i) => count - inFlight[i]);
  const drift = median(steps);
  const deviation = SIGMA_OF_MAD * median(steps.map((step) => Math.abs(step - drift)));
  const wandering = deviation * Math.sqrt(inFlight.length / STEP_VARIANCE);
  const byChance = Math.max(
    CRITICAL_GROWTH * wandering,
    (LATER_ANSWERS_MS * planned) / overMs,
    ROUNDING,
  );
  return {
    requests,
    byChance,
    share: Math.max(0, requests - byChance) / (BETWEEN_QUARTERS * startsSettled),
  };
}

/**
 * Without the time in which the first requests of all are at work, and what is in flight rises whatever the rate: two answers' time by Little's
 * law, and a quarter of the load at most.
 */
function settled({ overMs, inFlight }: QueueFigures, planned: number): number[] {
  const { length } = inFlight;
  const answerMs = (median(inFlight.slice(-(length >> 2))) / planned) * overMs;
  return inFlight.slice(Math.min(length >> 2, Math.ceil((2 * answerMs * length) / overMs)));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Whether requests waited longer at the end of a load than at its beginning by more than its starts were late: where all that was due was
 * sent, the target is what fell behind.
 */
export function queueOutgrewLateness(schedule: ScheduleFigures): boolean {
  const growth = queueGrowth(schedule);
  if (growth === null || growth.share === 0) return false;
  const longerMs = (growth.requests / schedule.planned) * schedule.queue!.overMs;
  return longerMs > (schedule.latenessP99Ms ?? Infinity);
}

/** Of a load, from which on errors are more than a hiccup. */
const MANY_ERRORS = 0.01;

/**
 * When a load that the target kept up with at first began to be too much for it: the corner of the line, level and then rising, that
 * fits best, of what was in flight or of the wrong answers up to then, whichever has the earlier one.
 * @returns milliseconds from the load's beginning; null: neither the queue grew, nor were there more than some errors
 */
export function troubleBeganMs({
  planned,
  queue,
}: Pick<ScheduleFigures, 'planned' | 'queue'>): number | null {
  const growth = queueGrowth({ planned, queue });
  if (queue === undefined || growth === null) return null;
  const { overMs, inFlight, errors = [] } = queue;
  let sum = 0;
  const wrong = errors.map((count) => (sum += count));
  const corners = [growth.share > 0 ? inFlight : [], sum > MANY_ERRORS * planned ? wrong : []]
    .map(cornerOf)
    .filter((corner) => corner !== null);
  return corners.length === 0 ? null : (Math.min(...corners) / inFlight.length) * overMs;
}

/** @returns where a line begins to rise, as a place in `values`; null: it does not */
function cornerOf(values: readonly number[]): number | null {
  // A queue ends growing where requests time out; what comes then says nothing of its beginning.
  const top = values.reduce((most, value, i) => (value > values[most] ? i : most), 0);
  const rising = values.slice(0, top + 1);
  let best: { corner: number; error: number } | null = null;
  for (let corner = 0; corner < rising.length - 1; corner++) {
    const { error, slope } = hinge(rising, corner);
    if (slope > 0 && (best === null || error < best.error)) best = { corner, error };
  }
  return best?.corner ?? null;
}

/** Least squares of level + slope * max(0, i - corner). */
function hinge(values: readonly number[], corner: number): { error: number; slope: number } {
  const n = values.length;
  const xs = values.map((_, i) => Math.max(0, i - corner));
  const meanX = xs.reduce((total, x) => total + x, 0) / n;
  const meanY = values.reduce((total, y) => total + y, 0) / n;
  let [xx, xy, yy] = [0, 0, 0];
  values.forEach((y, i) => {
    xx += (xs[i] - meanX) ** 2;
    xy += (xs[i] - meanX) * (y - meanY);
    yy += (y - meanY) ** 2;
  });
  if (xx === 0) return { error: yy, slope: 0 };
  return { error: yy - xy ** 2 / xx, slope: xy / xx };
}
