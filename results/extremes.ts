/** Sum, count, lowest and highest of some values, taken as they come. Pure. */
import type { Spread } from './steps.ts';

export type Extremes = { sum: number; count: number; min: number; max: number };

export const noExtremes = (): Extremes => ({ sum: 0, count: 0, min: Infinity, max: -Infinity });

export function include(extremes: Extremes, value: number): void {
  extremes.sum += value;
  extremes.count++;
  extremes.min = Math.min(extremes.min, value);
  extremes.max = Math.max(extremes.max, value);
}

export function includeAll(extremes: Extremes, other: Extremes): void {
  extremes.sum += other.sum;
  extremes.count += other.count;
  extremes.min = Math.min(extremes.min, other.min);
  extremes.max = Math.max(extremes.max, other.max);
}

/** @returns null: of nothing */
export const spreadOf = ({ sum, count, min, max }: Extremes): Spread | null =>
  count === 0 ? null : { mean: sum / count, min, max };
