/**
 * Follows the target's logs while a load runs: files, systemd's journal, containers. A log that cannot be read is a note and never stops
 * the load; one that is written faster than the generator can spare time for is read in part, and says so.
 */
import type { LogFigures, LogSecond, LogTailLine } from '../../results/types.ts';
import { containerLogs } from '../container-logs.ts';
import { containerNameProblem, findContainer } from '../engine.ts';
import { followFile } from './follow-file.ts';
import { LineCutter } from '../../system/lines.ts';
import { NotStartedError, startProgram } from '../../system/run-program.ts';
import { LogTail } from './log-tail.ts';
import { type KnownMessage, LogWatch } from './log-watch.ts';
import type { LogReader } from './reader.ts';
import { journalLayer, parseObject } from './unwrap.ts';

export type LogSource =
  | { kind: 'file'; path: string; fromEnd: boolean; name: string }
  | { kind: 'journal'; unit: string; name: string }
  | { kind: 'container'; container: string; name: string };

/** systemd's own characters of a unit name (systemd.unit(5)); no option of journalctl begins so. */
const UNIT = /^[A-Za-z0-9@:_.][A-Za-z0-9@:_.\\-]*$/;

/** `FILE`, `journal:UNIT`, `container:NAME`. @returns the source, or what is wrong, to stand after the option's name */
export function parseLogSource(text: string): LogSource | { problem: string } {
  if (text.startsWith('journal:')) {
    const unit = text.slice('journal:'.length);
    if (!UNIT.test(unit))
      return { problem: `must name a unit as journal:uptime-backend does, but is "${text}"` };
    return { kind: 'journal', unit, name: text };
  }
  if (text.startsWith('container:')) {
    const container = text.slice('container:'.length);
    const problem = containerNameProblem(container);
    return problem === null ? { kind: 'container', container, name: text } : { problem };
  }
  return { kind: 'file', path: text, fromEnd: true, name: text };
}

/** Whether a text names a file, whose path is meant from where the option stands. */
export const isLogFile = (text: string): boolean => !/^(journal|container):/.test(text);

export type ContainerLog = (
  container: string,
  sinceMs: number,
  signal: AbortSignal,
) => AsyncIterable<{ t: number | null; text: string; stream?: string }>;

export type LogFollowing = {
  sources: readonly LogSource[];
  allow: readonly RegExp[];
  known?: readonly KnownMessage[];
  redact: (text: string) => string;
  env: NodeJS.ProcessEnv;
  onLine: (line: LogSecond) => void;
  /** The last records, as they came; once a second, where there are new ones. */
  onTail?: (lines: readonly LogTailLine[]) => void;
  onNote: (text: string) => void;
  now?: () => number;
  /** Instead of the engine's. */
  containerLog?: ContainerLog;
};

export type LogFollower = {
  /** Resolves after the first look: what is written from then on is read. */
  ready: Promise<void>;
  /** Reads what is left, writes the last lines and lets go of everything. Within some seconds, whatever hangs. */
  stop(): Promise<void>;
  /** null: of no source anything could be read. */
  figures(): LogFigures | null;
};

const EVERY_MS = 250;
/** Somebody who watches looks each second. */
const TAIL_EVERY_MS = 1000;
/** Of one source and look: 16 MB a second, which takes about a quarter of a core. */
const MOST_BYTES = 4 * 1024 * 1024;
/** At the end as much as this, once. */
const MOST_BYTES_AT_END = 16 * MOST_BYTES;
const STOP_MS = 2000;
/** A container that stopped may be started again. */
const AGAIN_MS = 1000;

/** One source under way. */
type Following = {
  /** Something could be read, if only an empty log. */
  isReadable: () => boolean;
  /** Now and then; sources that push by themselves have nothing to do here. */
  look(atMost: number): Promise<void>;
  stop(): Promise<void>;
};

type Surroundings = {
  reader: LogReader;
  skipped: (bytes: number) => void;
  note: (text: string) => void;
  /** Lines of this source so far. */
  lines: () => number;
  following: LogFollowing;
};

