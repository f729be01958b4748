/**
 * Where a series changed its level: E-divisive (Matteson and James 2014), which compares the distances between two parts of the series with
 * those within each, so it asks nothing about the shape of the noise; how likely such a split is by chance comes from shuffled copies. Pure.
 */

/** A part of fewer values is an outlier, not a level. */
export const SHORTEST_SEGMENT = 3;
const SHUFFLES = 199;

export type ChangePoint = {
  /** Index of the first value of the new level. */
  at: number;
  /** Share of shuffled series with as good a split, from 0 to 1. */
  probability: number;
};

type Split = { at: number; gain: number };

/**
 * The split of `values` whose parts differ most. Sums of distances are kept by halves: moving the split by one moves one value from the
 * right to the left, so each split costs n steps.
 */
function bestSplit(values: readonly number[]): Split | null {
  const n = values.length;
  let best: Split | null = null;
  let withinLeft = 0;
  let across = 0;
  let withinRight = 0;
  for (let i = 0; i < n; i++)
    for (let j = i + 1; j < n; j++) withinRight += Math.abs(values[i] - values[j]);
  for (let at = 1; at <= n - SHORTEST_SEGMENT; at++) {
    const moved = values[at - 1];
    let toLeft = 0;
    let toRight = 0;
    for (let i = 0; i < at - 1; i++) toLeft += Math.abs(values[i] - moved);
    for (let i = at; i < n; i++) toRight += Math.abs(values[i] - moved);
    withinLeft += toLeft;
    withinRight -= toRight;
    across += toRight - toLeft;
    if (at < SHORTEST_SEGMENT) continue;
    const right = n - at;
    const gain =
      ((at * right) / n) *
      ((2 * across) / (at * right) -
        (2 * withinLeft) / (at * (at - 1)) -
        (2 * withinRight) / (right * (right - 1)));
    if (best === null || gain > best.gain) best = { at, gain };
  }
  return best;
}

function shuffled(values: readonly number[], random: () => number): number[] {
  const copy = [...values];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}

/**
 * The change that splits `values` best, if it is not likely by chance.
 * @param alpha highest probability that still counts as a change
 * @param random uniform from 0 to 1; seeded by the caller, so that the answer is the same again
 * @returns null for a series of one level, and for fewer than two segments of three
 */
export function changePoint(
  values: readonly number[],
  alpha: number,
  random: () => number,
): ChangePoint | null {
  const best = values.length < 2 * SHORTEST_SEGMENT ? null : bestSplit(values);
  if (best === null) return null;
  // The series itself is one of its orders. Enough as good ones settle it before all are tried.
  const allowed = Math.floor(alpha * (SHUFFLES + 1)) - 1;
  let asGood = 0;
  for (let i = 0; i < SHUFFLES; i++) {
    if (bestSplit(shuffled(values, random))!.gain >= best.gain) asGood++;
    if (asGood > allowed) return null;
  }
  return { at: best.at, probability: (asGood + 1) / (SHUFFLES + 1) };
}

/** All changes of a series, from the first on: each part is split again as long as a split is unlikely by chance. */
export function changePoints(
  values: readonly number[],
  alpha: number,
  random: () => number,
): ChangePoint[] {
  const found: ChangePoint[] = [];
  const look = (from: number, to: number): void => {
    const change = changePoint(values.slice(from, to), alpha, random);
    if (change === null) return;
    const at = from + change.at;
    look(from, at);
    found.push({ ...change, at });
    look(at, to);
  };
  look(0, values.length);
  return found;
}
