/** The terminal: lines that stay, and one that is replaced. An output that is gone, or takes nothing, costs its text and nothing else. */
import { hasRoom } from './stopped-terminal.ts';

type Output = NodeJS.WritableStream & {
  isTTY?: boolean;
  columns?: number;
  writableLength?: number;
};

/** A text, or one that is made for the room that there is, in characters. */
export type StatusText = string | ((width: number) => string);

/** Milliseconds between two lines where the output is not a terminal: a log of an hour stays readable. */
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
    this.answer(text);
  }

  /** A line that stays, and answers the user: also where steps are nobody's news (load/part-screen.ts). */
  answer(text: string): void {
    this.#clear();
    this.#write(`${text}\n`);
    this.#lastPlain = -Infinity;
  }

  /** The line that changes. Where there is no terminal it is printed every ten seconds. */
  status(text: StatusText): void {
    if (this.#output.isTTY) {
      // What waits is old by the time that it is seen.
      if (!hasRoom(this.#output, 'is replaced')) return;
      const width = (this.#output.columns || 80) - 1; // 0: a terminal that does not know
      this.#write(`\r\u001b[2K${textFor(text, width).slice(0, width)}`);
      this.#live = true;
      return;
    }
    const now = this.#now();
    if (now - this.#lastPlain < PLAIN_LINE_EVERY_MS || !hasRoom(this.#output, 'stays')) return;
    this.#lastPlain = now;
    this.#write(`${textFor(text, Infinity)}\n`);
  }

  #clear(): void {
    if (this.#live) this.#write('\r\u001b[2K');
    this.#live = false;
  }

  /** What goes wrong is reported by the stream's own event, to whoever owns the stream (system/ending.ts). */
  #write(text: string): void {
    if (!hasRoom(this.#output, 'stays')) return;
    try {
      this.#output.write(text);
    } catch {
      // Some streams throw where others send an event: a full disk must not end a load.
    }
  }

  /** Leaves the cursor on a line of its own. */
  end(): void {
    this.#clear();
  }
}

export const textFor = (text: StatusText, width: number): string =>
  typeof text === 'string' ? text : text(width);
