/** What became of a load in the whole chain: batches of 15 s, counted 2 s after their end. */
import type { EndToEndFigures } from '../../results/types.ts';

/** @param beganMs when the first was sent, ms since 1970 @param names of two stages */
export function chainFigures(
  beganMs: number,
  seconds: number,
  names: readonly [string, string] = ['verified', 'counted'],
): EndToEndFigures {
  const steps = (laterS: number) =>
    Array.from({ length: seconds }, (_, second) => {
      const p50S = laterS + 15 - (second % 15);
      return { startS: second, endS: second + 1, p50S, maxS: 1.2 * p50S };
    });
  const ends = Array.from({ length: Math.floor(seconds / 15) }, (_, i) => 15 * (i + 1));
  return {
    system: 'load',
    isOwn: true,
    intervalSeconds: 15,
    ...{ accepted: 9, stored: 9, verified: 9, counted: 9, scored: 9 },
    batches: ends.length,
    leastLagS: 2,
    mostLagS: 2,
    lags: [],
    lagsOverTime: {
      beganMs,
      seconds,
      stepS: 1,
      batches: ends.map((endS) => ({ endS, countedAfterS: 2 })),
      stages: names.map((name, i) => ({ name, steps: steps(i) })),
    },
    assertions: [],
  };
}
