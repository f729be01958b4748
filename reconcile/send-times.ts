/**
 * Within which time each submission was under way, by the generator's clock: 8 bytes a submission, of a long run mostly in a file. A
 * lease's first has a report of its beginning; each other one begins when the one before has ended.
 */
import { SpilledPages } from '../system/spilled-pages.ts';

/** What came before the first report that was seen; reports are nearly in order. */
const BEFORE_MS = 120_000;

export class SendTimes {
  readonly #lease: number;
  /** Milliseconds since #base, + 1; 0: not reported. */
  readonly #begins: SpilledPages<Uint32Array<ArrayBuffer>>;
  readonly #ends: SpilledPages<Uint32Array<ArrayBuffer>>;
  #base: number | null = null;

  /**
   * @param lease submissions per lease, as in the plan
   * @param spillPath what the files for what is long past begin with (system/spilled-pages.ts); null: all stays in memory
   */
  constructor(lease: number, spillPath: string | null = null) {
    this.#lease = lease;
    const file = (name: string) => (spillPath === null ? null : `${spillPath}-${name}.bin`);
    this.#begins = new SpilledPages(Uint32Array, file('begins'));
    this.#ends = new SpilledPages(Uint32Array, file('ends'));
  }

  #set(pages: SpilledPages<Uint32Array<ArrayBuffer>>, index: number, timeMs: number): void {
    this.#base ??= Math.floor(timeMs) - BEFORE_MS;
    pages.set(index, Math.max(1, Math.floor(timeMs) - this.#base + 1));
  }

  #get(pages: SpilledPages<Uint32Array<ArrayBuffer>>, index: number): number | null {
    const value = pages.get(index);
    return value === 0 ? null : value - 1 + this.#base!;
  }

  /** The lease that begins with submission `index` has begun. @param timeMs since 1970 */
  begun(index: number, timeMs: number): void {
    this.#set(this.#begins, Math.floor(index / this.#lease), timeMs);
  }

  /** Submission `index` has got its answer, or its error. */
  ended(index: number, timeMs: number): void {
    this.#set(this.#ends, index, timeMs);
  }

  /** @returns ms since 1970, rounded down; null: it was not reported */
  endOf(index: number): number | null {
    return this.#get(this.#ends, index);
  }

  /** @returns when submission `index` was begun, ms since 1970, rounded down; null: it is not known */
  beginOf(index: number): number | null {
    return index % this.#lease === 0
      ? this.#get(this.#begins, index / this.#lease)
      : this.endOf(index - 1);
  }

  /** @returns beginning and end, ms since 1970; null: not both are known */
  of(index: number): readonly [beginMs: number, endMs: number] | null {
    const end = this.endOf(index);
    if (end === null) return null;
    const begin = this.beginOf(index);
    return begin === null ? null : [Math.min(begin, end), end + 1];
  }

  /** Gives its files back; nothing can be asked afterwards. */
  close(): void {
    this.#begins.close();
    this.#ends.close();
  }
}