function startFile(
  { path, fromEnd }: Extract<LogSource, { kind: 'file' }>,
  { reader, skipped, note }: Surroundings,
): Following {
  const file = followFile({
    path,
    fromEnd,
    onLine: (line) => reader.add(line),
    onSkipped: skipped,
    onNote: note,
  });
  return {
    isReadable: () => file.wasOpened,
    look: (atMost) => file.read(atMost),
    stop: () => file.close(),
  };
}

/** Lets so many bytes pass in each second; of what comes faster nothing is kept. */
class Budget {
  #second = 0;
  #left = 0;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  takes(bytes: number): boolean {
    const second = Math.floor(this.#now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#left = (MOST_BYTES * 1000) / EVERY_MS;
    }
    this.#left -= bytes;
    return this.#left >= 0;
  }
}

/** Characters of one entry that are kept: as JSON a text of bytes takes four times its size. */
const LONGEST_ENTRY = 4 * 1024 * 1024;

/** @param line of `journalctl -o json`; what is no entry is passed over */
export function addJournalLine(line: string, reader: LogReader): void {
  const fields = parseObject(line);
  if (fields === null) {
    // An entry that is longer than is kept.
    if (line.length < LONGEST_ENTRY || !line.startsWith('{')) return;
    reader.leftOut(journalLayer({ PRIORITY: /"PRIORITY":"([0-7])"/.exec(line)?.[1] }) ?? {});
    return;
  }
  const entry = journalLayer(fields);
  if (entry === null) return;
  if (entry.text === null) reader.leftOut(entry);
  else reader.addEntry(entry.text, entry);
}

function startJournal(
  { unit, name }: Extract<LogSource, { kind: 'journal' }>,
  { reader, skipped, note, lines, following }: Surroundings,
): Following {
  // Without --all, MESSAGE is null where it is longer than 4,096 bytes.
  const args = ['--follow', '--output=json', '--all', '--lines=0', `--unit=${unit}`];
  const cutter = new LineCutter(LONGEST_ENTRY);
  const budget = new Budget(following.now ?? Date.now);
  let [isStopping, isReadable] = [false, true];
  const onStdout = (chunk: Buffer): void => {
    if (!budget.takes(chunk.length)) {
      skipped(chunk.length);
      cutter.skip();
      return;
    }
    for (const line of cutter.push(chunk)) addJournalLine(line, reader);
  };
  const failed = (how: string) => {
    if (isStopping) return;
    if (lines() === 0) isReadable = false;
    note(`the log ${name} cannot be followed: ${how}`);
  };
  const started = startProgram({
    file: 'journalctl',
    args,
    env: { ...following.env, LC_ALL: 'C' },
    stdout: onStdout,
    stderr: 'keep',
  });
  const ended = started.then(
    async (journal) => {
      const { exitCode, signal, stderr } = await journal.ended;
      const last = stderr.trim().split('\n').at(-1) ?? '';
      failed(
        `journalctl ended with ${signal ?? `exit code ${exitCode}`}${last === '' ? '' : ` (${last.slice(0, 200)})`}`,
      );
    },
    (error: Error) => {
      const isMissing = error instanceof NotStartedError && error.code === 'ENOENT';
      failed(isMissing ? 'journalctl is not installed here' : error.message);
    },
  );
  return {
    isReadable: () => isReadable,
    look: () => Promise.resolve(),
    async stop() {
      isStopping = true;
      const journal = await started.catch(() => null);
      await journal?.stop({ signal: 'SIGTERM', killAfterMs: STOP_MS });
      await ended;
    },
  };
}

const engineLog = (env: NodeJS.ProcessEnv): ContainerLog =>
  async function* (container, sinceMs, signal) {
    const { engine } = await findContainer(container, { env }, signal);
    yield* containerLogs(engine, container, sinceMs, signal);
  };

