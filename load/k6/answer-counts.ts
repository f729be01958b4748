/** Counts of answers by their packed code (scenarios/lib/reports.ts), and what they come to. Pure. */
import { CODE } from '../../scenarios/lib/reports.ts';
import { classOfCode, isAccepted } from '../../reconcile/answer-table.ts';
import type { AnswerClass } from '../../results/types.ts';

/** Packed code -> how many. */
export type AnswerCounts = ReadonlyMap<number, number>;

export const countOne = (counts: Map<number, number>, code: number): void =>
  void counts.set(code, (counts.get(code) ?? 0) + 1);

const sumOf = (counts: AnswerCounts, of: (code: number) => boolean): number => {
  let sum = 0;
  for (const [code, count] of counts) if (of(code)) sum += count;
  return sum;
};

export const acceptedOf = (counts: AnswerCounts): number => sumOf(counts, isAccepted);

export const expectedOf = (counts: AnswerCounts): number =>
  sumOf(counts, (code) => (code & CODE.expected) !== 0);

/** Counts by packed code to counts by class, in the order of the classes. */
export function byClass(counts: AnswerCounts): Record<AnswerClass, number> {
  const sums: Record<AnswerClass, number> = {};
  const sorted = [...counts].map(([code, count]) => [code & ~CODE.expected, count] as const);
  for (const [code, count] of sorted.sort(([a], [b]) => a - b))
    sums[classOfCode(code)] = (sums[classOfCode(code)] ?? 0) + count;
  return sums;
}

/** Requests that were answered, or failed. */
export const sentOf = (counts: AnswerCounts): number => sumOf(counts, () => true);
