/** The figures of a run from its samples and readings alone: what is left of a run that was killed. Pure. */
import { ACCEPTED } from './answers.ts';
import { LatencyHistogram } from './histogram.ts';
import type {
  AnswerClass,
  LatencyFigures,
  LatencyOfSecond,
  ProcessFigures,
  ResourceLine,
  SampleLine,
  Summary,
} from './types.ts';

/** Sum of the answers by class. */
export function sumAnswers(
  samples: readonly Pick<SampleLine, 'answers'>[],
): Record<AnswerClass, number> {
  const sums: Record<AnswerClass, number> = {};
  for (const { answers } of samples)
    for (const [answer, count] of Object.entries(answers))
      sums[answer] = (sums[answer] ?? 0) + count;
  return sums;
}

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

type ProcessSums = ProcessFigures & { cpuMs: number; intervalMs: number };

/**
 * Mean and peak per watched process. The mean of the CPU weighs each reading with its interval, so it is
 * CPU time divided by time even when readings came late; lines without an interval weigh alike.
 * null: there was no such reading. Lines of hosts and notes are passed over.
 */
export class ProcessMeter {
  readonly #byName = new Map<string, ProcessSums>();

  add(line: ResourceLine): void {
    if (line.kind !== 'process') return;
    let sums = this.#byName.get(line.name);
    if (!sums) {
      sums = {
        cpuCoresMean: null,
        cpuCoresMax: null,
        rssBytesMax: null,
        readings: 0,
        cpuMs: 0,
        intervalMs: 0,
      };
      this.#byName.set(line.name, sums);
    }
    const higher = (a: number | null, b: number | undefined) =>
      b === undefined ? a : Math.max(a ?? b, b);
    sums.readings++;
    sums.rssBytesMax = higher(sums.rssBytesMax, line.rssBytes);
    if (line.cpuCores === undefined) return;
    const intervalMs = line.intervalMs ?? 1000;
    sums.cpuMs += line.cpuCores * intervalMs;
    sums.intervalMs += intervalMs;
    sums.cpuCoresMax = higher(sums.cpuCoresMax, line.cpuCores);
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

/** {@link ProcessMeter} over all lines. */
export function processFigures(lines: Iterable<ResourceLine>): Record<string, ProcessFigures> {
  const meter = new ProcessMeter();
  for (const line of lines) meter.add(line);
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
  const elapsed = samples.map((line) => line.elapsedS);
  const seconds = elapsed.length === 0 ? 0 : elapsed[elapsed.length - 1] - elapsed[0] + 1;
  return {
    sent,
    accepted,
    answers,
    ...(expected !== accepted && { expected }),
    errorRate: sent === 0 ? null : (sent - expected) / sent,
    submissionsPerSecond: seconds === 0 ? null : sent / seconds,
    bytesSent: total((line) => line.bytesSent),
    bytesReceived: total((line) => line.bytesReceived),
    latency: mergeLatency(latenciesAfter(samples, warmUpMs)),
    felt: mergeLatency(latenciesAfter(samples, warmUpMs, 'felt')),
    failedIterations: total((line) => line.failedIterations ?? 0),
    processes: processFigures(resources),
  };
}
