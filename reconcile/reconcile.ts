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
import { type ClockRange, clockOfRepeated, ClockVotes, type RequestTimes } from './clock.ts';
import { differencesOf, type Entry, entryOf } from './entry.ts';
import { holdersOf } from './holders.ts';
import { Foreign } from './leftovers.ts';
import { matchAltered, matchOf, mayBeAltered } from './matcher.ts';
import { OUTCOME } from './outcomes.ts';
import { ownPairs } from './own-pairs.ts';
import { secondsOf, type SentSubmissions } from './sent.ts';
import type { Identity, SentIndex } from './sent-index.ts';
import { TakenSeconds } from './taken-seconds.ts';
import { type Finding, Tally } from './tally.ts';

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

/**
 * How far clocks may differ where only recorded bodies could show it: an earlier replay may have sent the same ones in the same order, so
 * its entries must not be taken for this one's.
 */
export const REPLAY_CLOCK_MS = 2000;
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
  /**
   * Of recorded bodies of which none is stored in the time of the run: entries at another time, and how far that is away. They are of an earlier
   * replay, or the clock is off by so much.
   */
  elsewhere: { aheadMs: number; entries: number } | null;
  /** Different blocks whose bytes were compared; null: this storage keeps none. */
  blocksCompared: number | null;
  /** Accepted submissions that may still come: missing, or with a block that is not there. */
  mayStillCome: number;
  /** Foreign entries that were counted and are not in the list. */
  foreignNotListed: number;
  /** What entries of this run take, with each block of a storage that keeps blocks of their own; null: the storage does not say. */
  stored: { bytes: number; submissions: number } | null;
};

const VERDICT = { none: 0, verified: 1, refused: 2 } as const;
type Verdict = (typeof VERDICT)[keyof typeof VERDICT];

const verdictOf = ({ verification }: StoredSubmission): Verdict =>
  verification === undefined
    ? VERDICT.none
    : verification.error === null
      ? VERDICT.verified
      : VERDICT.refused;

/** Right entries of a group that was sent several times, or of a recorded body. */
type RightEntries = { seconds: number[]; verdicts: Verdict[] };
/** A right entry beyond what its group needs. */
type Surplus = { group: number; second: number; verdict: Verdict; where: string };

