/**
 * Records of one stream of a log: a head and what belongs to it (stack traces, goroutine dumps, Python's tracebacks, causes, s-expressions,
 * DETAIL lines). A record ends where the next one begins, or when nothing came for a while. What follows a head of text without a head of
 * its own belongs to it; after a line of JSON or logfmt, which hold all, only what looks like a part of a dump. Pure.
 */
import { type Head, LONGEST_LOOKED_AT } from './head.ts';
import { jsonHead } from './json-head.ts';
import { isErrorLevel, type Level, levelByWords } from './level.ts';
import { textHead } from './text-head.ts';

export type LogRecord = {
  /** Ms since 1970 as its head says; null: it does not. */
  t: number | null;
  /** null: nothing says that it is more than information. */
  level: Level | null;
  message: string;
  /** Its first lines, for whoever looks for words in it; of a record below a warning the first one only. */
  text: string;
  lines: number;
  /** When its first line was read, ms since 1970. */
  readAt: number;
};

/** Without a line for so long, a record is over. */
export const RECORD_IDLE_MS = 1000;
/** A record of more lines is cut in two, lest one head swallow a log. */
export const MOST_RECORD_LINES = 100_000;
/** So many lines a heading waits for its message. */
const MOST_AWAITED = 30;

type Open = {
  head: Head;
  t: number | null;
  level: Level | null;
  message: string;
  text: string;
  lines: number;
  /** It has said all: an exception's last line has come. */
  isDone: boolean;
  /** A traceback is under way, whose last line names the exception. */
  isTraceback: boolean;
  /** Its message is still to come. */
  awaits: Head['messageFollows'] | null;
  /** When its first and its last line came. */
  from: number;
  at: number;
};

const crash = (level: Level | null, message: string, more: Partial<Head> = {}): Head => ({
  format: 'crash',
  t: null,
  level,
  message,
  ...more,
});
const plain = (line: string, level: Level | null = null, more: Partial<Head> = {}): Head => ({
  format: 'plain',
  t: null,
  level,
  message: line.trim(),
  ...more,
});

/** `java.io.IOException: x`, `TypeError: x`, `Error [ERR_X]: x`. */
const EXCEPTION =
  /^(?:Uncaught )?(?:[A-Za-z_$][\w$]{0,80}\.){0,12}(?:[A-Za-z_$][\w$]{0,80})?(?:Error|Exception|KeyboardInterrupt|SystemExit|Throwable)(?: \[[A-Z_0-9]{1,60}\])?(?::|$)/;
const QUALIFIED = /^(?:[A-Za-z_$][\w$]{0,80}\.)+[A-Z]/;
const TRACEBACK = /^\s*(?:\+ )?(?:Exception Group )?Traceback \(most recent call last\):/;
const NODE_SOURCE = /^(?:file:\/\/)?(?:\/|[A-Za-z]:\\|node:)\S*:\d+$/;

