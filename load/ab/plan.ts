/** Which loads a comparison of two targets runs, in which order. Pure. */
import { abbaOrder } from '../../judge/compare/rounds.ts';
import type { WeightedTarget } from '../target/targets.ts';

/** Between two loads of a comparison: what the one left under way is answered by then. */
export const AB_SETTLE_MS = 1000;

export type AbPlan = {
  base: WeightedTarget;
  now: WeightedTarget;
  rounds: number;
  /** Between two loads. */
  settleMs: number;
  /** Names of the figures that fail the comparison; absent: those that usually do. */
  gates?: readonly string[];
};
export type Side = 'base' | 'now';
export type Turn = { round: number; side: Side; isFirst: boolean };

export const otherSide = (side: Side): Side => (side === 'base' ? 'now' : 'base');

/** Two turns a round, A B B A. */
export const turnsOf = ({ rounds }: Pick<AbPlan, 'rounds'>): Turn[] =>
  abbaOrder(rounds).flatMap((first, round) => [
    { round, side: first, isFirst: true },
    { round, side: otherSide(first), isFirst: false },
  ]);

export const turnName = ({ rounds }: AbPlan, { round, side }: Turn): string =>
  `round ${round + 1} of ${rounds}, ${side === 'base' ? 'A' : 'B'}`;
