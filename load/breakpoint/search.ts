/**
 * Which rate to try next, and what is known after each trial: probabilistic bisection (Horstein 1963; Waeber, Frazier and
 * Henderson, "Bisection search with noisy responses", SIAM J. Control Optim. 51, 2013). One trial may be wrong, so a trial does not
 * cut the range: it moves probability (posterior.ts), and what is left of its width is the confidence of the result. The next trial is
 * near where half of the probability lies on each side, a little below and a little above in turns: trials at one rate alone would not
 * show how blurred the knee is. Pure.
 */
import { kneeAt, observe, type Posterior, priorOf, shapeOf } from './posterior.ts';

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

/** Rates of the grid within the precision that is asked for. */
const STEPS_IN_PRECISION = 20;
/** Where to try next, as shares of the probability that the knee lies below: in turns. */
const TURNS = [0.3, 0.7] as const;
const SURE = 0.95;
const STEP_FACTOR = 2;
/** So many trials at about the same rate that the generator could not send make a ceiling; one may be a hiccup. */
const CEILING_TRIALS = 2;
const SAME_RATE = 1.1;

/** Everything follows from the trials so far. @throws RangeError for options without a range */
export function searchState(options: SearchOptions, trials: readonly Trial[]): SearchState {
  const { first, lowest, highest, precision, mostTrials } = options;
  if (!(lowest > 0 && lowest <= first && first <= highest && precision > 0))
    throw new RangeError('a search needs 0 < lowest <= first <= highest and a precision above 0');
  const ceiling = ceilingOf(trials);
  const posterior = posteriorOf(options, trials);
  // Nothing can be learnt about rates that cannot be sent.
  const [low, rate, high, ...turns] = kneeAt(
    posterior,
    [(1 - SURE) / 2, 0.5, (1 + SURE) / 2, ...TURNS],
    Math.max(first, ceiling),
  );
  const knee = { rate, low, high };
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
  const wanted = turns[(held.length + failed.length) % turns.length];
  const next = Math.max(lowest, Math.min(highest, wanted));
  return { knee, next: next >= ceiling ? ceiling / (1 + precision) : next, end: null };
}

/**
 * The rate from which on the generator cannot send: {@link CEILING_TRIALS} trials at about that rate show it, and none at it or above it
 * was sent. What was sent is never beyond it: a lower rate that could not be sent once was a hiccup.
 */
export function ceilingOf(trials: readonly Trial[]): number {
  const sent = trials.filter(({ outcome }) => outcome !== 'generator-limited');
  const known = sent.reduce((most, { rate }) => Math.max(most, rate), 0);
  const limited = trials
    .filter(({ rate, outcome }) => outcome === 'generator-limited' && rate > known)
    .map(({ rate }) => rate)
    .sort((a, b) => a - b);
  const place = limited.findIndex((rate, i) => limited[i + CEILING_TRIALS - 1] <= rate * SAME_RATE);
  return place === -1 ? Infinity : limited[place];
}

/** Around the knee the odds of a trial to hold change by a factor of e over this share of the rate. */
export const blurOf = (options: SearchOptions, trials: readonly Trial[]): number =>
  shapeOf(posteriorOf(options, trials)).blur;

/** What was seen last of each search, so that a trial more costs one trial and not all of them. */
const LAST = new WeakMap<SearchOptions, { trials: readonly Trial[]; posterior: Posterior }>();

function posteriorOf(options: SearchOptions, trials: readonly Trial[]): Posterior {
  const { lowest, highest, precision } = options;
  const last = LAST.get(options);
  const goesOn =
    last !== undefined &&
    last.trials.length <= trials.length &&
    last.trials.every((trial, i) => trial === trials[i]);
  const posterior = goesOn
    ? last.posterior
    : priorOf(lowest, highest, Math.log(1 + precision) / STEPS_IN_PRECISION);
  for (const { rate, outcome } of trials.slice(goesOn ? last.trials.length : 0))
    if (outcome !== 'generator-limited') observe(posterior, { rate, held: outcome === 'held' });
  LAST.set(options, { trials: [...trials], posterior });
  return posterior;
}
