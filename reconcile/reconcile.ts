/**
 * What was sent against what a storage holds, submission by submission. No I/O but the blocks that it asks for.
 *
 * Identity: submitter, created_at, block hash and peer id. Where several sent submissions are the same (a replay sends each body
 * many times) they are compared as a multiset: n accepted ones need n entries.
 *
 * What each accepted submission is:
 * - right: an entry has its identity, its other fields and the bytes of its block;
 * - different: an entry has its identity and another field or block, or three of the four parts of its identity;
 * - same second: no entry is its own, but the storage holds one of the same submitter at a second in which the target may have
 *   taken this one. No storage of the program can hold both (domain: one entry for each submitter and second);
 * - missing: nothing explains it.
 *
 * The second in which the target may have taken a submission lies between its begin and its end by the generator's clock, moved by
 * how far the target's clock is ahead. That is estimated from the entries that are right: submitted_at is the target's
 * clock, and each must lie within the time of its request ({@link Clocks}). A slow answer leaves several seconds open;
 * one that is taken is explanation enough, so of a slow target "same second" says may have been, and "missing" is certain.
 *
 * An entry that is right beyond what was accepted belongs to a submission of which nobody knows (OUTCOME.unknown), then to one
 * that was refused, then to an attempt that failed and was repeated ("retried", which is no fault), and else is a double.
 */
import type { ReconcileClasses, ReconcileLine } from '../results/types.ts';
import type { StoredSubmission, UnreadableSubmission } from '../stack/storage/storage.ts';
import { OUTCOME } from './outcomes.ts';
import { blockHashOf, secondsOf, type SentSubmissions, type SentTemplate } from './sent.ts';
import type { Identity, SentIndex } from './sent-index.ts';

/** A run's side of the comparison, the same for each reading of the storage. */
export type SentRun = {
  sent: SentSubmissions;
  index: SentIndex;
  /** An {@link OUTCOME} for each index of the run. */
  outcomes: Uint8Array;
  /** Begin and end of submission `index`, ms since 1970 by the generator's clock; null: not known. */
  timesOf(index: number): readonly [beginMs: number, endMs: number] | null;
  /** How often submission `index` was sent again because it had failed. */
  retriesOf(index: number): number;
  /** From the first submission's begin to the last one's end, ms since 1970. */
  beganMs: number;
  endedMs: number;
  /** Who sends beside the load on purpose: what they stored is nothing foreign. */
  others: ReadonlySet<string>;
};

/** Cassandra keeps no larger block beside a submission (uptime-service-backend, src/delegation_backend/aws_keyspaces.go). */
const MOST_RAW_BLOCK = 1_000_000;
/** Blocks that rows are compared with, kept in memory. */
const BLOCK_CACHE_BYTES = 128 * 2 ** 20;
/** Foreign entries that are kept to be listed; more are counted. */
const MOST_FOREIGN_LISTED = 100_000;
/** A replay sends old bodies: entries of an earlier replay must not count, so clocks must agree this well. */
export const REPLAY_SLACK_MS = 2000;
const CLOCK_SAMPLES = 20_000;
const MOST_SHOWN = 80;

/** An entry that is not right at first sight, without its block and with texts shared where they can be. */
type Rest = {
  where: string;
  submittedAt: number;
  createdAt: number;
  submitter: string;
  blockHash: string;
  peerId: string;
  snarkWork: string | null;
  graphqlControlPort: number;
  builtWithCommitSha: string;
  /** What is wrong with the block that the entry brings along. */
  blockFault: string | null;
  identity: Identity;
};

type Fields = NonNullable<ReconcileLine['fields']>;

export type Reconciled = {
  classes: ReconcileClasses;
  /** By how much the target's clock is ahead, ms, whole seconds being what it tells; null: there was nothing to see it by. */
  clockAheadMs: number | null;
  /** Different blocks whose bytes were compared; null: this storage keeps none. */
  blocksCompared: number | null;
  /** Accepted submissions that may still come: missing, or with a block that is not there. */
  mayStillCome: number;
  /** Foreign entries that were counted and are not in the list. */
  foreignNotListed: number;
  /** What entries of this run take, with each block of a storage that keeps blocks of their own; null: the storage does not tell. */
  stored: { bytes: number; submissions: number } | null;
};

/** Seconds fit in it beside a submitter's number: two years. */
const SECONDS = 2 ** 26;

