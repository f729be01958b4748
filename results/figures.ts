/** The figures of a run from its samples and readings alone: what is left of a run that was killed. Pure. */
import { ACCEPTED, sumAnswers } from './answers.ts';
import { LatencyHistogram } from './histogram.ts';
import { type LoadTime, ratesOf, spanOf, startedIn, wholeSeconds } from './rates.ts';
import type {
  AnswerClass,
  LatencyFigures,
  LatencyOfSecond,
  ProcessFigures,
  ProcessReading,
  ResourceLine,
  SampleLine,
  Summary,
} from './types.ts';

/** What was accepted, and what was answered as expected, in one second. */
export function takenIn({ answers, accepted, expected }: SampleLine): {
  accepted: number;
  expected: number;
} {
  const taken = accepted ?? answers[ACCEPTED] ?? 0;
  return { accepted: taken, expected: expected ?? taken };
}

/**
 * Latency over all `seconds`: percentiles from the merged histograms, the maximum exactly, mean and
 * minimum to the 0.1 % of a bucket (samples hold no sum).
 * @throws Error if a histogram is broken
 */
export function mergeLatency(seconds: Iterable<LatencyOfSecond | null>): LatencyFigures | null {
  const present = [...seconds].filter((second) => second !== null);
  if (present.length === 0) return null;
  const merged = new LatencyHistogram();
  for (const { hdr, max } of present) merged.addEncoded(hdr, max);
  return merged.figures();
}

/** The latencies of the seconds after the warm-up. A second that it cuts in two is left out. */
export const latenciesAfter = (
  samples: readonly SampleLine[],
  warmUpMs: number,
  of: 'latency' | 'felt' = 'latency',
): (LatencyOfSecond | null)[] =>
  samples.filter(({ elapsedS }) => elapsedS * 1000 >= warmUpMs).map((line) => line[of]);

/** The figures that follow from counts alone; what is the same as another one is left out. @param counts those of a load, or of its part */
export const countFigures = ({ sent, started, accepted, expected, answers }: LoadCounts) => ({
  sent,
  ...(started !== sent && { started }),
  accepted,
  answers,
  ...(expected !== accepted && { expected }),
  errorRate: sent === 0 ? null : (sent - expected) / sent,
});

export type LoadCounts = {
  /** Answered, or failed. */
  sent: number;
  /** Those, and what was still under way. */
  started: number;
  accepted: number;
  /** Answered as a scenario expects. */
  expected: number;
  answers: Record<AnswerClass, number>;
};

type ProcessSums = ProcessFigures & { cpuMs: number; intervalMs: number };

/** A reading without an interval covers so much. */
const USUAL_INTERVAL_MS = 1000;

/** The milliseconds of a reading that lie within `time`. */
function insideMs({ t, intervalMs = USUAL_INTERVAL_MS }: ProcessReading, time: LoadTime): number {
  const fromMs = Math.max(t - intervalMs, time.beganMs);
  return Math.max(0, Math.min(t, time.endedMs) - fromMs);
}

/**
 * Mean and peak per watched process. The mean of the CPU weighs each reading with its interval, so it is
 * CPU time divided by time even when readings came late; lines without an interval weigh alike. Of a reading that lies in the load
 * in part, that part counts; one that lies in it by less than half is no peak.
 * null: there was no such reading. Lines of hosts and notes are passed over.
 */
export class ProcessMeter {
  readonly #byName = new Map<string, ProcessSums>();

  /** @param time of the load; absent: all readings lie in it */
  add(line: ResourceLine, time?: LoadTime): void {
    this.addMemory(line);
    this.addCpu(line, time);
  }

  /** Memory is taken over all readings: what a process takes after the load is its own, too. */
  addMemory(line: ResourceLine): void {
    if (line.kind !== 'process') return;
    const sums = this.#of(line.name);
    sums.readings++;
    sums.rssBytesMax = higher(sums.rssBytesMax, line.rssBytes);
  }

  addCpu(line: ResourceLine, time?: LoadTime): void {
    if (line.kind !== 'process' || line.cpuCores === undefined) return;
    const { intervalMs = USUAL_INTERVAL_MS } = line;
    const inside = time === undefined ? intervalMs : insideMs(line, time);
    if (inside <= 0) return;
    const sums = this.#of(line.name);
    sums.cpuMs += line.cpuCores * inside;
    sums.intervalMs += inside;
    if (inside >= intervalMs / 2) sums.cpuCoresMax = higher(sums.cpuCoresMax, line.cpuCores);
  }

  #of(name: string): ProcessSums {
    let sums = this.#byName.get(name);
    if (!sums) {
      sums = {
        cpuCoresMean: null,
        cpuCoresMax: null,
        rssBytesMax: null,
        readings: 0,
        cpuMs: 0,
        intervalMs: 0,
      };
      this.#byName.set(name, sums);
    }
    return sums;
  }

  figures(): Record<string, ProcessFigures> {
    return Object.fromEntries(
      [...this.#byName].map(([name, { cpuMs, intervalMs, ...figures }]) => [
        name,
        { ...figures, cpuCoresMean: intervalMs > 0 ? cpuMs / intervalMs : null },
      ]),
    );
  }
}

const higher = (a: number | null, b: number | undefined): number | null =>
  b === undefined ? a : Math.max(a ?? b, b);

/** {@link ProcessMeter} over all lines. @param time of the load; absent: all readings lie in it */
export function processFigures(
  lines: Iterable<ResourceLine>,
  time?: LoadTime,
): Record<string, ProcessFigures> {
  const meter = new ProcessMeter();
  for (const line of lines) meter.add(line, time);
  return meter.figures();
}

/**
 * The same figures as in `summary.json`, as far as samples and readings hold them.
 * `samples` must be in the order of their seconds, as the reader gives them.
 */
export function figuresOfSamples(
  samples: readonly SampleLine[],
  resources: Iterable<ResourceLine>,
  warmUpMs = 0,
): Summary['figures'] {
  const answers = sumAnswers(samples);
  const total = (of: (line: SampleLine) => number) =>
    samples.reduce((sum, line) => sum + of(line), 0);
  const sent = total((line) => line.sent);
  const accepted = total((line) => takenIn(line).accepted);
  const expected = total((line) => takenIn(line).expected);
  const started = total(startedIn);
  const whole = wholeSeconds(samples);
  const sumOf = (of: (line: SampleLine) => number) =>
    whole.reduce((sum, line) => sum + of(line), 0);
  const time =
    samples.length === 0
      ? undefined
      : { beganMs: samples[0].t, endedMs: samples[samples.length - 1].t + 1000 };
  return {
    ...countFigures({ sent, started, accepted, expected, answers }),
    ...ratesOf(
      { started: sumOf(startedIn), accepted: sumOf((line) => takenIn(line).accepted) },
      spanOf(whole),
    ),
    bytesSent: total((line) => line.bytesSent),
    bytesReceived: total((line) => line.bytesReceived),
    latency: mergeLatency(latenciesAfter(samples, warmUpMs)),
    felt: mergeLatency(latenciesAfter(samples, warmUpMs, 'felt')),
    failedIterations: total((line) => line.failedIterations ?? 0),
    processes: processFigures(resources, time),
  };
}
