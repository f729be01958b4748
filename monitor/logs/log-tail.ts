/**
 * The last records of a target's log, of every severity, as somebody would see them at a terminal: beside the counts by shape, for whoever watches a load.
 * Bounded, whatever a target writes: {@link MOST_TAIL_LINES} records, each cut, and only those are cleaned that are still there when somebody takes
 * them. Pure.
 */
import type { LogTailLine } from '../../results/types.ts';
import type { LogRecord } from './record.ts';
import { hideSecrets, printable } from './shape.ts';

export const MOST_TAIL_LINES = 200;
const LONGEST_TEXT = 300;
/** Before secrets are taken out and blanks are joined. */
const LONGEST_KEPT = 4 * LONGEST_TEXT;

type Kept = { n: number; source: string; level: LogRecord['level']; t: number; text: string };

export class LogTail {
  readonly #redact: (text: string) => string;
  #kept: Kept[] = [];
  #clean: LogTailLine[] = [];
  #count = 0;
  #taken = 0;

  constructor(redact: (text: string) => string) {
    this.#redact = redact;
  }

  /** @param source whose log it is */
  add(source: string, { level, t, readAt, text }: LogRecord): void {
    const n = ++this.#count;
    this.#kept.push({ n, source, level, t: t ?? readAt, text: text.slice(0, LONGEST_KEPT) });
    // A little more than is kept, so that not each record moves all others.
    if (this.#kept.length >= 2 * MOST_TAIL_LINES) this.#kept.splice(0, MOST_TAIL_LINES);
  }

  /** @returns the last lines, the newest at the end; null: nothing came since it was taken last */
  take(): LogTailLine[] | null {
    if (this.#count === this.#taken) return null;
    this.#taken = this.#count;
    const fresh = this.#kept.splice(0).slice(-MOST_TAIL_LINES);
    const lines = fresh.map(({ n, source, level, t, text }): LogTailLine => ({
      n,
      t,
      source,
      ...(level !== null && { level }),
      text: printable(this.#redact(hideSecrets(text))).slice(0, LONGEST_TEXT),
    }));
    this.#clean = [...this.#clean, ...lines].slice(-MOST_TAIL_LINES);
    return this.#clean;
  }
}
