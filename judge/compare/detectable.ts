/**
 * The smallest change that a comparison would have found: without it, "no change shown" may mean that nothing changed or that nobody could
 * have seen it. Found by playing the very rule of `rounds.ts` on noise as strong as that of rounds in which nothing changed. Pure.
 */
import { ALPHA, effectLog, FEWEST_ROUNDS, type ComparedFigure } from './rounds.ts';
import { normalOf } from '../random.ts';
import { fewestRounds, probabilityOfNoIncrease } from './signed-rank.ts';

export const POWER = 0.8;
const TRIALS = 400;
/** A change by a factor of e: who needs more is not helped by a figure. */
const MOST_LOG = 1;

/** Standard deviation around the mean, corrected for it. @param values at least 2 */
export function deviationOf(values: readonly number[]): number {
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
  return Math.sqrt(
    values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / Math.max(1, values.length - 1),
  );
}

export type DetectableQuestion = {
  figure: ComparedFigure;
  rounds: number;
  /** How many figures gate beside it, itself included. */
  figuresThatGate: number;
  /** Standard deviation of a round's log ratio where nothing changed. */
  deviation: number;
  /** Uniform from 0 to 1; seeded by the caller, so that the answer is the same again. */
  random: () => number;
};

/**
 * The smallest change for the worse that is found in four of five comparisons, as a share: 0.11 for 11 %.
 * @returns null if not even a change by a factor of 2.7 would be, or there are too few rounds
 */
export function smallestEffect(question: DetectableQuestion): number | null {
  const { figure, rounds, figuresThatGate, deviation, random } = question;
  // Holm's first step: the level of the figure that changed where the others did not.
  const alpha = ALPHA / Math.max(1, figuresThatGate);
  if (rounds < Math.max(FEWEST_ROUNDS, fewestRounds(alpha))) return null;
  const normal = normalOf(random);
  // The same noise for each change that is tried, so that more change is never found less often.
  const noise = Array.from({ length: TRIALS }, () =>
    Array.from({ length: rounds }, () => deviation * normal()),
  );
  const minimum = effectLog(figure);
  const isFound = (change: number): boolean => {
    const found = noise.filter(
      (trial) => probabilityOfNoIncrease(trial.map((one) => one + change - minimum)) <= alpha,
    );
    return found.length >= POWER * TRIALS;
  };
  let [low, high] = [minimum, MOST_LOG];
  if (!isFound(high)) return null;
  for (let step = 0; step < 12; step++) {
    const middle = (low + high) / 2;
    if (isFound(middle)) high = middle;
    else low = middle;
  }
  return figure.worse === 'higher' ? Math.exp(high) - 1 : 1 - Math.exp(-high);
}
