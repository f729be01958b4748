/**
 * What a series of nights says about the last one. Two stages, because one night is one value: a change of level, or a night far out, is only a
 * suspicion; the job then measures again in interleaved rounds, and those decide (`rounds.ts`). Pure.
 */
import { changePoint, SHORTEST_SEGMENT } from './change-point.ts';
import { deviationOf } from './detectable.ts';
import { effectLog, type ComparedFigure } from './rounds.ts';
import { shiftOf } from './signed-rank.ts';

/** Nights of the level that are looked at: older ones come from another machine, kernel or database more often than they help. */
const LONGEST_LEVEL = 40;
/** Nights that a level needs before one night can be far out. */
const SHORTEST_LEVEL = 5;
/** In deviations of the level's nights, by median and MAD. One in 80 nights of normal noise; rounds settle it. */
const FAR_OUT = 2.25;
/** Standard deviation of normal noise for a median absolute deviation of 1. */
const MAD_TO_DEVIATION = 1.4826;
/** A series without noise has a MAD of 0; what changes by less than this share is not far out of anything. */
const SMALLEST_DEVIATION = 0.005;
const SUSPICION_ALPHA = 0.1;
/** A change that rounds have cleared is not asked about again for so many nights, unless a night is far out. */
const CLEARED_FOR = 3;

/** A night of one figure. `opensLevel`: a regression was confirmed here, or somebody accepted the change. */
export type Night = {
  value: number;
  opensLevel?: boolean;
  /** Stage two found no change: the suspicion of this night was cleared. */
  cleared?: boolean;
};

export type Suspicion = {
  kind: 'change point' | 'far out';
  /** Index of the first night that belongs to it. */
  at: number;
  /** This level over the one before, as now / base. */
  ratio: number;
};

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};

/** Index of the first night of the level that holds before the last night. */
export function levelBegin(nights: readonly Night[]): number {
  let begin = 0;
  nights.slice(0, -1).forEach(({ opensLevel }, i) => {
    if (opensLevel === true) begin = i;
  });
  return Math.max(begin, nights.length - 1 - LONGEST_LEVEL);
}

/**
 * Whether the last night gives reason to measure again.
 * @param nights from the oldest on, the last one included; values above 0
 * @param random uniform from 0 to 1, seeded by the caller
 * @returns null: nothing to see
 */
export function suspicionOf(
  figure: ComparedFigure,
  nights: readonly Night[],
  random: () => number,
): Suspicion | null {
  const begin = levelBegin(nights);
  const sign = figure.worse === 'higher' ? 1 : -1;
  const logs = nights.slice(begin).map(({ value }) => sign * Math.log(value));
  const last = logs.length - 1;
  const before = logs.slice(0, -1);
  const least = effectLog(figure);
  const ratioOf = (shift: number): number => Math.exp(sign * shift);

  if (before.length >= SHORTEST_LEVEL) {
    const level = median(before);
    const spread = MAD_TO_DEVIATION * median(before.map((one) => Math.abs(one - level)));
    const shift = logs[last] - level;
    if (shift > least && shift > FAR_OUT * Math.max(spread, SMALLEST_DEVIATION))
      return { kind: 'far out', at: begin + last, ratio: ratioOf(shift) };
  }

  const wasCleared = nights.slice(Math.max(begin, nights.length - 1 - CLEARED_FOR), -1);
  if (wasCleared.some(({ cleared }) => cleared === true)) return null;
  const change = changePoint(logs, SUSPICION_ALPHA, random);
  if (change === null) return null;
  const shift = median(logs.slice(change.at)) - median(logs.slice(0, change.at));
  return shift > least
    ? { kind: 'change point', at: begin + change.at, ratio: ratioOf(shift) }
    : null;
}

/** Nights before the suspicion: the level that rounds without a last good version are held against. */
export const nightsOfLevel = (nights: readonly Night[], { at }: Suspicion): number[] =>
  nights.slice(levelBegin(nights), at).map(({ value }) => value);

/** 97.5th percentiles of Student's t by degrees of freedom from 2 on (Abramowitz and Stegun, table 26.10). */
const STUDENT = [4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16];
const studentOf = (degrees: number): number =>
  STUDENT[degrees - 2] ?? 1.96 + 2.4 / Math.max(1, degrees);

/**
 * Stage two where the last good version cannot run any more: rounds of now against the level's own nights. The rounds share one night and
 * its luck, so all of them together are one more night, and must lie outside what the level's nights lead to expect of one.
 * @param level values of at least 3 nights @param rounds values of at least 3 rounds of this night
 * @returns null: too few to say anything
 */
export function isBeyondLevel(
  figure: ComparedFigure,
  level: readonly number[],
  rounds: readonly number[],
): boolean | null {
  if (level.length < SHORTEST_SEGMENT || rounds.length < SHORTEST_SEGMENT) return null;
  const sign = figure.worse === 'higher' ? 1 : -1;
  const logs = (values: readonly number[]): number[] => values.map((one) => sign * Math.log(one));
  const nights = logs(level);
  const mean = nights.reduce((sum, one) => sum + one, 0) / nights.length;
  const shift = shiftOf(logs(rounds), 0.05).estimate - mean;
  const reach =
    studentOf(nights.length - 1) *
    Math.max(deviationOf(nights), SMALLEST_DEVIATION) *
    Math.sqrt(1 + 1 / nights.length);
  return shift > effectLog(figure) && shift > reach;
}
