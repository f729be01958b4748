/**
 * Submissions that the run itself began too near to another one of the same submitter for a storage to keep both: it holds one entry for each
 * submitter and second. Pure.
 */
import { OUTCOME } from './outcomes.ts';
import type { SentRun } from './sent-run.ts';

const SECOND_MS = 1000;

/**
 * @param lost indices of accepted submissions whose second another one of the submitter has
 * @returns those of them that were begun less than a second before or after another one of the submitter
 */
export function ownPairs(
  lost: readonly number[],
  run: Pick<SentRun, 'sent' | 'index' | 'outcomes' | 'timesOf'>,
): Set<number> {
  const { outcomes, sent, index } = run;
  const own = new Set<number>();
  if (lost.length === 0) return own;
  const submitterOf = (i: number): number | null => {
    const body = sent.bodyOf(i);
    return body === -1 ? null : index.submitterOf(index.groupOf[body]);
  };
  const begins = new Map<number, number[]>();
  for (const i of lost) begins.set(submitterOf(i)!, []);
  for (let i = 0; i < outcomes.length; i++) {
    if (outcomes[i] === OUTCOME.notSent) continue;
    const submitter = submitterOf(i);
    const ofSubmitter = submitter === null ? undefined : begins.get(submitter);
    const times = ofSubmitter && run.timesOf(i);
    if (times) ofSubmitter.push(times[0]);
  }
  for (const ofSubmitter of begins.values()) ofSubmitter.sort((a, b) => a - b);
  for (const i of lost) {
    const times = run.timesOf(i);
    if (times !== null && hasNeighbour(begins.get(submitterOf(i)!)!, times[0])) own.add(i);
  }
  return own;
}

/** @param begins in order, its own among them */
function hasNeighbour(begins: readonly number[], ownMs: number): boolean {
  let low = 0;
  for (let high = begins.length; low < high;) {
    const middle = (low + high) >> 1;
    if (begins[middle] < ownMs) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [begins[low - 1], begins[low + 1]];
  return (
    (before !== undefined && ownMs - before < SECOND_MS) ||
    (after !== undefined && after - ownMs < SECOND_MS)
  );
}
