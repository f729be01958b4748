/** The terminal: lines that stay, and one that is replaced. */

type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

/** Seconds between two lines where the output is not a terminal: a log of an hour stays readable. */
const PLAIN_LINE_EVERY_MS = 10_000;

/** Lines that stay, and one line at the bottom that is replaced; only lines that stay where there is no terminal. */
export class Screen {
  readonly #output: Output;
  readonly #now: () => number;
  #lastPlain = -Infinity;
  #live = false;

  constructor(output: Output, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
  }

  /** A line that stays. */
  line(text: string): void {
    this.#clear();
    this.#output.write(`${text}\n`);
    this.#lastPlain = -Infinity;
  }

  /** The line that changes. Where there is no terminal it is printed every ten seconds. */
  status(text: string): void {
    if (this.#output.isTTY) {
      const width = (this.#output.columns || 80) - 1; // 0: a terminal that does not know
      this.#output.write(`\r\u001b[2K${text.slice(0, width)}`);
      this.#live = true;
      return;
    }
    const now = this.#now();
    if (now - this.#lastPlain < PLAIN_LINE_EVERY_MS) return;
    this.#lastPlain = now;
    this.#output.write(`${text}\n`);
  }

  #clear(): void {
    if (this.#live) this.#output.write('\r\u001b[2K');
    this.#live = false;
  }

  /** Leaves the cursor on a line of its own. */
  end(): void {
    this.#clear();
  }
}
