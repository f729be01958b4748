/**
 * From the lines of a run to what a chart draws: one value per pixel or so, honestly. A run of up to
 * MAX_POINTS seconds is drawn second by second. A longer one is cut into equal steps of time; then counts
 * add up, percentiles come from the merged histograms of the step, and mean, lowest and highest of a step
 * are kept, so that a single bad second of a day still shows. Where nothing was read there is no value.
 * Pure.
 */
import { LatencyHistogram } from '../results/histogram.ts';
import type { AnswerClass, ResourceLine, SampleLine } from '../results/types.ts';

/** More steps than this cannot be told apart on a picture 1,200 px wide. */
export const MAX_POINTS = 600;

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** The time axis of all charts of a run. */
export type TimeSpan = {
  /** Start of the load, ms since 1970. */
  startT: number;
  /** Whole seconds from the start to the end of the last second with a sample; 0 if nothing is known. */
  seconds: number;
  /** Seconds of one drawn step. */
  stepS: number;
};

/** Length of a step, so that `seconds` make at most `most` of them. */
export function stepSeconds(seconds: number, most = MAX_POINTS): number {
  const needed = seconds / most;
  return STEPS_S.find((step) => step >= needed) ?? Math.ceil(needed / 3600) * 3600;
}

/** The span of the samples; without any, that of the readings, so that they still can be drawn. */
export function timeSpan(
  samples: readonly SampleLine[],
  resources: readonly ResourceLine[],
): TimeSpan {
  if (samples.length > 0) {
    const last = samples.reduce((max, line) => Math.max(max, line.elapsedS), 0);
    const seconds = last + 1;
    const startT = samples[0].t - samples[0].elapsedS * 1000;
    return { startT, seconds, stepS: stepSeconds(seconds) };
  }
  if (resources.length === 0) return { startT: 0, seconds: 0, stepS: 1 };
  const times = resources.map((line) => line.t);
  const startT = times.reduce((a, b) => Math.min(a, b));
  const seconds = Math.ceil((times.reduce((a, b) => Math.max(a, b)) - startT) / 1000) + 1;
  return { startT, seconds, stepS: stepSeconds(seconds) };
}

export type Spread = { mean: number; min: number; max: number };

/** All samples within one step. */
export type RateStep = {
  startS: number;
  endS: number;
  /** Seconds of the step that have a sample line: what rates are divided by. */
  observedS: number;
  sent: number;
  answers: Record<AnswerClass, number>;
  /** Requests that ended in a single second. */
  perSecond: Spread;
  vus: Spread | null;
};

/** The samples by step, in order; steps without a line are left out. */
function groupSamples(
  samples: readonly SampleLine[],
  span: TimeSpan,
): { startS: number; endS: number; lines: SampleLine[] }[] {
  const groups = new Map<number, SampleLine[]>();
  for (const line of samples) {
    const index = Math.floor(line.elapsedS / span.stepS);
    const group = groups.get(index);
    if (group) group.push(line);
    else groups.set(index, [line]);
  }
  return [...groups]
    .sort(([a], [b]) => a - b)
    .map(([index, lines]) => ({
      startS: index * span.stepS,
      endS: Math.min((index + 1) * span.stepS, span.seconds),
      lines,
    }));
}

function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  let [sum, min, max] = [0, Infinity, -Infinity];
  for (const value of values) {
    sum += value;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return { mean: sum / values.length, min, max };
}

/** Requests, answers and VUs by step. No request is lost: the sums over the steps are those of the run. */
export function rateSteps(samples: readonly SampleLine[], span: TimeSpan): RateStep[] {
  return groupSamples(samples, span).map(({ startS, endS, lines }) => {
    const answers: Record<AnswerClass, number> = {};
    const perSecond = new Map<number, number>();
    for (const line of lines) {
      perSecond.set(line.elapsedS, (perSecond.get(line.elapsedS) ?? 0) + line.sent);
      for (const [answer, count] of Object.entries(line.answers))
        answers[answer] = (answers[answer] ?? 0) + count;
    }
    return {
      startS,
      endS,
      observedS: perSecond.size,
      sent: lines.reduce((sum, line) => sum + line.sent, 0),
      answers,
      perSecond: spreadOf([...perSecond.values()])!,
      vus: spreadOf(lines.map((line) => line.vus).filter((vus) => vus !== null)),
    };
  });
}

