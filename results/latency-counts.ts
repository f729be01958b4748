/**
 * Counts of latencies over many seconds, in the buckets of the stored histograms (histogram.ts), from the lowest to the highest that
 * holds something: a run of a week has hundreds of these in memory at once. Pure.
 */
import { type Bucket, bucketAt, BUCKETS, decodeCounts } from './histogram.ts';
import { type LatencyRows, ROWS_A_DECADE } from './steps.ts';

/** The row of each bucket, by the middle of the bucket. */
const ROW_OF = Uint16Array.from({ length: BUCKETS }, (_, index) => {
  const { lowUs, highUs } = bucketAt(index);
  return Math.max(0, Math.floor(Math.log10(Math.max((lowUs + highUs) / 2, 1)) * ROWS_A_DECADE));
});

export class LatencyCounts {
  /** Place of the first count. */
  #low = 0;
  #counts = new Uint32Array(0);
  #maxUs = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get maxMs(): number {
    return this.#maxUs / 1000;
  }

  /** @param maxMs the exact maximum. @param also gets the same. @throws Error if `encoded` is no HDR V2 histogram of 3 digits */
  addEncoded(encoded: string, maxMs: number, also?: LatencyCounts): void {
    decodeCounts(encoded, (index, count) => {
      this.#add(index, count);
      if (also !== undefined) also.#add(index, count);
    });
    if (also) also.#maxUs = Math.max(also.#maxUs, maxMs * 1000);
    this.#maxUs = Math.max(this.#maxUs, maxMs * 1000);
  }

  addCounts(other: LatencyCounts): void {
    other.#counts.forEach((count, i) => {
      if (count > 0) this.#add(other.#low + i, count);
    });
    this.#maxUs = Math.max(this.#maxUs, other.#maxUs);
  }

  #add(index: number, count: number): void {
    const at = index - this.#low;
    if (at < 0 || at >= this.#counts.length) {
      this.#makeRoom(index);
      this.#counts[index - this.#low] += count;
    } else this.#counts[at] += count;
    this.#count += count;
  }

  /** A quarter more than is needed, so that a slowly growing range is not copied at each step. */
  #makeRoom(index: number): void {
    const { length } = this.#counts;
    const low = length === 0 ? index : Math.min(this.#low, index);
    const high = length === 0 ? index + 1 : Math.max(this.#low + length, index + 1);
    const spare = Math.max(16, (high - low) >> 2);
    const from = length > 0 && low === this.#low ? low : Math.max(0, low - spare);
    const to = length > 0 && high === this.#low + length ? high : Math.min(BUCKETS, high + spare);
    const counts = new Uint32Array(to - from);
    counts.set(this.#counts, length === 0 ? 0 : this.#low - from);
    this.#low = from;
    this.#counts = counts;
  }

  /** As LatencyHistogram has it: nearest rank, the upper end of the bucket, never more than the maximum. 0 if there is nothing. */
  percentilesMs<const P extends readonly number[]>(percentiles: P): { [K in keyof P]: number } {
    const ranks = percentiles.map((p) => Math.max(1, Math.ceil((p * this.#count) / 100 - 1e-6)));
    const values = percentiles.map(() => 0);
    let within = 0;
    let next = 0;
    for (let i = 0; i < this.#counts.length && next < ranks.length; i++) {
      within += this.#counts[i];
      while (next < ranks.length && this.#count > 0 && within >= ranks[next])
        values[next++] = Math.min(bucketAt(this.#low + i).highUs - 1, this.#maxUs) / 1000;
    }
    return values as { [K in keyof P]: number };
  }

  /** In rising order. */
  buckets(): Bucket[] {
    const buckets: Bucket[] = [];
    this.#counts.forEach((count, i) => {
      if (count > 0) buckets.push({ ...bucketAt(this.#low + i), count });
    });
    return buckets;
  }

  /** Rows from the lowest to the highest that hold something. */
  rows(): LatencyRows {
    const rows = new Map<number, number>();
    this.#counts.forEach((count, i) => {
      const row = ROW_OF[this.#low + i];
      if (count > 0) rows.set(row, (rows.get(row) ?? 0) + count);
    });
    const lowest = Math.min(...rows.keys());
    const length = rows.size === 0 ? 0 : Math.max(...rows.keys()) - lowest + 1;
    return {
      lowest: length === 0 ? 0 : lowest,
      counts: Array.from({ length }, (_, i) => rows.get(lowest + i) ?? 0),
    };
  }

  /** As plain data, for another thread. */
  toMessage(): LatencyCountsMessage {
    return { low: this.#low, counts: this.#counts, maxUs: this.#maxUs, count: this.#count };
  }

  static fromMessage({ low, counts, maxUs, count }: LatencyCountsMessage): LatencyCounts {
    const made = new LatencyCounts();
    made.#low = low;
    made.#counts = counts as Uint32Array<ArrayBuffer>;
    made.#maxUs = maxUs;
    made.#count = count;
    return made;
  }
}

export type LatencyCountsMessage = {
  low: number;
  counts: Uint32Array;
  maxUs: number;
  count: number;
};
