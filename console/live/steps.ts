/**
 * A run over time in a bounded number of steps, while it grows: one second each at first; when there would be too many, each two
 * neighbours become one. Counts add, percentiles come from the merged histograms, and mean, lowest and highest second of a step are
 * kept. A window keeps its last steps instead, at one second each. Each step knows at which place of its file it last changed. Pure.
 */
import type { LatencyStep, RateStep, Spread } from '../../plots/series.ts';
import type { AnswerClass, LatencyOfSecond, ProcessReading, SampleLine } from '../../results/types.ts'; // prettier-ignore
import {
  type Extremes,
  include,
  includeAll,
  noExtremes,
  spreadOf,
} from '../../results/extremes.ts';
import { addBuckets, type Buckets, openBuckets, percentileMs } from './histogram.ts';

/** A drawn step has three points at most, so a series stays below 2,000. */
export const MOST_STEPS = 660;
/** Seconds of the window. */
export const WINDOW_S = 300;
/**
 * Readings are ahead of the submissions, whose seconds are known to be over two seconds later, and the page's window ends with these: so many
 * more seconds of readings stay, or who comes would miss what one who stayed still has.
 */
const AHEAD_S = 10;

const joined = (a: Extremes, b: Extremes): Extremes => {
  const both = { ...a };
  includeAll(both, b);
  return both;
};

/** Steps by their number, at most so many; which of them hold what is the caller's. */
export class Steps<Step extends { touched: number }> {
  stepS = 1;
  readonly #steps = new Map<number, Step>();
  readonly #make: () => Step;
  readonly #join: (a: Step, b: Step) => Step;
  /** Infinity: no window. */
  readonly #windowS: number;

  constructor(make: () => Step, join: (a: Step, b: Step) => Step, windowS = Infinity) {
    this.#make = make;
    this.#join = join;
    this.#windowS = windowS;
  }