/** Latency of the expected answers within one step, in milliseconds. */
export type LatencyStep = {
  startS: number;
  endS: number;
  count: number;
  p50: number;
  p90: number;
  p95: number;
  p99: number;
  /** Exact. */
  max: number;
};

/**
 * Latency by step; steps without an expected answer are left out.
 * @throws Error naming the second whose histogram is broken
 */
export function latencySteps(samples: readonly SampleLine[], span: TimeSpan): LatencyStep[] {
  const steps: LatencyStep[] = [];
  for (const { startS, endS, lines } of groupSamples(samples, span)) {
    const present = lines.filter((line) => line.latency !== null);
    if (present.length === 0) continue;
    if (present.length === 1) {
      const { count, p50, p90, p95, p99, max } = present[0].latency!;
      steps.push({ startS, endS, count, p50, p90, p95, p99, max });
      continue;
    }
    const merged = new LatencyHistogram();
    for (const line of present) {
      try {
        merged.addEncoded(line.latency!.hdr, line.latency!.max);
      } catch (error) {
        throw new Error(
          `the latency histogram of second ${line.elapsedS} is broken: ${(error as Error).message}`,
          { cause: error },
        );
      }
    }
    if (merged.count === 0) continue;
    const max = present.reduce((most, line) => Math.max(most, line.latency!.max), 0);
    const at = (percentile: number) => merged.percentileMs(percentile);
    const { count } = merged;
    steps.push({ startS, endS, count, p50: at(50), p90: at(90), p95: at(95), p99: at(99), max });
  }
  return steps;
}

/** A figure at a moment of the run; null breaks the line there. */
export type ReadingPoint = { atS: number; value: Spread | null };

/**
 * The readings of one figure. Readings closer together than a step are joined to their mean, lowest and
 * highest. A reading that failed, or a hole of more than one and a half intervals, breaks the line.
 * @param figure undefined where it could not be read
 */
export function readingPoints<Line extends ResourceLine>(
  lines: readonly Line[],
  figure: (line: Line) => number | undefined,
  span: TimeSpan,
): ReadingPoint[] {
  const all = lines
    .map((line) => ({ atS: (line.t - span.startT) / 1000, value: figure(line) }))
    .filter(({ atS }) => atS >= 0 && atS <= span.seconds);
  const interval = medianInterval(all.map(({ atS }) => atS));
  const joined = span.stepS >= 2 * interval && span.stepS > 1;

  const points: ReadingPoint[] = [];
  const add = (atS: number, value: Spread | null, reach: number) => {
    const previous = points.at(-1);
    if (previous && previous.value !== null && value !== null && atS - previous.atS > reach)
      points.push({ atS: (previous.atS + atS) / 2, value: null });
    points.push({ atS, value });
  };
  if (!joined) {
    for (const { atS, value } of all)
      add(
        atS,
        value === undefined ? null : { mean: value, min: value, max: value },
        1.5 * interval,
      );
    return points;
  }
  const steps = new Map<number, number[]>();
  for (const { atS, value } of all) {
    const index = Math.floor(atS / span.stepS);
    const values = steps.get(index) ?? [];
    steps.set(index, values);
    if (value !== undefined) values.push(value);
  }
  for (const [index, values] of steps) {
    const middle = Math.min((index + 0.5) * span.stepS, span.seconds);
    add(middle, spreadOf(values), 1.5 * span.stepS);
  }
  return points;
}

/** Median distance of neighbours; Infinity where there are none, so that nothing counts as a hole. */
function medianInterval(times: readonly number[]): number {
  const distances = times
    .slice(1)
    .map((time, i) => time - times[i])
    .sort((a, b) => a - b);
  return distances.length === 0 ? Infinity : distances[distances.length >> 1];
}
