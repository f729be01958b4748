/** Lets callers pass one by one, evenly, no more than so many a second; what was not used is not made up for. */
import { setTimeout as sleep } from 'node:timers/promises';

export class RateGate {
  readonly #intervalMs: number;
  readonly #signal: AbortSignal;
  readonly #waiting: { urgent: boolean; pass: (go: boolean) => void }[] = [];
  #nextMs = 0;
  #serving = false;
  /** Whether the last one through was urgent: they take turns with the others. */
  #lastUrgent = false;

  constructor(ratePerSecond: number, signal: AbortSignal) {
    if (!(ratePerSecond > 0))
      throw new RangeError(`ratePerSecond must be more than 0, not ${ratePerSecond}`);
    this.#intervalMs = 1000 / ratePerSecond;
    this.#signal = signal;
  }

  /** @returns true when it is the caller's turn, false when all is over. Urgent callers get every second turn. */
  next(urgent = false): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiting.push({ urgent, pass: resolve });
      if (!this.#serving) void this.#serve();
    });
  }

  async #serve(): Promise<void> {
    this.#serving = true;
    while (this.#waiting.length > 0) {
      const waitMs = this.#nextMs - performance.now();
      if (waitMs > 0)
        await sleep(waitMs, undefined, { signal: this.#signal }).catch(() => undefined);
      const go = !this.#signal.aborted;
      const wanted = this.#waiting.findIndex(({ urgent }) => urgent !== this.#lastUrgent);
      const [caller] = this.#waiting.splice(Math.max(wanted, 0), 1);
      this.#lastUrgent = caller.urgent;
      const now = performance.now();
      // A timer that is late is made up for; a pause is not.
      this.#nextMs =
        (now - this.#nextMs < this.#intervalMs ? this.#nextMs : now) + this.#intervalMs;
      caller.pass(go);
    }
    this.#serving = false;
  }
}
