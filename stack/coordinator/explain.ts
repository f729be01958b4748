/**
 * Why a block producer has a point in a batch, or none: every stage from the stored row to the score, from the tables alone. The database is only read.
 */
import type pg from 'pg';
import { type Era, eraAt, type ErrorClass, errorClassOf } from './error-class.ts';
import { COUNTS, microsecondsOf, readBatchRows } from './rows.ts';
import { scoreBatch, type StateScore } from './scoring.ts';
import { timestampText, type Window } from './window.ts';

type Client = Pick<pg.ClientBase, 'query'>;

/** Of one stored row of the producer. */
export type RowFacts = {
  submittedAtUs: number;
  createdAtUs: number | null;
  blockHash: string | null;
  height: number | null;
  /** Which rule the updater takes for this time of the server. */
  era: Era;
  verdict: 'verified' | 'not verified' | { refused: string; class: ErrorClass };
  /** null: it counts for nothing. */
  state: StateScore | null;
};

/** The first stage at which it ended; `point` and `credited`: it did not. */
export type Reason =
  | 'point'
  | 'credited'
  | 'batch excluded'
  | 'batch never counted'
  | 'nothing stored'
  | 'refused'
  | 'not verified'
  | 'state not shortlisted'
  | 'counted too late';

export type BatchFacts = {
  window: Window;
  /** null: no row of bot_logs has this window. */
  botLogId: number | null;
  filesProcessed: number | null;
  /** n of the counting rows as they are now; null: not looked at. */
  producers: number | null;
  counting: number | null;
  rows: RowFacts[];
  reason: Reason;
};

export type ProducerFacts = {
  key: string;
  node: {
    id: number;
    score: number | null;
    percent: string | null;
    applicationStatus: boolean | null;
  } | null;
  surveys: number;
  withPoint: number;
  /** Each batch of the time, in its order, and the holes between them. */
  batches: BatchFacts[];
};

export type ExplainSettings = {
  /** Of the batches looked at, [from, to] in seconds; a batch belongs to it when it begins inside. */
  fromSeconds: number;
  toSeconds: number;
  cutoverMs: number | null;
  /** Look closely at batches with a point, too. */
  closely: boolean;
};

type Log = Window & { botLogId: number | null; filesProcessed: number | null };

/** @returns when the last batch ends; null: there is none */
export async function lastBatchEnd(client: Client): Promise<number | null> {
  const { rows } = await client.query<{ end: number | null }>(
    'SELECT max(batch_end_epoch)::float8 AS end FROM bot_logs WHERE batch_end_epoch > batch_start_epoch',
  );
  return rows[0].end;
}

export async function explainProducer(
  client: Client,
  key: string,
  settings: ExplainSettings,
): Promise<ProducerFacts> {
  const { fromSeconds, toSeconds } = settings;
  const nodes = await client.query<{
    id: number;
    score: number | null;
    score_percent: string | null;
    application_status: boolean | null;
  }>({
    text: 'SELECT id, score, score_percent, application_status FROM nodes WHERE block_producer_key = $1 ORDER BY id LIMIT 1',
    values: [key],
  });
  const node = nodes.rows[0];
  const logs = await logsOf(client, fromSeconds, toSeconds);
  const pointed = new Map<number, boolean>();
  if (node !== undefined) {
    const ids = logs.map(({ botLogId }) => botLogId).filter((id) => id !== null);
    const summary = await client.query<[number]>({
      text: 'SELECT bot_log_id FROM points_summary WHERE node_id = $1 AND bot_log_id = ANY ($2::int[])',
      values: [node.id, ids],
      rowMode: 'array',
    });
    for (const [id] of summary.rows) pointed.set(id, true);
  }
  const stored = await rowsOf(client, key, settings);
  const batches: BatchFacts[] = [];
  for (const log of logs) batches.push(await explainBatch(client, log, stored, pointed, settings));
  const surveys = batches.filter(({ filesProcessed }) => (filesProcessed ?? -1) > -1);
  return {
    key,
    node:
      node === undefined
        ? null
        : {
            id: node.id,
            score: node.score,
            percent: node.score_percent,
            applicationStatus: node.application_status,
          },
    surveys: surveys.length,
    withPoint: surveys.filter(({ reason }) => reason === 'point' || reason === 'credited').length,
    batches,
  };
}

