/** What several assertions look at, found once: which stored row is of which submission, batches and their rows, ids of nodes and states. Pure. */
import type { Evidence } from '../dump/evidence.ts';
import { microsecondsOf, millisecondsOf, wholeSeconds } from '../dump/times.ts';
import type { BatchFields, SentRow, StorageName, StoredRow } from '../dump/types.ts';

/** A submission with its attempts. */
export type Submission = {
  id: number;
  /** Its first attempt: its fields are those of all. */
  sent: SentRow;
  attempts: SentRow[];
  /** One attempt was answered 200. */
  isAccepted: boolean;
  /** Attempts that may have been stored: answered 200, not at all, or with an error of the server. */
  mayBeStored: number;
};

export type Matched = {
  /** Rows of a submission, by its id. */
  rows: Map<number, StoredRow[]>;
  /** Submission of a row. */
  submissionOf: Map<StoredRow, Submission>;
  /** Readable rows that nobody sent. */
  foreign: StoredRow[];
  unreadable: StoredRow[];
  /** Accepted submissions that are not there because another one of their submitter and second is: id -> its row. */
  displaced: Map<number, StoredRow>;
  /** Accepted submissions that are not there, without such a reason. */
  missing: Submission[];
};

export type Batch = {
  botLogId: number;
  startSeconds: number;
  endSeconds: number;
  filesProcessed: number;
  /** It counts for the scores. */
  isSurvey: boolean;
};

/** A row of the storage that the verifier works on, which can be read. */
export type VerifiedRow = {
  row: StoredRow;
  /** submitted_at, microseconds since 1970. */
  us: number;
};

export type CountedBatch = { batch: Batch; counting: VerifiedRow[] };

export const SECOND_US = 1_000_000;

