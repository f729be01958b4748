/** Adding up what several generators counted. Pure. */
import type { AnswerClass } from '../../results/types.ts';

type Counts = Record<AnswerClass, number>;

export function addCounts(all: readonly Counts[]): Counts {
  const sums: Counts = {};
  for (const counts of all)
    for (const [answer, count] of Object.entries(counts))
      sums[answer] = (sums[answer] ?? 0) + count;
  return sums;
}

export const sum = <T>(items: readonly T[], of: (item: T) => number | undefined): number =>
  items.reduce((total, item) => total + (of(item) ?? 0), 0);