/** What all of them begin with: most lines are passed over by this alone. */
const MAY_BE_CRASH =
  /^(?:panic: |fatal error: |runtime: |unexpected fault|SIG|Segm|Bus |Abort|Kill|thread '|Exception in|# A fatal|Unhandled|Fatal error|Uncaught|\(monitor|\("?Unhandled|file:|\/|node:|[A-Za-z]:\\)/;

/** The last words of runtimes. @returns null: the line is none of them */
function crashHead(line: string): Head | null {
  if (!MAY_BE_CRASH.test(line)) return null;
  // Go: runtime/panic.go, runtime/signal_unix.go.
  if (line.startsWith('panic: ')) return crash('panic', line);
  if (line.startsWith('fatal error: ')) return crash('fatal', line);
  // The reason of the fatal error that follows.
  if (/^(?:runtime: |unexpected fault address )/.test(line)) return crash(null, line);
  if (/^SIG[A-Z]{2,6}: /.test(line)) return crash('fatal', line);
  if (/^(?:Segmentation fault|Bus error|Aborted|Killed)(?: \(core dumped\))?\s*$/.test(line))
    return plain(line, 'fatal');
  const heading: Partial<Head> = /:\s*$/.test(line) ? { messageFollows: 'next line' } : {};
  if (/^thread '[^']{0,200}'(?: \(\d+\))? panicked at /.test(line))
    return crash('panic', line, heading);
  if (/^Exception in thread /.test(line)) return plain(line, 'error');
  if (/^# A fatal error has been detected/.test(line)) return crash('fatal', line);
  if (/^Unhandled [Ee]xception[.:]/.test(line)) return plain(line, 'fatal');
  // OCaml, and Jane Street's Core and Async.
  if (/^Fatal error: exception /.test(line)) return crash('fatal', line);
  if (/^Uncaught exception:/.test(line)) return crash('fatal', line, heading);
  if (/^\((?:monitor\.ml\.Error|"?Unhandled exception)/.test(line))
    return plain(line, 'error', /Error\s*$/.test(line) ? { messageFollows: 'next line' } : {});
  if (NODE_SOURCE.test(line)) return plain(line, null, { messageFollows: 'exception' });
  return null;
}

/** Lines without a head that never stand alone. */
const PART_OF_DUMP =
  /^(?:\s|$|goroutine \d+|created by |runtime stack:|\[signal |\[originating from|exit status \d|Caused by:|Suppressed:|\.\.\. \d+ (?:more|common)|Wrapped by:|During handling of the above|The above exception was|Node\.js v\d|stack backtrace:|note: (?:run with|Some details)|Raised (?:at|by)|Re-raised at|Called from|\(Use `node |-{3,}$|[)}\]]+[;,]?\s*$|r(?:ax|bx|cx|dx|di|si|bp|sp|ip|flags)\s+0x|[\w./~%@*()[\]·-]{1,300}\((?:\)|\.\.\.\)|0x|\{)[^\n]*$)/;
const CHAIN = /^(?:During handling of the above|The above exception was)/;

export class RecordBuilder {
  readonly #emit: (record: LogRecord) => void;
  #open: Open | null = null;

  constructor(emit: (record: LogRecord) => void) {
    this.#emit = emit;
  }

  /**
   * @param text a line, cleaned and unwrapped; one with line ends in it is a record by itself
   * @param carried what the carrier of the line knows of it
   */
  push(text: string, now: number, carried: { t?: number | null; level?: Level | null } = {}): void {
    if (this.#open !== null && this.#open.lines >= MOST_RECORD_LINES) this.end();
    const open = this.#open;
    const newline = text.indexOf('\n');
    const line = newline === -1 ? text : text.slice(0, newline);
    const head = this.#headOf(line, open);
    if (head === null) {
      const isNews = isGrave(carried.level ?? null) && (open === null || !isGrave(open.level));
      if (open !== null && !isNews) {
        this.#append(open, text, now);
        return;
      }
      // The end of a dump whose beginning was not seen, or blank lines.
      if (!isNews) return;
    }
    if (head !== null && head.isAddition && open !== null) {
      this.#append(open, text, now);
      return;
    }
    if (head !== null && open !== null && isSecondHalf(open, head)) {
      open.level = head.level;
      if (head.level !== null) open.message = head.message;
      this.#append(open, text, now);
      return;
    }
    this.#begin(head ?? plain(line), text, now, carried);
  }

  /** @returns null: the line belongs to the open record, or to none */
  #headOf(line: string, open: Open | null): Head | null {
    const known =
      jsonHead(line) ?? crashHead(line) ?? (isInside(open, line) ? null : textHead(line));
    if (known !== null) return known;
    if (open === null) {
      if (TRACEBACK.test(line)) return plain(line, 'error', { messageFollows: 'exception' });
      if (EXCEPTION.test(line)) return plain(line, 'error');
      return PART_OF_DUMP.test(line) ? null : plain(line);
    }
    const isText = open.head.format === 'text' || open.head.format === 'crash';
    if (TRACEBACK.test(line)) {
      // logger.exception() prints one below its line; after a line of information it is the end of the program.
      if (open.isTraceback || (!open.isDone && isGrave(open.level) && isText)) return null;
      return plain(line, 'error', { messageFollows: 'exception' });
    }
    const isAwaiting = open.awaits !== null && open.lines < MOST_AWAITED;
    if (isAwaiting || open.isTraceback || PART_OF_DUMP.test(line)) return null;
    if (EXCEPTION.test(line)) {
      // Java's loggers print it below their line, of whatever level; others below a warning or an error.
      if (isText && !open.isDone && (isGrave(open.level) || QUALIFIED.test(line))) return null;
      return plain(line, 'error');
    }
    if (!isText || open.isDone) return plain(line);
    if (open.head.format === 'crash') return null;
    // A message of several lines; but what speaks of an error is not hidden behind what may be about something else.
    const mayHide = !isErrorLevel(open.level) || open.head.isLoose === true;
    return mayHide && levelByWords(line) !== null ? plain(line) : null;
  }

  #begin(
    head: Head,
    text: string,
    now: number,
    carried: { t?: number | null; level?: Level | null },
  ): void {
    this.end();
    const level =
      head.level ?? carried.level ?? levelByWords(head.message.slice(0, LONGEST_LOOKED_AT));
    this.#open = {
      head,
      // The carrier's clock has a zone.
      t: carried.t ?? head.t,
      level,
      message: head.message,
      text: text.slice(0, LONGEST_LOOKED_AT),
      lines: 1,
      isDone: false,
      isTraceback: TRACEBACK.test(head.message),
      awaits: head.messageFollows ?? null,
      from: now,
      at: now,
    };
    // An entry that holds all its lines.
    if (text.includes('\n'))
      for (const line of text.split('\n', 50).slice(1)) this.#append(this.#open, line, now);
  }

  #append(open: Open, line: string, now: number): void {
    open.lines++;
    open.at = now;
    if (open.awaits !== null && line.trim() !== '') this.#await(open, line);
    if (TRACEBACK.test(line)) open.isTraceback = true;
    else if (CHAIN.test(line)) [open.isDone, open.isTraceback] = [false, true];
    else if (open.isTraceback && /^[A-Za-z_]/.test(line)) {
      open.isTraceback = false;
      open.isDone = true;
      if (TRACEBACK.test(open.head.message)) open.message = line.trim();
    }
    const isKept = isGrave(open.level) || open.awaits !== null;
    if (isKept && open.text.length < LONGEST_LOOKED_AT)
      open.text = `${open.text}\n${line}`.slice(0, LONGEST_LOOKED_AT);
  }

  /** A line that may be the message of a record whose head is a heading. */
  #await(open: Open, line: string): void {
    if (open.awaits === 'next line') {
      open.message = line.trim();
      open.awaits = null;
      return;
    }
    if (!/^\S/.test(line) || !EXCEPTION.test(line.replace(/^\[/, ''))) return;
    open.message = line.trim();
    open.level ??= 'error';
    if (!open.isTraceback) open.awaits = null;
  }

  /** Ends a record to which nothing was added for {@link RECORD_IDLE_MS}. */
  tick(now: number): void {
    if (this.#open !== null && now - this.#open.at >= RECORD_IDLE_MS) this.end();
  }

  end(): void {
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    const { t, level, message, text, lines, from: readAt } = open;
    this.#emit({ t, level, message, text, lines, readAt });
  }
}

const isGrave = (level: Level | null): boolean => level === 'warning' || isErrorLevel(level);

/** A line of a dump may look like a head. */
const isInside = (open: Open | null, line: string): boolean =>
  open !== null && open.head.format === 'crash' && !/^\s/.test(line) && PART_OF_DUMP.test(line);

/** java.util.logging writes time and method in one line, level and message in the next. */
const JUL = /^[A-Z][a-z]{2} \d{1,2}, \d{4},? \d{1,2}:\d\d:\d\d [AP]M \S+ \S+$/;
/** Go's runtime gives a reason before it says what it dies of. */
const REASON = /^(?:runtime|unexpected fault)/;
function isSecondHalf(open: Open, head: Head): boolean {
  if (open.level !== null || head.t !== null) return false;
  if (open.head.format === 'crash')
    return head.format === 'crash' && REASON.test(open.head.message);
  return open.lines === 1 && head.level !== null && JUL.test(open.text);
}
