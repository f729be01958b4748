/** Seconds and latencies of several generators as one. Exact: histograms share their buckets. Pure. */
import { ACCEPTED } from '../../results/answers.ts';
import { takenIn } from '../../results/figures.ts';
import { LatencyHistogram } from '../../results/histogram.ts';
import type { LatencyFigures, LatencyOfSecond, SampleLine } from '../../results/types.ts';
import { addCounts, sum } from './sums.ts';

/** Exactly: histograms share their buckets, and the maximum is known. */
export function mergeSecondLatency(
  parts: readonly (LatencyOfSecond | null)[],
): LatencyOfSecond | null {
  const present = parts.filter((part) => part !== null);
  if (present.length <= 1) return present[0] ?? null;
  const merged = new LatencyHistogram();
  for (const { hdr, max } of present) merged.addEncoded(hdr, max);
  return merged.ofSecond();
}

/** As above; minimum and mean are those of the parts, so that they stay exact too. */
export function mergeLatencyFigures(
  parts: readonly (LatencyFigures | null | undefined)[],
): LatencyFigures | null {
  const present = parts.filter((part) => part !== null && part !== undefined);
  if (present.length <= 1) return present[0] ?? null;
  const merged = new LatencyHistogram();
  for (const { hdr, maxMs } of present) merged.addEncoded(hdr, maxMs);
  const figures = merged.figures();
  if (figures === null) return null;
  return {
    ...figures,
    meanMs: sum(present, ({ meanMs, count }) => meanMs * count) / figures.count,
    minMs: present.reduce((least, { minMs }) => Math.min(least, minMs), Infinity),
  };
}

/** One line a second over all generators; `elapsedS` counts from the earliest. */
export function mergeSamples(parts: readonly (readonly SampleLine[])[]): SampleLine[] {
  const seconds = new Map<number, SampleLine[]>();
  for (const line of parts.flat()) {
    const lines = seconds.get(line.t);
    if (lines) lines.push(line);
    else seconds.set(line.t, [line]);
  }
  const times = [...seconds.keys()].sort((a, b) => a - b);
  return times.map((t) => {
    const lines = seconds.get(t)!;
    const [failedIterations, late, dropped] = (
      ['failedIterations', 'late', 'dropped'] as const
    ).map((name) => sum(lines, (line) => line[name]));
    const retries = sum(lines, (line) => line.retries);
    const answers = addCounts(lines.map((line) => line.answers));
    const accepted = sum(lines, (line) => takenIn(line).accepted);
    const expected = sum(lines, (line) => takenIn(line).expected);
    return {
      t,
      elapsedS: Math.round((t - times[0]) / 1000),
      // One that is not known makes the sum unknown: it is no 0.
      vus: lines.some(({ vus }) => vus === null) ? null : sum(lines, ({ vus }) => vus!),
      sent: sum(lines, ({ sent }) => sent),
      ...(lines.every(({ started }) => started !== undefined) && {
        started: sum(lines, ({ started }) => started),
      }),
      answers,
      ...(accepted !== (answers[ACCEPTED] ?? 0) && { accepted }),
      ...(expected !== accepted && { expected }),
      ...(failedIterations > 0 && { failedIterations }),
      ...(late > 0 && { late }),
      ...(dropped > 0 && { dropped }),
      ...(retries > 0 && { retries }),
      bytesSent: sum(lines, ({ bytesSent }) => bytesSent),
      bytesReceived: sum(lines, ({ bytesReceived }) => bytesReceived),
      latency: mergeSecondLatency(lines.map(({ latency }) => latency)),
      felt: mergeSecondLatency(lines.map(({ felt }) => felt)),
    };
  });
}
