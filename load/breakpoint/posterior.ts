/**
 * What the trials of a search say about the knee. Three things are unknown, and all three are fitted: where the knee lies, how blurred it is
 * (over which distance of rates outcomes change from sure to sure), and how often a trial far from it is wrong all the same, since a
 * target hiccups and a machine is shared. A trial at `rate` holds with probability
 *
 *     lapse + (1 - 2 lapse) / (1 + (rate / knee) ** (1 / blur))
 *
 * a psychometric function with its slope and its lapse rate (Kontsevich and Tyler, "Bayesian adaptive estimation of psychometric slope and
 * threshold", Vision Research 39, 1999). The probability of all combinations is kept on a grid; that of the knee alone is its sum over
 * the other two, so that an interval is as wide as the trials themselves are contradictory. Pure.
 */

/** A trial whose outcome says something about the target. */
export type Observation = { rate: number; held: boolean };

/**
 * Logarithmic distance over which the odds change by a factor of e, with the prior weight of each. The weights lean to what is blurred: a few
 * trials in a row look sharp by chance, and an interval that believes them is too narrow (bench/breakpoint.ts has the coverage).
 */
const BLURS: readonly (readonly [blur: number, prior: number])[] = [
  [0.001, 0.4],
  [0.003, 0.5],
  [0.006, 0.7],
  [0.012, 1],
  [0.025, 1.5],
  [0.05, 2],
  [0.1, 2],
];
/** Share of wrong trials far from the knee, the same way. */
const LAPSES: readonly (readonly [lapse: number, prior: number])[] = [
  [0.005, 1],
  [0.03, 1],
  [0.08, 1],
  [0.15, 0.5],
];
/** Beyond so many blurs a trial is as sure as it gets. */
const FAR = 25;

/** Probability over all combinations of blur, lapse and knee. */
export type Posterior = {
  /** Rates, with a constant factor between two. */
  readonly grid: Float64Array;
  /** Of each blur and lapse, one after the other: probabilities over the grid, not normalized. */
  readonly weights: Float64Array[];
};

/** Before the first trial: every rate is as likely as any other, by its logarithm. @param step logarithm of the grid's factor */
export function priorOf(lowest: number, highest: number, step: number): Posterior {
  // From a little below to a little above: "it never holds" and "it always does" have a place.
  const margin = Math.ceil(0.02 / step);
  const steps = Math.ceil(Math.log(highest / lowest) / step) + 2 * margin;
  const grid = Float64Array.from(
    { length: steps + 1 },
    (_, i) => lowest * Math.exp((i - margin) * step),
  );
  const weights = BLURS.flatMap(([, ofBlur]) =>
    LAPSES.map(([, ofLapse]) => new Float64Array(grid.length).fill(ofBlur * ofLapse)),
  );
  return { grid, weights };
}

/** Takes one trial in; changes `posterior`. */
export function observe({ grid, weights }: Posterior, { rate, held }: Observation): void {
  const logRate = Math.log(rate);
  const distances = Float64Array.from(grid, (knee) => Math.log(knee) - logRate);
  const above = new Float64Array(grid.length);
  let largest = 0;
  BLURS.forEach(([blur], b) => {
    for (let i = 0; i < grid.length; i++) {
      const x = distances[i] / blur;
      above[i] = x > FAR ? 1 : x < -FAR ? 0 : 1 / (1 + Math.exp(-x));
    }
    LAPSES.forEach(([lapse], l) => {
      const weight = weights[b * LAPSES.length + l];
      const [base, factor] = held ? [lapse, 1 - 2 * lapse] : [1 - lapse, 2 * lapse - 1];
      for (let i = 0; i < grid.length; i++) {
        const product = (weight[i] *= base + factor * above[i]);
        if (product > largest) largest = product;
      }
    });
  });
  // Only shares count; hundreds of trials must not come to nothing.
  if (largest < 1e-100)
    for (const weight of weights) for (let i = 0; i < grid.length; i++) weight[i] /= largest;
}

/**
 * @param shares of the probability to ask for, each from 0 to 1
 * @param highest no knee above this is looked at
 * @returns the rate below which the knee lies with each probability
 */
export function kneeAt(
  { grid, weights }: Posterior,
  shares: readonly number[],
  highest = Infinity,
): number[] {
  const sums = new Float64Array(grid.length);
  for (const weight of weights)
    for (let i = 0; i < grid.length && (i === 0 || grid[i] <= highest); i++) sums[i] += weight[i];
  return shares.map((share) => quantile(grid, sums, share));
}

/** Median of the blur, and of the share of wrong trials. */
export function shapeOf({ weights }: Posterior): { blur: number; lapse: number } {
  const sums = weights.map((weight) => weight.reduce((sum, value) => sum + value, 0));
  const sumOf = (is: (b: number, l: number) => boolean): number =>
    sums.reduce(
      (sum, value, i) => (is(Math.floor(i / LAPSES.length), i % LAPSES.length) ? sum + value : sum),
      0,
    );
  const values = (list: typeof BLURS) => Float64Array.from(list, ([value]) => value);
  return {
    blur: quantile(
      values(BLURS),
      Float64Array.from(BLURS, (_, at) => sumOf((b) => b === at)),
      0.5,
    ),
    lapse: quantile(values(LAPSES), Float64Array.from(LAPSES, (_, at) => sumOf((_b, l) => l === at)), 0.5), // prettier-ignore
  };
}

/** The first of `values` at which `share` of the probability is reached. */
function quantile(values: Float64Array, shares: Float64Array, share: number): number {
  const whole = shares.reduce((sum, value) => sum + value, 0);
  let sum = 0;
  for (let i = 0; i < values.length; i++) if ((sum += shares[i]) >= share * whole) return values[i];
  return values[values.length - 1];
}
