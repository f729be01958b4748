/**
 * Writes a history into an empty coordinator's database by COPY, one connection a table. Keys are not checked row by row and indexes are made at the
 * end, so the user must be a superuser. The large tables are emptied once more in the transaction that fills them: their rows are then written frozen, and a
 * server with wal_level=minimal, as ours, does not log them. Whoever reads such a table meanwhile waits.
 */
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom, type CopyStreamQuery } from 'pg-copy-streams';
import {
  openPool,
  type PostgresConfig,
  postgresName,
  statementProblem,
  URL_WORDS,
} from '../../../system/postgres.ts';
import { EXIT, UserError } from '../../../user-error.ts';
import { percentOf } from '../offline/replay.ts';
import { createCoordinatorSchema } from '../schema.ts';
import { pandasTimes, timestampText } from '../window.ts';
import { type HistoryBatch, historyOf, type HistoryPlan, producerKeys } from './history.ts';

export type FillCounts = Record<TableName, number>;

const COLUMNS = {
  submissions:
    'submitted_at_date, submitted_at, submitter, created_at, block_hash, remote_addr, peer_id, graphql_control_port, built_with_commit_sha, state_hash, parent, height, slot, validation_error, verified',
  points:
    'file_name, file_timestamps, blockchain_epoch, blockchain_height, amount, created_at, node_id, bot_log_id, statehash_id',
  score_history: 'node_id, score_at, score, score_percent',
  points_summary: 'bot_log_id, node_id',
  bot_logs_statehash: 'parent_statehash_id, statehash_id, weight, bot_log_id',
  statehash: 'id, value',
  bot_logs:
    'id, processing_time, files_processed, file_timestamps, batch_start_epoch, batch_end_epoch',
  nodes: 'id, block_producer_key, updated_at, score, score_percent',
} as const;
type TableName = keyof typeof COLUMNS;
const TABLES = Object.keys(COLUMNS) as TableName[];

/** Made again when the rows are there: twice as fast. */
const INDEXES = [
  'uq_submissions_submitter_date',
  'idx_submissions_submitter_date',
  'idx_submissions_submitter_datetime',
  'idx_submissions_submitted_at',
  'uq_ps_bot_log_node',
  'uq_sh_node_score_at',
  'uq_state_hash',
];

/** Those that no other table refers to, so each may be emptied alone. */
const REFERRING: readonly TableName[] = [
  'submissions',
  'points',
  'score_history',
  'points_summary',
  'bot_logs_statehash',
];

const USE = { connections: TABLES.length, statementMs: 600_000 };
const CHUNK_CHARACTERS = 256 * 1024;

/**
 * @param onProgress batches written so far
 * @throws UserError unless the database is there, the user may, and its tables hold no batch and no submission
 */
export async function fillHistory(
  config: PostgresConfig,
  plan: HistoryPlan,
  {
    submittedAtIndex,
    onProgress,
  }: { submittedAtIndex: boolean; onProgress?: (batches: number) => void },
): Promise<FillCounts> {
  const pool = await openPool(config, URL_WORDS, USE);
  let isOurs = false;
  try {
    await prepare(pool, config);
    isOurs = true;
    const counts = await copyAll(pool, plan, onProgress);
    await pool.query(
      `SELECT ${['nodes', 'bot_logs', 'statehash'].map((table) => `setval(pg_get_serial_sequence('${table}', 'id'), (SELECT max(id) FROM ${table}))`).join(', ')}`,
    );
    const client = await pool.connect();
    try {
      await client.query(`SET maintenance_work_mem = '256MB'`);
      await createCoordinatorSchema(client, { submittedAtIndex });
      await client.query('ANALYZE');
    } finally {
      client.release(true);
    }
    return counts;
  } catch (error) {
    // Half a history is none; the tables were empty before.
    if (isOurs)
      await pool.query(`TRUNCATE ${TABLES.join(', ')} RESTART IDENTITY`).catch(() => undefined);
    throw error instanceof UserError
      ? error
      : statementProblem(error, config, 'could not be filled');
  } finally {
    await pool.end();
  }
}

