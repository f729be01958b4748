/**
 * Of a body that was sent more often than it has entries: which of its submissions have one. Each entry, by its second, goes to the first to
 * end of those that were under way then; what fits none goes to the first without one. Pure.
 */
import type { ClockRange, RequestTimes } from './clock.ts';

/**
 * @param sends indexes of the accepted submissions of one body
 * @param seconds those of its entries
 * @returns those of `sends` that have an entry
 */
export function holdersOf(
  sends: readonly number[],
  seconds: readonly number[],
  timesOf: (index: number) => RequestTimes | null,
  [least, most]: ClockRange,
): number[] {
  const windows = sends.map((i) => {
    const times = timesOf(i);
    return {
      i,
      from: times === null ? -Infinity : Math.floor((times[0] + least) / 1000),
      to: times === null ? Infinity : Math.floor((times[1] + most) / 1000),
      held: false,
    };
  });
  windows.sort((a, b) => a.to - b.to);
  let unplaced = 0;
  let first = 0;
  for (const second of [...seconds].sort((a, b) => a - b)) {
    while (first < windows.length && (windows[first].held || windows[first].to < second)) first++;
    let at = first;
    while (at < windows.length && (windows[at].held || windows[at].from > second)) at++;
    if (at < windows.length) windows[at].held = true;
    else unplaced++;
  }
  for (const window of windows)
    if (unplaced > 0 && !window.held) {
      window.held = true;
      unplaced--;
    }
  return windows.filter(({ held }) => held).map(({ i }) => i);
}
