/**
 * From a history of nights to series: the nights of one figure of one scenario on one fingerprint, each with what the second stage said about
 * it. Pure.
 */
import type { HistoryEntry, RecordedSuspicion } from '../../results/history.ts';
import { levelBegin, type Night } from './nights.ts';

export type SeriesKey = { scenario: string; figure: string; fingerprint: string };

export type SeriesNight = Night & {
  night: string;
  /** RFC 3339. */
  t: string;
  commit?: string;
  /** What was suspected in this night; null: nothing. */
  suspicion: RecordedSuspicion | null;
};

/** From the oldest night on. Nights without the figure are left out. */
export function seriesOf(
  entries: readonly HistoryEntry[],
  { scenario, figure, fingerprint }: SeriesKey,
): SeriesNight[] {
  const nights = entries
    .filter((entry) => entry.scenario === scenario && entry.fingerprint === fingerprint)
    .flatMap(({ night, t, commit, values, suspicions }): SeriesNight[] => {
      if (!(values[figure] > 0)) return [];
      const suspicion = suspicions.find((one) => one.figure === figure) ?? null;
      return [
        {
          night,
          t,
          value: values[figure],
          suspicion,
          ...(commit !== undefined && { commit }),
          ...(suspicion?.outcome === 'cleared' && { cleared: true }),
        },
      ];
    });
  for (const { suspicion } of nights)
    if (suspicion?.outcome === 'confirmed')
      for (const night of nights) if (night.night === suspicion.since) night.opensLevel = true;
  return nights;
}

export type Level = { from: number; to: number; value: number };

/** Of an even number the lower one in the middle: a percentile that a night had, not the mean of two. */
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[(values.length - 1) >> 1];

/** The levels of a series: indices of their first and last night, and the median between, which is the value of one of them. */
export function levelsOf(nights: readonly SeriesNight[]): Level[] {
  const begins = nights.flatMap(({ opensLevel }, i) => (i === 0 || opensLevel === true ? [i] : []));
  return begins.map((from, i) => {
    const to = (begins[i + 1] ?? nights.length) - 1;
    return { from, to, value: median(nights.slice(from, to + 1).map(({ value }) => value)) };
  });
}

/** How many nights the level has that a new night will be held against. */
export const nightsInLevel = (nights: readonly SeriesNight[]): number =>
  nights.length === 0 ? 0 : nights.length - levelBegin([...nights, nights.at(-1)!]);

/** Fingerprints of a scenario, the one that was last seen first. */
export function fingerprintsOf(entries: readonly HistoryEntry[], scenario: string): string[] {
  const found = entries
    .filter((entry) => entry.scenario === scenario)
    .flatMap(({ fingerprint }) => (fingerprint === null ? [] : [fingerprint]));
  return [...new Set(found.reverse())];
}
