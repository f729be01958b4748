/** Writes what comes while a load runs. A results folder that cannot be written (a full disk) is reported once, and the load goes no further. */
import type { RunWriter } from '../results/writer.ts';

export class RunRecord {
  readonly writer: RunWriter;
  readonly #onUnwritable: (sentence: string) => void;
  #isUnwritable = false;

  /** @param onUnwritable called once */
  constructor(writer: RunWriter, onUnwritable: (sentence: string) => void) {
    this.writer = writer;
    this.#onUnwritable = onUnwritable;
  }

  write(action: (writer: RunWriter) => void): void {
    try {
      action(this.writer);
    } catch (error) {
      if (this.#isUnwritable) return;
      this.#isUnwritable = true;
      this.#onUnwritable(`the results folder cannot be written (${(error as Error).message})`);
    }
  }
}
