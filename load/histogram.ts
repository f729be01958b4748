/**
 * Latencies in an HDR histogram (hdr-histogram-js): microseconds, 1 µs to 1 hour, 3 significant digits, so a
 * percentile is at most 0.1 % off. Histograms of seconds, runs and machines add exactly.
 */
import * as hdr from 'hdr-histogram-js';
import type { LatencyFigures, LatencyOfSecond } from '../results/types.ts';

const HIGHEST_US = 3_600_000_000;

const build = (): hdr.Histogram =>
  hdr.build({
    bitBucketSize: 32,
    autoResize: false,
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  });

export class LatencyHistogram {
  readonly #hdr = build();
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

  /** Adds what {@link encode} made. Minimum, maximum and mean are then exact to 0.1 % only. */
  addEncoded(encoded: string): void {
    const other = decodeHistogram(encoded);
    if (other.totalCount === 0) return;
    this.#hdr.add(other);
    this.#count += other.totalCount;
    this.#sumUs += other.mean * other.totalCount;
    this.#minUs = Math.min(this.#minUs, other.getValueAtPercentile(0));
    this.#maxUs = Math.max(this.#maxUs, other.maxValue);
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
    return hdr.encodeIntoCompressedBase64(this.#hdr);
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
      hdr: this.encode(),
    };
  }
}

/** @throws Error if `encoded` is no HDR histogram V2 */
export const decodeHistogram = (encoded: string): hdr.Histogram =>
  hdr.decodeFromCompressedBase64(encoded, 32, false);
