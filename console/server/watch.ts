/** A run that somebody watches: what its folder says, read as it grows. */
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseReasonLine } from '../../scenarios/lib/reasons.ts';
import { classOfStatus } from '../live/answer-class.ts';
import type { LiveMessage } from '../live/message.ts';
import { parsePosition, positionText } from '../live/position.ts';
import { RunView } from '../live/run-view.ts';
import { fillAbsent, migrate } from '../../results/migrations.ts';
import { looksLikeReading, looksLikeSample } from '../../results/quick-check.ts';
import * as shapes from '../../results/schema.ts';
import type { ControlLine, LogSecond, LogTailLine, MarkLine, Plan, Reconcile, ReconcileLiveLine, ResourceLine, SampleLine, Summary } from '../../results/types.ts'; // prettier-ignore
import { FILES } from '../../results/writer.ts';
import type { Followed } from './followers.ts';
import { Tail } from './tail.ts';

/** So many lines at once, then whoever waits for the server gets an answer. */
const AT_ONCE = 200;
const MOST_TAIL_BYTES = 4 * 1024 * 1024;

/** Whether a process works on a run, and what the program that prepares it said. */
export type RunsNow = (id: string) => { isRunning: boolean; lines: string[] };

export class WatchedRun implements Followed {
  readonly #folder: string;
  readonly #now: () => ReturnType<RunsNow>;
  #view = new RunView();
  #tails = new Map<string, Tail>();
  /** Of whole files that were read: their time and size. */
  readonly #read = new Map<string, string>();
  /** Resolves when the files were read. */
  #reading: Promise<void> | null = null;
  #round = 0;

  constructor(folder: string, now: () => ReturnType<RunsNow>) {
    this.#folder = folder;
    this.#now = now;
  }

  get round(): number {
    return this.#round;
  }

  get position(): string {
    return positionText(this.#view.position);
  }

  get mark(): string {
    const { state, plan, preparing, controlLines, reconcile } = this.#view;
    return [this.position, state, plan !== null, preparing.length, controlLines, reconcile !== null].join(); // prettier-ignore
  }

  message(since: string | undefined): LiveMessage {
    return this.#view.message(parsePosition(since));
  }

  read(): Promise<void> {
    this.#reading ??= this.#readNow().finally(() => (this.#reading = null));
    return this.#reading;
  }

  async #readNow(): Promise<void> {
    for (const tail of this.#tails.values())
      if (await tail.isReplaced()) {
        this.#view = new RunView();
        this.#tails = new Map();
        this.#read.clear();
        this.#round++;
        break;
      }
    const view = this.#view;
    const { isRunning, lines } = this.#now();
    view.isRunning = isRunning;
    view.preparing = lines;
    await this.#whole<Plan>(FILES.plan, 'plan', (plan) => view.setPlan(plan));
    // Before the samples: of a run that is over its figures are not made again.
    await this.#whole<Summary>(FILES.summary, 'summary', (value) => (view.summary = value));
    await this.#lines(FILES.samples, (value, place) => {
      if (looksLikeSample(value) || shapes.sampleLine.safeParse(value).success)
        view.addSample(value as SampleLine, place);
    });
    await this.#lines(FILES.resources, (value, place) => {
      if (looksLikeReading(value) || shapes.resourceLine.safeParse(value).success)
        view.addResource(value as ResourceLine, place);
    });
    await this.#lines(FILES.logs, (value, place) => {
      if (shapes.logSecond.safeParse(value).success) view.addLog(value as LogSecond, place);
    });
    await this.#lines(FILES.reconcileLive, (value) => {
      if (isLook(value)) view.addLook(value);
    });
    await this.#lines(FILES.control, (value) => {
      if (shapes.controlLine.safeParse(value).success) view.addControl(value as ControlLine);
    });
    await this.#lines(FILES.marks, (value) => {
      if (shapes.markLine.safeParse(value).success) view.addMark(value as MarkLine);
    });
    await this.#lines(FILES.k6Log, (value) => {
      const { msg } = value as { msg?: unknown };
      const reason = typeof msg === 'string' ? parseReasonLine(msg) : null;
      if (reason !== null) view.addExample(classOfStatus(msg as string), reason.words);
    });
    await this.#tailOf((lines) => view.setTail(lines));
    await this.#whole<Reconcile>(FILES.reconcile, 'reconcile', (value) => (view.reconcile = value));
  }

  /** What cannot be read is not there: a report of the folder says what is wrong with it. */
  async #whole<T>(
    name: string,
    kind: 'plan' | 'reconcile' | 'summary',
    found: (value: T) => void,
  ): Promise<void> {
    const path = join(this.#folder, name);
    try {
      const { mtimeMs, size } = await fileAt(path);
      const mark = `${mtimeMs} ${size}`;
      if (this.#read.get(name) === mark) return;
      const value = migrate(kind, JSON.parse(await readFile(path, 'utf8')), null);
      if (!shapes[kind].safeParse(value).success) return;
      this.#read.set(name, mark);
      found(fillAbsent(kind, value as T));
    } catch {
      // It is not there yet, or it is none of ours.
    }
  }

  /** It is written anew each second. */
  async #tailOf(found: (lines: LogTailLine[]) => void): Promise<void> {
    const path = join(this.#folder, FILES.logTail);
    try {
      const { mtimeMs, size } = await fileAt(path);
      const mark = `${mtimeMs} ${size}`;
      if (this.#read.get(path) === mark || size > MOST_TAIL_BYTES) return;
      const read = shapes.logTail.safeParse(JSON.parse(await readFile(path, 'utf8')));
      if (!read.success) return;
      this.#read.set(path, mark);
      found(read.data.lines);
    } catch {
      // It is not there.
    }
  }

  async #lines(name: string, found: (value: unknown, place: number) => void): Promise<void> {
    let tail = this.#tails.get(name);
    if (tail === undefined) this.#tails.set(name, (tail = new Tail(join(this.#folder, name))));
    for await (const piece of tail.lines())
      for (const [i, { text, place }] of piece.entries()) {
        if (i % AT_ONCE === AT_ONCE - 1) await new Promise((turn) => setImmediate(turn));
        if (text.trim() === '') continue;
        try {
          found(JSON.parse(text), place);
        } catch {
          // A line that is broken: the report of the run names it.
        }
      }
  }
}

/** @throws Error where there is none; a link may lead anywhere and is none */
async function fileAt(path: string) {
  const found = await lstat(path);
  if (!found.isFile()) throw new Error(`${path} is no file`);
  return found;
}

const isLook = (value: unknown): value is ReconcileLiveLine => {
  const { t, accepted, stored, notStored } = value as Partial<Record<string, unknown>>;
  return [t, accepted, stored, notStored].every((one) => typeof one === 'number');
};
