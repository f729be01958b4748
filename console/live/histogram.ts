/**
 * Histograms of steps as the buckets that hold something: two of them add exactly, to the 0.1 % of an HDR bucket, and
 * some hundred steps take little memory, however far apart their latencies lie (results/latency-counts.ts keeps all buckets between them). Pure.
 */
import { bucketAt, BUCKETS, decodeCounts, LatencyHistogram } from '../../results/histogram.ts';
import { LatencyCounts } from '../../results/latency-counts.ts';
import type { LatencyFigures, LatencyOfSecond } from '../../results/types.ts';

/** `places` of the counts array of HDR's layout, in rising order, and what each of them holds. */
export type Buckets = { places: Uint16Array; counts: Uint32Array; count: number };

/** Filled anew by each histogram that is opened. */
const scratch = { places: new Uint16Array(BUCKETS), counts: new Uint32Array(BUCKETS) };

/** @param encoded as LatencyHistogram.encode made it. @throws Error if it is no such histogram */
export function openBuckets(encoded: string): Buckets {
  const { places, counts } = scratch;
  let length = 0;
  let sum = 0;
  decodeCounts(encoded, (place, count) => {
    if (place >= BUCKETS) throw new Error('an HDR histogram of more than an hour');
    places[length] = place;
    counts[length++] = count;
    sum += count;
  });
  return { places: places.slice(0, length), counts: counts.slice(0, length), count: sum };
}

export function addBuckets(a: Buckets, b: Buckets): Buckets {
  const places = new Uint16Array(a.places.length + b.places.length);
  const counts = new Uint32Array(places.length);
  let [i, j, length] = [0, 0, 0];
  while (i < a.places.length || j < b.places.length) {
    const left = i < a.places.length ? a.places[i] : BUCKETS;
    const right = j < b.places.length ? b.places[j] : BUCKETS;
    places[length] = Math.min(left, right);
    counts[length++] = (left <= right ? a.counts[i++] : 0) + (right <= left ? b.counts[j++] : 0);
  }
  return {
    places: places.slice(0, length),
    counts: counts.slice(0, length),
    count: a.count + b.count,
  };
}

/** By nearest rank, as LatencyHistogram.percentileMs. @param maxMs the exact maximum. @returns milliseconds */
export function percentileMs(
  { places, counts, count }: Buckets,
  percentile: number,
  maxMs: number,
): number {
  const rank = Math.max(1, Math.ceil((percentile * count) / 100 - 1e-6));
  let seen = 0;
  for (let i = 0; i < counts.length; i++) {
    seen += counts[i];
    if (seen >= rank) return Math.min((bucketAt(places[i]).highUs - 1) / 1000, maxMs);
  }
  return 0;
}

/** Of all lines of a run so far: the figures are made once for all who look before the next line. */
export class LatencySoFar {
  readonly #counts = new LatencyCounts();
  #figures: LatencyFigures | null = null;

  /** @throws Error if its histogram is broken */
  add({ hdr, max }: LatencyOfSecond): void {
    this.#counts.addEncoded(hdr, max);
    this.#figures = null;
  }

  /** Without their encoding, which nothing live reads. @returns null if nothing was added */
  figures(): LatencyFigures | null {
    if (this.#counts.count === 0) return null;
    if (this.#figures === null) {
      const histogram = new LatencyHistogram();
      histogram.addBuckets(this.#counts.buckets(), this.#counts.maxMs);
      this.#figures = { ...histogram.brief()!, hdr: '' };
    }
    return this.#figures;
  }
}
