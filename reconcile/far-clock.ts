/** Looks for entries of this run far from its time: the target's clock may be off by more than a look allows for. */
import type { StorageReader } from '../stack/storage/storage.ts';
import { type ClockRange, ClockVotes } from './clock.ts';
import { OUTCOME } from './outcomes.ts';
import type { SentRun } from './sent-run.ts';
import { secondsOf } from './sent.ts';

/** Wrong time zones, and a day. */
const AWAY_S = 26 * 3600;
/** Enough to see a clock by, and as many entries as are looked at for them. */
const ENOUGH = 1000;
const MOST_ENTRIES = 2_000_000;

/**
 * Only bodies that were made for this run are looked for: of them nothing older can be there.
 * @param nowMs since 1970
 * @returns how far the target's clock is ahead; null: no such entry
 * @throws what the storage throws; the reason of `signal`
 */
export async function findFarClock(
  reader: StorageReader,
  run: SentRun,
  nowMs: number,
  signal: AbortSignal,
): Promise<ClockRange | null> {
  const { index, outcomes, sent } = run;
  const indexOf = new Int32Array(index.groups).fill(-1);
  for (let i = 0; i < outcomes.length; i++) {
    const body = outcomes[i] === OUTCOME.notSent ? -1 : sent.bodyOf(i);
    if (body !== -1) indexOf[index.groupOf[body]] = i;
  }
  const votes = new ClockVotes();
  const range = {
    from: Math.floor(run.beganMs / 1000) - AWAY_S,
    to: Math.ceil(nowMs / 1000) + AWAY_S,
  };
  let entries = 0;
  for await (const batch of reader.submissions(range, signal, { rawBlocks: false })) {
    signal.throwIfAborted();
    for (const row of batch) {
      if ('fault' in row) continue;
      const place = index.find({
        submitter: index.submitters.find(row.submitter),
        createdAt: secondsOf(row.createdAt),
        block: index.blocks.find(row.blockHash),
        peer: index.peers.find(row.peerId),
      });
      if (place === -1) continue;
      const group = index.groupAt(place);
      if (!index.templates[index.templateOf(group)].fresh || indexOf[group] === -1) continue;
      const times = run.timesOf(indexOf[group]);
      if (times !== null) votes.entry(secondsOf(row.submittedAt), times);
    }
    entries += batch.length;
    if (votes.voters >= ENOUGH || entries >= MOST_ENTRIES) break;
  }
  return votes.result();
}
