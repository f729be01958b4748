/** Faults that were put into a run, and for how long: from the lines of marks.ndjson. Pure. */
import type { MarkLine } from './types.ts';

/** Of several lines of one id the last, in the order of their beginnings. */
export const marksOf = (lines: readonly MarkLine[]): MarkLine[] =>
  [...new Map(lines.map((line) => [line.id, line])).values()].sort((a, b) => a.fromMs - b.fromMs);
