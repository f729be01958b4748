/** A run as its files say it while they grow, and what a viewer has not seen of it yet. Pure: who reads the files is server/watch.ts. */
import type { GateFigures, GateRule } from '../../judge/gates.ts';
import { roundMarks } from '../../plots/data.ts';
import { controlMarks, faultMarks } from '../../plots/marks.ts';
import { ACCEPTED, compareAnswers, describeAnswer, labelAnswer } from '../../results/answers.ts';
import { ProcessMeter, takenIn } from '../../results/figures.ts';
import { marksOf } from '../../results/marks.ts';
import { paceInWords } from '../../results/pace.ts';
import { startedIn } from '../../results/rates.ts';
import type {
  AnswerClass,
  ControlLine,
  HostReading,
  LogSecond,
  LogTailLine,
  MarkLine,
  Plan,
  ProcessReading,
  Reconcile,
  ReconcileLiveLine,
  ResourceLine,
  SampleLine,
  Summary,
} from '../../results/types.ts';
import { EXIT } from '../../user-error.ts';
import { NO_ANSWER } from './answer-class.ts';
import { gatesAtEnd, gatesSoFar, rulesOfPlan } from './gates.ts';
import type {
  AnswerGroup,
  FaultLine,
  LiveMessage,
  LogGroup,
  LogLine,
  TailLine,
  Pace,
  RunState,
  SeriesPart,
} from './message.ts';
import { LatencySoFar } from './histogram.ts';
import type { Position } from './position.ts';
import { ReadingSteps, SampleSteps } from './steps.ts';

/** Rows of tables, whatever a target writes: the rest is in the files. */
const MOST_LOG_LINES = 200;
const MOST_LOG_SHAPES = 60;
const MOST_EXAMPLES = 3;
const EXAMPLE_CHARACTERS = 300;
const MOST_PROCESSES = 24;
const MOST_CONTROL = 200;
const MOST_EVENTS = 100;
/** Readings before the first answer: where they lie on the axis is known when it comes. */
const MOST_EARLY = 600;

type Series = { samples: SampleSteps; host: ReadingSteps; processes: Map<string, ReadingSteps> };

const newSeries = (isWindow: boolean): Series => ({
  samples: new SampleSteps(isWindow),
  host: new ReadingSteps(isWindow),
  processes: new Map(),
});

export class RunView {
  plan: Plan | null = null;
  summary: Summary | null = null;
  reconcile: Reconcile | null = null;
  /** Set by who reads: whether a process works on it. */
  isRunning = false;
  /** What the program that prepares it says. */
  preparing: string[] = [];
  /** Of the lines that were added. */
  readonly place = { samples: 0, resources: 0, logs: 0, tail: 0 };
  #tail: TailLine[] = [];

