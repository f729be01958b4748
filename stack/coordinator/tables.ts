/** Writing and reading the coordinator's tables. Each function runs inside the caller's transaction. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { PreviousState, StateScore } from './scoring.ts';
import { timestampText } from './window.ts';

export type Client = ClientBase;

/** The last batch: where the next one begins. */
export type LastBatch = { botLogId: number; endSeconds: number };

/** @returns null: there is no row, so nobody said where the first batch begins */
export async function lastBatch(client: Client): Promise<LastBatch | null> {
  const { rows } = await client.query<{ id: number; batch_end_epoch: string }>(
    'SELECT id, batch_end_epoch FROM bot_logs ORDER BY batch_end_epoch DESC LIMIT 1',
  );
  return rows.length === 0
    ? null
    : { botLogId: rows[0].id, endSeconds: Number(rows[0].batch_end_epoch) };
}

/**
 * Ids of states, new ones inserted.
 * @param values null: the parent of a block that has none; it has one row, too
 */
export async function addStates(
  client: Client,
  values: readonly (string | null)[],
): Promise<Map<string, number>> {
  const known = [...new Set(values)].filter((value) => value !== null);
  if (values.includes(null))
    await client.query(
      'INSERT INTO statehash (value) SELECT NULL WHERE NOT EXISTS (SELECT FROM statehash WHERE value IS NULL)',
    );
  // Looked for before they are inserted: a conflict would take a number of the sequence each time.
  await client.query({
    name: 'coordinator-add-states',
    text: `INSERT INTO statehash (value) SELECT value FROM unnest($1::text[]) AS given (value)
           WHERE NOT EXISTS (SELECT FROM statehash s WHERE s.value = given.value) ON CONFLICT DO NOTHING`,
    values: [known],
  });
  const { rows } = await client.query<[number, string]>({
    name: 'coordinator-state-ids',
    text: 'SELECT id, value FROM statehash WHERE value = ANY ($1::text[]) FOR KEY SHARE',
    values: [known],
    rowMode: 'array',
  });
  return new Map(rows.map(([id, value]) => [value, id]));
}

export type Nodes = {
  ids: Map<string, number>;
  /** Keys that have several rows: `nodes` has no unique key. The oldest row is taken. */
  doubled: string[];
};

/** Ids of block producers, new ones inserted with `updated_at` of now. */
export async function addNodes(
  client: Client,
  submitters: Iterable<string>,
  nowMs: number,
): Promise<Nodes> {
  const keys = [...new Set(submitters)];
  const { rows } = await client.query<[number, string]>({
    name: 'coordinator-node-ids',
    text: 'SELECT id, block_producer_key FROM nodes WHERE block_producer_key = ANY ($1::text[]) ORDER BY id FOR KEY SHARE',
    values: [keys],
    rowMode: 'array',
  });
  const nodes: Nodes = { ids: new Map(), doubled: [] };
  for (const [id, key] of rows)
    if (!nodes.ids.has(key)) nodes.ids.set(key, id);
    else if (!nodes.doubled.includes(key)) nodes.doubled.push(key);
  const missing = keys.filter((key) => !nodes.ids.has(key));
  if (missing.length > 0) {
    const added = await client.query<[number, string]>({
      text: `INSERT INTO nodes (block_producer_key, updated_at) SELECT key, to_timestamp($2::float8 / 1000)
             FROM unnest($1::text[]) AS given (key) RETURNING id, block_producer_key`,
      values: [missing, nowMs],
      rowMode: 'array',
    });
    for (const [id, key] of added.rows) nodes.ids.set(key, id);
  }
  return nodes;
}

export type BotLog = {
  filesProcessed: number;
  /** Microseconds since 1970. */
  fileTimestampUs: number;
  startSeconds: number;
  endSeconds: number;
  /** Of the verification. */
  processingSeconds: number;
};

/** @returns its id */
export async function addBotLog(client: Client, log: BotLog): Promise<number> {
  const { rows } = await client.query<{ id: number }>({
    text: `INSERT INTO bot_logs (files_processed, file_timestamps, batch_start_epoch, batch_end_epoch, processing_time)
           VALUES ($1, to_timestamp($2::float8 / 1000000), $3, $4, $5) RETURNING id`,
    values: [
      log.filesProcessed,
      log.fileTimestampUs,
      log.startSeconds,
      log.endSeconds,
      log.processingSeconds,
    ],
  });
  return rows[0].id;
}

/**
 * Runs inserts whose foreign keys hold: the ids were read and locked by {@link addStates} and {@link addNodes} in this transaction, so nobody can
 * take them away. Where the user may, the keys are not looked at again: 60,000 looks for 20,000 points are two thirds of the time that they take.
 * Then the trigger of `points` does not run either, which is why `summary` writes what it would. Only where it is the table's one trigger.
 *
 * Where the user may not, PostgreSQL looks, by its indexes: it plans such a look once a session, in a young database as one pass over a table that is
 * empty still, and a few batches later 20,000 such passes take seconds.
 */
