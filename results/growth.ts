/**
 * How fast a process grows: the slope of its memory over the time of the load, once it has settled. Pure, and of constant memory
 * itself, however long the load.
 */
import type { MemoryGrowth } from './types.ts';

/** A process fills its caches, pools and tables first: what it grows by in this time after the load began is left out. */
export const SETTLING_MS = 120_000;
/** Over less a slope says nothing: a garbage collector alone makes a saw-tooth of some 10 s. */
export const SHORTEST_SLOPE_MS = 120_000;
/** Some of the time goes by before the first answer and between the last reading and the end. */
const EDGES_MS = 5000;
/** A load shorter than this has no slope, whatever else. */
export const SHORTEST_GROWTH_LOAD_MS = SETTLING_MS + SHORTEST_SLOPE_MS + EDGES_MS;

/** Points that are kept. Two that lie side by side become one when there are more: their mean. */
const MOST_POINTS = 120;

type Point = { place: number; tSum: number; bytesSum: number; count: number };

export class GrowthMeter {
  readonly #fromMs: number;
  #widthMs = 1000;
  #points: Point[] = [];
  #firstMs = 0;
  #lastMs = 0;

  /** @param fromMs readings before this time are left out, ms since 1970 */
  constructor(fromMs: number) {
    this.#fromMs = fromMs;
  }

  /** Readings in the order of their times. @param t ms since 1970 */
  add(t: number, bytes: number): void {
    // A clock that was set back: until it is where it was, nothing can be told.
    if (t < this.#fromMs || t <= this.#lastMs) return;
    if (this.#points.length === 0) this.#firstMs = t;
    this.#lastMs = t;
    this.#put({
      place: Math.floor((t - this.#fromMs) / this.#widthMs),
      tSum: t - this.#fromMs,
      bytesSum: bytes,
      count: 1,
    });
    if (this.#points.length <= MOST_POINTS) return;
    const points = this.#points;
    this.#widthMs *= 2;
    this.#points = [];
    for (const point of points) this.#put({ ...point, place: Math.floor(point.place / 2) });
  }

  #put(point: Point): void {
    const last = this.#points.at(-1);
    if (last?.place !== point.place) {
      this.#points.push(point);
      return;
    }
    last.tSum += point.tSum;
    last.bytesSum += point.bytesSum;
    last.count += point.count;
  }

  /**
   * The median of the slopes between all pairs of points (Theil 1950, Sen 1968): unlike a least-squares line it does not
   * follow a single jump or a last reading before a garbage collection.
   * @returns null: the time is too short
   */
  figure(): MemoryGrowth | null {
    const overMs = this.#lastMs - this.#firstMs;
    if (this.#points.length < 3 || overMs < SHORTEST_SLOPE_MS) return null;
    const means = this.#points.map(({ tSum, bytesSum, count }) => [tSum / count, bytesSum / count]);
    const slopes = new Float64Array((means.length * (means.length - 1)) / 2);
    let n = 0;
    for (let i = 0; i < means.length; i++)
      for (let j = i + 1; j < means.length; j++)
        slopes[n++] = (means[j][1] - means[i][1]) / (means[j][0] - means[i][0]);
    slopes.sort();
    const median = (slopes[(n - 1) >> 1] + slopes[n >> 1]) / 2;
    return { bytesPerMinute: median * 60_000, overMs };
  }
}
