/**
 * Two versions in paired rounds: which of their figures got worse. Each round runs both, one after the other, in the order ABBA, so that what
 * changes slowly on a machine falls on both alike; only their ratio within a round counts. Pure.
 */
import { fewestRounds, holm, probabilityOfNoIncrease, shiftOf } from './signed-rank.ts';

/** Fewer rounds prove nothing: all of one sign come by chance once in 32. */
export const FEWEST_ROUNDS = 6;
/** Chance of a false alarm among all figures of a comparison that gate. */
export const ALPHA = 0.05;

export type ComparedFigure = {
  name: string;
  /** The figure in words, with its unit. */
  what: string;
  worse: 'higher' | 'lower';
  /** Changes up to this one are no finding, even if they are certain: 0.05 for 5 %. */
  minimumEffect: number;
  /** Whether a change for the worse fails the comparison; others are shown. */
  gates: boolean;
};

/** A figure of both sides in one round; null: that side had none. */
export type PairedFigure = { base: number | null; now: number | null };

export type FigureState = 'worse' | 'better' | 'no change shown' | 'no data';
export type FigureComparison = {
  figure: ComparedFigure;
  state: FigureState;
  /** Rounds in which both sides had the figure. */
  rounds: number;
  /** now / base (Hodges and Lehmann) and its bounds, one-sided 95 % each; null: no data. */
  ratio: { estimate: number; low: number | null; high: number | null } | null;
  /** Chance of such rounds if it were not worse by more than the minimum effect, Holm-adjusted where it gates; null: no data. */
  probability: number | null;
  /** Worse minus better, as logarithms, round by round: what noise is estimated from. */
  logRatios: number[];
};

/** A B B A A B B A …: who runs first in each round. @param rounds at least 1 */
export const abbaOrder = (rounds: number): ('base' | 'now')[] =>
  Array.from({ length: rounds }, (_, round) => (round % 2 === 0 ? 'base' : 'now'));

/** Above zero: worse. */
function logRatiosOf({ worse }: ComparedFigure, pairs: readonly PairedFigure[]): number[] {
  const sign = worse === 'higher' ? 1 : -1;
  return pairs.flatMap(({ base, now }) =>
    base !== null && now !== null && base > 0 && now > 0 ? [sign * Math.log(now / base)] : [],
  );
}

/** The logarithm from which on a change counts, in the direction of {@link logRatiosOf}. */
export const effectLog = ({ minimumEffect, worse }: ComparedFigure): number =>
  worse === 'higher' ? Math.log(1 + minimumEffect) : -Math.log(1 - minimumEffect);

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

function ratioOf(figure: ComparedFigure, logRatios: readonly number[]): FigureComparison['ratio'] {
  const { estimate, low, high } = shiftOf(logRatios, ALPHA);
  const sign = figure.worse === 'higher' ? 1 : -1;
  const [from, to] = sign === 1 ? [low, high] : [high, low];
  return {
    estimate: Math.exp(sign * estimate),
    low: finite(Math.exp(sign * from)),
    high: finite(Math.exp(sign * to)),
  };
}

/** Chance of these rounds if the change were at most `effect`, by the exact signed-rank test. */
const probabilityBeyond = (logRatios: readonly number[], effect: number): number =>
  probabilityOfNoIncrease(logRatios.map((one) => one - effect));

/**
 * All figures of a comparison. A figure is worse if the bound of its ratio passes the minimum effect: for those that gate at the level that
 * Holm's procedure leaves them, so that the whole comparison cries wolf once in twenty at most.
 * @param pairs by figure name, one entry a round
 */
export function compareRounds(
  figures: readonly ComparedFigure[],
  pairs: Readonly<Record<string, readonly PairedFigure[]>>,
): FigureComparison[] {
  const counted = figures.map((figure) => ({
    figure,
    logRatios: logRatiosOf(figure, pairs[figure.name] ?? []),
  }));
  const gating = counted.filter(({ figure, logRatios }) => figure.gates && logRatios.length > 0);
  const adjusted = new Map(
    holm(
      gating.map(({ figure, logRatios }) => probabilityBeyond(logRatios, effectLog(figure))),
    ).map((probability, i) => [gating[i].figure, probability]),
  );
  const needed = Math.max(FEWEST_ROUNDS, fewestRounds(ALPHA / Math.max(1, gating.length)));
  return counted.map(({ figure, logRatios }): FigureComparison => {
    const rounds = logRatios.length;
    if (rounds < needed)
      return { figure, state: 'no data', rounds, ratio: null, probability: null, logRatios };
    const effect = effectLog(figure);
    const probability = adjusted.get(figure) ?? probabilityBeyond(logRatios, effect);
    const better = probabilityBeyond(
      logRatios.map((one) => -one),
      effect,
    );
    return {
      figure,
      state: probability <= ALPHA ? 'worse' : better <= ALPHA ? 'better' : 'no change shown',
      rounds,
      ratio: ratioOf(figure, logRatios),
      probability,
      logRatios,
    };
  });
}

export type ComparisonState = 'worse' | 'not worse' | 'no data';

/** What the figures that gate say together. One without data leaves the question open, unless another is worse. */
export function comparisonState(figures: readonly FigureComparison[]): ComparisonState {
  const gating = figures.filter(({ figure }) => figure.gates);
  if (gating.some(({ state }) => state === 'worse')) return 'worse';
  if (gating.length === 0 || gating.some(({ state }) => state === 'no data')) return 'no data';
  return 'not worse';
}
