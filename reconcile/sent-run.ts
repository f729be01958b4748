/** A run's side of the comparison. Pure. */
import type { ClockRange, RequestTimes } from './clock.ts';
import type { SentSubmissions } from './sent.ts';
import type { SentIndex } from './sent-index.ts';

/** A run's side of the comparison, the same for each reading of the storage. */
export type SentRun = {
  sent: SentSubmissions;
  index: SentIndex;
  /** An {@link OUTCOME} for each index of the run. */
  outcomes: Uint8Array;
  /** Begin and end of submission `index`, ms since 1970 by the generator's clock; null: not known. */
  timesOf(index: number): RequestTimes | null;
  /** How often submission `index` was sent again because it had failed. */
  retriesOf(index: number): number;
  /** From the first submission's begin to the last one's end, ms since 1970. */
  beganMs: number;
  endedMs: number;
  /** Who sends beside the load on purpose: what they stored is nothing foreign. */
  others: ReadonlySet<string>;
  /** Pairs of one submitter within a second belong to what is sent, as those of a network's nodes: one that is lost is the target's loss. */
  pairsAreMeant?: boolean;
};

/** First and last second of the run by the target's clock. */
export function secondsOfRun(
  { beganMs, endedMs }: Pick<SentRun, 'beganMs' | 'endedMs'>,
  [least, most]: ClockRange,
): [from: number, to: number] {
  return [Math.floor((beganMs + least) / 1000), Math.floor((endedMs + most) / 1000)];
}
