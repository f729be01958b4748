/**
 * The seconds of a load that are still being counted. A second is finished when a sample is seen whose time is two seconds or more
 * after the second's start: one whole second of grace. What comes later still is counted in the oldest second that is not
 * finished, so the sum over all lines is the total, exactly, whatever the clock does. Pure.
 */
import { ACCEPTED } from '../../results/answers.ts';
import { LatencyHistogram } from '../../results/histogram.ts';
import type { SampleLine } from '../../results/types.ts';
import { acceptedOf, byClass, expectedOf } from './answer-counts.ts';

/** A clock that jumps ahead leaves at most this many empty seconds behind. */
const MOST_EMPTY_SECONDS = 3600;

/** One second that is still being counted. */
export class Second {
  vus: number | null = null;
  /** Begun; null: leases do not say when each of theirs began. */
  started: number | null = null;
  sent = 0;
  failedIterations = 0;
  late = 0;
  dropped = 0;
  retries = 0;
  bytesSent = 0;
  bytesReceived = 0;
  readonly answers = new Map<number, number>();
  readonly latency = new LatencyHistogram();
  readonly felt = new LatencyHistogram();

  reset(): void {
    this.vus = this.started = null;
    this.sent = this.failedIterations = this.bytesSent = this.bytesReceived = 0;
    this.late = this.dropped = this.retries = 0;
    this.answers.clear();
    if (this.latency.count > 0) this.latency.reset();
    if (this.felt.count > 0) this.felt.reset();
  }
}

export class Seconds {
  /** Seconds that are not finished, the first of which began at #base (seconds since 1970). */
  readonly #open: Second[] = [];
  #base = 0;
  #first: number | null = null;
  #finished: SampleLine[] = [];
  /** Used again: a histogram is large. */
  readonly #spare: Second[] = [];

  /** The second to count a sample of `timeMs` in; finishes those that are past their grace. */
  at(timeMs: number): Second {
    const second = Math.floor(timeMs / 1000);
    if (this.#open.length === 0) {
      // Only before the first sample: afterwards one second at least stays open.
      this.#base = second;
      this.#first = second;
      return this.#begin();
    }
    if (second <= this.#base) return this.#open[0];
    if (second - this.#base < this.#open.length) return this.#open[second - this.#base];
    if (second - this.#base > MOST_EMPTY_SECONDS) {
      this.finishAll();
      this.#base = second;
      return this.#begin();
    }
    while (this.#base + this.#open.length <= second) {
      this.#begin();
      if (this.#open.length > 2) this.#finishOldest();
    }
    return this.#open[second - this.#base];
  }

  /** After the last sample. */
  finishAll(): void {
    while (this.#open.length > 0) this.#finishOldest();
  }

  /** @returns the seconds that have been finished since the last call, in order and without a gap */
  take(): SampleLine[] {
    const lines = this.#finished;
    this.#finished = [];
    return lines;
  }

  #begin(): Second {
    const second = this.#spare.pop() ?? new Second();
    this.#open.push(second);
    return second;
  }

  #finishOldest(): void {
    const second = this.#open.shift()!;
    const answers = byClass(second.answers);
    const accepted = acceptedOf(second.answers);
    const expected = expectedOf(second.answers);
    this.#finished.push({
      t: this.#base * 1000,
      elapsedS: this.#base - this.#first!,
      vus: second.vus,
      ...(second.started !== null && { started: second.started }),
      sent: second.sent,
      answers,
      ...(accepted !== (answers[ACCEPTED] ?? 0) && { accepted }),
      ...(expected !== accepted && { expected }),
      ...(second.failedIterations > 0 && { failedIterations: second.failedIterations }),
      ...(second.late > 0 && { late: second.late }),
      ...(second.dropped > 0 && { dropped: second.dropped }),
      ...(second.retries > 0 && { retries: second.retries }),
      bytesSent: second.bytesSent,
      bytesReceived: second.bytesReceived,
      latency: second.latency.ofSecond(),
      felt: second.felt.ofSecond(),
    });
    this.#base++;
    second.reset();
    this.#spare.push(second);
  }
}
