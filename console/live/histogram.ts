/**
 * Histograms of steps as the buckets that hold something, in rising order: two of them add exactly, to the 0.1 % of an HDR bucket, and
 * some hundred steps take little memory (results/histogram.ts keeps all buckets, and is for one histogram at a time). Pure.
 */
import type { Bucket } from '../../results/histogram.ts';

export type Buckets = { lowUs: Float64Array; counts: Uint32Array; count: number };

export function bucketsOf(list: readonly Bucket[]): Buckets {
  return {
    lowUs: Float64Array.from(list, ({ lowUs }) => lowUs),
    counts: Uint32Array.from(list, ({ count }) => count),
    count: list.reduce((sum, { count }) => sum + count, 0),
  };
}

export function addBuckets(a: Buckets, b: Buckets): Buckets {
  const lowUs = new Float64Array(a.lowUs.length + b.lowUs.length);
  const counts = new Uint32Array(lowUs.length);
  let [i, j, length] = [0, 0, 0];
  while (i < a.lowUs.length || j < b.lowUs.length) {
    const [left, right] = [a.lowUs[i] ?? Infinity, b.lowUs[j] ?? Infinity];
    lowUs[length] = Math.min(left, right);
    counts[length++] = (left <= right ? a.counts[i++] : 0) + (right <= left ? b.counts[j++] : 0);
  }
  return {
    lowUs: lowUs.slice(0, length),
    counts: counts.slice(0, length),
    count: a.count + b.count,
  };
}

/** Of HDR's layout with 3 significant digits: 2,048 buckets of 1 µs, then 1,024 in each octave. */
const widthUs = (lowUs: number): number =>
  lowUs < 2048 ? 1 : 2 ** (Math.floor(Math.log2(lowUs)) - 10);

/** By nearest rank, as LatencyHistogram.percentileMs. @param maxMs the exact maximum. @returns milliseconds */
export function percentileMs(
  { lowUs, counts, count }: Buckets,
  percentile: number,
  maxMs: number,
): number {
  const rank = Math.max(1, Math.ceil((percentile * count) / 100 - 1e-6));
  let seen = 0;
  for (let i = 0; i < counts.length; i++) {
    seen += counts[i];
    if (seen >= rank) return Math.min((lowUs[i] + widthUs(lowUs[i]) - 1) / 1000, maxMs);
  }
  return 0;
}
