/**
 * The load's own time, and rates over it. One hung request must not stretch it, nor slow first answers shorten it: it is the time in
 * which submissions were begun, not that in which they were answered. Pure.
 */
import type { LoadShape, SampleLine, Summary } from './types.ts';

/** ms since 1970. */
export type LoadTime = { beganMs: number; endedMs: number };

/** A load that ends with its last submission rather than with its time. */
const endsWithItsLast = ({ iterations, timed }: Pick<LoadShape, 'iterations' | 'timed'>): boolean =>
  iterations !== null || timed !== undefined;

/**
 * From the load's beginning to its planned end, or to its stop if that came first. A load of a number of submissions ends with the
 * last answer.
 * @param beganMs when k6 began, as it says
 * @param stoppedMs when it was stopped (an interrupt, something broke); null: it was not
 * @param lastEndMs last end of a request; null: none was seen
 */
export function loadTimeOf(
  load: Pick<LoadShape, 'durationMs' | 'iterations' | 'timed'>,
  {
    beganMs,
    stoppedMs,
    lastEndMs,
  }: { beganMs: number; stoppedMs: number | null; lastEndMs: number | null },
): LoadTime {
  const endedMs = Math.min(
    beganMs + load.durationMs,
    stoppedMs ?? Infinity,
    endsWithItsLast(load) ? (lastEndMs ?? beganMs) : Infinity,
  );
  return { beganMs, endedMs: Math.max(beganMs, endedMs) };
}

export type Rates = Required<
  Pick<Summary['figures'], 'submissionsPerSecond' | 'acceptedPerSecond'>
>;

/**
 * Starts, and what was accepted of them, over the load's own time.
 * @param loadMs 0 or less: there is no rate
 */
export function ratesOf(
  { started, accepted }: { started: number; accepted: number },
  loadMs: number,
): Rates {
  const rate = (count: number): number | null => (loadMs > 0 ? (count * 1000) / loadMs : null);
  return { submissionsPerSecond: rate(started), acceptedPerSecond: rate(accepted) };
}

/**
 * What a summary says of the load's own time: two parts to spread, one for the summary and one for its figures.
 * @param times as {@link loadTimeOf} takes them. @param started submissions begun: those whose end is known, and those under way at the stop
 */
export function loadFiguresOf(
  load: Pick<LoadShape, 'durationMs' | 'iterations' | 'timed'>,
  {
    started,
    accepted,
    ...times
  }: {
    beganMs: number;
    stoppedMs: number | null;
    lastEndMs: number | null;
    started: number;
    accepted: number;
  },
): {
  summary: Required<Pick<Summary, 'loadMs' | 'loadBeganMs' | 'loadEndedMs'>>;
  figures: Rates & { started: number };
} {
  const { beganMs, endedMs } = loadTimeOf(load, times);
  const loadMs = endedMs - beganMs;
  return {
    summary: { loadMs: Math.round(loadMs), loadBeganMs: beganMs, loadEndedMs: endedMs },
    figures: { started, ...ratesOf({ started, accepted }, loadMs) },
  };
}

/** Submissions that began in a second; of an older run, those that ended in it. */
export const startedIn = ({ started, sent }: SampleLine): number => started ?? sent;

/**
 * The seconds of a run without a summary that are whole: it began somewhere in its first second, and was cut in its last one. With
 * fewer than three there is nothing better than all of them.
 * @param samples in the order of their seconds
 */
export function wholeSeconds(samples: readonly SampleLine[]): readonly SampleLine[] {
  return samples.length < 3 ? samples : samples.slice(1, -1);
}

/** Milliseconds from the beginning of the first to the end of the last; holes count. */
export function spanOf(samples: readonly SampleLine[]): number {
  return samples.length === 0 ? 0 : samples[samples.length - 1].t + 1000 - samples[0].t;
}