async function insertChecked(
  client: Client,
  insert: () => Promise<unknown>,
  summary: (() => Promise<unknown>) | null = null,
): Promise<void> {
  const { rows } = await client.query<{ may: boolean }>({
    name: 'coordinator-may',
    text: `SELECT current_setting('is_superuser') = 'on' AND current_setting('session_replication_role') = 'origin' AND NOT EXISTS (
             SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
             WHERE t.tgrelid = ANY (ARRAY['points', 'bot_logs_statehash']::regclass[]) AND NOT t.tgisinternal
               AND (t.tgname <> 'trg_after_insert_points' OR p.proname <> 'fn_update_point_summary' OR t.tgenabled <> 'O')
           ) AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'points'::regclass AND tgname = 'trg_after_insert_points') AS may`,
  });
  const [setting, value, usual] = rows[0].may
    ? (['session_replication_role', 'replica', 'origin'] as const)
    : (['enable_seqscan', 'off', 'DEFAULT'] as const);
  await client.query(`SET LOCAL ${setting} = ${value}`);
  await insert();
  await client.query(`SET LOCAL ${setting} = ${usual}`);
  if (rows[0].may) await summary?.();
}

/** Which states a batch shortlisted, for the batch after it. */
export async function addBatchStates(
  client: Client,
  botLogId: number,
  states: readonly Pick<StateScore, 'stateHash' | 'parent' | 'weight'>[],
  ids: ReadonlyMap<string, number>,
): Promise<void> {
  const insert = {
    text: `INSERT INTO bot_logs_statehash (parent_statehash_id, statehash_id, weight, bot_log_id)
           SELECT parent, state, weight, $4::int FROM unnest($1::int[], $2::int[], $3::int[]) AS given (parent, state, weight)`,
    values: [
      states.map(({ parent }) => (parent === null ? null : (ids.get(parent) ?? null))),
      states.map(({ stateHash }) => ids.get(stateHash)),
      states.map(({ weight }) => weight),
      botLogId,
    ],
  };
  await insertChecked(client, () => client.query(insert));
}

/** What the batch before shortlisted; states whose parent is NULL fall out, as in the original. */
export async function previousStates(client: Client, botLogId: number): Promise<PreviousState[]> {
  const { rows } = await client.query<[string, string, number]>({
    text: `SELECT s.value, p.value, b.weight FROM bot_logs_statehash b
           JOIN statehash s ON s.id = b.statehash_id JOIN statehash p ON p.id = b.parent_statehash_id
           WHERE b.bot_log_id = $1 AND p.value IS NOT NULL ORDER BY b.id`,
    values: [botLogId],
    rowMode: 'array',
  });
  return rows.map(([stateHash, parent, weight]) => ({ stateHash, parent, weight }));
}

export type Point = {
  /** Without tab, backslash and line break: a time and a key. */
  fileName: string;
  submittedAtUs: number;
  createdAtMs: number | null;
  height: number | null;
  nodeId: number;
  stateId: number;
};

const POINTS_A_CHUNK = 500;

/** By COPY, one statement for all; the summary of who has a point in the batch is kept. */
export async function addPoints(
  client: Client,
  botLogId: number,
  points: readonly Point[],
  nowMs: number,
): Promise<void> {
  if (points.length === 0) return;
  const now = new Date(nowMs).toISOString();
  const orNull = (value: number | null): string => (value === null ? '\\N' : String(value));
  function* chunks(): Generator<string> {
    for (let first = 0; first < points.length; first += POINTS_A_CHUNK) {
      let text = '';
      for (const point of points.slice(first, first + POINTS_A_CHUNK))
        text += `${copyText(point.fileName)}\t${timestampText(point.submittedAtUs)}+00\t${orNull(point.createdAtMs)}\t${orNull(point.height)}\t1\t${now}\t${point.nodeId}\t${botLogId}\t${point.stateId}\n`;
      yield text;
    }
  }
  const copy = () =>
    pipeline(
      Readable.from(chunks()),
      client.query(
        copyFrom(
          'COPY points (file_name, file_timestamps, blockchain_epoch, blockchain_height, amount, created_at, node_id, bot_log_id, statehash_id) FROM STDIN',
        ),
      ),
    );
  const summary = {
    text: 'INSERT INTO points_summary (bot_log_id, node_id) SELECT $1::int, node FROM unnest($2::int[]) AS given (node) ON CONFLICT DO NOTHING',
    values: [botLogId, [...new Set(points.map(({ nodeId }) => nodeId))]],
  };
  await insertChecked(client, copy, () => client.query(summary));
}

/** For COPY's text format: PostgreSQL documentation, COPY, "Text Format". */
export const copyText = (text: string): string =>
  /[\\\t\n\r]/.test(text)
    ? text.replace(/[\\\t\n\r]/g, (character) => COPY_ESCAPES[character])
    : text;
const COPY_ESCAPES: Record<string, string> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
};
