/**
 * What was sent against what a storage holds, submission by submission. No I/O but the blocks that it asks for.
 *
 * Identity: submitter, created_at, block hash and peer id. Where several sent submissions are the same (a replay sends each body
 * many times) they are compared as a multiset: n accepted ones need n entries.
 *
 * What each accepted submission is:
 * - right: an entry has its identity, its other fields and the bytes of its block. Where the verifier has written its result beside an entry,
 *   it has emptied snark work and the block beside it: such an entry is right when the rest is;
 * - different: an entry has its identity and another field or block, or three of the four parts of its identity;
 * - same second: no entry is its own, but the storage holds one of the same submitter at a second in which the target may have
 *   taken this one. No storage of the program can hold both (domain: one entry for each submitter and second). Where the run itself began
 *   another one of the submitter less than a second before or after, that is the run's own doing (own-pairs.ts), no loss;
 * - missing: nothing explains it.
 *
 * The second in which the target may have taken a submission lies between its begin and its end by the generator's clock, moved by
 * how far the target's clock is ahead. That is estimated from what is stored (clock.ts), and nothing is allowed beyond the estimate. A slow answer
 * leaves several seconds open; one that is taken is explanation enough, so of a slow target "same second" says may have been, and
 * "missing" is certain.
 *
 * An entry that is right beyond what was accepted belongs to a submission of which nobody knows (OUTCOME.unknown), then to one
 * that was refused, then to an attempt that failed and was repeated ("retried", which is no fault), and else is a double.
 *
 * Recorded bodies (SentTemplate.fresh is false) may be in the storage from an earlier replay: only entries of the run's time by the
 * target's clock count, so that clock is known before any of them is given to a submission.
 */
import type { EraCounts, ReconcileClasses, ReconcileLine } from '../results/types.ts';
import type { StoredSubmission, UnreadableSubmission } from '../stack/storage/storage.ts';
import { BlockCheck } from './blocks.ts';
import { type ClockRange, ClockVotes } from './clock.ts';
import { clockOfGroups, type Elsewhere, leaveOutEarlier } from './earlier-replay.ts';
import { type Entry, entryOf } from './entry.ts';
import {
  giveAltered,
  type Groups,
  groupsOf,
  isFresh,
  VERDICT,
  type Verdict,
  verdictOf,
} from './groups.ts';
import { alteredDoubles, judgeSends } from './judge-sends.ts';
import { Foreign } from './leftovers.ts';
import { matchAltered, matchOf, mayBeAltered } from './matcher.ts';
import { secondsOf } from './sent.ts';
import type { Identity } from './sent-index.ts';
import { secondsOfRun, type SentRun } from './sent-run.ts';
import { TakenSeconds } from './taken-seconds.ts';
import { Tally } from './tally.ts';

const CLOCK_SAMPLES = 20_000;

/** What the verifier says of the entries that are right: verified, or refused with an error. */
export type Verified = { verified: number; validationErrors: number };

export type Reconciled = {
  classes: ReconcileClasses;
  /** Of those of the same second: how many the run itself began less than a second from another one of the submitter. */
  ownPairs: number;
  /** The accepted ones by the era of their block, as far as it is known. */
  eras: EraCounts[];
  /** null: the verifier has written nothing beside any of them. */
  verified: Verified | null;
  /** By how much the target's clock is ahead, ms, whole seconds being what it stores; null: there was nothing to see it by. */
  clockAheadMs: number | null;
  elsewhere: Elsewhere | null;
  /** Different blocks whose bytes were compared; null: this storage keeps none. */
  blocksCompared: number | null;
  /** Accepted submissions that may still come: missing, or with a block that is not there. */
  mayStillCome: number;
  /** Foreign entries that were counted and are not in the list. */
  foreignNotListed: number;
  /** What entries of this run take, with each block of a storage that keeps blocks of their own; null: the storage does not say. */
  stored: { bytes: number; submissions: number } | null;
};

