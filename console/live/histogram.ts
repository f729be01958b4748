/**
 * Histograms of steps as the buckets that hold something: two of them add exactly, to the 0.1 % of an HDR bucket, some hundred steps take little memory,
 * and a day's 28,800 are opened in seconds (results/histogram.ts has an object for each bucket). Pure.
 */
import { type Bucket, bucketAt, BUCKETS, decodeCounts, LatencyHistogram } from '../../results/histogram.ts'; // prettier-ignore
import type { LatencyFigures } from '../../results/types.ts';

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

/** Of all lines of a run so far; each of them costs an addition a bucket. */
export class LatencySum {
  readonly #counts = new Float64Array(BUCKETS);
  #maxMs = 0;
  #count = 0;
  /** Of what was added so far; undefined: not made yet. */
  #figures: LatencyFigures | null | undefined = null;

  add({ places, counts, count }: Buckets, maxMs: number): void {
    for (let i = 0; i < places.length; i++) this.#counts[places[i]] += counts[i];
    this.#count += count;
    this.#maxMs = Math.max(this.#maxMs, maxMs);
    this.#figures = undefined;
  }

  /** Without its encoding, which nothing live reads. @returns null if nothing was added */
  figures(): LatencyFigures | null {
    if (this.#figures !== undefined) return this.#figures;
    if (this.#count === 0) return (this.#figures = null);
    const histogram = new LatencyHistogram();
    const buckets: Bucket[] = [];
    this.#counts.forEach((count, place) => count > 0 && buckets.push({ ...bucketAt(place), count })); // prettier-ignore
    histogram.addBuckets(buckets, this.#maxMs);
    return (this.#figures = { ...histogram.brief()!, hdr: '' });
  }
}