async function prepare(pool: pg.Pool, config: PostgresConfig): Promise<void> {
  const name = postgresName(config);
  const client = await pool.connect();
  try {
    await createCoordinatorSchema(client, { submittedAtIndex: false });
    const { rows } = await client.query<{ super: boolean; filled: boolean }>(
      `SELECT current_setting('is_superuser') = 'on' AS super,
        EXISTS (SELECT FROM submissions) OR EXISTS (SELECT FROM points) OR EXISTS (SELECT FROM nodes) OR EXISTS (SELECT FROM bot_logs WHERE files_processed > -1) AS filled`,
    );
    if (rows[0].filled)
      throw new UserError(`${name} holds submissions or batches already`, {
        hint: 'nothing is overwritten: name an empty database',
        exitCode: EXIT.usage,
      });
    if (!rows[0].super)
      throw new UserError(`${config.user} is no superuser of ${name}`, {
        hint: 'foreign keys are not checked row by row, which only a superuser may decide',
        exitCode: EXIT.usage,
      });
    await client.query(`TRUNCATE bot_logs, bot_logs_statehash, points RESTART IDENTITY`);
    await client.query(`DROP INDEX IF EXISTS ${INDEXES.join(', ')}`);
  } finally {
    client.release();
  }
}

/** One COPY: text is gathered, and waits for the server. */
class TableWriter {
  readonly #stream: CopyStreamQuery;
  readonly #client: pg.PoolClient;
  #text = '';
  rows = 0;

  private constructor(client: pg.PoolClient, stream: CopyStreamQuery) {
    this.#client = client;
    this.#stream = stream;
  }

  static async open(pool: pg.Pool, table: TableName): Promise<TableWriter> {
    const client = await pool.connect();
    await client.query('SET session_replication_role = replica; SET synchronous_commit = off');
    await client.query('BEGIN');
    const isAlone = REFERRING.includes(table);
    if (isAlone) await client.query(`TRUNCATE ${table}`);
    const how = isAlone ? 'WITH (FREEZE)' : '';
    const stream = client.query(copyFrom(`COPY ${table} (${COLUMNS[table]}) FROM STDIN ${how}`));
    // Looked at when it is written to, or at the end.
    stream.on('error', () => undefined);
    return new TableWriter(client, stream);
  }

  add(...fields: (string | number | null)[]): void {
    this.#text += `${fields.map((field) => field ?? '\\N').join('\t')}\n`;
    this.rows++;
  }