  #rules: GateRule[] = [];
  /** Nothing else of the page shows the latency with what stood around the request. */
  #needsFelt = false;
  readonly #whole = newSeries(false);
  readonly #recent = newSeries(true);
  #startT: number | null = null;
  #lastS = -1;
  #last: SampleLine | null = null;
  #early: { line: ProcessReading | HostReading; place: number }[] = [];
  readonly #totals = {
    sent: 0,
    started: 0,
    accepted: 0,
    expected: 0,
    bytesSent: 0,
    bytesReceived: 0,
    failedIterations: 0,
    late: 0,
    dropped: 0,
    retries: 0,
  };
  readonly #answers = new Map<AnswerClass, { count: number; lastS: number }>();
  readonly #examples = new Map<AnswerClass, string[]>();
  readonly #latency = new LatencySoFar();
  readonly #felt = new LatencySoFar();
  readonly #meter = new ProcessMeter();
  readonly #lastReadings = new Map<string, ProcessReading>();
  #hostCores: number | null = null;
  readonly #events: { t: number; text: string }[] = [];
  readonly #shapes = new Map<string, LogGroup>();
  readonly #logLines: { line: LogLine; place: number }[] = [];
  #look: ReconcileLiveLine | null = null;
  readonly #control: ControlLine[] = [];
  #marks: MarkLine[] = [];
  #markLines = 0;

  setPlan(plan: Plan): void {
    this.plan = plan;
    this.#rules = rulesOfPlan(plan);
    this.#needsFelt = this.#rules.some(({ metric }) => metric.startsWith('felt-'));
  }

  /** @param place in samples.ndjson after this line. @throws Error if its histogram is broken */
  addSample(line: SampleLine, place: number): void {
    this.place.samples = place;
    // The summary of a run that is over has these figures, and a day's histograms take seconds to open.
    const isCounted = this.summary === null && line.elapsedS * 1000 >= (this.plan?.load.warmUpMs ?? 0); // prettier-ignore
    if (isCounted && line.latency !== null) this.#latency.add(line.latency);
    if (isCounted && line.felt !== null && this.#needsFelt) this.#felt.add(line.felt);
    this.#startT ??= line.t - line.elapsedS * 1000;
    for (const series of [this.#whole, this.#recent]) series.samples.add(line, place);
    this.#alignSteps();
    this.#last = line;
    this.#lastS = Math.max(this.#lastS, line.elapsedS);
    const totals = this.#totals;
    const { accepted, expected } = takenIn(line);
    totals.sent += line.sent;
    totals.started += startedIn(line);
    totals.accepted += accepted;
    totals.expected += expected;
    totals.bytesSent += line.bytesSent;
    totals.bytesReceived += line.bytesReceived;
    totals.failedIterations += line.failedIterations ?? 0;
    totals.late += line.late ?? 0;
    totals.dropped += line.dropped ?? 0;
    totals.retries += line.retries ?? 0;
    for (const [answer, count] of Object.entries(line.answers)) {
      const known = this.#answers.get(answer);
      if (known === undefined) this.#answers.set(answer, { count, lastS: line.elapsedS });
      else {
        known.count += count;
        if (count > 0) known.lastS = line.elapsedS;
      }
    }
    for (const early of this.#early.splice(0)) this.#addReading(early.line, early.place);
  }

  addResource(line: ResourceLine, place: number): void {
    this.place.resources = place;
    if (line.kind === 'note') {
      this.#events.push({ t: line.t, text: `${line.name}: ${line.text}` });
      if (this.#events.length > MOST_EVENTS) this.#events.shift();
      return;
    }
    if (line.kind === 'postgres') return;
    if (line.kind === 'host') this.#hostCores = line.cores;
    else {
      this.#meter.add(line);
      if (this.#lastReadings.has(line.name) || this.#lastReadings.size < MOST_PROCESSES)
        this.#lastReadings.set(line.name, line);
    }
    if (this.#startT !== null) this.#addReading(line, place);
    else {
      this.#early.push({ line, place });
      if (this.#early.length > MOST_EARLY) this.#early.shift();
    }
  }

  #addReading(line: ProcessReading | HostReading, place: number): void {
    const second = (line.t - this.#startT!) / 1000;
    for (const series of [this.#whole, this.#recent]) {
      const { processes, host } = series;
      if (line.kind === 'host') {
        host.add({ cpuCores: line.cpuCores, rssBytes: line.memoryUsedBytes }, second, place);
        continue;
      }
      let steps = processes.get(line.name);
      if (steps === undefined) {
        if (processes.size >= MOST_PROCESSES) continue;
        processes.set(line.name, (steps = new ReadingSteps(series === this.#recent)));
      }
      steps.add(line, second, place);
    }
    this.#alignSteps();
  }

  /** All series of a run have steps of one length. */
  #alignSteps(): void {
    const { samples, host, processes } = this.#whole;
    const all = [samples, host, ...processes.values()];
    const stepS = all.reduce((most, steps) => Math.max(most, steps.stepS), 1);
    for (const steps of all) steps.widenTo(stepS);
  }

  addLog({ t, shape, count, allowed = false, ...rest }: LogSecond, place: number): void {
    const level = rest.level ?? 'error';
    this.place.logs = place;
    this.#logLines.push({ line: { t, shape, count, level, allowed }, place });
    if (this.#logLines.length > MOST_LOG_LINES) this.#logLines.shift();
    const key = `${level} ${shape}`;
    const known = this.#shapes.get(key);
    if (known !== undefined) {
      known.count += count;
      known.lastT = Math.max(known.lastT, t);
    } else if (this.#shapes.size < MOST_LOG_SHAPES)
      this.#shapes.set(key, { shape, level, count, allowed, firstT: t, lastT: t, example: null });
  }

  /** The last ones, in their order. */
  setTail(lines: readonly LogTailLine[]): void {
    this.#tail = lines
      .slice(-MOST_LOG_LINES)
      .map(({ n, t, source, level = 'info', text }) => ({ n, t, source, level, text: text.slice(0, EXAMPLE_CHARACTERS) })); // prettier-ignore
    this.place.tail = this.#tail.at(-1)?.n ?? 0;
  }

  addControl(line: ControlLine): void {
    this.#control.push(line);
    if (this.#control.length > MOST_CONTROL) this.#control.splice(1, 1);
  }

  addMark(line: MarkLine): void {
    this.#marks = marksOf([...this.#marks, line]).slice(-MOST_CONTROL);
    this.#markLines++;
  }

  /** Lines that say what was asked of it, or was done to it. */
  get controlLines(): number {
    return this.#control.length + this.#markLines;
  }

  #marksFrom(startT: number): LiveMessage['control'] {
    const span = { startT, seconds: this.#lastS + 1 };
    return [...controlMarks(this.#control, startT), ...faultMarks(this.#marks, span)];
  }

  #faultLines(startT: number): FaultLine[] {
    return this.#marks.map(({ label, fromMs, toMs, problem }) => ({
      atS: (fromMs - startT) / 1000,
      untilS: toMs === undefined ? null : (toMs - startT) / 1000,
      text: label.slice(0, EXAMPLE_CHARACTERS),
      problem: problem?.slice(0, EXAMPLE_CHARACTERS) ?? null,
    }));
  }

  addLook(line: ReconcileLiveLine): void {
    this.#look = line;
  }

  /** Words of an answer that was not the expected one. */
  addExample(answer: AnswerClass, words: string): void {
    const known = this.#examples.get(answer) ?? [];
    if (known.length >= MOST_EXAMPLES) return;
    this.#examples.set(answer, [...known, words.slice(0, EXAMPLE_CHARACTERS)]);
  }

  get position(): Position {
    return { stepS: this.#whole.samples.stepS, ...this.place };
  }

  get state(): RunState {
    if (this.summary !== null) return stateOf(this.summary);
    if (!this.isRunning) return 'unfinished';
    return this.#startT === null ? 'preparing' : 'running';
  }

  /** @param since what the viewer has; null: nothing */
  message(since: Position | null): LiveMessage {
    const { plan, summary } = this;
    const now = this.position;
    const known =
      since !== null &&
      // Readings from before the first answer have their place on the axis only then.
      since.samples > 0 &&
      since.stepS === now.stepS &&
      since.samples <= now.samples &&
      since.resources <= now.resources &&
      since.logs <= now.logs &&
      since.tail <= now.tail
        ? since
        : null;
    const seconds = this.#lastS + 1;
    const elapsedMs = seconds * 1000;
    const durationMs = plan?.estimate.durationMs ?? null;
    return {
      state: this.state,
      plan: plan && {
        id: plan.id,
        scenario: plan.scenario,
        plannedAt: plan.plannedAt,
        seed: plan.seed,
        target: plan.target,
        pace: paceInWords(plan.load),
        durationMs: plan.load.durationMs,
        producers: plan.corpus.producers,
        warmUpMs: plan.load.warmUpMs ?? 0,
      },
      preparing: this.#startT === null ? this.preparing : [],
      startT: this.#startT,
      seconds,
      elapsedMs,
      leftMs: durationMs === null || summary !== null ? null : Math.max(0, durationMs - elapsedMs),
      now: this.#secondNow(),
      totals: this.#totalsNow(),
      gates: summary ? gatesAtEnd(summary.gates) : gatesSoFar(this.#rules, this.#figures()),
      answers: this.#answerGroups(),
      logs: this.#logGroups(),
      logLines: this.#logLines
        .filter(({ place }) => place > (known?.logs ?? 0))
        .map(({ line }) => line),
      tail: this.#tail.filter(({ n }) => n > (known?.tail ?? 0)),
      stored: this.#storedNow(),
      processes: [...this.#lastReadings.values()].map(({ name, cpuCores, rssBytes }) => ({
        name,
        cpuCores: cpuCores ?? null,
        rssBytes: rssBytes ?? null,
      })),
      hostCores: this.#hostCores,
      events: this.#eventsOnAxis(seconds),
      rounds: roundMarks(plan?.load.timed?.rounds, 0, { seconds }),
      control: this.#startT === null ? [] : this.#marksFrom(this.#startT),
      faults: this.#startT === null ? [] : this.#faultLines(this.#startT),
      pace: this.#pace(),
      whole: partOf(this.#whole, known),
      recent: partOf(this.#recent, known),
      verdict: summary && {
        passed: summary.verdict.passed,
        sentence: summary.verdict.sentence,
        exitCode: summary.verdict.exitCode,
      },
      notes: summary?.notes ?? [],
    };
  }

  #secondNow(): LiveMessage['now'] {
    const last = this.#last;
    if (last === null) return null;
    const { accepted, expected } = takenIn(last);
    const { latency } = last;
    return {
      sent: last.sent,
      accepted,
      errors: last.sent - expected,
      vus: last.vus,
      p50: latency?.p50 ?? null,
      p95: latency?.p95 ?? null,
      p99: latency?.p99 ?? null,
    };
  }

  #totalsNow(): LiveMessage['totals'] {
    const { sent, accepted, expected, bytesSent, failedIterations, late, dropped, retries } = this.#totals; // prettier-ignore
    const figures = this.summary?.figures ?? null;
    const latency = figures === null ? this.#latency.figures() : figures.latency;
    return {
      sent,
      accepted,
      errors: sent - expected,
      errorRate: sent === 0 ? null : (sent - expected) / sent,
      bytesSent,
      failedIterations,
      late,
      dropped,
      retries,
      p50: latency?.p50Ms ?? null,
      p95: latency?.p95Ms ?? null,
      p99: latency?.p99Ms ?? null,
      submissionsPerSecond: figures ? figures.submissionsPerSecond : this.#rate('started'),
    };
  }

  /** Over the whole seconds so far. */
  #rate(of: 'started' | 'accepted'): number | null {
    return this.#lastS < 0 ? null : this.#totals[of] / (this.#lastS + 1);
  }

  #figures(): GateFigures {
    const { sent, started, accepted, expected, bytesSent, bytesReceived, failedIterations, late, dropped } = this.#totals; // prettier-ignore
    const isOpen = this.plan?.load.rate !== undefined || this.plan?.load.timed !== undefined;
    const planned = started + dropped;
    return {
      sent,
      started,
      accepted,
      expected,
      answers: Object.fromEntries([...this.#answers].map(([answer, { count }]) => [answer, count])),
      errorRate: sent === 0 ? null : (sent - expected) / sent,
      submissionsPerSecond: this.#rate('started'),
      acceptedPerSecond: this.#rate('accepted'),
      bytesSent,
      bytesReceived,
      latency: this.#latency.figures(),
      felt: this.#felt.figures(),
      failedIterations,
      processes: this.#meter.figures(),
      schedule: isOpen
        ? {
            planned,
            started,
            late,
            dropped,
            droppedWhileFree: 0,
            onTimeShare: planned === 0 ? null : (started - late) / planned,
            latenessP99Ms: null,
            toleranceMs: 0,
          }
        : null,
    };
  }

  #answerGroups(): AnswerGroup[] {
    const { sent } = this.#totals;
    return [...this.#answers]
      .filter(([answer, { count }]) => answer !== ACCEPTED && count > 0)
      .sort(([a, one], [b, other]) => other.count - one.count || compareAnswers(a, b))
      .map(([answer, { count, lastS }]) => ({
        answer,
        label: labelAnswer(answer),
        what: describeAnswer(answer),
        count,
        share: count / sent,
        lastS,
        examples: this.#examples.get(answer.startsWith('error:') ? NO_ANSWER : answer) ?? [],
      }));
  }

  #logGroups(): LogGroup[] {
    const { groups = [], warningGroups = [] } = this.summary?.logs ?? {};
    const examples = new Map(
      [...groups, ...warningGroups].map(({ shape, example }) => [shape, example]),
    );
    return [...this.#shapes.values()]
      .map((group) => ({ ...group, example: examples.get(group.shape) ?? null }))
      .sort((a, b) => Number(a.allowed) - Number(b.allowed) || b.count - a.count);
  }

  #storedNow(): LiveMessage['stored'] {
    const { reconcile } = this;
    if (reconcile !== null && reconcile.stored !== null)
      return {
        accepted: reconcile.accepted,
        stored: reconcile.stored,
        notStored: reconcile.notStored ?? 0,
        t: null,
      };
    if (this.#look === null) return null;
    const { accepted, stored, notStored, t } = this.#look;
    return { accepted, stored, notStored, t };
  }

  #pace(): Pace | null {
    const steered = this.plan?.load.steered;
    if (steered === undefined) return null;
    const asked = this.#control.findLast(({ toPerSecond }) => toPerSecond !== undefined);
    return {
      askedPerSecond: asked?.toPerSecond ?? null,
      isPaused: asked?.action === 'pause',
      mostPerSecond: steered.mostPerSecond ?? null,
    };
  }

  #eventsOnAxis(seconds: number): LiveMessage['events'] {
    const warmUpMs = this.plan?.load.warmUpMs ?? 0;
    const startT = this.#startT;
    return [
      ...(warmUpMs > 0 ? [{ atS: warmUpMs / 1000, text: 'warm-up ends' }] : []),
      ...(startT === null
        ? []
        : this.#events.map(({ t, text }) => ({ atS: (t - startT) / 1000, text }))),
    ].filter(({ atS }) => atS >= 0 && atS <= seconds);
  }
}

function partOf({ samples, host, processes }: Series, since: Position | null): SeriesPart {
  return {
    stepS: samples.stepS,
    isAnew: since === null,
    ...samples.since(since?.samples ?? 0),
    processes: [...processes].map(([name, steps]) => ({
      name,
      points: steps.since(since?.resources ?? 0),
    })),
    host: host.since(since?.resources ?? 0),
  };
}

export function stateOf({
  verdict,
  interrupted,
}: Pick<Summary, 'verdict' | 'interrupted'>): RunState {
  if (verdict.passed) return 'passed';
  switch (verdict.exitCode) {
    case EXIT.gateFailed:
      return 'gate failed';
    case EXIT.noData:
      return 'no data';
    case EXIT.generatorLimited:
      return 'generator-limited';
    default:
      return interrupted ? 'interrupted' : 'broken';
  }
}