export class Facts {
  readonly #evidence: Evidence;
  readonly #matched = new Map<StorageName, Matched>();
  #submissions: Map<number, Submission> | null = null;
  #byIdentity: Map<string, Submission[]> | null = null;
  #batches: Batch[] | null = null;
  #rows: VerifiedRow[] | null = null;
  #windows: { batch: Batch; rows: VerifiedRow[] }[] | null = null;
  #counted: CountedBatch[] | null = null;
  #commits: Map<number, number> | null = null;
  /** Of texts that come again: keys of them are a fifth as long. */
  readonly #numbers = new Map<string, number>();

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
  }

  /** By id, in the order in which they were sent. */
  get submissions(): Map<number, Submission> {
    if (this.#submissions !== null) return this.#submissions;
    const submissions = new Map<number, Submission>();
    for (const sent of this.#evidence.sent) {
      const known = submissions.get(sent.id);
      const { status = 0 } = sent;
      const mayBeStored = status === 200 || status === 0 || status >= 500 ? 1 : 0;
      if (known === undefined)
        submissions.set(sent.id, {
          id: sent.id,
          sent,
          attempts: [sent],
          isAccepted: status === 200,
          mayBeStored,
        });
      else {
        known.attempts.push(sent);
        known.isAccepted ||= status === 200;
        known.mayBeStored += mayBeStored;
      }
    }
    return (this.#submissions = submissions);
  }

  matched(storage: StorageName): Matched {
    let matched = this.#matched.get(storage);
    if (matched === undefined) {
      matched = this.#match(this.#evidence.storages.get(storage) ?? []);
      this.#matched.set(storage, matched);
    }
    return matched;
  }

  #match(stored: readonly StoredRow[]): Matched {
    const matched: Matched = {
      rows: new Map(),
      submissionOf: new Map(),
      foreign: [],
      unreadable: [],
      displaced: new Map(),
      missing: [],
    };
    const bySecond = new Map<string, StoredRow>();
    /** Rows of submissions that are equal in all that is stored: one body that was sent again and again. */
    const alike = new Map<Submission[], StoredRow[]>();
    for (const row of stored) {
      if (row.fault !== undefined) {
        matched.unreadable.push(row);
        continue;
      }
      bySecond.set(this.#secondOf(row.submitter!, wholeSeconds(row.submitted_at!)), row);
      const candidates = this.#identities.get(this.#identityOf(row));
      if (candidates === undefined) matched.foreign.push(row);
      else if (candidates.length === 1) own(matched, candidates[0], row);
      else {
        const rows = alike.get(candidates);
        if (rows === undefined) alike.set(candidates, [row]);
        else rows.push(row);
      }
    }
    for (const [candidates, rows] of alike) ownByTime(matched, candidates, rows);
    for (const submission of this.submissions.values()) {
      if (!submission.isAccepted || matched.rows.has(submission.id)) continue;
      const inPlace = this.#placeTaken(submission, bySecond, matched);
      if (inPlace === null) matched.missing.push(submission);
      else matched.displaced.set(submission.id, inPlace);
    }
    return matched;
  }

  /** What a storage keeps of a submission and nothing changes. */
  #identityOf(row: SentRow | StoredRow): string {
    return `${this.#number(row.submitter!)} ${this.#number(wholeSeconds(row.created_at!))} ${this.#number(row.block_hash!)} ${this.#number(row.peer_id!)}`;
  }

  #secondOf(submitter: string, time: string): string {
    return `${this.#number(submitter)} ${this.#number(time)}`;
  }

  #number(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(text, number);
    }
    return number;
  }

  /** The row in a second of the submission's accepted attempts, if it is another one's. */
  #placeTaken(
    { attempts }: Submission,
    bySecond: ReadonlyMap<string, StoredRow>,
    { submissionOf }: Matched,
  ): StoredRow | null {
    for (const {
      status,
      sent_ms: sentMs,
      answered_ms: answeredMs = sentMs,
      submitter,
    } of attempts) {
      if (status !== 200) continue;
      for (let s = Math.floor(sentMs / 1000); s <= Math.floor(answeredMs / 1000); s++) {
        const time = new Date(s * 1000).toISOString().replace('.000Z', 'Z');
        const row = bySecond.get(this.#secondOf(submitter, time));
        if (row === undefined) continue;
        const other = submissionOf.get(row);
        if (
          other?.attempts.some(
            (one) => one.sent_ms < (s + 1) * 1000 && (one.answered_ms ?? Infinity) >= s * 1000,
          )
        )
          return row;
      }
    }
    return null;
  }

  get #identities(): Map<string, Submission[]> {
    if (this.#byIdentity !== null) return this.#byIdentity;
    const identities = new Map<string, Submission[]>();
    for (const submission of this.submissions.values()) {
      const identity = this.#identityOf(submission.sent);
      const known = identities.get(identity);
      if (known === undefined) identities.set(identity, [submission]);
      else known.push(submission);
    }
    return (this.#byIdentity = identities);
  }

  /** Of bot_logs, without the row that says where the first one begins; in the order of their time and ids. */
  get batches(): Batch[] {
    if (this.#batches !== null) return this.#batches;
    const logs = (this.#evidence.tables.bot_logs ?? []).filter(
      ({ batch_start_epoch, batch_end_epoch }) => batch_end_epoch > batch_start_epoch,
    );
    return (this.#batches = logs
      .map((log) => ({
        botLogId: log.id,
        startSeconds: log.batch_start_epoch,
        endSeconds: log.batch_end_epoch,
        filesProcessed: log.files_processed ?? -1,
        isSurvey: (log.files_processed ?? -1) > -1,
      }))
      .sort((a, b) => a.startSeconds - b.startSeconds || a.botLogId - b.botLogId));
  }

  /**
   * Numbers in bot_logs of the first batch after each start of the coordinator on the way: the original builds it on what the batch before shortlisted.
   */
  get batchesAfterStart(): ReadonlySet<number> {
    const { events, head } = this.#evidence;
    if (!head.coordinator.faithful) return new Set();
    const starts = events.filter(
      ({ kind, fields }) =>
        kind === 'disturbance' &&
        (fields as { component?: unknown } | null)?.component === 'coordinator',
    );
    const after = starts.flatMap(
      ({ at_ms: at }) =>
        this.batches.find(
          ({ botLogId, endSeconds }) => (this.commits.get(botLogId) ?? endSeconds * 1000) > at,
        ) ?? [],
    );
    return new Set(after.map(({ botLogId }) => botLogId));
  }

  /** When each batch was committed, ms since 1970, by its number in bot_logs; as far as an event or its points say it. */
  get commits(): ReadonlyMap<number, number> {
    if (this.#commits !== null) return this.#commits;
    const { events, tables } = this.#evidence;
    const commits = new Map(
      events
        .filter(({ kind }) => kind === 'batch')
        .map(({ at_ms: at, fields }) => [(fields as BatchFields).botLogId, at]),
    );
    const first = new Map<number, number>();
    for (const { bot_log_id: id, created_at: at } of tables.points ?? [])
      if (id !== null && at !== null)
        first.set(id, Math.min(first.get(id) ?? Infinity, millisecondsOf(at)));
    for (const [id, at] of first) {
      const said = commits.get(id);
      // A log has whole seconds, and the points are written within that one.
      if (said === undefined || (at > said && at < said + 1000)) commits.set(id, at);
    }
    return (this.#commits = commits);
  }

  /** Rows that the verifier works on, the earliest first, up to the end of what is judged. */
  get rows(): VerifiedRow[] {
    if (this.#rows !== null) return this.#rows;
    const { head, storages } = this.#evidence;
    return (this.#rows = (storages.get(head.verifiedIn) ?? [])
      .filter(({ fault }) => fault === undefined)
      .map((row) => ({ row, us: microsecondsOf(row.submitted_at!) }))
      .filter(({ us }) => us < head.untilMs * 1000)
      .sort((a, b) => a.us - b.us));
  }

  /** Each window of time once, though two coordinators may have counted it, with its rows. */
  get windows(): { batch: Batch; rows: VerifiedRow[] }[] {
    return (this.#windows ??= this.batches
      .filter(({ startSeconds, endSeconds }, i) => {
        const before = this.batches[i - 1];
        return before?.startSeconds !== startSeconds || before.endSeconds !== endSeconds;
      })
      .map((batch) => ({ batch, rows: this.#rowsWithin(batch) })));
  }

  /** Batches that count for the scores, with their rows that count as they are now. */
  get countedBatches(): CountedBatch[] {
    return (this.#counted ??= this.batches
      .filter(({ isSurvey }) => isSurvey)
      .map((batch) => ({
        batch,
        counting: this.#rowsWithin(batch).filter(({ row }) => isCounting(row)),
      })));
  }

  /** Rows with start <= submitted_at < end, the earliest first. */
  #rowsWithin({
    startSeconds,
    endSeconds,
  }: Pick<Batch, 'startSeconds' | 'endSeconds'>): VerifiedRow[] {
    return this.rows.slice(this.#firstFrom(startSeconds * 1e6), this.#firstFrom(endSeconds * 1e6));
  }

  #firstFrom(us: number): number {
    let [low, high] = [0, this.rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].us < us) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether something is expected of a submitter for all of [fromMs, untilMs). */
  isExpected(submitter: string, fromMs: number, untilMs: number): boolean {
    return !this.#evidence.head.expected.exceptions.some(
      (one) =>
        (one.submitter === '*' || one.submitter === submitter) &&
        one.fromMs < untilMs &&
        one.untilMs > fromMs,
    );
  }
}

function own({ rows, submissionOf }: Matched, submission: Submission, row: StoredRow): void {
  submissionOf.set(row, submission);
  const known = rows.get(submission.id);
  if (known === undefined) rows.set(submission.id, [row]);
  else known.push(row);
}

/** Each row to the first submission without one whose requests were under way in its second; what is left to those that are left. */
function ownByTime(
  matched: Matched,
  submissions: readonly Submission[],
  rows: readonly StoredRow[],
): void {
  const second = (row: StoredRow): number => Math.floor(microsecondsOf(row.submitted_at!) / SECOND_US); // prettier-ignore
  const begin = ({ sent }: Submission): number => Math.floor(sent.sent_ms / 1000);
  const end = ({ attempts }: Submission): number =>
    Math.floor((attempts.at(-1)!.answered_ms ?? Infinity) / 1000);
  const waiting = [...submissions].sort((a, b) => a.sent.sent_ms - b.sent.sent_ms);
  const passed: Submission[] = [];
  const left: StoredRow[] = [];
  let next = 0;
  for (const row of [...rows].sort((a, b) => second(a) - second(b))) {
    while (next < waiting.length && end(waiting[next]) < second(row)) passed.push(waiting[next++]);
    if (next < waiting.length && begin(waiting[next]) <= second(row))
      own(matched, waiting[next++], row);
    else left.push(row);
  }
  const free = [...passed, ...waiting.slice(next)];
  left.forEach((row, i) => {
    // A second row of one: an attempt whose answer did not come was stored, too.
    const again = submissions.find(
      (one) => one.mayBeStored > 1 && begin(one) <= second(row) && second(row) <= end(one),
    );
    own(matched, again ?? free[i] ?? waiting.at(-1)!, row);
  });
}

/** The verifier left no error, and has looked at it: it counts. */
export const isCounting = ({ verified, validation_error: error }: StoredRow): boolean =>
  verified === true && !error;
