/** Which loads a comparison of two targets runs, in which order. Pure. */
import { abbaOrder, FEWEST_ROUNDS } from '../../judge/compare/rounds.ts';
import type { WeightedTarget } from '../target/targets.ts';

/** Between two loads of a comparison: what the one left under way is answered by then. */
export const AB_SETTLE_MS = 1000;

export type AbPlan = {
  base: WeightedTarget;
  now: WeightedTarget;
  rounds: number;
  /** Rounds at most that are played in place of those that do not count. */
  spare: number;
  /** Between two loads. */
  settleMs: number;
  /** Names of the figures that fail the comparison; absent: those that usually do. */
  gates?: readonly string[];
  /** From which change on a figure counts, as a share by name; absent: as usual. */
  effects?: Readonly<Record<string, number>>;
};
export type Side = 'base' | 'now';
export type Turn = { round: number; side: Side; isFirst: boolean };

export const otherSide = (side: Side): Side => (side === 'base' ? 'now' : 'base');

/** A third of all rounds may fail to count, and there still are as many as were asked for. */
export const spareOf = (rounds: number): number => Math.ceil(rounds / 2);

/** Two turns a round, A B B A. @param round from 0 on */
export function turnsOf(round: number): readonly [Turn, Turn] {
  const first = abbaOrder(round + 1)[round];
  return [
    { round, side: first, isFirst: true },
    { round, side: otherSide(first), isFirst: false },
  ];
}

/**
 * Whether another round follows. What does not count is known from its load and its generator, never from what was found, so playing it again
 * favours neither side.
 * @param faults of the rounds so far: why one does not count; null: it counts
 */
export function goesOn(
  { rounds, spare }: Pick<AbPlan, 'rounds' | 'spare'>,
  faults: readonly (string | null)[],
): boolean {
  if (faults.length < rounds) return true;
  const sound = faults.filter((fault) => fault === null).length;
  const left = rounds + spare - faults.length;
  return sound < rounds && left > 0 && sound + left >= FEWEST_ROUNDS;
}

export const turnName = ({ rounds }: Pick<AbPlan, 'rounds'>, { round, side }: Turn): string =>
  `${round < rounds ? `round ${round + 1} of ${rounds}` : `further round ${round + 1 - rounds}`}, ${side === 'base' ? 'A' : 'B'}`;
