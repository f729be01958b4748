/** At which seconds a storage holds an entry of which submitter: it can hold one only. Pure; 8 bytes an entry. */

/** Seconds fit in it beside a submitter's number: two years. */
const SECONDS = 2 ** 26;

export class TakenSeconds {
  readonly #fromSecond: number;
  /** submitter * SECONDS + second since the first, in order once {@link sort} was called. */
  #keys = new Float64Array(1024);
  #count = 0;

  /** @param fromSecond first second that the storage was asked for */
  constructor(fromSecond: number) {
    this.#fromSecond = fromSecond;
  }

  add(submitter: number, second: number): void {
    if (this.#count === this.#keys.length) {
      const larger = new Float64Array(this.#keys.length * 2);
      larger.set(this.#keys);
      this.#keys = larger;
    }
    this.#keys[this.#count++] = this.#keyOf(submitter, second);
  }

  /** All are added. */
  sort(): void {
    this.#keys.subarray(0, this.#count).sort();
  }

  /** @returns the first taken second of `submitter` from `from` to `to`; null: none is taken */
  firstWithin(submitter: number, from: number, to: number): number | null {
    const at = this.#firstAtLeast(this.#keyOf(submitter, from));
    if (at === this.#count || this.#keys[at] > this.#keyOf(submitter, to)) return null;
    return this.#keys[at] - submitter * SECONDS + this.#fromSecond;
  }

  #keyOf(submitter: number, second: number): number {
    const since = second - this.#fromSecond;
    return submitter * SECONDS + Math.min(SECONDS - 1, Math.max(0, since));
  }

  /** @returns the place of the first key that is not below `key`; the count if there is none */
  #firstAtLeast(key: number): number {
    let low = 0;
    for (let high = this.#count; low < high;) {
      const middle = (low + high) >> 1;
      if (this.#keys[middle] < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
