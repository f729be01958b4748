/** The latency distribution: bins and percentiles over a logarithmic axis of milliseconds. Pure. */
import type { Bucket } from '../results/histogram.ts';
import type { Point } from './point.ts';

type LogRange = { lowMs: number; highMs: number };

/** 1, 2 and 5 of each decade around the buckets, at least a factor of 4 apart. */
export function logRange(buckets: readonly Bucket[]): LogRange {
  if (buckets.length === 0) return { lowMs: 1, highMs: 1000 };
  const lowest = Math.max(buckets[0].lowUs, 1) / 1000;
  const highest = buckets[buckets.length - 1].highUs / 1000;
  const lowMs = roundTo125(lowest, Math.floor);
  const highMs = roundTo125(highest, Math.ceil);
  return highMs / lowMs >= 4 ? { lowMs, highMs } : { lowMs: lowMs / 2, highMs: highMs * 2 };
}

/** The next value of 1, 2, 5 times a power of ten, below or above. */
export function roundTo125(value: number, round: (value: number) => number): number {
  const decade = 10 ** Math.floor(Math.log10(value));
  const candidates = [decade, 2 * decade, 5 * decade, 10 * decade];
  const slack = 1 + 1e-9;
  return round === Math.floor
    ? candidates.findLast((candidate) => candidate <= value * slack)!
    : candidates.find((candidate) => candidate * slack >= value)!;
}

export type LogBin = { lowMs: number; highMs: number; count: number; share: number };

/**
 * Bins of equal width on a logarithmic axis over the buckets' own range. Each bucket counts in the bin of
 * its middle, so the counts of the bins add up to those of the buckets.
 */
export function logBins(buckets: readonly Bucket[], range: LogRange, bins: number): LogBin[] {
  const middle = ({ lowUs, highUs }: Bucket) => Math.max((lowUs + highUs) / 2000, range.lowMs);
  const low = Math.log(middle(buckets[0]));
  const high = Math.log(middle(buckets[buckets.length - 1]));
  // A single bucket, or a very narrow range, still gets bars that can be seen.
  const width = Math.max((high - low) / bins, Math.log(range.highMs / range.lowMs) / 200);
  const counts = new Map<number, number>();
  let total = 0;
  for (const bucket of buckets) {
    const bin = Math.min(Math.floor((Math.log(middle(bucket)) - low) / width), bins - 1);
    counts.set(bin, (counts.get(bin) ?? 0) + bucket.count);
    total += bucket.count;
  }
  const last = Math.max(...counts.keys());
  return Array.from({ length: last + 1 }, (_, bin) => {
    const count = counts.get(bin) ?? 0;
    return {
      lowMs: Math.exp(low + bin * width),
      highMs: Math.exp(low + (bin + 1) * width),
      count,
      share: count / total,
    };
  });
}

/** y of a share of answers: each nine is as high as the one before (HdrHistogram's percentile axis). */
export const nines = (share: number): number => -Math.log10(1 - share);

export const NINES = [0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999, 0.999999, 0.9999999].map(
  (share) => ({ y: nines(share), label: `${Number((share * 100).toFixed(5))} %` }),
);

/**
 * The share of answers within each latency, as steps. The last answer lies at (n - ½) / n: 100 % has no
 * place on an axis of nines.
 */
export function percentileCurve(buckets: readonly Bucket[], count: number, maxMs: number): Point[] {
  const points: Point[] = [];
  let within = 0;
  let y = 0;
  for (const { lowUs, highUs, count: here } of buckets) {
    within += here;
    const x = Math.max(Math.min(highUs / 1000, maxMs), Math.max(lowUs, 1) / 1000);
    const nextY = nines(Math.min(within, count - 0.5) / count);
    const last = points.at(-1);
    // Thousands of buckets: a quarter of a pixel is enough.
    const near = last !== undefined && x < last.x * 1.001 && nextY - last.y < 0.002;
    if (near && within < count) continue;
    points.push({ x, y }, { x, y: nextY });
    y = nextY;
  }
  return points;
}
