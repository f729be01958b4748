/**
 * Runs that somebody watches: their folder is read each second, once for all viewers. Nothing else is asked, so a run that a terminal
 * started is watched like one that the console started, and a console that was started anew goes on where it was.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseReasonLine } from '../../scenarios/lib/reasons.ts';
import { classOfStatus } from '../live/answer-class.ts';
import type { LiveMessage } from '../live/message.ts';
import { parsePosition, type Position, positionText } from '../live/position.ts';
import { RunView } from '../live/run-view.ts';
import { fillAbsent, migrate } from '../../results/migrations.ts';
import * as shapes from '../../results/schema.ts';
import type { ControlLine, LogSecond, MarkLine, Plan, Reconcile, ReconcileLiveLine, ResourceLine, SampleLine, Summary } from '../../results/types.ts'; // prettier-ignore
import { FILES } from '../../results/writer.ts';
import { Tail } from './tail.ts';

export const LOOK_MS = 1000;
/** A view is kept so long after its last viewer: a reload must not read a day's run again. */
const KEEP_MS = 60_000;
/** So many lines at once, then whoever waits for the server gets an answer. */
const AT_ONCE = 200;

/** Whether a process works on a run, and what the program that prepares it said. */
export type RunsNow = (id: string) => { isRunning: boolean; lines: string[] };

export type Viewer = {
  /** Gets what it has not seen. @param id of the event */
  send(message: LiveMessage, id: string): Promise<void>;
};

class Watched {
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

  get view(): RunView {
    return this.#view;
  }

  /** Counts what the files said anew; a viewer of an older round has nothing. */
  get round(): number {
    return this.#round;
  }

  /** Reads what is new; several at once read once. */
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
    await this.#lines(FILES.samples, (value, place) => {
      if (shapes.sampleLine.safeParse(value).success) view.addSample(value as SampleLine, place);
    });
    await this.#lines(FILES.resources, (value, place) => {
      if (shapes.resourceLine.safeParse(value).success)
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
    await this.#whole<Reconcile>(FILES.reconcile, 'reconcile', (value) => (view.reconcile = value));
    await this.#whole<Summary>(FILES.summary, 'summary', (value) => (view.summary = value));
  }

  /** What cannot be read is not there: a report of the folder says what is wrong with it. */
  async #whole<T>(
    name: string,
    kind: 'plan' | 'reconcile' | 'summary',
    found: (value: T) => void,
  ): Promise<void> {
    const path = join(this.#folder, name);
    try {
      const { mtimeMs, size } = await stat(path);
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

const isLook = (value: unknown): value is ReconcileLiveLine => {
  const { t, accepted, stored, notStored } = value as Partial<Record<string, unknown>>;
  return [t, accepted, stored, notStored].every((one) => typeof one === 'number');
};

export class Watches {
  readonly #now: RunsNow;
  readonly #watched = new Map<string, { run: Watched; viewers: number; leftAt: number }>();
  readonly #sweep: NodeJS.Timeout;

  constructor(now: RunsNow) {
    this.#now = now;
    this.#sweep = setInterval(() => this.#forget(), KEEP_MS).unref();
  }

  stop(): void {
    clearInterval(this.#sweep);
  }

  #forget(): void {
    for (const [folder, { viewers, leftAt }] of this.#watched)
      if (viewers === 0 && performance.now() - leftAt > KEEP_MS) this.#watched.delete(folder);
  }

  #of(id: string, folder: string) {
    let found = this.#watched.get(folder);
    if (found === undefined) {
      found = { run: new Watched(folder, () => this.#now(id)), viewers: 0, leftAt: 0 };
      this.#watched.set(folder, found);
    }
    return found;
  }

  /** The run as it is, in one message. */
  async once(id: string, folder: string): Promise<LiveMessage> {
    const found = this.#of(id, folder);
    found.leftAt = performance.now();
    await found.run.read();
    return found.run.view.message(null);
  }

  /**
   * Sends what a viewer does not have, then what comes, until `signal`.
   * @param lastId of the last event that it got; undefined or any other text: it has nothing
   * @param beat called where there was nothing to send
   */
  async follow(
    { id, folder, lastId, signal }: { id: string; folder: string; lastId: string | undefined; signal: AbortSignal }, // prettier-ignore
    viewer: Viewer,
    beat: () => Promise<void>,
  ): Promise<void> {
    const found = this.#of(id, folder);
    const { run } = found;
    found.viewers++;
    let since: Position | null = parsePosition(lastId);
    let { round } = run;
    let sent = '';
    try {
      while (!signal.aborted) {
        await run.read();
        if (run.round !== round) [since, round] = [null, run.round];
        const { view } = run;
        const at = view.position;
        const mark = [positionText(at), view.state, view.plan !== null, view.preparing.length, view.controlLines, view.reconcile !== null].join(); // prettier-ignore
        if (mark === sent) await beat();
        else {
          await viewer.send(view.message(since), positionText(at));
          [since, sent] = [at, mark];
        }
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, LOOK_MS);
          signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
        });
      }
    } finally {
      found.viewers--;
      found.leftAt = performance.now();
    }
  }
}