/** One comparison: `add` what the storage gives, then `finish`. Each line about what is not right goes to `report`. */
export class Reconciler {
  readonly #run: SentRun;
  readonly #tally: Tally;
  readonly #clock = new ClockVotes();
  readonly #groups: Groups;
  readonly #taken: TakenSeconds;
  /** Entries that may be an altered one. */
  readonly #near: Entry[] = [];
  readonly #foreign = new Foreign();
  readonly #snarkWorks = new Map<string, string>();
  readonly #blocks: BlockCheck;
  #bringsBlocks = false;
  readonly #stored = { bytes: 0, submissions: 0 };
  readonly #verified: Verified = { verified: 0, validationErrors: 0 };

  /** @param fromSecond first second that the storage was asked for */
  constructor(run: SentRun, fromSecond: number, report: (line: ReconcileLine) => void) {
    const { index } = run;
    this.#run = run;
    this.#tally = new Tally(index, (i) => run.timesOf(i)?.[1] ?? null, report);
    this.#taken = new TakenSeconds(fromSecond);
    this.#blocks = new BlockCheck(index);
    this.#groups = groupsOf(run);
    for (const { snarkWork } of index.templates)
      if (snarkWork !== null) this.#snarkWorks.set(snarkWork, snarkWork);
  }

  add(rows: readonly (StoredSubmission | UnreadableSubmission)[]): void {
    for (const row of rows)
      if ('fault' in row) this.#tally.unreadable(row.where, row.fault);
      else this.#row(row);
  }

