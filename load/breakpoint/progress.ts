/**
 * Which load of a search comes next, and what the search has found: everything follows from its trials so far. Pure.
 *
 * Trials come first (search.ts). When they know enough, a longer load at the lower end of it must hold: without that no knee is given, for
 * a target may take for ten seconds what it does not take for minutes (a token bucket's allowance, a throttled disk or processor). One
 * that fails from its beginning is a trial like any other, and the search goes on. One that the target kept up with at first is
 * tried once more, and then that is the result.
 */
import type { BreakpointFigures, BreakpointTrial } from '../../results/types.ts';
import { blurOf, type SearchPlan, searchState } from './search.ts';

/** Longer loads of one search. */
const MOST_CONFIRMATIONS = 4;

export type NextLoad = { kind: 'trial' | 'confirmation'; rate: number };

/** What begins after this share of a trial is seen by it in part, or not at all. */
const SEEN_BY_TRIAL = 0.5;

/**
 * A longer load that the target kept up with for about as long as a trial lasts, and then not: it is another experiment than a trial, and
 * says nothing about the knee of those.
 */
export const failedLate = (
  { outcome, confirmsForMs, troubleBeganMs: ms }: BreakpointTrial,
  holdMs: number,
): boolean =>
  outcome === 'failed' &&
  confirmsForMs !== undefined &&
  ms !== undefined &&
  ms >= SEEN_BY_TRIAL * holdMs;

const confirms = ({ confirmsForMs }: BreakpointTrial): boolean => confirmsForMs !== undefined;

/** Those that say something about the knee. */
const ofKnee = ({ holdMs }: SearchPlan, trials: readonly BreakpointTrial[]): BreakpointTrial[] =>
  trials.filter((trial) => !failedLate(trial, holdMs));

/** @returns null: the search is over */
export function nextLoad(plan: SearchPlan, trials: readonly BreakpointTrial[]): NextLoad | null {
  const longer = trials.filter(confirms);
  if (longer.some(({ outcome }) => outcome === 'held')) return null;
  const place = longer.findIndex((trial) => failedLate(trial, plan.holdMs));
  const mayConfirm = longer.length < MOST_CONFIRMATIONS;
  if (place !== -1) {
    const failedAgain = longer.slice(place + 1).some(({ outcome }) => outcome === 'failed');
    return failedAgain || !mayConfirm ? null : { kind: 'confirmation', rate: longer[place].rate };
  }
  const state = searchState(plan, ofKnee(plan, trials));
  if (state.next !== null) return { kind: 'trial', rate: state.next };
  const top = trials
    .filter(({ outcome }) => outcome === 'held')
    .reduce((most, { rate }) => Math.max(most, rate), 0);
  if (top === 0 || !mayConfirm) return null;
  // The rate to name is one that was seen to hold for longer, not the middle of a guess.
  const isSearched = state.end === 'precise' || state.end === 'trials';
  return { kind: 'confirmation', rate: isSearched ? Math.min(top, state.knee.low) : top };
}

/** @param isCut the search did not come to its end; then its knee is what is known up to then */
export function figuresOfSearch(
  plan: SearchPlan,
  trials: readonly BreakpointTrial[],
  isCut: boolean,
): BreakpointFigures {
  const { holdMs } = plan;
  const said = ofKnee(plan, trials);
  const state = trials.length > 0 ? searchState(plan, said) : null;
  const longer = trials.filter(confirms);
  const confirmedRate = longer.find(({ outcome }) => outcome === 'held')?.rate ?? null;
  const held = trials.some(({ outcome }) => outcome === 'held');
  const knee = held && (isCut || confirmedRate !== null) ? state!.knee : null;
  const failed = longer.filter(({ outcome }) => outcome === 'failed');
  const late = failed.find((trial) => failedLate(trial, holdMs));
  const decisive = late ?? failed.at(-1);
  return {
    rate: knee?.rate ?? null,
    low: knee?.low ?? null,
    high: knee?.high ?? null,
    blur: knee === null ? null : blurOf(plan, said),
    end: isCut || state === null || state.end === null ? 'cut' : state.end,
    confirmedRate,
    ...(!isCut &&
      confirmedRate === null &&
      decisive !== undefined && {
        notConfirmed: {
          rate: decisive.rate,
          throttlesAfterMs: late?.troubleBeganMs ?? null,
        },
      }),
    holdMs,
    trials: [...trials],
  };
}
