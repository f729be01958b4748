/**
 * Wilcoxon's signed-rank test, exactly, and the estimate that belongs to it (Hodges and Lehmann 1963): what paired rounds say about a shift,
 * without a word about the shape of the noise but that it is symmetric. Pure.
 */

/** Differences to try exactly; from here on the memory of the distribution grows without use. */
const MOST = 200;

/** Ranks of `|values|`, doubled so that the mean rank of ties is a whole number. */
function doubledRanks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => Math.abs(values[a]) - Math.abs(values[b]));
  const ranks = new Array<number>(values.length);
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && Math.abs(values[order[to]]) === Math.abs(values[order[from]])) to++;
    for (let i = from; i < to; i++) ranks[order[i]] = from + 1 + to;
    from = to;
  }
  return ranks;
}

/** `[s]`: probability that the ranks with a positive sign add up to s, each sign being a fair coin. */
function sumDistribution(ranks: readonly number[]): Float64Array {
  let distribution = Float64Array.of(1);
  for (const rank of ranks) {
    const next = new Float64Array(distribution.length + rank);
    for (let sum = 0; sum < distribution.length; sum++) {
      next[sum] += distribution[sum] / 2;
      next[sum + rank] += distribution[sum] / 2;
    }
    distribution = next;
  }
  return distribution;
}

const tail = (distribution: Float64Array, from: number): number => {
  let sum = 0;
  // From the far end: the small ones first, so that none is lost beside a large one.
  for (let i = distribution.length - 1; i >= from; i--) sum += distribution[i];
  return Math.min(1, sum);
};

function check(differences: readonly number[]): void {
  if (differences.some((one) => !Number.isFinite(one)))
    throw new RangeError('a difference is no finite number');
  if (differences.length > MOST)
    throw new RangeError(`${differences.length} differences: at most ${MOST} are tried exactly`);
}

/**
 * Probability of a rank sum at least as high as that of `differences`, if they lie around zero. Zeros have no sign and are left out (Wilcoxon
 * 1945); ties get their mean rank. @throws RangeError for more than 200 differences, or one that is not finite
 */
export function probabilityOfNoIncrease(differences: readonly number[]): number {
  check(differences);
  const present = differences.filter((one) => one !== 0);
  const ranks = doubledRanks(present);
  const observed = ranks.reduce((sum, rank, i) => (present[i] > 0 ? sum + rank : sum), 0);
  return tail(sumDistribution(ranks), observed);
}

/** Means of each pair, each with itself too (Walsh 1949), from the lowest on. */
function walshAverages(values: readonly number[]): number[] {
  const averages: number[] = [];
  for (let i = 0; i < values.length; i++)
    for (let j = i; j < values.length; j++) averages.push((values[i] + values[j]) / 2);
  return averages.sort((a, b) => a - b);
}

const median = (sorted: readonly number[]): number =>
  sorted.length % 2 === 1
    ? sorted[sorted.length >> 1]
    : (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2;

/** Estimate of a shift. `low` and `high` are one-sided bounds of the same level each; infinite where there are too few values. */
export type Shift = { estimate: number; low: number; high: number };

/**
 * The Hodges-Lehmann estimate, and the bounds at which the signed-rank test of level `alpha` just turns.
 * @param values at least one @param alpha error of each bound, 0 to 0.5
 * @throws RangeError without values, for more than 200, or for one that is not finite
 */
export function shiftOf(values: readonly number[], alpha: number): Shift {
  if (values.length === 0) throw new RangeError('no values');
  check(values);
  const averages = walshAverages(values);
  const distribution = sumDistribution(values.map((_, i) => i + 1));
  // The rank sum over a shift is the number of averages above it.
  let critical = averages.length + 1;
  while (critical > 0 && tail(distribution, critical - 1) <= alpha) critical--;
  const enough = critical <= averages.length;
  return {
    estimate: median(averages),
    low: enough ? averages[averages.length - critical] : -Infinity,
    high: enough ? averages[critical - 1] : Infinity,
  };
}

/** The fewest differences with which the test can say anything at level `alpha`: all of one sign have probability 2^-n. */
export const fewestRounds = (alpha: number): number => Math.ceil(Math.log2(1 / alpha) - 1e-9);

/**
 * Holm's step-down adjustment (1979): the chance of even one false alarm among all stays that of one test.
 * @returns the adjusted probabilities, in the order of `probabilities`
 */
export function holm(probabilities: readonly number[]): number[] {
  const order = probabilities.map((_, i) => i).sort((a, b) => probabilities[a] - probabilities[b]);
  const adjusted = new Array<number>(probabilities.length);
  let highest = 0;
  order.forEach((index, step) => {
    highest = Math.max(highest, (probabilities.length - step) * probabilities[index]);
    adjusted[index] = Math.min(1, highest);
  });
  return adjusted;
}
