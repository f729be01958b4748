/**
 * When the generators of a merged run were at work, each by its own clock. Clocks that are apart look like generators that were started
 * apart, and nobody can say which it was: what overlaps is seen, and the rest is said. Pure.
 */
import type { Run } from '../../results/reader.ts';
import { type LoadTime, type Rates, ratesOf, startedIn } from '../../results/rates.ts';
import { takenIn } from '../../results/figures.ts';
import { formatDuration, formatNumber } from '../../results/units.ts';
import { sum } from './sums.ts';

/** At work together for less than this share of the shorter one's time: that is no matter of a slow start. */
const LEAST_TOGETHER = 0.9;

/** The load's own time, as the summary says; of an older run from first to last answer; of a killed one to the second. */
export function workOf({ summary, samples }: Run): LoadTime & { ownMs: number } {
  const [beganMs, endedMs] =
    summary?.loadBeganMs && summary.loadEndedMs
      ? [summary.loadBeganMs, summary.loadEndedMs]
      : summary?.firstEndMs && summary.lastEndMs
        ? [summary.firstEndMs, summary.lastEndMs]
        : [samples[0].t, samples[samples.length - 1].t + 1000];
  // A merged run's own time is less than the time between its two ends where its generators did not begin together.
  const ownMs = summary?.loadBeganMs ? summary.loadMs : endedMs - beganMs;
  return { beganMs, endedMs, ownMs };
}

const clock = (ms: number): string => new Date(ms).toISOString().slice(11, 19);

/** @returns what their clocks say of two runs that do not overlap; null: they do */
export function notTogether(a: Run, b: Run): string | null {
  const [first, second] = [workOf(a), workOf(b)].sort((x, y) => x.beganMs - y.beganMs);
  if (second.beganMs < first.endedMs) return null;
  const apart = formatDuration(Math.round((second.beganMs - first.beganMs) / 1000) * 1000);
  return `by their clocks one worked from ${clock(first.beganMs)} to ${clock(first.endedMs)} UTC, the other from ${clock(second.beganMs)} to ${clock(second.endedMs)}; their clocks are ${apart} apart, or they were started so far apart`;
}

export type Together = {
  /** From the first beginning to the last end. */
  time: LoadTime;
  /** The longest of their own times: what rates are taken over. */
  loadMs: number;
  rates: Rates;
  /** What to know of clocks that are apart; null: nothing. */
  note: string | null;
};

/**
 * The rate of several generators together: all starts over the longest of their times, since a process that begins half a second after
 * the other sends no less for it. Where they were hardly together, only the whole seconds in which all of them worked give a rate.
 * @param counts of all generators
 */
export function together(
  runs: readonly Run[],
  counts: { started: number; accepted: number },
): Together {
  const works = runs.map(workOf);
  const most = (of: (work: LoadTime & { ownMs: number }) => number): number =>
    works.reduce((highest, work) => Math.max(highest, of(work)), -Infinity);
  const least = (of: (work: LoadTime & { ownMs: number }) => number): number =>
    -most((work) => -of(work));
  const time = { beganMs: least((work) => work.beganMs), endedMs: most((work) => work.endedMs) };
  const loadMs = most((work) => work.ownMs);
  const all: Together = { time, loadMs, rates: ratesOf(counts, loadMs), note: null };

  const fromMs = most((work) => work.beganMs);
  const untilMs = least((work) => work.endedMs);
  const shortestMs = least((work) => work.endedMs - work.beganMs);
  const overlapMs = Math.max(0, untilMs - fromMs);
  // A second of each may be cut: at its beginning, or by rounding.
  if (overlapMs >= LEAST_TOGETHER * shortestMs || shortestMs - overlapMs < 2000) return all;
  const inside = runs
    .flatMap(({ samples }) => samples)
    .filter(({ t }) => t >= fromMs && t + 1000 <= untilMs);
  const seconds = new Set(inside.map(({ t }) => t)).size;
  const rates =
    seconds === 0
      ? all.rates
      : ratesOf(
          {
            started: sum(inside, startedIn),
            accepted: sum(inside, (line) => takenIn(line).accepted),
          },
          seconds * 1000,
        );
  const who = runs.length === 2 ? 'the two generators' : `the ${runs.length} generators`;
  const rate =
    seconds === 0 || rates.submissionsPerSecond === null
      ? 'there is no whole second in which all of them worked, so their rate is not known well'
      : `where they overlap they sent ${formatNumber(rates.submissionsPerSecond)} submissions/s, and that is the rate of the merged run`;
  const whole = (ms: number): number => Math.round(ms / 1000) * 1000;
  const apart = whole(fromMs - time.beganMs);
  return {
    ...all,
    rates,
    note: `${who} were at work together only for ${formatDuration(whole(overlapMs))} of ${formatDuration(whole(shortestMs))}: by their clocks the last one began ${formatDuration(apart)} after the first, so their clocks are apart, or they were started apart; ${rate}`,
  };
}
