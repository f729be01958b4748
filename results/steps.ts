/**
 * The steps of a time axis: what one value of a chart stands for. A run of up to MOST_STEPS seconds has a step a second; a longer one is
 * cut into equal steps. Pure.
 */
import type { AnswerClass } from './types.ts';

/** More steps than this cannot be told apart on a picture 1,200 px wide. */
export const MOST_STEPS = 600;

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** Length of a step, so that `seconds` make at most `most` of them. */
export function stepSeconds(seconds: number, most = MOST_STEPS): number {
  const needed = seconds / most;
  return STEPS_S.find((step) => step >= needed) ?? Math.ceil(needed / 3600) * 3600;
}

/** The time axis of all charts of a run. */
export type TimeSpan = {
  /** Start of the load, ms since 1970. */
  startT: number;
  /** Whole seconds from the start to the end of the last second with a sample; 0 if nothing is known. */
  seconds: number;
  /** Seconds of one drawn step. */
  stepS: number;
};

/** What is known of a run's lines before they are summed: ms since 1970, and seconds of the first and last sample. */
export type LineEnds = {
  samples: { first: SampleEnd; last: SampleEnd } | null;
  readings: { firstT: number; lastT: number } | null;
};
export type SampleEnd = { t: number; elapsedS: number };

/** The span of the samples; without any, that of the readings, so that they still can be drawn. */
export function spanOfEnds({ samples, readings }: LineEnds): TimeSpan {
  if (samples !== null) {
    const { first, last } = samples;
    const seconds = last.elapsedS + 1;
    return { startT: first.t - first.elapsedS * 1000, seconds, stepS: stepSeconds(seconds) };
  }
  if (readings === null) return { startT: 0, seconds: 0, stepS: 1 };
  const seconds = Math.ceil((readings.lastT - readings.firstT) / 1000) + 1;
  return { startT: readings.firstT, seconds, stepS: stepSeconds(seconds) };
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
  /** Submissions begun; absent where nobody asks. */
  started?: number;
  accepted?: number;
  /** Of an open model: begun too late, and never begun; absent: none. */
  late?: number;
  dropped?: number;
  bytesSent?: number;
  bytesReceived?: number;
};

/** Rows of a heat map: so many to each decade of latency, from 1 µs on. */
export const ROWS_A_DECADE = 16;

/** Where a row begins, in milliseconds. */
export const rowStartMs = (row: number): number => 10 ** (row / ROWS_A_DECADE) / 1000;

/** Counts of answers by latency, a row for each part of a decade (latency-counts.ts). */
export type LatencyRows = {
  /** Number of the first row. */
  lowest: number;
  counts: number[];
};

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
  /** The whole distribution; absent where nobody asks. */
  rows?: LatencyRows;
};

/** A figure at a moment of the run; null breaks the line there. */
export type ReadingPoint = { atS: number; value: Spread | null };