  /** @throws what the server says */
  async flush(): Promise<void> {
    if (this.#text.length < CHUNK_CHARACTERS) return;
    const text = this.#text;
    this.#text = '';
    if (this.#stream.errored) throw this.#stream.errored;
    if (!this.#stream.write(text)) await once(this.#stream, 'drain');
  }

  async end(): Promise<void> {
    const done = finished(this.#stream);
    this.#stream.end(this.#text);
    await done;
    await this.#client.query('COMMIT');
    this.#client.release(true);
  }

  /** After a failure elsewhere: nothing of it is kept. */
  abandon(): void {
    this.#client.release(true);
  }
}

async function copyAll(
  pool: pg.Pool,
  plan: HistoryPlan,
  onProgress: ((batches: number) => void) | undefined,
): Promise<FillCounts> {
  const writers = {} as Record<TableName, TableWriter>;
  try {
    for (const table of TABLES) writers[table] = await TableWriter.open(pool, table);
    await writeHistory(writers, plan, onProgress);
    await Promise.all(TABLES.map((table) => writers[table].end()));
  } catch (error) {
    for (const writer of Object.values(writers)) writer.abandon();
    throw error;
  }
  return Object.fromEntries(TABLES.map((table) => [table, writers[table].rows])) as FillCounts;
}

const PROGRESS_BATCHES = 100;
const UPTIME_SECONDS = 90 * 86_400;

async function writeHistory(
  writers: Record<TableName, TableWriter>,
  plan: HistoryPlan,
  onProgress: ((batches: number) => void) | undefined,
): Promise<void> {
  const stateIds = new Map<string, number>();
  const stateId = (value: string): number => {
    let id = stateIds.get(value);
    if (id === undefined) {
      id = stateIds.size + 1;
      stateIds.set(value, id);
      writers.statehash.add(id, value);
    }
    return id;
  };
  // bot_log 1 is the initial row.
  writers.bot_logs.add(
    1,
    0,
    -1,
    zoned(plan.startSeconds * 1e6),
    plan.startSeconds,
    plan.startSeconds,
  );
  const scores = new Map<number, number>();
  // Of a batch only what leaves the window again: its rows are written.
  const inWindow: { startSeconds: number; scored: readonly number[] }[] = [];
  let botLogId = 1;
  for (const batch of historyOf(plan)) {
    botLogId++;
    writeBatch(writers, botLogId, batch, stateId);
    inWindow.push({ startSeconds: batch.window.startSeconds, scored: batch.scored });
    for (const producer of batch.scored) scores.set(producer, (scores.get(producer) ?? 0) + 1);
    while (inWindow[0].startSeconds < batch.window.endSeconds - UPTIME_SECONDS)
      for (const producer of inWindow.shift()!.scored)
        scores.set(producer, scores.get(producer)! - 1);
    const at = timestampText(batch.window.endSeconds * 1e6);
    for (const [producer, score] of scores)
      writers.score_history.add(producer + 1, at, score, percentOf(score, inWindow.length));
    for (const table of TABLES) await writers[table].flush();
    if (botLogId % PROGRESS_BATCHES === 0) onProgress?.(botLogId - 1);
  }
  const updatedAt = zoned(plan.startSeconds * 1e6);
  producerKeys(plan).forEach((key, producer) => {
    const score = scores.get(producer);
    writers.nodes.add(
      producer + 1,
      key,
      updatedAt,
      score ?? null,
      score === undefined ? null : percentOf(score, inWindow.length),
    );
  });
}

const zoned = (us: number): string => `${timestampText(us)}+00`;

function writeBatch(
  writers: Record<TableName, TableWriter>,
  botLogId: number,
  { window, rows, counting, points, shortlist, scored }: HistoryBatch,
  stateId: (value: string) => number,
): void {
  for (const row of rows) {
    const at = timestampText(row.submittedAtUs);
    writers.submissions.add(
      at.slice(0, 10),
      at,
      row.submitter,
      timestampText(row.createdAtMs! * 1000),
      row.blockHash,
      `203.0.113.${row.producer % 256}:41234`,
      `12D3KooW${row.submitter.slice(-44)}`,
      0,
      '',
      row.stateHash,
      row.parent,
      row.height,
      row.error === '' ? row.slot : null,
      row.error,
      't',
    );
  }
  for (const { stateHash, parent } of counting) {
    stateId(stateHash!);
    stateId(parent!);
  }
  const now = zoned(window.endSeconds * 1e6);
  const first = points.length > 0 ? zoned(counting.at(-1)!.submittedAtUs) : now;
  writers.bot_logs.add(botLogId, 1, counting.length, first, window.startSeconds, window.endSeconds);
  for (const { stateHash, parent, weight } of shortlist)
    writers.bot_logs_statehash.add(stateId(parent!), stateId(stateHash), weight, botLogId);
  const times = pandasTimes(counting.map(({ submittedAtUs }) => submittedAtUs));
  for (const place of points) {
    const row = counting[place];
    writers.points.add(
      `${times[place]}-${row.submitter}`,
      zoned(row.submittedAtUs),
      row.createdAtMs,
      row.height,
      1,
      now,
      row.producer + 1,
      botLogId,
      stateId(row.stateHash!),
    );
  }
  for (const producer of scored) writers.points_summary.add(botLogId, producer + 1);
}