/** Batches that begin in the time, and the windows that nobody counted between them. */
async function logsOf(client: Client, fromSeconds: number, toSeconds: number): Promise<Log[]> {
  const { rows } = await client.query<[number, number, number, number]>({
    text: `SELECT id, files_processed, batch_start_epoch::float8, batch_end_epoch::float8 FROM bot_logs
           WHERE batch_end_epoch > batch_start_epoch AND batch_end_epoch > $1 AND batch_start_epoch <= $2 ORDER BY batch_start_epoch, id`,
    values: [fromSeconds, toSeconds],
    rowMode: 'array',
  });
  const logs: Log[] = [];
  for (const [botLogId, filesProcessed, startSeconds, endSeconds] of rows) {
    const end = logs.at(-1)?.endSeconds;
    if (end !== undefined && end < startSeconds)
      logs.push({
        startSeconds: end,
        endSeconds: startSeconds,
        botLogId: null,
        filesProcessed: null,
      });
    logs.push({ botLogId, filesProcessed, startSeconds, endSeconds });
  }
  return logs;
}

type StoredRow = [
  submittedAtUs: number,
  createdAtUs: number | null,
  blockHash: string | null,
  height: number | null,
  stateHash: string | null,
  counts: boolean,
  error: string | null,
];

async function rowsOf(
  client: Client,
  key: string,
  { fromSeconds, toSeconds }: ExplainSettings,
): Promise<StoredRow[]> {
  // A batch that begins at the end of the time is not longer than this.
  const LONGEST_BATCH_SECONDS = 86_400;
  const { rows } = await client.query<StoredRow>({
    text: `SELECT ${microsecondsOf('submitted_at')}, ${microsecondsOf('created_at')}, block_hash, height, state_hash, ${COUNTS}, validation_error
           FROM submissions WHERE submitter = $1 AND submitted_at >= $2::timestamp AND submitted_at < $3::timestamp ORDER BY submitted_at`,
    values: [
      key,
      timestampText((fromSeconds - LONGEST_BATCH_SECONDS) * 1e6),
      timestampText((toSeconds + LONGEST_BATCH_SECONDS) * 1e6),
    ],
    rowMode: 'array',
  });
  return rows;
}

async function explainBatch(
  client: Client,
  log: Log,
  stored: readonly StoredRow[],
  pointed: ReadonlyMap<number, boolean>,
  { cutoverMs, closely }: ExplainSettings,
): Promise<BatchFacts> {
  const { startSeconds, endSeconds, botLogId, filesProcessed } = log;
  const own = stored.filter(([us]) => us >= startSeconds * 1e6 && us < endSeconds * 1e6);
  const hasPoint = botLogId !== null && pointed.has(botLogId);
  const hasCounting = own.some(([, , , , , isCounting]) => isCounting);
  let states = new Map<string, StateScore>();
  let [producers, counting]: (number | null)[] = [null, null];
  // The whole batch is read only where it decides something.
  if (hasCounting && (closely || !hasPoint)) {
    const all = (await readBatchRows(client, log)).counting;
    const score = scoreBatch(all);
    states = new Map(score.states.map((state) => [state.stateHash, state]));
    producers = score.producers;
    counting = all.length;
  }
  const rows = own.map(
    ([submittedAtUs, createdAtUs, blockHash, height, stateHash, isCounting, error]): RowFacts => ({
      submittedAtUs,
      createdAtUs,
      blockHash,
      height,
      era: eraAt(submittedAtUs / 1000, cutoverMs),
      verdict: error
        ? { refused: error, class: errorClassOf(error) }
        : isCounting
          ? 'verified'
          : 'not verified',
      state: isCounting && stateHash !== null ? (states.get(stateHash) ?? null) : null,
    }),
  );
  return {
    window: { startSeconds, endSeconds },
    botLogId,
    filesProcessed,
    producers,
    counting,
    rows,
    reason: reasonOf(log, rows, hasPoint),
  };
}

function reasonOf(
  { botLogId, filesProcessed }: Log,
  rows: readonly RowFacts[],
  hasPoint: boolean,
): Reason {
  if (botLogId === null) return 'batch never counted';
  if ((filesProcessed ?? -1) < 0) return 'batch excluded';
  const verified = rows.filter(({ verdict }) => verdict === 'verified');
  if (hasPoint) return verified.length > 0 ? 'point' : 'credited';
  if (rows.length === 0) return 'nothing stored';
  if (verified.length === 0)
    return rows.some(({ verdict }) => typeof verdict === 'object') ? 'refused' : 'not verified';
  // It would score today, so it was not there when the batch was counted.
  return verified.some(({ state }) => state?.shortlisted)
    ? 'counted too late'
    : 'state not shortlisted';
}

/** How many supporters a state needs: 20 of them for each producer. */
export const neededSupporters = (producers: number): number => Math.ceil(producers / 20);
