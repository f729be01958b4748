/**
 * From the lines of a run to what a chart draws: one value per pixel or so, honestly (results/steps.ts, sample-sums.ts, reading-sums.ts).
 * Where nothing was read there is no value. Pure.
 */
import { ReadingSeries } from '../results/reading-sums.ts';
import { SampleSums } from '../results/sample-sums.ts';
import {
  type LatencyStep,
  MOST_STEPS,
  type RateStep,
  type ReadingPoint,
  spanOfEnds,
  type TimeSpan,
} from '../results/steps.ts';
import { endsOfLines } from '../results/sums.ts';
import type { ResourceLine, SampleLine } from '../results/types.ts';

export { stepSeconds } from '../results/steps.ts';
export type { LatencyStep, RateStep, ReadingPoint, Spread, TimeSpan } from '../results/steps.ts';

export const MAX_POINTS = MOST_STEPS;

/** The span of the samples; without any, that of the readings, so that they still can be drawn. */
export const timeSpan = (
  samples: readonly SampleLine[],
  resources: readonly ResourceLine[],
): TimeSpan => spanOfEnds(endsOfLines(samples, resources));

function sumsOf(
  samples: readonly SampleLine[],
  { stepS }: TimeSpan,
  latencies: boolean,
): SampleSums {
  const sums = new SampleSums({ stepS, latencies });
  for (const line of samples) sums.add(line);
  return sums;
}

/** Requests, answers and VUs by step. No request is lost: the sums over the steps are those of the run. */
export const rateSteps = (samples: readonly SampleLine[], span: TimeSpan): RateStep[] =>
  sumsOf(samples, span, false).rates(span);

/**
 * Latency by step; steps without an expected answer are left out.
 * @throws Error naming the second whose histogram is broken
 */
export const latencySteps = (samples: readonly SampleLine[], span: TimeSpan): LatencyStep[] =>
  sumsOf(samples, span, true).latencies(span);

/** The readings of one figure. @param figure undefined where it could not be read */
export function readingPoints<Line extends ResourceLine>(
  lines: readonly Line[],
  figure: (line: Line) => number | undefined,
  span: TimeSpan,
): ReadingPoint[] {
  const series = new ReadingSeries(span);
  for (const line of lines) series.add(line.t, figure(line));
  return series.points();
}
