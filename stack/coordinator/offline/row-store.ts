/**
 * Rows of `submissions` of many days in memory: columns of numbers, each text once, some 50 bytes a row. Pure.
 */
import type { Window } from '../window.ts';

/** A row as far as scoring looks at it. */
export type OfflineRow = {
  submitter: string;
  submittedAtUs: number;
  stateHash: string | null;
  parent: string | null;
  blockHash: string | null;
  verified: boolean;
  /** null or '': none. */
  error: string | null;
};

export const counts = ({ verified, error }: OfflineRow): boolean => verified && !error;

const FIRST_ROOM = 1024;
const TEXTS = ['submitter', 'stateHash', 'parent', 'blockHash', 'error'] as const;

export class RowStore {
  #count = 0;
  #times = new Float64Array(FIRST_ROOM);
  #verified = new Uint8Array(FIRST_ROOM);
  /** Number of a text; 0: null. */
  #columns = TEXTS.map(() => new Uint32Array(FIRST_ROOM));
  readonly #texts: (string | null)[] = [null];
  readonly #numbers = new Map<string, number>();

  get count(): number {
    return this.#count;
  }

  add(row: OfflineRow): void {
    if (this.#count === this.#times.length) this.#grow();
    const i = this.#count++;
    this.#times[i] = row.submittedAtUs;
    this.#verified[i] = row.verified ? 1 : 0;
    TEXTS.forEach((name, column) => {
      this.#columns[column][i] = this.#numberOf(row[name]);
    });
  }

  /** Earliest and latest row, in microseconds; null: there is none. */
  range(): { fromUs: number; toUs: number } | null {
    if (this.#count === 0) return null;
    let [fromUs, toUs] = [Infinity, -Infinity];
    for (let i = 0; i < this.#count; i++) {
      fromUs = Math.min(fromUs, this.#times[i]);
      toUs = Math.max(toUs, this.#times[i]);
    }
    return { fromUs, toUs };
  }

  /** The rows of each window, newest first, as the coordinator reads them. */
  *batches(windows: readonly Window[]): Generator<{ window: Window; rows: OfflineRow[] }> {
    const order = this.#byTime();
    for (const window of windows) {
      const first = this.#firstFrom(order, window.startSeconds * 1e6);
      const end = this.#firstFrom(order, window.endSeconds * 1e6);
      const rows: OfflineRow[] = [];
      for (let i = end - 1; i >= first; i--) rows.push(this.#row(order[i]));
      yield { window, rows };
    }
  }

  #numberOf(text: string | null): number {
    if (text === null) return 0;
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#texts.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }

  #grow(): void {
    const room = this.#times.length * 2;
    const times = new Float64Array(room);
    times.set(this.#times);
    this.#times = times;
    const verified = new Uint8Array(room);
    verified.set(this.#verified);
    this.#verified = verified;
    this.#columns = this.#columns.map((column) => {
      const larger = new Uint32Array(room);
      larger.set(column);
      return larger;
    });
  }

  /** Places of the rows, earliest first; of one moment in the order in which they came. */
  #byTime(): Uint32Array {
    const order = Uint32Array.from({ length: this.#count }, (_, i) => i);
    let isSorted = true;
    for (let i = 1; i < this.#count && isSorted; i++)
      isSorted = this.#times[i - 1] <= this.#times[i];
    return isSorted ? order : order.sort((a, b) => this.#times[a] - this.#times[b] || a - b);
  }

  #firstFrom(order: Uint32Array, us: number): number {
    let [low, high] = [0, order.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#times[order[middle]] < us) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #row(i: number): OfflineRow {
    const text = (column: number): string | null => this.#texts[this.#columns[column][i]];
    return {
      submitter: text(0)!,
      submittedAtUs: this.#times[i],
      stateHash: text(1),
      parent: text(2),
      blockHash: text(3),
      error: text(4),
      verified: this.#verified[i] === 1,
    };
  }
}
