/**
 * Samples, summed as they are read: totals of the run, and the steps of the time axis. No request is lost: the sums over the steps are
 * those of the run; percentiles come from the merged histograms of the step, and the lowest and highest second of a step are kept, so that
 * a single bad second of a day still shows. Nothing here grows with the run but the counts of its answers' classes. Pure.
 */
import { type Extremes, include, includeAll, noExtremes, spreadOf } from './extremes.ts';
import { LatencyCounts, type LatencyCountsMessage } from './latency-counts.ts';
import { startedIn, takenIn } from './rates.ts';
import type { LatencyStep, RateStep, TimeSpan } from './steps.ts';
import type { AnswerClass, LatencyOfSecond, SampleLine } from './types.ts';

export type SampleTotals = {
  lines: number;
  sent: number;
  started: number;
  accepted: number;
  expected: number;
  bytesSent: number;
  bytesReceived: number;
  failedIterations: number;
  answers: Record<AnswerClass, number>;
};

export type EndLine = { t: number; elapsedS: number; started: number; accepted: number };

type Step = Omit<SampleTotals, 'expected' | 'failedIterations'> & {
  index: number;
  late: number;
  dropped: number;
  /** Requests that ended in each second; lines of one second follow each other. */
  perSecond: Extremes;
  openSecond: { elapsedS: number; sent: number };
  vus: Extremes;
  latency: LatencyCounts;
  /** The step's only line with a latency, whose percentiles need no merging; null: it has several. */
  only: LatencyOfSecond | null;
};

function addCounts(into: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const name in counts) into[name] = (into[name] ?? 0) + counts[name];
}

