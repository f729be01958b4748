/**
 * Which rate to try next, and what is known after each trial: probabilistic bisection (Horstein 1963; Waeber, Frazier and
 * Henderson, "Bisection search with noisy responses", SIAM J. Control Optim. 51, 2013). One trial may be wrong, for a target
 * hiccups and a machine is shared, so a trial does not cut the range: it moves probability. The knee has a density over rates; the
 * next trial is where half of it lies on each side, and what is left of its width is the confidence of the result. Pure.
 */

export type SearchOptions = {
  /** Submissions per second of the first trial. */
  first: number;
  lowest: number;
  highest: number;
  /** The search ends when 95 % of the probability lie within this width, as a share of the rate: 0.05 is 5 %. */
  precision: number;
  /** Trials at most. */
  mostTrials: number;
};

/** A search, and how long its loads last. */
export type SearchPlan = SearchOptions & {
  /** Of each trial. */
  holdMs: number;
  /** Pause between two trials. */
  settleMs: number;
};

export type Trial = { rate: number; outcome: 'held' | 'failed' | 'generator-limited' };

export type Knee = {
  /** Median of what is known, submissions per second. */
  rate: number;
  /** Where the knee lies with 95 % probability. */
  low: number;
  high: number;
};

/** How a search stands. */
export type SearchState = {
  knee: Knee;
  /** Rate of the next trial; null: the search is over. */
  next: number | null;
  /** Why it is over. */
  end: 'precise' | 'holds the highest' | 'fails the lowest' | 'generator-limited' | 'trials' | null;
};

/** Between two rates of the grid: a tenth of the finest precision that makes sense. */
const GRID_STEP = Math.log(1.002);
/** A trial far from the knee is wrong this often: taken as measured on shared machines, on the careful side. */
const WRONG = 0.08;
/** Around the knee outcomes change from sure to sure over this (logarithmic) distance: 1.5 %. */
const BLUR = 0.015;
const STEP_FACTOR = 2;
/** So many trials that the generator could not send make a ceiling; one may be a hiccup. */
const CEILING_TRIALS = 2;
const SURE = 0.95;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Of a trial at `rate` to hold when the knee is at `knee`. */
const chanceToHold = (rate: number, knee: number): number =>
  WRONG + (1 - 2 * WRONG) * sigmoid((Math.log(knee) - Math.log(rate)) / BLUR);

/** Everything follows from the trials so far. @throws RangeError for options without a range */
export function searchState(options: SearchOptions, trials: readonly Trial[]): SearchState {
  const { first, lowest, highest, precision, mostTrials } = options;
  if (!(lowest > 0 && lowest <= first && first <= highest && precision > 0))
    throw new RangeError('a search needs 0 < lowest <= first <= highest and a precision above 0');
  const ceiling = ceilingOf(trials);
  // Nothing can be learnt about rates that cannot be sent.
  const grid = gridOf(lowest, Math.max(first, Math.min(highest, ceiling)));
  const density = densityOf(grid, trials);
  const knee = kneeOf(grid, density);
  const done = (end: NonNullable<SearchState['end']>): SearchState => ({ knee, next: null, end });

  const held = trials.filter(({ outcome }) => outcome === 'held');
  const failed = trials.filter(({ outcome }) => outcome === 'failed');
  const count = (rate: number, outcome: Trial['outcome']): number =>
    trials.filter((trial) => trial.rate === rate && trial.outcome === outcome).length;
  if (count(highest, 'held') >= 2) return done('holds the highest');
  if (count(lowest, 'failed') >= 2) return done('fails the lowest');
  if (failed.length > 0 && knee.high / knee.low <= 1 + precision) return done('precise');
  if (knee.rate >= ceiling) return done('generator-limited');
  if (trials.length >= mostTrials) return done('trials');

  const last = trials.at(-1);
  // A first trial that the generator could not send is repeated at once.
  if (last?.outcome === 'generator-limited' && ceiling === Infinity)
    return { knee, next: last.rate, end: null };
  if (failed.length === 0) {
    const top = held.reduce((max, { rate }) => Math.max(max, rate), 0);
    if (top === 0) return { knee, next: Math.min(first, ceiling / STEP_FACTOR), end: null };
    const next = Math.min(highest, top * STEP_FACTOR);
    // Between what holds and what nobody can send: half way, until they meet.
    if (next >= ceiling) {
      const between = Math.sqrt(top * ceiling);
      return between / top <= 1 + precision
        ? done('generator-limited')
        : { knee, next: between, end: null };
    }
    return { knee, next, end: null };
  }
  const next = Math.max(lowest, Math.min(highest, knee.rate));
  return { knee, next: next >= ceiling ? ceiling / (1 + precision) : next, end: null };
}

/** Above what the generator is known to have sent; a lower rate that it once could not send was a hiccup. */
function ceilingOf(trials: readonly Trial[]): number {
  const sent = trials.filter(({ outcome }) => outcome !== 'generator-limited');
  const known = sent.reduce((most, { rate }) => Math.max(most, rate), 0);
  const limited = trials.filter(
    ({ rate, outcome }) => outcome === 'generator-limited' && rate > known,
  );
  return limited.length >= CEILING_TRIALS ? Math.min(...limited.map(({ rate }) => rate)) : Infinity;
}

/** From one step below the lowest rate to one above the highest: "it never holds" and "it always does" have a place. */
function gridOf(lowest: number, highest: number): Float64Array {
  const steps = Math.ceil(Math.log(highest / lowest) / GRID_STEP) + 20;
  return Float64Array.from(
    { length: steps + 1 },
    (_, i) => lowest * Math.exp((i - 10) * GRID_STEP),
  );
}

function densityOf(grid: Float64Array, trials: readonly Trial[]): Float64Array {
  const density = new Float64Array(grid.length).fill(1 / grid.length);
  for (const { rate, outcome } of trials) {
    if (outcome === 'generator-limited') continue;
    let sum = 0;
    for (let i = 0; i < grid.length; i++) {
      const hold = chanceToHold(rate, grid[i]);
      sum += density[i] *= outcome === 'held' ? hold : 1 - hold;
    }
    for (let i = 0; i < grid.length; i++) density[i] /= sum;
  }
  return density;
}

function kneeOf(grid: Float64Array, density: Float64Array): Knee {
  const at = (share: number): number => {
    let sum = 0;
    for (let i = 0; i < grid.length; i++) if ((sum += density[i]) >= share) return grid[i];
    return grid[grid.length - 1];
  };
  return { rate: at(0.5), low: at((1 - SURE) / 2), high: at((1 + SURE) / 2) };
}
