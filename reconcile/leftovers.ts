/** What is stored and belongs to no submission of the run: foreign entries, in bounded memory. Pure. */
import type { Entry } from './entry.ts';
import type { Tally } from './tally.ts';

/** Foreign entries that are kept to be listed; more are counted. */
const MOST_LISTED = 100_000;

export class Foreign {
  readonly #entries: Entry[] = [];
  readonly #bySecond = new Map<number, number>();

  /** Whether another one would be kept; else `count` it. */
  get hasRoom(): boolean {
    return this.#entries.length < MOST_LISTED;
  }

  add(entry: Entry): void {
    if (this.hasRoom) this.#entries.push(entry);
    else this.count(entry.submittedAt);
  }

  count(second: number): void {
    this.#bySecond.set(second, (this.#bySecond.get(second) ?? 0) + 1);
  }

  /** Those of the seconds from `from` to `to`. @returns how many were counted and not listed */
  finish(from: number, to: number, tally: Tally): number {
    for (const entry of this.#entries)
      if (entry.submittedAt >= from && entry.submittedAt <= to) tally.foreign(entry);
    let notListed = 0;
    for (const [second, count] of this.#bySecond)
      if (second >= from && second <= to) notListed += count;
    tally.counts.foreign += notListed;
    return notListed;
  }
}