  #row(row: StoredSubmission): void {
    const { index } = this.#run;
    const identity: Identity = {
      submitter: index.submitters.find(row.submitter),
      createdAt: secondsOf(row.createdAt),
      block: index.blocks.find(row.blockHash),
      peer: index.peers.find(row.peerId),
    };
    const second = secondsOf(row.submittedAt);
    if (identity.submitter !== -1) this.#taken.add(identity.submitter, second);
    const match = matchOf(row, identity, index, this.#lacks);
    if (match === null) {
      if (this.#run.others.has(row.submitter)) this.#tally.counts.hostile++;
      else this.#unknownRow(row, identity, second);
      return;
    }
    const { group, isRight, isOnly } = match;
    // What the verifier has emptied is smaller than it was stored.
    if (row.bytes !== undefined && row.verification === undefined) {
      this.#stored.bytes += row.bytes;
      this.#stored.submissions++;
    }
    this.#bringsBlocks ||= row.rawBlock !== undefined;
    const blockFault = this.#blocks.besideEntry(row, group);
    if (!isRight || blockFault !== null) {
      const entry = entryOf(row, identity, second, blockFault, this.#snarkWorks);
      giveAltered(this.#groups, group, entry);
    } else this.#rightRow(row, group, second, isOnly);
  }

  /** Whether a group needs an entry yet. */
  readonly #lacks = (group: number): boolean =>
    this.#groups.copies[group] < this.#groups.sends[group];

  #rightRow(row: StoredSubmission, group: number, second: number, isOnly: boolean): void {
    const { sends, copies, only, right, surplus } = this.#groups;
    // One whose report was lost is as good as one that was sent.
    const needs = Math.max(1, sends[group]);
    const isRecorded = !isFresh(this.#run.index, group);
    if (copies[group] >= needs) {
      // Of recorded bodies another one may turn out to be of an earlier replay.
      if (isRecorded) surplus.push({ group, second, verdict: verdictOf(row), where: row.where });
      else this.#beyond(group, second, row.where);
      return;
    }
    copies[group]++;
    const index = only[group];
    if (!isRecorded && index !== -1) {
      this.#countVerdict(verdictOf(row));
      if (!isOnly || this.#clock.voters >= CLOCK_SAMPLES) return;
      const times = this.#run.timesOf(index);
      if (times !== null) this.#clock.entry(second, times);
      return;
    }
    let entries = right.get(group);
    if (entries === undefined) right.set(group, (entries = { seconds: [], verdicts: [] }));
    entries.seconds.push(second);
    entries.verdicts.push(verdictOf(row));
  }

  #countVerdict(verdict: Verdict): void {
    if (verdict === VERDICT.verified) this.#verified.verified++;
    else if (verdict === VERDICT.refused) this.#verified.validationErrors++;
  }

  /** A right entry of a group that has all it needs. */
  readonly #beyond = (group: number, second: number, where: string): void => {
    const { retries: left } = this.#groups;
    const retries = left.get(group) ?? 0;
    if (retries > 0) {
      left.set(group, retries - 1);
      this.#tally.counts.retried++;
    } else this.#tally.double(group, { submittedAt: second, where });
  };

  /** An entry that is none of the sent ones; it may be one that was altered. */
  #unknownRow(row: StoredSubmission, identity: Identity, second: number): void {
    const isNear = mayBeAltered(identity);
    if (!isNear && !this.#foreign.hasRoom) {
      this.#foreign.count(second);
      return;
    }
    const entry = entryOf(row, identity, second, null, this.#snarkWorks);
    if (isNear) this.#near.push(entry);
    else this.#foreign.add(entry);
  }

  /** All entries are there. @param block reads a block of the storage; absent: it keeps none of their own */
  async finish(block?: (hash: string) => Promise<Uint8Array | null>): Promise<Reconciled> {
    const comparison = {
      run: this.#run,
      groups: this.#groups,
      taken: this.#taken,
      tally: this.#tally,
    };
    const { run, groups, taken, tally } = comparison;
    const { index } = run;
    taken.sort();
    const ahead = this.#clock.result() ?? clockOfGroups(run, groups, taken);
    const elsewhere = leaveOutEarlier(run, groups, taken, ahead, this.#beyond);
    for (const { verdicts } of groups.right.values())
      for (const verdict of verdicts) this.#countVerdict(verdict);
    const used = new Set<number>(groups.altered.keys());
    for (let group = 0; group < groups.copies.length; group++)
      if (groups.copies[group] > 0) used.add(group);
    const badBlocks = block ? await this.#blocks.byHash(used, block) : new Map<number, string>();
    this.#matchNear(ahead ?? [0, 0]);
    const { mayStillCome, own } = judgeSends(comparison, ahead ?? [0, 0], (group) =>
      badBlocks.get(index.blockOfTemplate[index.templateOf(group)]),
    );
    alteredDoubles(comparison);
    const [from, to] = secondsOfRun(run, ahead ?? [0, 0]);
    const foreignNotListed = this.#foreign.finish(from, to, tally);
    const { verified, validationErrors } = this.#verified;
    const { submissions, bytes } = this.#stored;
    return {
      classes: tally.counts,
      ownPairs: own,
      eras: tally.eras,
      verified: verified + validationErrors > 0 ? this.#verified : null,
      // What may be no difference is none.
      clockAheadMs:
        ahead && (ahead[0] <= 0 && ahead[1] >= 0 ? 0 : Math.round((ahead[0] + ahead[1]) / 2)),
      elsewhere,
      blocksCompared: block || this.#bringsBlocks ? this.#blocks.compared : null,
      mayStillCome,
      foreignNotListed,
      stored: submissions === 0 ? null : { bytes: bytes + this.#blocks.bytesRead, submissions },
    };
  }

  /** Gives each entry that differs in one part of its identity to a submission that lacks one. */
  #matchNear([least, most]: ClockRange): void {
    // The same producers submit in an earlier run, too.
    const [from, to] = secondsOfRun(this.#run, [least - 1000, most + 1000]);
    const inside: Entry[] = [];
    for (const entry of this.#near)
      if (entry.submittedAt >= from && entry.submittedAt <= to) inside.push(entry);
      else this.#foreign.add(entry);
    const { sends, copies, altered } = this.#groups;
    const lacksOf = (group: number): number =>
      sends[group] - copies[group] - (altered.get(group)?.length ?? 0);
    const left = matchAltered(inside, this.#run.index, lacksOf, (group, entry) =>
      giveAltered(this.#groups, group, entry),
    );
    for (const entry of left) this.#foreign.add(entry);
  }
}