/** One comparison: `add` what the storage gives, then `finish`. Each line about what is not right goes to `tell`. */
export class Reconciler {
  readonly #run: SentRun;
  readonly #tell: (line: ReconcileLine) => void;
  readonly #fromSecond: number;
  readonly #clocks = new Clocks();
  readonly #counts: ReconcileClasses = {
    right: 0,
    different: 0,
    missing: 0,
    sameSecond: 0,
    refusedStored: 0,
    unknownStored: 0,
    unknownNotStored: 0,
    foreign: 0,
    hostile: 0,
    retried: 0,
    doubles: 0,
    unreadable: 0,
  };
  /** By group: how often it was sent, and how many entries are right. */
  readonly #sends: Uint32Array;
  readonly #copies: Uint32Array;
  /** Group -> the only index that sends it. */
  readonly #only: Int32Array;
  /** Requests of a group beyond its sends that failed, so each may have left an entry. */
  readonly #retries = new Map<number, number>();
  /** Seconds of the right entries of groups that were sent more than once. */
  readonly #seconds = new Map<number, number[]>();
  /** submitter * SECONDS + second of each entry by one of our submitters. */
  #taken = new Float64Array(1024);
  #takenCount = 0;
  /** Entries with the identity of a group. */
  readonly #altered = new Map<number, Rest[]>();
  /** Entries that may be an altered one. */
  readonly #near: Rest[] = [];
  readonly #foreign: Rest[] = [];
  readonly #foreignBySecond = new Map<number, number>();
  readonly #snarkWorks = new Map<string, string>();
  readonly #blocks: TemplateBlocks;
  #rawBlocks = false;
  readonly #stored = { bytes: 0, submissions: 0 };
  #blocksCompared = new Set<string>();

  /** @param fromSecond first second that the storage was asked for */
  constructor(run: SentRun, fromSecond: number, tell: (line: ReconcileLine) => void) {
    const { index, outcomes, sent } = run;
    this.#run = run;
    this.#tell = tell;
    this.#fromSecond = fromSecond;
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
    this.#blocks = new TemplateBlocks(index.templates);
  }

  add(rows: readonly (StoredSubmission | UnreadableSubmission)[]): void {
    for (const row of rows)
      if ('fault' in row) {
        this.#counts.unreadable++;
        this.#tell({ class: 'unreadable', where: row.where, fault: row.fault });
      } else this.#row(row);
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
    if (identity.submitter !== -1) this.#take(identity.submitter, second);
    let alike = -1;
    let place = index.find(identity);
    let right = -1;
    for (; place !== -1; place = index.find(identity, place)) {
      const group = index.groupAt(place);
      alike = group;
      if (!sameFields(row, index.templates[index.templateOf(group)])) continue;
      right = group;
      // Two recorded files may be the same: take the one that still needs an entry.
      if (this.#copies[group] < this.#sends[group]) break;
    }
    if (alike === -1) {
      if (this.#run.others.has(row.submitter)) this.#counts.hostile++;
      else this.#unknownRow(row, identity, second);
      return;
    }
    const group = right === -1 ? alike : right;
    const { fresh } = index.templates[index.templateOf(group)];
    if (!fresh && this.#isOutside(second, REPLAY_SLACK_MS)) return;
    if (row.bytes !== undefined) {
      this.#stored.bytes += row.bytes;
      this.#stored.submissions++;
    }
    const blockFault = this.#rawBlockFault(row, group);
    if (right === -1 || blockFault !== null) {
      const rests = this.#altered.get(group) ?? [];
      rests.push(this.#restOf(row, identity, second, blockFault));
      this.#altered.set(group, rests);
      return;
    }
    this.#right(row, group, second);
  }

  #right(row: StoredSubmission, group: number, second: number): void {
    // One whose report was lost is as good as one that was sent.
    const sends = Math.max(1, this.#sends[group]);
    if (this.#copies[group] >= sends) {
      const retries = this.#retries.get(group) ?? 0;
      if (retries > 0) {
        this.#retries.set(group, retries - 1);
        this.#counts.retried++;
        return;
      }
      this.#counts.doubles++;
      this.#tell({
        class: 'double',
        ...this.#named(group),
        submitted_at: row.submittedAt,
        where: row.where,
      });
      return;
    }
    this.#copies[group]++;
    const only = this.#only[group];
    if (only !== -1) {
      if (this.#clocks.count < CLOCK_SAMPLES) {
        const times = this.#run.timesOf(only);
        if (times !== null) this.#clocks.add(second, times);
      }
      return;
    }
    const seconds = this.#seconds.get(group);
    if (seconds) seconds.push(second);
    else this.#seconds.set(group, [second]);
  }

  #take(submitter: number, second: number): void {
    if (this.#takenCount === this.#taken.length) {
      const larger = new Float64Array(this.#taken.length * 2);
      larger.set(this.#taken);
      this.#taken = larger;
    }
    this.#taken[this.#takenCount++] = this.#takenKey(submitter, second);
  }

  #takenKey(submitter: number, second: number): number {
    const since = second - this.#fromSecond;
    return submitter * SECONDS + Math.min(SECONDS - 1, Math.max(0, since));
  }

  /** An entry that is none of the sent ones; it may be one that was altered. */
  #unknownRow(row: StoredSubmission, identity: Identity, second: number): void {
    const { submitter, block, peer } = identity;
    // Three of four parts must be right for a submission to be recognised.
    if ([submitter, block, peer].filter((part) => part === -1).length <= 1)
      this.#near.push(this.#restOf(row, identity, second, null));
    else if (this.#foreign.length < MOST_FOREIGN_LISTED)
      this.#foreign.push(this.#restOf(row, identity, second, null));
    else this.#foreignBySecond.set(second, (this.#foreignBySecond.get(second) ?? 0) + 1);
  }

  #restOf(
    row: StoredSubmission,
    identity: Identity,
    submittedAt: number,
    blockFault: string | null,
  ): Rest {
    const { where, submitter, blockHash, peerId, graphqlControlPort, builtWithCommitSha } = row;
    const { snarkWork } = row;
    return {
      where,
      submittedAt,
      createdAt: identity.createdAt,
      submitter,
      blockHash,
      peerId,
      // Some kilobytes that many entries share.
      snarkWork: snarkWork && (this.#snarkWorks.get(snarkWork) ?? shorten(snarkWork)),
      graphqlControlPort,
      builtWithCommitSha,
      blockFault,
      identity,
    };
  }

  /** @returns what is wrong with the block that an entry brings along; null: nothing, or it brings none */
  #rawBlockFault({ rawBlock }: StoredSubmission, group: number): string | null {
    if (rawBlock === undefined) return null;
    this.#rawBlocks = true;
    const { index } = this.#run;
    const template = index.templateOf(group);
    const { blockHash } = index.templates[template];
    this.#blocksCompared.add(blockHash);
    const sent = this.#blocks.of(template);
    if (rawBlock === null)
      return sent.length > MOST_RAW_BLOCK ? null : 'the entry has no bytes of the block';
    return Buffer.compare(rawBlock, sent) === 0 ? null : otherBytes(rawBlock);
  }

  /** All entries are there. @param block reads a block of the storage; absent: it keeps none of their own */
  async finish(block?: (hash: string) => Promise<Uint8Array | null>): Promise<Reconciled> {
    const { index, outcomes, sent } = this.#run;
    const badBlocks = block ? await this.#badBlocks(block) : new Map<number, string>();
    const ahead = this.#clocks.estimate();
    this.#matchNear(ahead);
    const taken = this.#taken.subarray(0, this.#takenCount).sort();
    let mayStillCome = 0;

    const copies = this.#copies.slice();
    const holders = this.#holders(ahead ?? [0, 0]);
    const take = (i: number, group: number): 'right' | 'different' | null => {
      const fault = badBlocks.get(index.blockOfTemplate[index.templateOf(group)]);
      if (holders.of.has(group) ? holders.indexes.has(i) : copies[group] > 0) {
        copies[group]--;
        if (fault === undefined) return 'right';
        mayStillCome++;
        this.#pending = { fields: { block: { sent: 'the bytes of its hash', stored: fault } } };
        return 'different';
      }
      const rest = this.#altered.get(group)?.shift();
      if (rest === undefined) return null;
      if (fault !== undefined) rest.blockFault ??= fault;
      this.#pending = { rest, fields: this.#fieldsOf(rest, group) };
      return 'different';
    };
    // Accepted ones first: an entry that may be theirs is not another's.
    for (const outcome of [OUTCOME.accepted, OUTCOME.unknown, OUTCOME.refused])
      for (let i = 0; i < outcomes.length; i++) {
        if (outcomes[i] !== outcome) continue;
        const body = sent.bodyOf(i);
        if (body === -1) {
          this.#noSubmission(i, outcome);
          continue;
        }
        const group = index.groupOf[body];
        const state = take(i, group);
        switch (outcome) {
          case OUTCOME.accepted:
            if (state === 'right') this.#counts.right++;
            else if (state === 'different') this.#say('different', i, group);
            else if (!this.#saySameSecond(i, group, taken, ahead)) {
              mayStillCome++;
              this.#say('missing', i, group);
            }
            break;
          case OUTCOME.unknown:
            this.#say(state === null ? 'unknownNotStored' : 'unknownStored', i, group);
            break;
          case OUTCOME.refused:
            if (state !== null) this.#say('refusedStored', i, group);
        }
      }
    this.#lostReports(copies);
    this.#leftovers(ahead);
    return {
      classes: this.#counts,
      // What may be no difference is none.
      clockAheadMs:
        ahead && (ahead[0] <= 0 && ahead[1] >= 0 ? 0 : Math.round((ahead[0] + ahead[1]) / 2)),
      blocksCompared: block || this.#rawBlocks ? this.#blocksCompared.size : null,
      mayStillCome,
      foreignNotListed: this.#foreignNotListed,
      stored: this.#stored.submissions === 0 ? null : this.#stored,
    };
  }

  /** What `take` found beside the state, for the next line. */
  #pending: { rest?: Rest; fields?: Fields } = {};
  #foreignNotListed = 0;

  /** Counts one submission and writes its line. */
  #say(
    what: keyof typeof WORDS,
    i: number,
    group: number,
    more: Partial<ReconcileLine> = {},
  ): void {
    this.#counts[what]++;
    const { rest, fields } = this.#pending;
    this.#pending = {};
    const times = this.#run.timesOf(i);
    this.#tell({
      class: WORDS[what],
      index: i,
      ...this.#named(group),
      ...(times !== null && { answered_at: new Date(times[1]).toISOString() }),
      ...(rest && { submitted_at: timeText(rest.submittedAt), where: rest.where }),
      ...(fields && Object.keys(fields).length > 0 && { fields }),
      ...(what === 'unknownStored' && { stored: true }),
      ...(what === 'unknownNotStored' && { stored: false }),
      ...more,
    });
  }

  /** Submission `i` was answered as expected though its body is none for the backend: it cannot be looked for. */
  #noSubmission(i: number, outcome: number): void {
    if (outcome !== OUTCOME.accepted) return;
    this.#counts.missing++;
    this.#tell({ class: 'missing', index: i, fault: 'its body is no submission' });
  }

  #saySameSecond(
    i: number,
    group: number,
    taken: Float64Array,
    ahead: readonly [number, number] | null,
  ): boolean {
    const times = this.#run.timesOf(i);
    if (times === null) return false;
    const { index } = this.#run;
    // Bodies that were sent several times tell no clock: of a replay all that the clocks may differ by explains it.
    const { fresh } = index.templates[index.templateOf(group)];
    const slackMs = fresh ? 0 : REPLAY_SLACK_MS;
    const [least, most] = ahead ?? [-slackMs, slackMs];
    const submitter = index.submitterOf(group);
    const from = this.#takenKey(submitter, Math.floor((times[0] + least) / 1000));
    const to = this.#takenKey(submitter, Math.floor((times[1] + most) / 1000));
    const key = taken[firstAtLeast(taken, from)];
    if (key === undefined || key > to) return false;
    const kept = key - submitter * SECONDS + this.#fromSecond;
    this.#say('sameSecond', i, group, { kept_at: timeText(kept) });
    return true;
  }

  /** Of a group: what a line says of it. */
  #named(group: number): Pick<ReconcileLine, 'submitter' | 'created_at' | 'block_hash'> {
    const { index } = this.#run;
    const { submitter, createdAt, block } = index.identityOf(group);
    return {
      submitter: index.submitters.textOf(submitter),
      created_at: timeText(createdAt),
      block_hash: index.blocks.textOf(block),
    };
  }

  #isOutside(second: number, slackMs: number): boolean {
    const { beganMs, endedMs } = this.#run;
    return (
      second < Math.floor((beganMs - slackMs) / 1000) ||
      second > Math.floor((endedMs + slackMs) / 1000)
    );
  }

  /** By number of the block: what is wrong with those that right entries name. */
  async #badBlocks(
    read: (hash: string) => Promise<Uint8Array | null>,
  ): Promise<Map<number, string>> {
    const { index } = this.#run;
    const used = new Map<number, number>();
    const need = (group: number) => {
      const template = index.templateOf(group);
      used.set(index.blockOfTemplate[template], template);
    };
    for (let group = 0; group < this.#copies.length; group++)
      if (this.#copies[group] > 0) need(group);
    for (const group of this.#altered.keys()) need(group);
    const bad = new Map<number, string>();
    const queue = [...used];
    const worker = async () => {
      for (let next; (next = queue.pop()) !== undefined;) {
        const [block, template] = next;
        const hash = index.blocks.textOf(block);
        const bytes = await read(hash);
        this.#blocksCompared.add(hash);
        this.#stored.bytes += bytes?.length ?? 0;
        if (bytes === null) bad.set(block, 'the storage has no block of this hash');
        else if (Buffer.compare(bytes, this.#blocks.of(template)) !== 0)
          bad.set(block, otherBytes(bytes));
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    return bad;
  }

  /**
   * Of groups that were sent more than once and lack entries: which of their submissions have one. Each entry, by its second, goes
   * to the first to end of those that were under way then; what fits none goes to the first without one.
   */
  #holders([least, most]: readonly [number, number]): {
    of: ReadonlySet<number>;
    indexes: ReadonlySet<number>;
  } {
    const { outcomes, sent, index } = this.#run;
    const accepted = new Map<number, number[]>();
    for (const group of this.#seconds.keys()) accepted.set(group, []);
    if (accepted.size > 0)
      for (let i = 0; i < outcomes.length; i++) {
        if (outcomes[i] !== OUTCOME.accepted) continue;
        const body = sent.bodyOf(i);
        if (body !== -1) accepted.get(index.groupOf[body])?.push(i);
      }
    const of = new Set<number>();
    const indexes = new Set<number>();
    for (const [group, sends] of accepted) {
      const seconds = this.#seconds.get(group)!;
      if (seconds.length >= sends.length) continue;
      of.add(group);
      for (const i of this.#holdersOf(sends, seconds, least, most)) indexes.add(i);
    }
    return { of, indexes };
  }

  #holdersOf(sends: number[], seconds: number[], least: number, most: number): number[] {
    const windows = sends.map((i) => {
      const times = this.#run.timesOf(i);
      return {
        i,
        from: times === null ? -Infinity : Math.floor((times[0] + least) / 1000),
        to: times === null ? Infinity : Math.floor((times[1] + most) / 1000),
        held: false,
      };
    });
    windows.sort((a, b) => a.to - b.to);
    let unplaced = 0;
    let first = 0;
    for (const second of seconds.sort((a, b) => a - b)) {
      while (first < windows.length && (windows[first].held || windows[first].to < second)) first++;
      let at = first;
      while (at < windows.length && (windows[at].held || windows[at].from > second)) at++;
      if (at < windows.length) windows[at].held = true;
      else unplaced++;
    }
    for (const window of windows)
      if (unplaced > 0 && !window.held) {
        window.held = true;
        unplaced--;
      }
    return windows.filter(({ held }) => held).map(({ i }) => i);
  }

  /** Gives each entry that differs in one part of its identity to a submission that lacks one. */
  #matchNear(ahead: readonly [number, number] | null): void {
    if (this.#near.length === 0) return;
    const { index } = this.#run;
    const [least, most] = ahead ?? [0, 0];
    const slack = Math.max(Math.abs(least), Math.abs(most)) + 1000;
    // The same producers submit in an earlier run, too.
    const inside: Rest[] = [];
    for (const rest of this.#near)
      (this.#isOutside(rest.submittedAt, slack) ? this.#foreign : inside).push(rest);
    const lacking: number[] = [];
    for (let group = 0; group < index.groups; group++)
      if (this.#lacks(group) > 0) lacking.push(group);
    let left = inside.sort((a, b) => a.createdAt - b.createdAt);
    for (const part of ['block', 'peer', 'createdAt', 'submitter'] as const) {
      if (left.length === 0) break;
      left = this.#matchBut(part, left, lacking);
    }
    for (const rest of left) this.#foreign.push(rest);
  }

  /** Entries that group still needs. */
  #lacks(group: number): number {
    return this.#sends[group] - this.#copies[group] - (this.#altered.get(group)?.length ?? 0);
  }

  /** @returns the entries that match no submission in all parts of the identity but `but` */
  #matchBut(but: keyof Identity, rests: readonly Rest[], lacking: readonly number[]): Rest[] {
    const { index } = this.#run;
    const keyOf = (identity: Identity): string => {
      const parts: Identity = { ...identity };
      parts[but] = 0;
      return `${parts.submitter} ${parts.createdAt} ${parts.block} ${parts.peer}`;
    };
    const wanted = new Set<string>();
    for (const { identity } of rests) if (wants(identity, but)) wanted.add(keyOf(identity));
    const byKey = new Map<string, number[]>();
    for (const group of lacking) {
      if (this.#lacks(group) <= 0) continue;
      const identity = index.identityOf(group);
      const key = keyOf(identity);
      if (!wanted.has(key)) continue;
      const groups = byKey.get(key);
      if (groups) groups.push(group);
      else byKey.set(key, [group]);
    }
    // In the order of their created_at, as the entries are.
    for (const groups of byKey.values())
      groups.sort((a, b) => index.identityOf(b).createdAt - index.identityOf(a).createdAt);
    return rests.filter((rest) => {
      if (!wants(rest.identity, but)) return true;
      const groups = byKey.get(keyOf(rest.identity));
      while (groups && groups.length > 0 && this.#lacks(groups.at(-1)!) <= 0) groups.pop();
      const group = groups?.at(-1);
      if (group === undefined) return true;
      const altered = this.#altered.get(group) ?? [];
      altered.push(rest);
      this.#altered.set(group, altered);
      return false;
    });
  }

  /** In which fields an entry differs from what was sent. */
  #fieldsOf(rest: Rest, group: number): Fields {
    const { index } = this.#run;
    const identity = index.identityOf(group);
    const template = index.templates[index.templateOf(group)];
    const fields: Fields = {};
    const compare = (
      name: string,
      sent: string | number | null,
      stored: string | number | null,
    ) => {
      if (sent !== stored) fields[name] = { sent: shown(sent), stored: shown(stored) };
    };
    compare('submitter', index.submitters.textOf(identity.submitter), rest.submitter);
    compare('created_at', timeText(identity.createdAt), timeText(rest.createdAt));
    compare('block_hash', template.blockHash, rest.blockHash);
    compare('peer_id', index.peers.textOf(identity.peer), rest.peerId);
    compare('snark_work', template.snarkWork, rest.snarkWork);
    compare('graphql_control_port', template.graphqlControlPort, rest.graphqlControlPort);
    compare('built_with_commit_sha', template.builtWithCommitSha, rest.builtWithCommitSha);
    if (rest.blockFault !== null)
      fields.block = { sent: 'the bytes of its hash', stored: rest.blockFault };
    return fields;
  }

  /** Entries of submissions that no report says were sent: k6 was killed before it could. */
  #lostReports(copies: Uint32Array): void {
    for (let group = 0; group < copies.length; group++) {
      if (this.#sends[group] > 0) continue;
      const rests = this.#altered.get(group)?.splice(0, 1 - copies[group]) ?? [];
      if (copies[group] === 0 && rests.length === 0) continue;
      this.#counts.unknownStored++;
      const [rest] = rests;
      this.#tell({
        class: WORDS.unknownStored,
        ...this.#named(group),
        ...(rest && { where: rest.where, fields: this.#fieldsOf(rest, group) }),
        stored: true,
      });
    }
  }

  /** What belongs to no submission: doubles that are altered as well, and foreign entries. */
  #leftovers(ahead: readonly [number, number] | null): void {
    for (const [group, rests] of this.#altered)
      for (const rest of rests) {
        this.#counts.doubles++;
        this.#tell({
          class: 'double',
          ...this.#named(group),
          submitted_at: timeText(rest.submittedAt),
          where: rest.where,
          fields: this.#fieldsOf(rest, group),
        });
      }
    const { beganMs, endedMs } = this.#run;
    const [least, most] = ahead ?? [0, 0];
    const from = Math.floor((beganMs + least) / 1000);
    const to = Math.floor((endedMs + most) / 1000);
    for (const rest of this.#foreign) {
      if (!(rest.submittedAt >= from && rest.submittedAt <= to)) continue;
      this.#counts.foreign++;
      this.#tell({
        class: 'foreign',
        submitter: rest.submitter,
        created_at: timeText(rest.createdAt),
        block_hash: rest.blockHash,
        submitted_at: timeText(rest.submittedAt),
        where: rest.where,
      });
    }
    for (const [second, count] of this.#foreignBySecond) {
      if (second < from || second > to) continue;
      this.#counts.foreign += count;
      this.#foreignNotListed += count;
    }
  }
}

const WORDS = {
  different: 'different',
  missing: 'missing',
  sameSecond: 'same second',
  refusedStored: 'refused but stored',
  unknownStored: 'unknown',
  unknownNotStored: 'unknown',
} as const satisfies Partial<Record<keyof ReconcileClasses, ReconcileLine['class']>>;

const sameFields = (row: StoredSubmission, template: SentTemplate): boolean =>
  row.graphqlControlPort === template.graphqlControlPort &&
  row.builtWithCommitSha === template.builtWithCommitSha &&
  row.snarkWork === template.snarkWork;

/** An identity that can be compared without `but`: what it has of the other parts was sent. */
const wants = ({ submitter, block, peer }: Identity, but: keyof Identity): boolean =>
  (but === 'submitter' || submitter !== -1) &&
  (but === 'block' || block !== -1) &&
  (but === 'peer' || peer !== -1);

const shorten = (text: string): string =>
  // Not a view of the long text, which would keep it in memory.
  text.length <= MOST_SHOWN ? text : Buffer.from(`${text.slice(0, MOST_SHOWN)}…`).toString();

const shown = (value: string | number | null): string | number | null =>
  typeof value === 'string' ? shorten(value) : value;

const otherBytes = (bytes: Uint8Array): string =>
  `${bytes.length} bytes with the hash ${blockHashOf(bytes)}`;

/** Whole seconds since 1970 as RFC 3339; what is no time becomes a word, for a storage may hold anything. */
const timeText = (seconds: number): string => {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? 'no time' : `${date.toISOString().slice(0, 19)}Z`;
};

/** @returns the place of the first number that is not below `key`; the length if there is none */
function firstAtLeast(sorted: Float64Array, key: number): number {
  let low = 0;
  for (let high = sorted.length; low < high;) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The blocks of templates, read when they are needed, the longest unused forgotten first. */
class TemplateBlocks {
  readonly #templates: readonly SentTemplate[];
  readonly #kept = new Map<string, Uint8Array>();
  #bytes = 0;

  constructor(templates: readonly SentTemplate[]) {
    this.#templates = templates;
  }

  of(template: number): Uint8Array {
    const { blockHash } = this.#templates[template];
    const known = this.#kept.get(blockHash);
    if (known !== undefined) {
      this.#kept.delete(blockHash);
      this.#kept.set(blockHash, known);
      return known;
    }
    const bytes = this.#templates[template].block();
    this.#kept.set(blockHash, bytes);
    this.#bytes += bytes.length;
    for (const [hash, { length }] of this.#kept) {
      if (this.#bytes <= BLOCK_CACHE_BYTES || this.#kept.size === 1) break;
      this.#kept.delete(hash);
      this.#bytes -= length;
    }
    return bytes;
  }
}

/**
 * How far the target's clock is ahead of the generator's. An entry of second s whose request lasted from b to e says that the
 * difference is above s - e and at most s + 1 - b; the ranges of many entries leave a narrow one.
 */
class Clocks {
  readonly #ranges: [least: number, most: number][] = [];

  get count(): number {
    return this.#ranges.length;
  }

  add(second: number, [beginMs, endMs]: readonly [number, number]): void {
    this.#ranges.push([second * 1000 - endMs, second * 1000 + 1000 - beginMs]);
  }

  /** @returns least and most, ms; null: there was no entry */
  estimate(): [least: number, most: number] | null {
    if (this.#ranges.length === 0) return null;
    const middles = this.#ranges.map(([least, most]) => (least + most) / 2).sort((a, b) => a - b);
    // The median, because an entry with an altered submitted_at must not move it; it errs by half a second at most.
    const middle = middles[middles.length >> 1];
    let [least, most] = [middle - 500, middle + 500];
    for (const range of this.#ranges)
      if (range[0] <= most && range[1] >= least) {
        least = Math.max(least, range[0]);
        most = Math.min(most, range[1]);
      }
    return [least, most];
  }
}
