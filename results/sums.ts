/**
 * A run as its report and pictures need it: its whole files, and its lines summed. A run whose lines are in memory (reader.ts) is summed at
 * the first question; one that was summed while it was read (sum-reader.ts) never had them there. Pure.
 */
import { figuresOfSums } from './figures.ts';
import type { Run } from './reader.ts';
import { ReadingSums } from './reading-sums.ts';
import { SampleSums } from './sample-sums.ts';
import { type LineEnds, spanOfEnds, type TimeSpan } from './steps.ts';
import type { LogSecond, Plan, ResourceLine, SampleLine, Summary } from './types.ts';

/** Errors of the target's log that nobody expected. */
export type LogSums = {
  /** Lines of logs.ndjson, of any kind. */
  lines: number;
  errors: number;
  /** Steps of the axis with one in it, before and after the load too. */
  steps: Set<number>;
};

export type RunSums = {
  span: TimeSpan;
  samples: SampleSums;
  readings: ReadingSums;
  logs: LogSums;
};

/** All that pictures and reports are made of. */
export type RunView = Omit<Run, 'samples' | 'resources' | 'logs'> &
  ({ sums: RunSums } | (Pick<Run, 'samples' | 'resources' | 'logs'> & { sums?: undefined }));

export function endsOfLines(
  samples: readonly SampleLine[],
  resources: readonly ResourceLine[],
): LineEnds {
  const ends = <T>(lines: readonly T[], of: (line: T) => number) =>
    lines.reduce<{ first: T; last: T } | null>(
      (found, line) =>
        found === null
          ? { first: line, last: line }
          : {
              first: of(line) < of(found.first) ? line : found.first,
              last: of(line) >= of(found.last) ? line : found.last,
            },
      null,
    );
  const readings = ends(resources, ({ t }) => t);
  return {
    samples: ends(samples, ({ elapsedS }) => elapsedS),
    readings: readings && { firstT: readings.first.t, lastT: readings.last.t },
  };
}

/** Empty sums, ready to add lines to. */
export function beginSums(
  { plan, summary }: { plan: Plan | null; summary: Summary | null },
  ends: LineEnds,
): RunSums {
  const span = spanOfEnds(ends);
  const { samples } = ends;
  return {
    span,
    samples: new SampleSums({
      stepS: span.stepS,
      keepsStarts: plan?.load.steered !== undefined,
      // The summary has them, so they are decoded for nothing but a run without one.
      ...(summary === null && { wholeAfterMs: plan?.load.warmUpMs ?? 0 }),
    }),
    readings: new ReadingSums(
      span,
      samples === null ? undefined : { beganMs: samples.first.t, endedMs: samples.last.t + 1000 },
    ),
    logs: { lines: 0, errors: 0, steps: new Set() },
  };
}

export function addLog({ logs, span }: RunSums, { t, count, allowed, level }: LogSecond): void {
  logs.lines++;
  if (allowed === true || level !== undefined) return;
  logs.errors += count;
  logs.steps.add(Math.floor((t - span.startT) / 1000 / span.stepS));
}

const known = new WeakMap<object, RunSums>();

/** @param run which is not changed afterwards. @throws Error naming the second whose histogram is broken */
export function sumsOf(run: RunView): RunSums {
  if (run.sums !== undefined) return run.sums;
  const { samples, resources, logs } = run;
  const before = known.get(run);
  if (before !== undefined) return before;
  const sums = beginSums(run, endsOfLines(samples, resources));
  for (const line of samples) sums.samples.add(line);
  for (const line of resources) sums.readings.add(line);
  for (const line of logs) addLog(sums, line);
  known.set(run, sums);
  return sums;
}

/** Those of the summary; of a run without one, those of its samples. @throws Error if a stored histogram is broken */
export function figuresOf(run: RunView): Summary['figures'] {
  if (run.summary !== null) return run.summary.figures;
  const { samples, readings } = sumsOf(run);
  return figuresOfSums(samples, readings);
}