/** One comparison: `add` what the storage gives, then `finish`. Each line about what is not right goes to `report`. */
export class Reconciler {
  readonly #run: SentRun;
  readonly #tally: Tally;
  readonly #clock = new ClockVotes();
  /** By group: how often it was sent, and how many entries are right. */
  readonly #sends: Uint32Array;
  readonly #copies: Uint32Array;
  /** Group -> the only index that sends it. */
  readonly #only: Int32Array;
  /** Requests of a group beyond its sends that failed, so each may have left an entry. */
  readonly #retries = new Map<number, number>();
  readonly #right = new Map<number, RightEntries>();
  /** Of recorded bodies: which of them are too many is known when the clock is. */
  readonly #surplus: Surplus[] = [];
  readonly #taken: TakenSeconds;
  /** Entries with the identity of a group. */
  readonly #altered = new Map<number, Entry[]>();
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
    const { index, outcomes, sent } = run;
    this.#run = run;
    this.#tally = new Tally(index, (i) => run.timesOf(i)?.[1] ?? null, report);
    this.#taken = new TakenSeconds(fromSecond);
    this.#blocks = new BlockCheck(index);
    this.#sends = new Uint32Array(index.groups);
    this.#copies = new Uint32Array(index.groups);
    this.#only = new Int32Array(index.groups).fill(-1);
    for (let i = 0; i < outcomes.length; i++) {
      const body = sent.bodyOf(i);
      if (body === -1) continue;
      const group = index.groupOf[body];
      // A body that was not reported as sent and is stored all the same has lost its report: k6 was killed.
      if (outcomes[i] === OUTCOME.notSent) continue;
      this.#only[group] = this.#sends[group]++ === 0 ? i : -1;
      const retries = run.retriesOf(i);
      if (retries > 0) this.#retries.set(group, (this.#retries.get(group) ?? 0) + retries);
    }
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
      this.#giveAltered(group, entry);
    } else this.#rightRow(row, group, second, isOnly);
  }

  /** Whether a group needs an entry yet. */
  readonly #lacks = (group: number): boolean => this.#copies[group] < this.#sends[group];

  readonly #giveAltered = (group: number, entry: Entry): void => {
    const entries = this.#altered.get(group);
    if (entries) entries.push(entry);
    else this.#altered.set(group, [entry]);
  };

  #rightRow(row: StoredSubmission, group: number, second: number, isOnly: boolean): void {
    // One whose report was lost is as good as one that was sent.
    const sends = Math.max(1, this.#sends[group]);
    const isRecorded = !this.#isFresh(group);
    if (this.#copies[group] >= sends) {
      // Of recorded bodies another one may turn out to be of an earlier replay.
      if (isRecorded)
        this.#surplus.push({ group, second, verdict: verdictOf(row), where: row.where });
      else this.#beyond(group, second, row.where);
      return;
    }
    this.#copies[group]++;
    const only = this.#only[group];
    if (!isRecorded && only !== -1) {
      this.#countVerdict(verdictOf(row));
      if (!isOnly || this.#clock.voters >= CLOCK_SAMPLES) return;
      const times = this.#run.timesOf(only);
      if (times !== null) this.#clock.entry(second, times);
      return;
    }
    let right = this.#right.get(group);
    if (right === undefined) this.#right.set(group, (right = { seconds: [], verdicts: [] }));
    right.seconds.push(second);
    right.verdicts.push(verdictOf(row));
  }

  #countVerdict(verdict: Verdict): void {
    if (verdict === VERDICT.verified) this.#verified.verified++;
    else if (verdict === VERDICT.refused) this.#verified.validationErrors++;
  }

  /** A right entry of a group that has all it needs. */
  #beyond(group: number, second: number, where: string): void {
    const retries = this.#retries.get(group) ?? 0;
    if (retries > 0) {
      this.#retries.set(group, retries - 1);
      this.#tally.counts.retried++;
    } else this.#tally.double(group, { submittedAt: second, where });
  }

  #isFresh(group: number): boolean {
    const { index } = this.#run;
    return index.templates[index.templateOf(group)].fresh;
  }

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
    const { index } = this.#run;
    this.#taken.sort();
    const ahead = this.#clock.result() ?? this.#clockOfRepeated();
    const elsewhere = this.#leaveOutEarlier(ahead);
    for (const { verdicts } of this.#right.values())
      for (const verdict of verdicts) this.#countVerdict(verdict);
    const used = new Set<number>(this.#altered.keys());
    for (let group = 0; group < this.#copies.length; group++)
      if (this.#copies[group] > 0) used.add(group);
    const badBlocks = block ? await this.#blocks.byHash(used, block) : new Map<number, string>();
    this.#matchNear(ahead ?? [0, 0]);
    const { mayStillCome, own } = this.#judgeSends(ahead ?? [0, 0], (group) =>
      badBlocks.get(index.blockOfTemplate[index.templateOf(group)]),
    );
    this.#alteredDoubles();
    const [from, to] = this.#secondsOfRun(ahead ?? [0, 0]);
    const foreignNotListed = this.#foreign.finish(from, to, this.#tally);
    const { verified, validationErrors } = this.#verified;
    const { submissions, bytes } = this.#stored;
    return {
      classes: this.#tally.counts,
      ownPairs: own,
      eras: this.#tally.eras,
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

  /** First and last second of the run by the target's clock. */
  #secondsOfRun([least, most]: ClockRange): [from: number, to: number] {
    const { beganMs, endedMs } = this.#run;
    return [Math.floor((beganMs + least) / 1000), Math.floor((endedMs + most) / 1000)];
  }

  /** Of groups that were sent several times, or recorded. @returns null: nothing to see the clock by */
  #clockOfRepeated(within: ClockRange | null = null): ClockRange | null {
    const { index, outcomes, sent } = this.#run;
    const anyRecorded = index.templates.some(({ fresh }) => !fresh);
    if (this.#right.size === 0 && !anyRecorded) return null;
    const bounds: ClockRange =
      within ??
      (anyRecorded ? [-REPLAY_CLOCK_MS, REPLAY_CLOCK_MS] : [-FRESH_CLOCK_MS, FRESH_CLOCK_MS]);
    const [from, to] = this.#secondsOfRun(bounds);
    const bodies = new Map<number, { sends: RequestTimes[]; seconds: number[] }>();
    for (const [group, { seconds }] of this.#right)
      bodies.set(group, {
        sends: [],
        seconds: seconds.filter((second) => second >= from && second <= to),
      });
    for (const { group, second } of this.#surplus)
      if (second >= from && second <= to) bodies.get(group)?.seconds.push(second);
    const accepted: { times: RequestTimes; submitter: number }[] = [];
    for (let i = 0; i < outcomes.length; i++) {
      if (outcomes[i] === OUTCOME.notSent) continue;
      const body = sent.bodyOf(i);
      if (body === -1) continue;
      const group = index.groupOf[body];
      const times = this.#run.timesOf(i);
      if (times === null) continue;
      bodies.get(group)?.sends.push(times);
      if (outcomes[i] === OUTCOME.accepted)
        accepted.push({ times, submitter: index.submitterOf(group) });
    }
    for (const { sends } of bodies.values()) sends.sort((a, b) => a[0] - b[0]);
    return clockOfRepeated(
      [...bodies.values()],
      accepted.map(({ times, submitter }) => ({
        times,
        takenWithin: (first, last) => this.#taken.firstWithin(submitter, first, last),
      })),
      bounds,
    );
  }

  /**
   * Of recorded bodies only entries of the run's time count.
   * @returns what is stored of them at another time, where nothing is in this one
   */
  #leaveOutEarlier(ahead: ClockRange | null): Reconciled['elsewhere'] {
    const [from, to] = this.#secondsOfRun(ahead ?? [-REPLAY_CLOCK_MS, REPLAY_CLOCK_MS]);
    const isInside = (second: number) => second >= from && second <= to;
    const surplus = new Map<number, Surplus[]>();
    let entries = 0;
    for (const one of this.#surplus) {
      entries++;
      if (!isInside(one.second)) continue;
      const ofGroup = surplus.get(one.group);
      if (ofGroup) ofGroup.push(one);
      else surplus.set(one.group, [one]);
    }
    let inside = 0;
    const all = new Map<number, RightEntries>();
    for (const [group, right] of this.#right) {
      if (this.#isFresh(group)) continue;
      all.set(group, right);
      entries += right.seconds.length;
      const kept: RightEntries = { seconds: [], verdicts: [] };
      right.seconds.forEach((second, i) => {
        if (!isInside(second)) return;
        kept.seconds.push(second);
        kept.verdicts.push(right.verdicts[i]);
      });
      const needs = Math.max(1, this.#sends[group]);
      const more = surplus.get(group) ?? [];
      while (kept.seconds.length < needs && more.length > 0) {
        const { second, verdict } = more.shift()!;
        kept.seconds.push(second);
        kept.verdicts.push(verdict);
      }
      for (const { second, where } of more) this.#beyond(group, second, where);
      this.#copies[group] = kept.seconds.length;
      inside += kept.seconds.length;
      if (kept.seconds.length === 0) this.#right.delete(group);
      else this.#right.set(group, kept);
    }
    for (const [group, altered] of this.#altered) {
      if (this.#isFresh(group)) continue;
      const kept = altered.filter(({ submittedAt }) => isInside(submittedAt));
      inside += kept.length;
      if (kept.length === 0) this.#altered.delete(group);
      else this.#altered.set(group, kept);
    }
    if (inside > 0 || entries === 0) return null;
    for (const [group, right] of all) this.#right.set(group, right);
    const there = this.#clockOfRepeated([-FRESH_CLOCK_MS, FRESH_CLOCK_MS]);
    for (const group of all.keys()) this.#right.delete(group);
    return there && { aheadMs: Math.round((there[0] + there[1]) / 2), entries };
  }

  /** Gives each entry that differs in one part of its identity to a submission that lacks one. */
  #matchNear([least, most]: ClockRange): void {
    // The same producers submit in an earlier run, too.
    const [from, to] = this.#secondsOfRun([least - 1000, most + 1000]);
    const inside: Entry[] = [];
    for (const entry of this.#near)
      if (entry.submittedAt >= from && entry.submittedAt <= to) inside.push(entry);
      else this.#foreign.add(entry);
    const lacksOf = (group: number): number =>
      this.#sends[group] - this.#copies[group] - (this.#altered.get(group)?.length ?? 0);
    const left = matchAltered(inside, this.#run.index, lacksOf, this.#giveAltered);
    for (const entry of left) this.#foreign.add(entry);
  }

  /**
   * Gives the entries to the submissions and says what became of each.
   * @param faultOf what is wrong with the block of a group, as the storage has it
   * @returns how many may still come, and how many of the same second are the run's own doing
   */
  #judgeSends(
    ahead: ClockRange,
    faultOf: (group: number) => string | undefined,
  ): { mayStillCome: number; own: number } {
    const { index, outcomes, sent } = this.#run;
    const copies = this.#copies.slice();
    const holders = this.#holders(ahead);
    let mayStillCome = 0;
    const sameSecond: { i: number; group: number; keptAt: number }[] = [];
    const take = (i: number, group: number): 'right' | Finding | null => {
      const fault = faultOf(group);
      if (holders.of.has(group) ? holders.indexes.has(i) : copies[group] > 0) {
        copies[group]--;
        if (fault === undefined) return 'right';
        mayStillCome++;
        return { fields: { block: { sent: 'the bytes of its hash', stored: fault } } };
      }
      const entry = this.#altered.get(group)?.shift();
      if (entry === undefined) return null;
      if (fault !== undefined) entry.blockFault ??= fault;
      return { entry, fields: differencesOf(entry, group, index) };
    };
    // Accepted ones first: an entry that may be theirs is not another's.
    for (const outcome of [OUTCOME.accepted, OUTCOME.unknown, OUTCOME.refused])
      for (let i = 0; i < outcomes.length; i++) {
        if (outcomes[i] !== outcome) continue;
        const body = sent.bodyOf(i);
        if (body === -1) {
          if (outcome === OUTCOME.accepted) this.#tally.noSubmission(i);
          continue;
        }
        const group = index.groupOf[body];
        const taken = take(i, group);
        const finding = taken === null || taken === 'right' ? undefined : taken;
        switch (outcome) {
          case OUTCOME.accepted: {
            if (taken === 'right') {
              this.#tally.right(group);
              break;
            }
            if (taken !== null) {
              this.#tally.sent('different', i, group, finding);
              break;
            }
            const keptAt = this.#sameSecond(i, group, ahead);
            if (keptAt === null) mayStillCome++;
            if (keptAt === null) this.#tally.sent('missing', i, group);
            else sameSecond.push({ i, group, keptAt });
            break;
          }
          case OUTCOME.unknown:
            this.#tally.sent(
              taken === null ? 'unknownNotStored' : 'unknownStored',
              i,
              group,
              finding,
            );
            break;
          case OUTCOME.refused:
            if (taken !== null) this.#tally.sent('refusedStored', i, group, finding);
        }
      }
    const own = this.#run.pairsAreMeant
      ? new Set<number>()
      : ownPairs(
          sameSecond.map(({ i }) => i),
          this.#run,
        );
    for (const { i, group, keptAt } of sameSecond)
      this.#tally.sent('sameSecond', i, group, {}, { at: keptAt, isOwn: own.has(i) });
    this.#lostReports(copies);
    return { mayStillCome, own: own.size };
  }

  /** @returns a second that another entry of its submitter has, and in which the target may have taken it; null: there is none */
  #sameSecond(i: number, group: number, [least, most]: ClockRange): number | null {
    const times = this.#run.timesOf(i);
    if (times === null) return null;
    return this.#taken.firstWithin(
      this.#run.index.submitterOf(group),
      Math.floor((times[0] + least) / 1000),
      Math.floor((times[1] + most) / 1000),
    );
  }

  /** Of groups that were sent more than once and lack entries: which of their submissions have one. */
  #holders(ahead: ClockRange): { of: ReadonlySet<number>; indexes: ReadonlySet<number> } {
    const { outcomes, sent, index } = this.#run;
    const accepted = new Map<number, number[]>();
    for (const group of this.#right.keys()) accepted.set(group, []);
    if (accepted.size > 0)
      for (let i = 0; i < outcomes.length; i++) {
        if (outcomes[i] !== OUTCOME.accepted) continue;
        const body = sent.bodyOf(i);
        if (body !== -1) accepted.get(index.groupOf[body])?.push(i);
      }
    const of = new Set<number>();
    const indexes = new Set<number>();
    for (const [group, sends] of accepted) {
      const { seconds } = this.#right.get(group)!;
      if (seconds.length >= sends.length) continue;
      of.add(group);
      for (const i of holdersOf(sends, seconds, (one) => this.#run.timesOf(one), ahead))
        indexes.add(i);
    }
    return { of, indexes };
  }

  /** Entries of submissions that no report says were sent: k6 was killed before it could. */
  #lostReports(copies: Uint32Array): void {
    for (let group = 0; group < copies.length; group++) {
      if (this.#sends[group] > 0) continue;
      const [entry] = this.#altered.get(group)?.splice(0, 1 - copies[group]) ?? [];
      if (copies[group] === 0 && entry === undefined) continue;
      this.#tally.lostReport(
        group,
        entry ? { entry, fields: differencesOf(entry, group, this.#run.index) } : {},
      );
    }
  }

  /** Altered entries beyond what their groups need. */
  #alteredDoubles(): void {
    for (const [group, entries] of this.#altered)
      for (const entry of entries)
        this.#tally.double(group, {
          submittedAt: entry.submittedAt,
          where: entry.where,
          fields: differencesOf(entry, group, this.#run.index),
        });
  }
}

/** As far as the storage is read around the run (look.ts). */
const FRESH_CLOCK_MS = 300_000;
