/**
 * One source of a log: its lines in, records out. Lines are cleaned, unwrapped, parts put together, and cut into records for each
 * stream of its own. Memory is bounded: so many streams, one open record and one open line each. Pure: the clock is an argument.
 */
import { cleanLine } from './clean.ts';
import type { Level } from './level.ts';
import { type LogRecord, RECORD_IDLE_MS, RecordBuilder } from './record.ts';
import { unwrap } from './unwrap.ts';

/** What a source itself knows of a line. */
export type Carried = { t?: number | null; level?: Level | null; stream?: string };

export type LogReaderOptions = {
  /** A line was read, whatever it holds; a line that came in parts is one. */
  onLine: () => void;
  onRecord: (record: LogRecord) => void;
  /** A carrier left out what a program said (`journalctl -o json` without `--all`). */
  onLeftOut?: () => void;
  /** Ms since 1970. */
  now: () => number;
};

/** Streams that are kept apart at a time: containers of a compose log, processes of a journal. */
const MOST_STREAMS = 64;
/** A line that comes in parts is cut after so many characters. */
const LONGEST_LINE = 65_536;

/** Docker's file inside of Kubernetes' is one, and not more was ever seen. */
const MOST_CUTTERS = 2;

export const LEFT_OUT = '(a message that journalctl left out)';

type Stream = {
  records: RecordBuilder;
  /** The parts of a line that is not whole yet; null: none. */
  parts: { text: string; carried: Carried; at: number } | null;
};

export class LogReader {
  readonly #options: LogReaderOptions;
  /** The one that was used last stands last. */
  readonly #streams = new Map<string, Stream>();
  #last: { name: string; stream: Stream } | null = null;

  constructor(options: LogReaderOptions) {
    this.#options = options;
  }

  /** @param line without its line end */
  add(line: string, carried: Carried = {}): void {
    this.#add(cleanLine(line), carried, 0);
  }

  /** @param depth how many carriers that cut lines are around it */
  #add(text: string, carried: Carried, depth: number): void {
    const found = unwrap(text);
    const name = [carried.stream ?? '', found.stream].filter((one) => one !== '').join(' ');
    const known: Carried = {
      t: carried.t ?? found.t,
      level: found.level ?? carried.level ?? null,
      stream: name,
    };
    if (found.text === null) this.leftOut(known);
    else if (found.isPart === null || depth >= MOST_CUTTERS)
      this.#whole(this.#streamOf(name), found.text, known);
    else this.#part(found.text, found.isPart, known, depth);
  }

  #part(text: string, isPart: boolean, known: Carried, depth: number): void {
    const stream = this.#streamOf(known.stream ?? '');
    const before = stream.parts;
    if (!isPart && before === null) {
      this.#add(text, known, depth + 1);
      return;
    }
    const carried = before?.carried ?? known;
    const joined = ((before?.text ?? '') + text).slice(0, LONGEST_LINE);
    stream.parts = isPart ? { text: joined, carried, at: this.#options.now() } : null;
    if (!isPart) this.#add(joined, carried, depth + 1);
  }

  /** An entry whose text a carrier left out. */
  leftOut({ t, level = null, stream = '' }: Carried): void {
    this.#options.onLeftOut?.();
    const into = this.#streamOf(stream);
    // It is no part of the entry before it.
    into.records.end();
    this.#whole(into, LEFT_OUT, { t, level });
  }

  /** An entry of a carrier that is one record, of however many lines. */
  addEntry(text: string, carried: Carried): void {
    this.#add(
      text.includes('\n') ? text.split('\n').map(cleanLine).join('\n') : cleanLine(text),
      carried,
      0,
    );
  }

  #whole(stream: Stream, text: string, known: Carried): void {
    this.#options.onLine();
    // Colours may stand inside of what was wrapped.
    const clean = text.includes('\u001b') ? text.split('\n').map(cleanLine).join('\n') : text;
    stream.records.push(clean, this.#options.now(), known);
  }

  #streamOf(name: string): Stream {
    if (this.#last?.name === name) return this.#last.stream;
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      stream = { records: new RecordBuilder(this.#options.onRecord), parts: null };
      if (this.#streams.size >= MOST_STREAMS) {
        const oldest = this.#streams.keys().next().value;
        if (oldest !== undefined) this.#leave(oldest);
      }
    }
    this.#streams.delete(name);
    this.#streams.set(name, stream);
    this.#last = { name, stream };
    return stream;
  }

  #leave(name: string): void {
    const stream = this.#streams.get(name);
    this.#streams.delete(name);
    if (stream === undefined) return;
    this.#flush(stream);
    stream.records.end();
  }

  /** What came of a line is taken as the line. */
  #flush(stream: Stream): void {
    const { parts } = stream;
    if (parts === null) return;
    stream.parts = null;
    this.#whole(stream, cleanLine(parts.text), parts.carried);
  }

  /** Ends what nothing was added to for a while. */
  tick(): void {
    const now = this.#options.now();
    for (const stream of this.#streams.values()) {
      if (stream.parts !== null && now - stream.parts.at >= RECORD_IDLE_MS) this.#flush(stream);
      stream.records.tick(now);
    }
  }

  /** Ends all that is under way. */
  end(): void {
    for (const name of [...this.#streams.keys()]) this.#leave(name);
    this.#last = null;
  }
}
