/** What became of each submission of a run, by its index. Two bytes each, in pages, so it grows without a copy. */
import { CODE } from '../scenarios/lib/reports.ts';
import type { AnswerClass } from '../results/types.ts';

const PAGE = 65_536;
/** Beside the 12 bits of a report's code. */
const BEGUN = 0x1000;
const STOPPED = 0x2000;
const CODE_BITS = 0x0fff;

/** One answer: its class, and whether it was the expected one (status and body). */
export type Answer = { class: AnswerClass; expected: boolean };

export class AnswerTable {
  readonly #pages: Uint16Array[] = [];
  #length = 0;

  /** One above the highest index seen. */
  get length(): number {
    return this.#length;
  }

  #set(index: number, bits: number): void {
    const page = Math.floor(index / PAGE);
    this.#pages[page] ??= new Uint16Array(PAGE);
    this.#pages[page][index % PAGE] |= bits;
    if (index >= this.#length) this.#length = index + 1;
  }

  #get(index: number): number {
    return this.#pages[Math.floor(index / PAGE)]?.[index % PAGE] ?? 0;
  }

  /** @returns false if this index has an answer already: the report is a duplicate and was not stored */
  report(index: number, code: number): boolean {
    if (code === CODE.begun) this.#set(index, BEGUN);
    else if (code === CODE.threw || code === CODE.leaseEnded) this.#set(index, STOPPED);
    else if ((this.#get(index) & CODE_BITS) !== 0) return false;
    else this.#set(index, code);
    return true;
  }

  /** @returns null if no answer to submission `index` was reported */
  answerOf(index: number): Answer | null {
    const code = this.#get(index) & CODE_BITS;
    if (code === 0) return null;
    return { class: classOfCode(code), expected: (code & CODE.expected) !== 0 };
  }

  /**
   * Submissions that were begun and whose end was not reported: the target may have them. A lease sends one
   * after another, so each open lease has exactly one.
   * @param lease submissions per lease, as in the plan
   */
  *inFlight(lease: number): Generator<number> {
    for (let first = 0; first < this.#length; first += lease) {
      if ((this.#get(first) & BEGUN) === 0) continue;
      for (let index = first; index < first + lease; index++) {
        const bits = this.#get(index);
        if ((bits & CODE_BITS) !== 0) continue;
        if ((bits & STOPPED) === 0) yield index;
        break;
      }
    }
  }
}

/** `"200"`, or `"error:1050"`. */
export function classOfCode(code: number): AnswerClass {
  const plain = code & ~CODE.expected;
  return plain < 1000 ? String(plain) : `error:${plain}`;
}
