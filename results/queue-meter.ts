/** What is in flight over the time of a load at a constant rate: begun and not answered, as means over its parts. Pure. */
import type { QueueFigures } from './types.ts';

/** A load has so many parts, ten to each quarter, however long it is. */
export const QUEUE_PARTS = 40;

/** How many of some events lie before each part's end, and the mean of that over the part. */
class Events {
  readonly #counts = new Float64Array(QUEUE_PARTS);
  /** Shares of the part that each event has still before it. */
  readonly #rests = new Float64Array(QUEUE_PARTS);

  /** @param place in parts from the beginning */
  add(place: number, count: number): void {
    if (place >= QUEUE_PARTS) return;
    const part = Math.max(0, Math.floor(place));
    this.#counts[part] += count;
    this.#rests[part] += count * Math.min(1, part + 1 - place);
  }

  means(): number[] {
    let before = 0;
    return Array.from(this.#counts, (count, part) => {
      const mean = before + this.#rests[part];
      before += count;
      return mean;
    });
  }

  get counts(): number[] {
    return [...this.#counts];
  }
}

export class QueueMeter {
  readonly #durationMs: number;
  readonly #begun = new Events();
  readonly #ended = new Events();
  readonly #errors = new Events();
  #errorCount = 0;

  /** @param durationMs of the load; what comes after it is not counted */
  constructor(durationMs: number) {
    this.#durationMs = durationMs;
  }

  /** Submissions that began, or would have, had a VU been free. @param ms from the load's beginning */
  begun(ms: number, count = 1): void {
    this.#begun.add(this.#place(ms), count);
  }

  /** An answer, or the failure of a request. */
  ended(ms: number, isExpected: boolean): void {
    const place = this.#place(ms);
    this.#ended.add(place, 1);
    if (isExpected) return;
    this.#errors.add(place, 1);
    this.#errorCount++;
  }

  figures(): QueueFigures {
    const ended = this.#ended.means();
    const round = (value: number) => Math.round(value * 100) / 100;
    return {
      overMs: this.#durationMs,
      inFlight: this.#begun.means().map((begun, part) => round(begun - ended[part])),
      ...(this.#errorCount > 0 && { errors: this.#errors.counts }),
    };
  }

  readonly #place = (ms: number): number => (ms / this.#durationMs) * QUEUE_PARTS;
}
