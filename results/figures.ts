/** The figures of a run from its samples and readings alone: what is left of a run that was killed. Pure. */
import { LatencyHistogram } from './histogram.ts';
import type { LatencyCounts } from './latency-counts.ts';
import { ProcessMeter } from './process-meter.ts';
import { type LoadTime, type Rates, ratesOf } from './rates.ts';
import { ReadingSums } from './reading-sums.ts';
import { SampleSums } from './sample-sums.ts';
import type {
  AnswerClass,
  LatencyFigures,
  ProcessFigures,
  ResourceLine,
  SampleLine,
  Summary,
} from './types.ts';

export { ProcessMeter } from './process-meter.ts';
export { takenIn } from './rates.ts';

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

/** {@link ProcessMeter} over all lines. @param time of the load; absent: all readings lie in it */
export function processFigures(
  lines: Iterable<ResourceLine>,
  time?: LoadTime,
): Record<string, ProcessFigures> {
  const meter = new ProcessMeter();
  for (const line of lines) meter.add(line, time);
  return meter.figures();
}

/** The same figures as in `summary.json`, as far as samples and readings hold them. @param samples with the latencies of the whole run */
export function figuresOfSums(samples: SampleSums, readings: ReadingSums): Summary['figures'] {
  const { totals } = samples;
  const { sent, started, accepted, expected, answers } = totals;
  return {
    ...countFigures({ sent, started, accepted, expected, answers }),
    ...ratesOfWhole(samples),
    bytesSent: totals.bytesSent,
    bytesReceived: totals.bytesReceived,
    latency: figuresOfCounts(samples.latency),
    felt: figuresOfCounts(samples.felt),
    failedIterations: totals.failedIterations,
    processes: readings.processFigures(),
  };
}

/**
 * Rates over the seconds of a run without a summary that are whole: it began somewhere in its first second, and was cut in its last one. With
 * fewer than three there is nothing better than all of them.
 */
function ratesOfWhole({ totals, first, last }: SampleSums): Rates {
  const { lines, started, accepted } = totals;
  if (lines === 0) return ratesOf({ started: 0, accepted: 0 }, 0);
  const [before, after] = lines < 3 ? [null, null] : [first[0], last[1]];
  const [from, to] = lines < 3 ? [first[0], last.at(-1)!] : [first[1], last[0]];
  const less = (of: 'started' | 'accepted') => (before?.[of] ?? 0) + (after?.[of] ?? 0);
  return ratesOf(
    { started: started - less('started'), accepted: accepted - less('accepted') },
    to.t + 1000 - from.t,
  );
}

function figuresOfCounts(counts: LatencyCounts): LatencyFigures | null {
  if (counts.count === 0) return null;
  const whole = new LatencyHistogram();
  whole.addBuckets(counts.buckets(), counts.maxMs);
  return whole.figures();
}

/**
 * The same of lines that are in memory.
 * @param samples in the order of their seconds, as the reader gives them. @throws Error if a histogram is broken
 */
export function figuresOfSamples(
  samples: readonly SampleLine[],
  resources: Iterable<ResourceLine>,
  warmUpMs = 0,
): Summary['figures'] {
  const sums = new SampleSums({ stepS: 3600, wholeAfterMs: warmUpMs, latencies: false });
  for (const line of samples) sums.add(line);
  const [first, last] = [samples[0], samples.at(-1)];
  const readings = new ReadingSums(
    { startT: first?.t ?? 0, seconds: 0, stepS: 1 },
    first && last && { beganMs: first.t, endedMs: last.t + 1000 },
  );
  for (const line of resources) readings.add(line);
  return figuresOfSums(sums, readings);
}
