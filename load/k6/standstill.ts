/**
 * Whether k6 stood still: a suspended machine, a stopped process, a frozen container. k6 reports its VUs once a second
 * (grafana/k6, execution/scheduler.go: emitVUsAndVUsMax), whatever the target does, so a longer gap between two of these reports is
 * time in which it did nothing at all. Pure.
 */

/** Between two reports. */
const EVERY_MS = 1000;
/** Less than so much over the second is a late timer, which other figures see. */
const LEAST_MS = 1000;

export class StandstillWatch {
  #lastMs: number | null = null;
  #totalMs = 0;

  /** The load begins: until then VUs are made, which takes the time that it takes. @param atMs since 1970 */
  begins(atMs: number): void {
    this.#lastMs = atMs;
    this.#totalMs = 0;
  }

  /** @param atMs time of one of k6's reports, ms since 1970 */
  alive(atMs: number): void {
    const overMs = this.#lastMs === null ? 0 : atMs - this.#lastMs - EVERY_MS;
    if (overMs >= LEAST_MS) this.#totalMs += overMs;
    this.#lastMs = Math.max(this.#lastMs ?? atMs, atMs);
  }

  /** Milliseconds that k6 stood still, in all. */
  get totalMs(): number {
    return Math.round(this.#totalMs);
  }
}