  /** The step of a second, made where it is not there. @param second not negative. @returns null: it lies before the window */
  at(second: number): Step | null {
    if (this.#windowS !== Infinity) {
      const last = Math.max(second, this.#last());
      if (second <= last - this.#windowS) return null;
      for (const number of this.#steps.keys()) {
        if (number > last - this.#windowS) break;
        this.#steps.delete(number);
      }
    } else while (Math.floor(second / this.stepS) >= MOST_STEPS) this.#double();
    const number = Math.floor(second / this.stepS);
    let step = this.#steps.get(number);
    if (step === undefined) this.#steps.set(number, (step = this.#make()));
    return step;
  }

  #last(): number {
    let last = -1;
    for (const number of this.#steps.keys()) last = Math.max(last, number);
    return last;
  }

  /** Joins neighbours until a step has this length; one that is longer stays. */
  widenTo(stepS: number): void {
    while (this.#windowS === Infinity && this.stepS < stepS) this.#double();
  }

  #double(): void {
    const before = [...this.#steps].sort(([a], [b]) => a - b);
    this.#steps.clear();
    this.stepS *= 2;
    for (const [number, step] of before) {
      const half = Math.floor(number / 2);
      const other = this.#steps.get(half);
      this.#steps.set(half, other === undefined ? step : this.#join(other, step));
    }
  }

  /** In their order, those that changed after this place of the file. */
  since(place: number): { number: number; step: Step }[] {
    return [...this.#steps]
      .filter(([, { touched }]) => touched > place)
      .sort(([a], [b]) => a - b)
      .map(([number, step]) => ({ number, step }));
  }
}

type SampleStep = {
  touched: number;
  sent: number;
  answers: Record<AnswerClass, number>;
  /** Of whole seconds that are over. */
  perSecond: Extremes;
  /** The last second, which may still get lines. */
  second: { at: number; sent: number } | null;
  vus: Extremes;
  /** The only line with a latency so far: its histogram is opened when another one is added to it. */
  only: LatencyOfSecond | null;
  /** Of several lines. */
  buckets: Buckets | null;
  maxMs: number;
};

const newSampleStep = (): SampleStep => ({
  touched: 0,
  sent: 0,
  answers: {},
  perSecond: noExtremes(),
  second: null,
  vus: noExtremes(),
  only: null,
  buckets: null,
  maxMs: 0,
});

function joinSampleSteps(a: SampleStep, b: SampleStep): SampleStep {
  const answers = { ...a.answers };
  for (const [answer, count] of Object.entries(b.answers))
    answers[answer] = (answers[answer] ?? 0) + count;
  return {
    touched: Math.max(a.touched, b.touched),
    sent: a.sent + b.sent,
    answers,
    perSecond: joined(secondsOf(a), b.perSecond),
    second: b.second,
    vus: joined(a.vus, b.vus),
    ...joinLatencies(a, b),
    maxMs: Math.max(a.maxMs, b.maxMs),
  };
}

type Latencies = Pick<SampleStep, 'only' | 'buckets'>;

/** A histogram that is broken holds nothing. */
function openedOf({ only, buckets }: Latencies): Buckets | null {
  if (only === null) return buckets;
  try {
    return openBuckets(only.hdr);
  } catch {
    return null;
  }
}

function joinLatencies(a: Latencies, b: Latencies): Latencies {
  const isThere = ({ only, buckets }: Latencies) => only !== null || buckets !== null;
  if (!isThere(a) || !isThere(b)) return isThere(a) ? { only: a.only, buckets: a.buckets } : { only: b.only, buckets: b.buckets }; // prettier-ignore
  const [one, other] = [openedOf(a), openedOf(b)];
  return { only: null, buckets: one && other ? addBuckets(one, other) : (one ?? other) };
}

/** All seconds, the last one included. */
function secondsOf({ perSecond, second }: SampleStep): Extremes {
  const all = { ...perSecond };
  if (second !== null) include(all, second.sent);
  return all;
}

/** Submissions, answers, VUs and latency over time. */
export class SampleSteps {
  readonly #steps: Steps<SampleStep>;

  constructor(isWindow = false) {
    this.#steps = new Steps(newSampleStep, joinSampleSteps, isWindow ? WINDOW_S : Infinity);
  }

  get stepS(): number {
    return this.#steps.stepS;
  }

  widenTo(stepS: number): void {
    this.#steps.widenTo(stepS);
  }

  /** @param place in the file after this line */
  add(line: SampleLine, place: number): void {
    const step = this.#steps.at(line.elapsedS);
    if (step === null) return;
    step.touched = place;
    step.sent += line.sent;
    for (const [answer, count] of Object.entries(line.answers))
      step.answers[answer] = (step.answers[answer] ?? 0) + count;
    if (step.second?.at === line.elapsedS) step.second.sent += line.sent;
    else {
      if (step.second !== null) include(step.perSecond, step.second.sent);
      step.second = { at: line.elapsedS, sent: line.sent };
    }
    if (line.vus !== null) include(step.vus, line.vus);
    if (line.latency !== null) {
      Object.assign(step, joinLatencies(step, { only: line.latency, buckets: null }));
      step.maxMs = Math.max(step.maxMs, line.latency.max);
    }
  }

  /** What changed after this place of the file. */
  since(place: number): { rates: RateStep[]; latencies: LatencyStep[] } {
    const rates: RateStep[] = [];
    const latencies: LatencyStep[] = [];
    for (const { number, step } of this.#steps.since(place)) {
      const startS = number * this.stepS;
      const endS = startS + this.stepS;
      const seconds = secondsOf(step);
      rates.push({
        startS,
        endS,
        observedS: seconds.count,
        sent: step.sent,
        answers: { ...step.answers },
        perSecond: spreadOf(seconds)!,
        vus: spreadOf(step.vus),
      });
      const { only, buckets, maxMs } = step;
      if (only !== null) {
        // As they were written down: percentiles of the same histogram.
        const { count, p50, p90, p95, p99 } = only;
        if (count > 0) latencies.push({ startS, endS, count, p50, p90, p95, p99, max: maxMs });
        continue;
      }
      if (buckets === null || buckets.count === 0) continue;
      const at = (percentile: number) => percentileMs(buckets, percentile, maxMs);
      latencies.push({ startS, endS, count: buckets.count, p50: at(50), p90: at(90), p95: at(95), p99: at(99), max: maxMs }); // prettier-ignore
    }
    return { rates, latencies };
  }
}

type ReadingStep = { touched: number; cpu: Extremes; memory: Extremes };

/** CPU in cores and memory in MB of one process, or of the machine, over time. */
export type ReadingOfStep = {
  startS: number;
  endS: number;
  cpu: Spread | null;
  memory: Spread | null;
};

export class ReadingSteps {
  readonly #steps: Steps<ReadingStep>;

  constructor(isWindow = false) {
    this.#steps = new Steps<ReadingStep>(
      () => ({ touched: 0, cpu: noExtremes(), memory: noExtremes() }),
      (a, b) => ({
        touched: Math.max(a.touched, b.touched),
        cpu: joined(a.cpu, b.cpu),
        memory: joined(a.memory, b.memory),
      }),
      isWindow ? WINDOW_S + AHEAD_S : Infinity,
    );
  }

  widenTo(stepS: number): void {
    this.#steps.widenTo(stepS);
  }

  /** @param second since the beginning of the load; what lies before it is passed over */
  add(
    { cpuCores, rssBytes }: Pick<ProcessReading, 'cpuCores' | 'rssBytes'>,
    second: number,
    place: number,
  ): void {
    if (second < 0) return;
    const step = this.#steps.at(Math.floor(second));
    if (step === null) return;
    step.touched = place;
    if (cpuCores !== undefined) include(step.cpu, cpuCores);
    if (rssBytes !== undefined) include(step.memory, rssBytes / 1e6);
  }

  get stepS(): number {
    return this.#steps.stepS;
  }

  since(place: number): ReadingOfStep[] {
    return this.#steps.since(place).map(({ number, step }) => ({
      startS: number * this.stepS,
      endS: (number + 1) * this.stepS,
      cpu: spreadOf(step.cpu),
      memory: spreadOf(step.memory),
    }));
  }
}
