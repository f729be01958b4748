/**
 * Latency histograms of the result folder: HDR histograms (HdrHistogram, Gil Tene) of microseconds with
 * 3 significant digits, stored as HDR V2, compressed, base64. All of them share one bucket layout, so
 * histograms of seconds, of generators and of runs add exactly: merging loses no count and no precision.
 * A bucket is at most 0.1 % wide. Percentiles are the upper end of their bucket, as in every HDR
 * implementation, and never more than the exact maximum where the caller knows it.
 */
import { inflateSync } from 'node:zlib';
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js';
import type { LatencyFigures, LatencyOfSecond } from './types.ts';

export type { Histogram } from 'hdr-histogram-js';

const SIGNIFICANT_DIGITS = 3;
/** Where a new histogram starts; it grows by itself (autoResize), so a longer request still counts. */
const HIGHEST_US = 60_000_000;

/** An empty histogram of microseconds. */
export function newHistogram(): Histogram {
  const histogram = build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: SIGNIFICANT_DIGITS,
  });
  histogram.autoResize = true;
  return histogram;
}

/** Adds one duration, rounded to whole microseconds. @throws RangeError if it is negative or no number */
export function recordMs(histogram: Histogram, durationMs: number, count = 1): void {
  if (!(durationMs >= 0) || durationMs === Infinity)
    throw new RangeError(`durationMs must be a finite number from 0, but is ${durationMs}`);
  histogram.recordValueWithCount(Math.round(durationMs * 1000), count);
}

/** HDR V2, compressed, base64. Inverse of {@link decodeHistogram}. */
export const encodeHistogram = (histogram: Histogram): string =>
  encodeIntoCompressedBase64(histogram);

/** @throws Error if `text` is no HDR V2 histogram */
export function decodeHistogram(text: string): Histogram {
  const histogram = decodeFromCompressedBase64(text, 32);
  histogram.autoResize = true;
  return histogram;
}

/** Adds the counts of `part` (a histogram, or one as stored) to `sum`. @throws Error if a text is no HDR V2 histogram */
export function addHistogram(sum: Histogram, part: Histogram | string): void {
  if (typeof part !== 'string') sum.add(part);
  else for (const { lowUs, count } of decodeBuckets(part)) sum.recordValueWithCount(lowUs, count);
}

/** The sum of all `parts`; empty if there are none. The parts are left as they are. */
export function mergeHistograms(parts: Iterable<Histogram | string>): Histogram {
  const sum = newHistogram();
  for (const part of parts) addHistogram(sum, part);
  return sum;
}

/**
 * @param percentile 0 to 100
 * @param maxMs the exact maximum, where known: a bucket's upper end may lie above it
 * @returns milliseconds, or null for an empty histogram
 */
export function percentileMs(
  histogram: Histogram,
  percentile: number,
  maxMs = Infinity,
): number | null {
  if (histogram.totalCount === 0) return null;
  return Math.min(histogram.getValueAtPercentile(percentile) / 1000, maxMs);
}

/**
 * One second's latency for `samples.ndjson`, or null if nothing was recorded.
 * @param maxMs the exact maximum of the durations recorded
 */
export function latencyOfSecond(histogram: Histogram, maxMs: number): LatencyOfSecond | null {
  if (histogram.totalCount === 0) return null;
  const at = (percentile: number) => percentileMs(histogram, percentile, maxMs)!;
  return {
    count: histogram.totalCount,
    p50: at(50),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    max: maxMs,
    hdr: encodeHistogram(histogram),
  };
}

/**
 * The figures of a whole run for `summary.json`, or null if nothing was recorded.
 * @param exact sum, minimum and maximum as recorded, which buckets alone give to 0.1 %
 */
export function latencyFigures(
  histogram: Histogram,
  exact: { sumMs: number; minMs: number; maxMs: number },
): LatencyFigures | null {
  if (histogram.totalCount === 0) return null;
  const at = (percentile: number) => percentileMs(histogram, percentile, exact.maxMs)!;
  return {
    count: histogram.totalCount,
    meanMs: exact.sumMs / histogram.totalCount,
    minMs: exact.minMs,
    p50Ms: at(50),
    p90Ms: at(90),
    p95Ms: at(95),
    p99Ms: at(99),
    p999Ms: at(99.9),
    maxMs: exact.maxMs,
    hdr: encodeHistogram(histogram),
  };
}

/** A bucket with its count; values from `lowUs` up to but not including `highUs` fall into it. */
export type Bucket = { lowUs: number; highUs: number; count: number };

const COMPRESSED_COOKIE = 0x1c849304;
const PLAIN_COOKIE = 0x1c849303;
const COOKIE_MASK = 0xffffff0f;
const HEADER_BYTES = 40;
/** 3 significant digits need 2,048 steps in a bucket's first octave, and half of them in each later one. */
const HALF_STEPS = 1024;

/**
 * The buckets of a stored histogram that hold something, in rising order, without building its counts
 * array: a day's 86,400 seconds are read 4 times as fast as with hdr-histogram-js.
 * Layout: HdrHistogram, V2 encoding: cookie (u32 BE), length, deflated { cookie, payload bytes, offset,
 * significant digits (i32 BE each), lowest, highest, ratio (i64 each), counts as ZigZag LEB128 where a
 * negative number is a run of empty buckets }.
 * @throws Error if `text` is no such histogram of 3 digits and lowest value 1
 */
export function decodeBuckets(text: string): Bucket[] {
  const packed = Buffer.from(text, 'base64');
  if (packed.length < 8 || (packed.readUInt32BE(0) & COOKIE_MASK) !== COMPRESSED_COOKIE)
    throw new Error(`not a compressed HDR V2 histogram: "${text.slice(0, 24)}"`);
  const bytes = inflateSync(packed.subarray(8, 8 + packed.readUInt32BE(4)));
  if (bytes.length < HEADER_BYTES || (bytes.readUInt32BE(0) & COOKIE_MASK) !== PLAIN_COOKIE)
    throw new Error('not an HDR V2 histogram inside its compression');
  const digits = bytes.readInt32BE(12);
  const lowest = bytes.readBigInt64BE(16);
  if (digits !== SIGNIFICANT_DIGITS || lowest !== 1n)
    throw new Error(`a histogram of ${digits} digits from ${lowest}, not of 3 digits from 1`);
  const end = HEADER_BYTES + bytes.readInt32BE(4);
  if (end > bytes.length) throw new Error('an HDR histogram that is cut short');

  const buckets: Bucket[] = [];
  let index = 0;
  let position = HEADER_BYTES;
  while (position < end) {
    let zigzag = 0;
    let scale = 1;
    // 9 bytes at most; the ninth would hold 8 bits, but counts beyond 2^53 do not exist here.
    for (;;) {
      const byte = bytes[position++];
      zigzag += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
      if (position >= end) throw new Error('an HDR histogram that is cut short');
    }
    if (zigzag % 2 === 1) {
      index += (zigzag + 1) / 2;
      continue;
    }
    if (zigzag > 0) {
      const octave = Math.max(Math.floor(index / HALF_STEPS) - 1, 0);
      const width = 2 ** octave;
      const lowUs = (index - octave * HALF_STEPS) * width;
      buckets.push({ lowUs, highUs: lowUs + width, count: zigzag / 2 });
    }
    index++;
  }
  return buckets;
}
