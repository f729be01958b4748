/** What became of each submission of a run, by its index: two bytes each, of a long run mostly in a file. */
import { CODE } from '../scenarios/lib/reports.ts';
import type { AnswerClass } from '../results/types.ts';
import { SpilledPages } from '../system/spilled-pages.ts';

/** Beside the 12 bits of a report's code. */
const BEGUN = 0x1000;
const STOPPED = 0x2000;
const CODE_BITS = 0x0fff;

/**
 * One answer: its class, whether it was the expected one (status and body), and whether it is that of a submission which
 * the target took: a body over the limit expects another.
 */
export type Answer = { class: AnswerClass; expected: boolean; accepted: boolean };

export class AnswerTable {
  readonly #bits: SpilledPages<Uint16Array<ArrayBuffer>>;
  #length = 0;
  /** Submissions that failed and will be sent again: the code of that answer. As many as VUs wait, at most. */
  readonly #waiting = new Map<number, number>();
  /** How often each was sent again; absent: never. */
  readonly #retries = new Map<number, number>();

  /** @param spillPath file for what is long past (system/spilled-pages.ts); null: all stays in memory */
  constructor(spillPath: string | null = null) {
    this.#bits = new SpilledPages(Uint16Array, spillPath);
  }

  /** One above the highest index seen. */
  get length(): number {
    return this.#length;
  }

  #set(index: number, bits: number): void {
    this.#bits.set(index, this.#bits.get(index) | bits);
    if (index >= this.#length) this.#length = index + 1;
  }

  #get(index: number): number {
    return index < this.#length ? this.#bits.get(index) : 0;
  }

  /** @returns false if this index has an answer already: the report is a duplicate and was not stored */
  report(index: number, code: number): boolean {
    if (code === CODE.begun) this.#set(index, BEGUN);
    else if (code === CODE.threw || code === CODE.leaseEnded) this.#set(index, STOPPED);
    else if ((this.#get(index) & CODE_BITS) !== 0) return false;
    else this.#set(index, code);
    return true;
  }

  /**
   * A submission failed with `code` and waits to be sent again; {@link CODE.begun}: it is on its way again.
   * @returns of the latter the code of the failure, else null
   */
  retry(index: number, code: number): number | null {
    if (code !== CODE.begun) {
      this.#waiting.set(index, code);
      return null;
    }
    const failure = this.#waiting.get(index);
    if (failure === undefined) return null;
    this.#waiting.delete(index);
    this.#retries.set(index, (this.#retries.get(index) ?? 0) + 1);
    return failure;
  }

  /** At the end: those that still wait are not sent again. @returns index and code of each */
  takeWaiting(): [index: number, code: number][] {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    return waiting;
  }

  /** How often submission `index` was sent again after a failure. */
  retriesOf(index: number): number {
    return this.#retries.get(index) ?? 0;
  }

  /** @returns null if no answer to submission `index` was reported */
  answerOf(index: number): Answer | null {
    const code = this.#get(index) & CODE_BITS;
    if (code === 0) return null;
    return {
      class: classOfCode(code),
      expected: (code & CODE.expected) !== 0,
      accepted: isAccepted(code),
    };
  }

  /** Gives its file back; nothing can be asked afterwards. */
  close(): void {
    this.#bits.close();
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

/** Whether the answer is that of a submission which the target took: status and body. */
export const isAccepted = (code: number): boolean =>
  code === CODE.taken || code === (200 | CODE.expected);

/** `"200"`, or `"error:1050"`. */
export function classOfCode(code: number): AnswerClass {
  if (code === CODE.taken) return '200';
  const plain = code & ~CODE.expected;
  return plain < 1000 ? String(plain) : `error:${plain}`;
}
