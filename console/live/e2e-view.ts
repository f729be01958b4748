/**
 * An end-to-end run as its state, its events and its results say it, while they grow. Bounded: so many steps of time, conditions and marks. Pure: who
 * reads the files is server/e2e-watch.ts.
 */
import type { Judged } from '../../e2e/judged.ts';
import type { RunFile } from '../../e2e/report/run-file.ts';
import type { E2eEvent } from '../../e2e/events.ts';
import type { RunState, StepRecord } from '../../e2e/state.ts';
import type { Mark } from '../../plots/marks.ts';
import { EXIT } from '../../user-error.ts';
import type { Counts, E2eCondition, E2eMessage, E2eState, E2eStep } from './e2e-message.ts';
import { Steps } from './steps.ts';

const MOST_MARKS = 100;
const MOST_CONDITIONS = 40;
/** Counts of one event that are kept. */
const MOST_COUNTS = 20;

/** What a run is known by, whoever made its files. */
export type E2eFiles = {
  /** null: it is torn down, or was never set up here. */
  state: Pick<RunState, 'createdMs' | 'steps' | 'chosen'> | null;
  /** A process works on it. */
  isHeld: boolean;
  /** What it is made of, as its state says it. */
  topology: readonly string[];
  /** Words of what is waited for. */
  conditions: readonly string[];
  run: RunFile | null;
  judged: readonly Judged[] | null;
  /** Of assertions alone, where nothing else says how it ended. */
  judgedCode: number;
};

/** `place`: bytes of its events. */
export type E2ePosition = { stepS: number; place: number };

export const e2ePositionText = ({ stepS, place }: E2ePosition): string => `${stepS}-${place}`;

/** @returns null for what is no position: everything is sent anew */
export function parseE2ePosition(text: string | undefined): E2ePosition | null {
  const match = /^(\d{1,6})-(\d{1,15})$/.exec(text ?? '');
  return match === null ? null : { stepS: Number(match[1]), place: Number(match[2]) };
}

const stateOfCode = (exitCode: number): E2eState => {
  switch (exitCode) {
    case EXIT.passed:
      return 'passed';
    case EXIT.gateFailed:
      return 'failed';
    case EXIT.noData:
      return 'no data';
    case EXIT.interrupted:
      return 'interrupted';
    default:
      return 'broken';
  }
};

export function e2eStateOf({ state, isHeld, run, judged, judgedCode }: E2eFiles): E2eState {
  if (isHeld) return 'running';
  if (run !== null) return stateOfCode(run.exitCode);
  if (state !== null) {
    const failed = Object.values(state.steps).find((step) => step?.status === 'failed');
    return failed === undefined ? 'kept' : stateOfCode(failed.error?.exitCode ?? EXIT.broken);
  }
  return judged === null ? 'unfinished' : stateOfCode(judgedCode);
}

/** In a sentence how it stands; null: nothing says so. */
export function e2eSentenceOf(files: E2eFiles): string | null {
  const { state, isHeld, run, judged } = files;
  if (run !== null && !isHeld) return run.sentence;
  const failed = Object.entries(state?.steps ?? {}).find(([, step]) => step?.status === 'failed');
  if (failed !== undefined) return `${failed[0]} failed: ${failed[1]?.error?.message ?? 'no reason was kept'}`; // prettier-ignore
  if (judged === null) return null;
  const { held, failed: broken, noData } = countsOfJudged(judged);
  const unknown = noData === 0 ? '' : `, ${noData} could not be judged`;
  return broken === 0
    ? `${held} assertions held${unknown}`
    : `${broken} of ${judged.length} assertions did not hold${unknown}`;
}

function countsOfJudged(judged: readonly Judged[]): NonNullable<E2eMessage['judged']> {
  const of = (wanted: Judged['outcome']) => judged.filter(({ outcome }) => outcome === wanted).length; // prettier-ignore
  return { held: of('held'), failed: of('failed'), noData: of('no data') };
}

type CountStep = { touched: number; counts: Counts };

const isCounts = (value: unknown): value is Counts =>
  typeof value === 'object' && value !== null && Object.values(value).every((one) => one === null || typeof one === 'number'); // prettier-ignore

export class E2eView {
  files: E2eFiles = {
    state: null,
    isHeld: false,
    topology: [],
    conditions: [],
    run: null,
    judged: null,
    judgedCode: EXIT.noData,
  };
  lines: readonly string[] = [];
  place = 0;