function startContainer(
  { container, name }: Extract<LogSource, { kind: 'container' }>,
  { reader, skipped, note, following }: Surroundings,
): Following {
  const { now = Date.now, env } = following;
  const containerLog = following.containerLog ?? engineLog(env);
  const ended = new AbortController();
  const budget = new Budget(now);
  let isReadable = false;
  let since = now();
  let noted = '';
  const loop = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      try {
        for await (const { t, text, stream = '' } of containerLog(container, since, ended.signal)) {
          isReadable = true;
          if (t !== null) since = Math.max(since, t + 1);
          if (budget.takes(text.length + 1)) reader.add(text, { t, stream });
          else skipped(text.length + 1);
        }
        isReadable = true;
      } catch (error) {
        const text = `the log ${name} cannot be read: ${(error as Error).message}`;
        if (!ended.signal.aborted && text !== noted) note(text);
        noted = text;
      }
      await sleep(AGAIN_MS, ended.signal);
    }
  };
  const done = loop();
  return {
    isReadable: () => isReadable || noted === '',
    look: () => Promise.resolve(),
    async stop() {
      ended.abort();
      await done;
    },
  };
}

const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end);
      resolve();
    }, ms);
    signal.addEventListener('abort', end, { once: true });
  });

/** Starts at once; what is in a file before its first look is passed over where its source says so. */
export function followLogs(following: LogFollowing): LogFollower {
  const { sources, allow, known = [], redact, onLine, onNote, now = Date.now } = following;
  const watch = new LogWatch({ allow, known, redact, now });
  const tail = following.onTail === undefined ? null : new LogTail(redact);
  let tailAt = -Infinity;
  const sayTail = (isEnd = false): void => {
    if (!isEnd && performance.now() - tailAt < TAIL_EVERY_MS) return;
    tailAt = performance.now();
    const lines = tail?.take() ?? null;
    if (lines !== null) following.onTail!(lines);
  };
  const note = (text: string) => onNote(redact(text));
  const all = sources.map((source) => {
    const { name } = source;
    const state = { lines: 0, leftOut: 0 };
    const reader = watch.reader({
      onLine: () => state.lines++,
      ...(tail !== null && { onRecord: (record) => tail.add(name, record) }),
      onLeftOut: () => {
        if (state.leftOut++ === 0)
          note(
            `the log ${name} has entries whose text journalctl left out, since they are too long: they are counted by their priority`,
          );
      },
    });
    const surroundings: Surroundings = {
      reader,
      skipped: (bytes) => watch.skipped(bytes),
      note,
      lines: () => state.lines,
      following,
    };
    return { name, state, reader, ...start(source, surroundings) };
  });
  const look = async (atMost: number): Promise<void> => {
    await Promise.all(all.map((one) => one.look(atMost)));
    for (const { reader } of all) reader.tick();
    for (const line of watch.takeLines()) onLine(line);
    sayTail();
  };
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  /** One look at a time. */
  const ready = look(MOST_BYTES);
  let work = ready;
  const schedule = (): void => {
    if (isStopped) return;
    timer = setTimeout(() => {
      work = look(MOST_BYTES).finally(schedule);
    }, EVERY_MS);
    timer.unref();
  };
  work = work.finally(schedule);
  return {
    ready,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await work;
      await look(MOST_BYTES_AT_END);
      await Promise.all(all.map((one) => one.stop()));
      for (const { reader } of all) reader.end();
      for (const line of watch.takeLines(true)) onLine(line);
      sayTail(true);
      for (const { name, state, isReadable } of all)
        if (state.lines === 0 && isReadable())
          note(`the log ${name} had not one line during the run: it says nothing of errors`);
    },
    figures() {
      const readable = all.filter((one) => one.isReadable());
      if (readable.length === 0) return null;
      const unread = all.filter(({ state }) => state.lines === 0);
      return watch.figures(
        readable.map(({ name }) => name),
        unread.map(({ name }) => name),
      );
    },
  };
}

function start(source: LogSource, surroundings: Surroundings): Following {
  if (source.kind === 'file') return startFile(source, surroundings);
  if (source.kind === 'journal') return startJournal(source, surroundings);
  return startContainer(source, surroundings);
}
