/**
 * The load's own time, and rates over it. One hung request must not stretch it, nor slow first answers shorten it: it is the time in
 * which submissions were begun, not that in which they were answered. Pure.
 */
import { ACCEPTED } from './answers.ts';
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

/** Submissions that began in a second; of an older run, those that ended in it. */
export const startedIn = ({ started, sent }: SampleLine): number => started ?? sent;

/** What was accepted, and what was answered as expected, in one second. */
export function takenIn({ answers, accepted, expected }: SampleLine): {
  accepted: number;
  expected: number;
} {
  const taken = accepted ?? answers[ACCEPTED] ?? 0;
  return { accepted: taken, expected: expected ?? taken };
}
