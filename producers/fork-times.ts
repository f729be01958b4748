/**
 * A rehearsed hard fork in the time of a load: when the old chain has no more transactions, when it has no more blocks, and when the new
 * era begins with its genesis. Pure.
 */
import { type EraName, ERAS, FORK_STOPS } from '../mina/eras.ts';

/** All in milliseconds of the network's time from the beginning, on slots of the old era. */
export type HardFork = {
  from: EraName;
  /** From here on blocks have no transactions. */
  transactionsEndMs: number;
  /** From here on there are no blocks; nodes go on submitting the last one. */
  chainEndMs: number;
  /** Genesis of the new era: its slot 0. */
  genesisMs: number;
};

/** Slots of the old era that a rehearsal needs before the fork: one with transactions, one without, one without a block. */
export const LEAST_SLOTS_BEFORE = 3;
/** Of the time before the fork, this much at most is for the stops, so that there is a chain to stop. */
const MOST_OF_TIME = 0.8;

/**
 * @param atMs the time of the fork, moved to the next slot of the old era
 * @returns the stops at the distances that mainnet had, or nearer, in the same proportion, where there is less time before the fork
 */
export function hardForkAt(from: EraName, atMs: number): HardFork {
  const { slotTimeMs } = ERAS[from];
  const slot = Math.max(LEAST_SLOTS_BEFORE, Math.ceil(atMs / slotTimeMs));
  const scale = Math.min(1, (MOST_OF_TIME * slot) / FORK_STOPS.transactionsEnd);
  const chainEnd = Math.max(1, Math.round(FORK_STOPS.chainEnd * scale));
  const transactionsEnd = Math.min(
    slot - 1,
    Math.max(chainEnd + 1, Math.round(FORK_STOPS.transactionsEnd * scale)),
  );
  return {
    from,
    transactionsEndMs: (slot - transactionsEnd) * slotTimeMs,
    chainEndMs: (slot - chainEnd) * slotTimeMs,
    genesisMs: slot * slotTimeMs,
  };
}
