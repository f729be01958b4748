/**
 * When the submissions of a steerable load are due. A feeder hands out one at a time; at which rate, somebody changes while the load
 * runs. Pure: times are arguments, ms on a clock that never goes back, from the first hand-out that was asked for.
 *
 * | load | what is due |
 * |---|---|
 * | open model (`--rate`) | starts at the rate asked for, whether a VU is free or not. One that nobody takes within a second never comes, as a start of k6 without a free VU: a rate that was too high leaves no queue behind when it is lowered |
 * | VUs with think times | each at once; where a rate is asked for, no more than that, and a moment in which few came is not made up for |
 */

/** Per second; 0: none, while the load pauses; null: nothing limits the VUs. */
export type AskedRate = number | null;

/** What holds from `atMs` on. */
export type RateChange = { atMs: number; perSecond: AskedRate };

/** Of an open model: longer nobody waits for a free VU. */
const TAKEN_WITHIN_MS = 1000;
/** Of a bound: what is made up for, since timers are a little late. */
const MADE_UP_MS = 50;
/** Of areas, which are sums of fractions. */
const ROUNDING = 1e-6;

export class Pacer {
  readonly #isOpen: boolean;
  /** In order, the first at 0. */
  readonly #changes: RateChange[];
  /** Start k is due when the area under the rate reaches k; of a bound it need not be whole. */
  #next = 0;
  #missed = 0;

  /** @param isOpen each start has a time of its own; else the rate is an upper bound */
  constructor(perSecond: AskedRate, isOpen: boolean) {
    this.#isOpen = isOpen;
    this.#changes = [{ atMs: 0, perSecond }];
  }

  get perSecond(): AskedRate {
    return this.#changes.at(-1)!.perSecond;
  }

  /** Starts that were due and that nobody took. */
  get missed(): number {
    return this.#missed;
  }

  /** @param atMs not before the last change. What is due by then and not taken is owed no more */
  change(atMs: number, perSecond: AskedRate): void {
    this.#forget(atMs);
    this.#changes.push({ atMs, perSecond });
  }

  /** Takes the next one if it is due. @returns when it was due; null: none is */
  take(nowMs: number): number | null {
    if (this.perSecond === null) return nowMs;
    this.#forget(nowMs - (this.#isOpen ? TAKEN_WITHIN_MS : MADE_UP_MS));
    const dueMs = this.nextMs();
    if (dueMs > nowMs) return null;
    this.#next++;
    return dueMs;
  }

  /** When the next one is due. @returns Infinity: not before the rate changes; -Infinity: whenever it is asked for */
  nextMs(): number {
    if (this.perSecond === null) return -Infinity;
    let area = 0;
    for (const [i, { atMs, perSecond }] of this.#changes.entries()) {
      const rate = perSecond ?? 0;
      const endMs = this.#changes[i + 1]?.atMs ?? Infinity;
      const after = rate === 0 ? area : area + (rate * (endMs - atMs)) / 1000;
      if (rate > 0 && this.#next < after - ROUNDING)
        return atMs + (Math.max(0, this.#next - area) * 1000) / rate;
      area = after;
    }
    return Infinity;
  }

  /** How many are due before `ms`, with the changes up to now: of an open model. */
  dueBefore(ms: number): number {
    return ms <= 0 ? 0 : Math.max(0, Math.ceil(this.#area(ms) - ROUNDING));
  }

  /** Under the rate, up to `ms`. */
  #area(ms: number): number {
    return this.#changes.reduce((area, { atMs, perSecond }, i) => {
      const endMs = Math.min(ms, this.#changes[i + 1]?.atMs ?? Infinity);
      return area + ((perSecond ?? 0) * Math.max(0, endMs - atMs)) / 1000;
    }, 0);
  }

  /** What was due before `ms` and was not taken never comes. */
  #forget(ms: number): void {
    const area = this.#area(ms) - ROUNDING;
    const least = this.#isOpen ? Math.ceil(area) : area;
    if (least <= this.#next) return;
    if (this.#isOpen) this.#missed += least - this.#next;
    this.#next = least;
  }
}
