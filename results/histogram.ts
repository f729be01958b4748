/**
 * Latency histograms of the result folder: HDR histograms (HdrHistogram, Gil Tene) of microseconds, 1 µs to 1 hour, with
 * 3 significant digits, stored as HDR V2, compressed, base64. All of them share one bucket layout, so histograms of
 * seconds, of generators and of runs add exactly: merging loses no count and no precision. A bucket is at most 0.1 %
 * wide. Percentiles are the upper end of their bucket, as in every HDR implementation, and never more than the maximum.
 */
import { inflateSync } from 'node:zlib';
import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import { inflateInto } from './inflate.ts';
import type { LatencyFigures, LatencyOfSecond } from './types.ts';

const SIGNIFICANT_DIGITS = 3;
const HIGHEST_US = 3_600_000_000;

export class LatencyHistogram {
  readonly #hdr = build({
    bitBucketSize: 32,
    autoResize: false,
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: SIGNIFICANT_DIGITS,
    useWebAssembly: false,
  });
  // Exact, where the histogram would give the middle or the edge of a bucket.
  #sumUs = 0;
  #minUs = Infinity;
  #maxUs = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** @param us microseconds; what is longer than an hour counts as an hour */
  record(us: number): void {
    const value = us > HIGHEST_US ? HIGHEST_US : Math.round(us);
    this.#hdr.recordValue(value);
    this.#sumUs += value;
    if (value < this.#minUs) this.#minUs = value;
    if (value > this.#maxUs) this.#maxUs = value;
    this.#count++;
  }

  /**
   * Adds what {@link encode} made, here or elsewhere. Minimum and mean are then exact to the 0.1 % of a bucket only, and so
   * is the maximum unless the caller knows it.
   * @throws Error if `encoded` is no HDR V2 histogram of 3 digits
   */
  addEncoded(encoded: string, maxMs?: number): void {
    this.addBuckets(decodeBuckets(encoded), maxMs);
  }

  /** The same from buckets, in rising order. */
  addBuckets(buckets: Iterable<Bucket>, maxMs?: number): void {
    let highestUs = 0;
    for (const { lowUs, highUs, count } of buckets) {
      const value = Math.min(lowUs, HIGHEST_US);
      this.#hdr.recordValueWithCount(value, count);
      this.#count += count;
      this.#sumUs += (lowUs + Math.floor((highUs - lowUs) / 2)) * count;
      if (value < this.#minUs) this.#minUs = value;
      highestUs = highUs - 1;
    }
    this.#maxUs = Math.max(this.#maxUs, maxMs === undefined ? highestUs : maxMs * 1000);
  }

  /**
   * By nearest rank: the smallest value that at least `percentile` percent of all do not exceed.
   * @param percentile 0 to 100. @returns milliseconds; 0 if nothing was recorded
   */
  percentileMs(percentile: number): number {
    if (this.#count === 0) return 0;
    // The library rounds the rank; 99.9 % of 10,000 must not be 9,990.000000000002.
    const rank = Math.max(1, Math.ceil((percentile * this.#count) / 100 - 1e-6));
    const value = this.#hdr.getValueAtPercentile((rank / this.#count) * 100);
    return Math.min(value, this.#maxUs) / 1000;
  }

  /** HDR histogram V2, compressed, base64. */
  encode(): string {
    return encodeIntoCompressedBase64(this.#hdr);
  }

  reset(): void {
    this.#hdr.reset();
    this.#sumUs = this.#maxUs = this.#count = 0;
    this.#minUs = Infinity;
  }

  /** @returns null if nothing was recorded */
  ofSecond(): LatencyOfSecond | null {
    if (this.#count === 0) return null;
    return {
      count: this.#count,
      p50: this.percentileMs(50),
      p90: this.percentileMs(90),
      p95: this.percentileMs(95),
      p99: this.percentileMs(99),
      max: this.#maxUs / 1000,
      hdr: this.encode(),
    };
  }

  /** @returns null if nothing was recorded */
  figures(): LatencyFigures | null {
    const figures = this.brief();
    return figures && { ...figures, hdr: this.encode() };
  }

  /** The figures without the histogram, which takes most of the time. @returns null if nothing was recorded */
  brief(): Omit<LatencyFigures, 'hdr'> | null {
    if (this.#count === 0) return null;
    return {
      count: this.#count,
      meanMs: this.#sumUs / this.#count / 1000,
      minMs: this.#minUs / 1000,
      p50Ms: this.percentileMs(50),
      p90Ms: this.percentileMs(90),
      p95Ms: this.percentileMs(95),
      p99Ms: this.percentileMs(99),
      p999Ms: this.percentileMs(99.9),
      maxMs: this.#maxUs / 1000,
    };
  }
}

/** A bucket with its count; values from `lowUs` up to but not including `highUs` fall into it. */
export type Bucket = { lowUs: number; highUs: number; count: number };

const COMPRESSED_COOKIE = 0x1c849304;
const PLAIN_COOKIE = 0x1c849303;
const COOKIE_MASK = 0xffffff0f;
const HEADER_BYTES = 40;
/** 3 significant digits need 2,048 steps in a bucket's first octave, and half of them in each later one. */
const HALF_STEPS = 1024;

/** The bucket at a place of the counts array, 0 for the lowest. */
export function bucketAt(index: number): Omit<Bucket, 'count'> {
  const octave = Math.max(Math.floor(index / HALF_STEPS) - 1, 0);
  const width = 2 ** octave;
  const lowUs = (index - octave * HALF_STEPS) * width;
  return { lowUs, highUs: lowUs + width };
}

/** Most histograms of a second fit into these, which all share; others get room of their own. */
const PACKED = Buffer.alloc(6144);
const INFLATED = Buffer.alloc(8192);
/** Characters of base64 that fill so much of it that the reader of bits may look ahead. */
const PACKED_TEXT = 8000;

/** Places of the counts array, up to HIGHEST_US. */
export const BUCKETS = 24 * HALF_STEPS;

/** The buckets of a stored histogram that hold something, in rising order. @throws as {@link decodeCounts} */
export function decodeBuckets(text: string): Bucket[] {
  const buckets: Bucket[] = [];
  decodeCounts(text, (index, count) => buckets.push({ ...bucketAt(index), count }));
  return buckets;
}

/**
 * Visits the places of a stored histogram that hold something, in rising order, without building its counts
 * array: a day's 86,400 seconds are read 4 times as fast as with hdr-histogram-js.
 * Layout: HdrHistogram, V2 encoding: cookie (u32 BE), length, deflated { cookie, payload bytes, offset,
 * significant digits (i32 BE each), lowest, highest, ratio (i64 each), counts as ZigZag LEB128 where a
 * negative number is a run of empty buckets }.
 * @throws Error if `text` is no such histogram of 3 digits and lowest value 1
 */
export function decodeCounts(text: string, visit: (index: number, count: number) => void): void {
  const packed = text.length <= PACKED_TEXT ? PACKED : Buffer.from(text, 'base64');
  const length = packed === PACKED ? packed.write(text, 'base64') : packed.length;
  if (length < 8 || (packed.readUInt32BE(0) & COOKIE_MASK) !== COMPRESSED_COOKIE)
    throw new Error(`not a compressed HDR V2 histogram: "${text.slice(0, 24)}"`);
  const packedEnd = Math.min(length, 8 + packed.readUInt32BE(4));
  let bytes = INFLATED;
  let inflated = inflateInto(packed, 8, packedEnd, bytes);
  if (inflated === -1) {
    bytes = inflateSync(packed.subarray(8, packedEnd));
    inflated = bytes.length;
  }
  if (inflated < HEADER_BYTES || (bytes.readUInt32BE(0) & COOKIE_MASK) !== PLAIN_COOKIE)
    throw new Error('not an HDR V2 histogram inside its compression');
  const digits = bytes.readInt32BE(12);
  const lowest = bytes.readBigInt64BE(16);
  if (digits !== SIGNIFICANT_DIGITS || lowest !== 1n)
    throw new Error(`a histogram of ${digits} digits from ${lowest}, not of 3 digits from 1`);
  const end = HEADER_BYTES + bytes.readInt32BE(4);
  if (end > inflated) throw new Error('an HDR histogram that is cut short');

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
    if (zigzag > 0) visit(index, zigzag / 2);
    index++;
  }
}