  readonly #titles: readonly { name: string; title: string }[];
  #startMs: number | null = null;
  #lastMs = 0;
  readonly #counts = new Steps<CountStep>(
    () => ({ touched: 0, counts: {} }),
    (a, b) => ({ touched: Math.max(a.touched, b.touched), counts: b.counts }),
  );
  #last: Counts | null = null;
  /** By its words; when it held last. */
  readonly #held = new Map<string, number>();
  readonly #marks: { atMs: number; text: string; kind: Mark['kind'] }[] = [];
  /** As the events say it, for a run whose state is gone. */
  readonly #steps = new Map<string, { status: string; beganMs: number; ms: number | null; message: string | null }>(); // prettier-ignore

  /** @param titles of the steps, in their order */
  constructor(titles: readonly { name: string; title: string }[]) {
    this.#titles = titles;
  }

  /** @param place in events.ndjson after it */
  addEvent({ at_ms: atMs, kind, fields }: E2eEvent, place: number): void {
    this.place = place;
    this.#startMs ??= atMs;
    this.#lastMs = Math.max(this.#lastMs, atMs);
    if (kind === 'counts') return this.#addCounts(fields, atMs, place);
    if (kind === 'step') return this.#addStep(fields, atMs);
    if (kind === 'condition') {
      const { words, counts } = fields;
      if (
        typeof words === 'string' &&
        (this.#held.has(words) || this.#held.size < MOST_CONDITIONS)
      ) {
        this.#held.set(words, atMs);
        this.#mark(atMs, words, 'change');
      }
      if (isCounts(counts)) this.#addCounts(counts, atMs, place);
      return;
    }
    if (kind === 'disturbance') {
      const { name, status } = fields;
      const words = [name, status].filter((one) => typeof one === 'string');
      this.#mark(atMs, words.length === 0 ? 'disturbance' : words.join(' '), 'event');
    }
  }

  #mark(atMs: number, text: string, kind: Mark['kind']): void {
    this.#marks.push({ atMs, text: text.slice(0, 120), kind });
    if (this.#marks.length > MOST_MARKS) this.#marks.shift();
  }

  #addCounts(counts: Record<string, unknown>, atMs: number, place: number): void {
    if (!isCounts(counts)) return;
    const kept = Object.fromEntries(Object.entries(counts).slice(0, MOST_COUNTS));
    const step = this.#counts.at(Math.max(0, Math.floor((atMs - this.#startMs!) / 1000)));
    if (step === null) return;
    step.touched = place;
    step.counts = kept;
    this.#last = kept;
  }

  #addStep({ step: name, status, ms, message }: Record<string, unknown>, atMs: number): void {
    if (typeof name !== 'string' || typeof status !== 'string') return;
    if (!this.#titles.some((one) => one.name === name)) return;
    if (status === 'begun') this.#mark(atMs, name, 'phase');
    this.#steps.set(name, {
      status,
      beganMs: status === 'begun' ? atMs : (this.#steps.get(name)?.beganMs ?? atMs),
      ms: typeof ms === 'number' ? ms : null,
      message: typeof message === 'string' ? message : null,
    });
  }

  get position(): E2ePosition {
    return { stepS: this.#counts.stepS, place: this.place };
  }

  /** @param since what the viewer has; null: nothing @param nowMs since 1970 */
  message(since: E2ePosition | null, nowMs: number): E2eMessage {
    const { files, position } = this;
    const { state, run, judged } = files;
    const known = since !== null && since.stepS === position.stepS && since.place <= position.place ? since : null; // prettier-ignore
    const start = this.#startMs;
    return {
      state: e2eStateOf(files),
      sentence: e2eSentenceOf(files),
      topology: [...(run?.topology ?? files.topology)],
      startedMs: run?.startedMs ?? state?.createdMs ?? start,
      endedMs: files.isHeld ? null : (run?.endedMs ?? null),
      steps: this.#titles.map((one) => this.#step(one, nowMs)),
      conditions: this.#conditions(),
      counts: this.#last,
      seconds: start === null ? 0 : Math.ceil((this.#lastMs - start) / 1000),
      stepS: position.stepS,
      isAnew: known === null,
      points: this.#counts.since(known?.place ?? 0).map(({ number, step }) => ({
        startS: number * position.stepS,
        counts: step.counts,
      })),
      marks: start === null ? [] : this.#marks.map(({ atMs, ...rest }) => ({ ...rest, atS: (atMs - start) / 1000 })), // prettier-ignore
      lines: [...this.lines],
      judged: judged === null ? null : countsOfJudged(judged),
    };
  }

  #conditions(): E2eCondition[] {
    const words = [...new Set([...this.files.conditions, ...this.#held.keys()])];
    return words.map((one) => ({ words: one, heldMs: this.#held.get(one) ?? null }));
  }

  /** The state knows best, then what the end of the run wrote down, then the events. */
  #step({ name, title }: { name: string; title: string }, nowMs: number): E2eStep {
    const nothing = { name, title, beganMs: null, ms: null, counts: null, message: null, hint: null }; // prettier-ignore
    const record = (this.files.state?.steps as Record<string, StepRecord | undefined> | undefined)?.[name]; // prettier-ignore
    if (record !== undefined) {
      const isCut = record.status === 'running' && !this.files.isHeld;
      return {
        ...nothing,
        status: isCut ? 'failed' : record.status,
        beganMs: record.beganMs,
        ms: isCut ? null : (record.endedMs ?? nowMs) - record.beganMs,
        counts: record.progress ?? (name === 'wait' ? this.#last : null),
        message: isCut ? 'it was killed in its middle' : (record.error?.message ?? null),
        hint: record.error?.hint ?? null,
      };
    }
    const result = this.files.run?.steps.find(({ step }) => step === name);
    const seen = this.#steps.get(name);
    if (result !== undefined && !this.files.isHeld) {
      const { outcome, ms, counts = null, message = null, hint = null } = result;
      const status = outcome === 'done before' ? 'done' : outcome;
      return { ...nothing, status, beganMs: seen?.beganMs ?? null, ms, counts, message, hint };
    }
    if (seen === undefined || this.files.state !== null) return { ...nothing, status: 'to do' };
    const { status, ...rest } = seen;
    const counts = name === 'wait' ? this.#last : null;
    if (status === 'begun') return { ...nothing, ...rest, status: 'left out', message: 'nothing says how it ended', counts }; // prettier-ignore
    return { ...nothing, ...rest, status: status === 'done' ? 'done' : 'failed', counts };
  }
}
