/**
 * Faults of several generators: each has made its own, at its own way to the target or at its own backend, and what the whole load saw of each
 * follows from the seconds of all. Pure.
 */
import { FaultMeter, faultId } from '../../results/faults.ts';
import { marksOf } from '../../results/marks.ts';
import type { Run } from '../../results/reader.ts';
import type { FaultFigures, MarkLine, Plan, SampleLine } from '../../results/types.ts';
import { type FaultFacts, faultFacts } from '../reasons.ts';

/** As the readings of its processes are named. @param i of the generator, from 0 */
export const ofGenerator = (i: number, fault: string): string => `g${i + 1}: ${fault}`;

/** The marks of all, numbered as the merged plan numbers the turns. */
export function mergeMarks(runs: readonly Run[]): MarkLine[] {
  let offset = 0;
  return runs.flatMap(({ plan, marks = [] }, i) => {
    const from = offset;
    const count = plan?.faults?.length ?? 0;
    offset += count;
    return marksOf(marks).map((mark) => {
      const turn = Array.from({ length: count }, (_, n) => n).find((n) => faultId(n) === mark.id);
      const id = turn === undefined ? ofGenerator(i, mark.id) : faultId(from + turn);
      return { ...mark, id, label: ofGenerator(i, mark.label) };
    });
  });
}

/** @param plan of the merged run @returns null: nothing was made to go wrong */
export function mergeFaults(
  { faults }: Pick<Plan, 'faults'>,
  marks: readonly MarkLine[],
  samples: readonly SampleLine[],
  beganMs: number,
): { figures: FaultFigures[]; facts: FaultFacts | null } | null {
  if (faults === undefined) return null;
  const meter = new FaultMeter(faults);
  for (const mark of marks) meter.mark(mark);
  for (const line of samples) meter.second(line);
  const figures = meter.figures(beganMs);
  return { figures, facts: faultFacts(figures, meter.errorsIn(figures, beganMs)) };
}
