/** Looks into the storage while several generators ran, as one series. Each generator looks for its own submissions, so counts add. Pure. */
import type { Run } from '../../results/reader.ts';
import type { ReconcileLiveLine } from '../../results/types.ts';

/**
 * One line at each look of any of them, from the time on at which each has looked once: the sums of their latest looks.
 * @returns in the order of their times; empty where one of them never looked, whose part nobody knows
 */
export function mergeLooks(runs: readonly Pick<Run, 'live'>[]): ReconcileLiveLine[] {
  const latest = runs.map((): ReconcileLiveLine | null => null);
  return runs
    .flatMap(({ live = [] }, generator) => live.map((line) => ({ line, generator })))
    .sort((a, b) => a.line.t - b.line.t)
    .flatMap(({ line, generator }) => {
      latest[generator] = line;
      const looks = latest.filter((look) => look !== null);
      if (looks.length < runs.length) return [];
      const sum = (of: 'accepted' | 'stored' | 'notStored') =>
        looks.reduce((total, look) => total + look[of], 0);
      return [
        {
          t: line.t,
          accepted: sum('accepted'),
          stored: sum('stored'),
          notStored: sum('notStored'),
          olderThanMs: looks.reduce((most, look) => Math.max(most, look.olderThanMs), 0),
          // Of this look alone: each has its own cost, at its own time.
          tookMs: line.tookMs,
          cpuMs: line.cpuMs,
        },
      ];
    });
}