/** @throws Error naming the second whose histogram is broken */
function addLatency(
  counts: LatencyCounts,
  { hdr, max }: LatencyOfSecond,
  elapsedS: number,
  also?: LatencyCounts,
): void {
  try {
    counts.addEncoded(hdr, max, also);
  } catch (error) {
    throw new Error(
      `the latency histogram of second ${elapsedS} is broken: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

export type SampleSumsOptions = {
  stepS: number;
  /**
   * Latencies of the whole run, from this time after the start on: for a run without a summary, which has them. Absent: nobody asks.
   */
  wholeAfterMs?: number;
  /** The latencies of the steps; false: only counts are asked for. Default: true. */
  latencies?: boolean;
  /** Starts of each line, for a load whose pace could be changed: what it did between two requests. Default: false. */
  keepsStarts?: boolean;
};

/** Submissions begun in the second from `t` on. */
export type SecondStarts = { t: number; started: number };

export class SampleSums {
  readonly totals: SampleTotals = {
    lines: 0,
    sent: 0,
    started: 0,
    accepted: 0,
    expected: 0,
    bytesSent: 0,
    bytesReceived: 0,
    failedIterations: 0,
    answers: {},
  };
  /** The first and the last two lines, by their seconds, each in rising order. */
  first: EndLine[] = [];
  last: EndLine[] = [];
  /** Empty unless the options ask for them. */
  starts: SecondStarts[] = [];
  readonly latency = new LatencyCounts();
  readonly felt = new LatencyCounts();
  readonly options: SampleSumsOptions;
  readonly #steps = new Map<number, Step>();

  constructor(options: SampleSumsOptions) {
    this.options = options;
  }

  /** Lines come in the order of their seconds. @throws Error naming the second whose histogram is broken */
  add(line: SampleLine): void {
    const { elapsedS, sent, answers, vus, latency, bytesSent, bytesReceived } = line;
    const { stepS, wholeAfterMs, latencies = true } = this.options;
    const started = startedIn(line);
    const { accepted, expected } = takenIn(line);
    if (this.options.keepsStarts) this.starts.push({ t: line.t, started });
    const { totals } = this;
    totals.lines++;
    totals.sent += sent;
    totals.started += started;
    totals.accepted += accepted;
    totals.expected += expected;
    totals.bytesSent += bytesSent;
    totals.bytesReceived += bytesReceived;
    totals.failedIterations += line.failedIterations ?? 0;
    addCounts(totals.answers, answers);
    if (
      this.last.length < 2 ||
      elapsedS >= this.last[0].elapsedS ||
      elapsedS < this.first[1].elapsedS
    )
      this.#noteEnds([{ t: line.t, elapsedS, started, accepted }]);

    const step = this.#stepAt(Math.floor(elapsedS / stepS), elapsedS);
    if (step.openSecond.elapsedS !== elapsedS) {
      include(step.perSecond, step.openSecond.sent);
      step.openSecond = { elapsedS, sent: 0 };
    }
    step.openSecond.sent += sent;
    step.lines++;
    step.sent += sent;
    step.started += started;
    step.accepted += accepted;
    step.late += line.late ?? 0;
    step.dropped += line.dropped ?? 0;
    step.bytesSent += bytesSent;
    step.bytesReceived += bytesReceived;
    addCounts(step.answers, answers);
    if (vus !== null) include(step.vus, vus);
    const isOfWhole = wholeAfterMs !== undefined && elapsedS * 1000 >= wholeAfterMs;
    if (latency !== null && latencies) {
      step.only = step.latency.count === 0 ? { ...latency } : null;
      addLatency(step.latency, latency, elapsedS, isOfWhole ? this.latency : undefined);
    } else if (latency !== null && isOfWhole) addLatency(this.latency, latency, elapsedS);
    if (line.felt !== null && isOfWhole) addLatency(this.felt, line.felt, elapsedS);
  }

  #noteEnds(lines: readonly EndLine[]): void {
    const inOrder = (all: readonly EndLine[]) => [...all].sort((a, b) => a.elapsedS - b.elapsedS);
    if (this.first.length < 2 || lines.some(({ elapsedS }) => elapsedS < this.first[1].elapsedS))
      this.first = inOrder([...this.first, ...lines]).slice(0, 2);
    this.last = inOrder([...this.last, ...lines]).slice(-2);
  }

  #stepAt(index: number, elapsedS: number): Step {
    let step = this.#steps.get(index);
    if (step === undefined) {
      step = {
        index,
        lines: 0,
        sent: 0,
        started: 0,
        accepted: 0,
        late: 0,
        dropped: 0,
        bytesSent: 0,
        bytesReceived: 0,
        answers: {},
        perSecond: noExtremes(),
        openSecond: { elapsedS, sent: 0 },
        vus: noExtremes(),
        latency: new LatencyCounts(),
        only: null,
      };
      this.#steps.set(index, step);
    }
    return step;
  }

  /** Adds the sums of other lines, taken with the same options. */
  addSums(other: SampleSums): void {
    const { answers, ...counts } = other.totals;
    for (const name of Object.keys(counts) as (keyof typeof counts)[])
      this.totals[name] += counts[name];
    addCounts(this.totals.answers, answers);
    const theirEnds = [
      ...other.first,
      ...other.last.filter((line) => !other.first.some(({ t }) => t === line.t)),
    ];
    this.#noteEnds(theirEnds);
    this.starts = this.starts.concat(other.starts);
    this.latency.addCounts(other.latency);
    this.felt.addCounts(other.felt);
    for (const [index, theirs] of other.#steps) {
      const ours = this.#steps.get(index);
      if (ours === undefined) {
        this.#steps.set(index, theirs);
        continue;
      }
      for (const name of [
        'lines',
        'sent',
        'started',
        'accepted',
        'late',
        'dropped',
        'bytesSent',
        'bytesReceived',
      ] as const)
        ours[name] += theirs[name];
      addCounts(ours.answers, theirs.answers);
      include(ours.perSecond, ours.openSecond.sent);
      includeAll(ours.perSecond, theirs.perSecond);
      ours.openSecond = theirs.openSecond;
      includeAll(ours.vus, theirs.vus);
      ours.only = ours.latency.count === 0 ? theirs.only : theirs.latency.count === 0 ? ours.only : null; // prettier-ignore
      ours.latency.addCounts(theirs.latency);
    }
  }

  #inOrder(): Step[] {
    return [...this.#steps.values()].sort((a, b) => a.index - b.index);
  }

  /** @param span whose step is that of the options */
  rates({ stepS, seconds }: Pick<TimeSpan, 'stepS' | 'seconds'>): RateStep[] {
    return this.#inOrder().map((step) => {
      const perSecond = { ...step.perSecond };
      include(perSecond, step.openSecond.sent);
      return {
        startS: step.index * stepS,
        endS: Math.min((step.index + 1) * stepS, seconds),
        observedS: perSecond.count,
        sent: step.sent,
        started: step.started,
        accepted: step.accepted,
        ...(step.late > 0 && { late: step.late }),
        ...(step.dropped > 0 && { dropped: step.dropped }),
        bytesSent: step.bytesSent,
        bytesReceived: step.bytesReceived,
        answers: step.answers,
        perSecond: spreadOf(perSecond)!,
        vus: spreadOf(step.vus),
      };
    });
  }

  /** Steps without an expected answer are left out. @param times how many steps are drawn as one */
  latencies({ stepS, seconds }: Pick<TimeSpan, 'stepS' | 'seconds'>, times = 1): LatencyStep[] {
    const groups = new Map<number, Step[]>();
    for (const step of this.#inOrder()) {
      const group = Math.floor(step.index / times);
      if (step.latency.count > 0) groups.set(group, [...(groups.get(group) ?? []), step]);
    }
    return [...groups].map(([group, steps]) => {
      const time = {
        startS: group * times * stepS,
        endS: Math.min((group + 1) * times * stepS, seconds),
      };
      const [{ only, latency: first }] = steps;
      const merged = steps.length === 1 ? first : new LatencyCounts();
      if (steps.length > 1) for (const { latency } of steps) merged.addCounts(latency);
      const rows = merged.rows();
      if (steps.length === 1 && only !== null) {
        const { count, p50, p90, p95, p99, max } = only;
        return { ...time, count, p50, p90, p95, p99, max, rows };
      }
      const [p50, p90, p95, p99] = merged.percentilesMs([50, 90, 95, 99]);
      return { ...time, count: merged.count, p50, p90, p95, p99, max: merged.maxMs, rows };
    });
  }

  /** As plain data, for another thread. */
  toMessage(): SampleSumsMessage {
    return {
      totals: this.totals,
      first: this.first,
      last: this.last,
      starts: this.starts,
      latency: this.latency.toMessage(),
      felt: this.felt.toMessage(),
      steps: [...this.#steps.values()].map((step) => ({
        ...step,
        latency: step.latency.toMessage(),
      })),
    };
  }

  static fromMessage(message: SampleSumsMessage, options: SampleSumsOptions): SampleSums {
    const sums = new SampleSums(options);
    Object.assign(sums.totals, message.totals);
    sums.first = message.first;
    sums.last = message.last;
    sums.starts = message.starts;
    sums.latency.addCounts(LatencyCounts.fromMessage(message.latency));
    sums.felt.addCounts(LatencyCounts.fromMessage(message.felt));
    for (const step of message.steps)
      sums.#steps.set(step.index, { ...step, latency: LatencyCounts.fromMessage(step.latency) });
    return sums;
  }
}

export type SampleSumsMessage = {
  totals: SampleTotals;
  first: EndLine[];
  last: EndLine[];
  starts: SecondStarts[];
  latency: LatencyCountsMessage;
  felt: LatencyCountsMessage;
  steps: (Omit<Step, 'latency'> & { latency: LatencyCountsMessage })[];
};
