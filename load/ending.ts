/**
 * An end at once, by the second interrupt or by a fault of this toolkit: it waits for nothing, but what was measured is saved, and what must
 * not stay is removed.
 */
import type { Interrupts } from '../system/interrupts.ts';
import { rescueAtFault } from '../system/ending.ts';
import { Leftovers } from '../system/leftovers.ts';
import { EXIT } from '../user-error.ts';

/** Node ends without a word when nothing is left that could happen; an interrupt still can. */
const FOR_EVER_MS = 2 ** 30;

export class Ending {
  /** Folders that are removed then. */
  readonly leftovers = new Leftovers();
  readonly #actions: ((fault: string | null) => void)[] = [];
  readonly #forgetFaults: () => void;
  readonly #interrupts: Pick<Interrupts, 'second'>;
  readonly #alive = setInterval(() => undefined, FOR_EVER_MS);
  readonly #onSecond: () => void;

  /** @param exit of the process; it need not return */
  constructor(
    interrupts: Pick<Interrupts, 'second'>,
    exit: (code: number) => void = (code) => process.exit(code),
  ) {
    this.#interrupts = interrupts;
    const saveAll = (fault: string | null) => {
      for (const action of this.#actions.splice(0).reverse())
        try {
          action(fault);
        } catch {
          // What cannot be saved must not keep the rest from its end.
        }
      this.leftovers.removeNow();
    };
    this.#onSecond = () => {
      saveAll(null);
      exit(EXIT.interrupted);
    };
    this.#forgetFaults = rescueAtFault(saveAll);
    interrupts.second.addEventListener('abort', this.#onSecond);
  }

  /**
   * @param action synchronous; gets the fault in one sentence, null at an interrupt. The last one added comes first
   * @returns takes it back
   */
  atOnce(action: (fault: string | null) => void): () => void {
    this.#actions.push(action);
    return () => {
      const at = this.#actions.indexOf(action);
      if (at !== -1) this.#actions.splice(at, 1);
    };
  }

  /** All is whole: from now on an interrupt is nobody's business here. */
  stop(): void {
    clearInterval(this.#alive);
    this.#forgetFaults();
    this.#interrupts.second.removeEventListener('abort', this.#onSecond);
  }
}
