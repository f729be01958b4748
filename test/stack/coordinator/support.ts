/** Databases for the coordinator's tests: rows in, every table out by natural keys, as the recorded runs have them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { projectRoot } from '../../../paths.ts';
import { createCoordinatorSchema, initCoordinator } from '../../../stack/coordinator/schema.ts';
import type { PostgresConfig } from '../../../system/postgres.ts';
import type { PostgresServer } from '../../support/postgres-server.ts';

/** A row of `submissions`; what a test does not care about has a default. */
export type SubmissionRow = {
  submitted_at: string;
  submitter: string;
  created_at?: string | null;
  block_hash?: string;
  state_hash?: string | null;
  parent?: string | null;
  height?: number | null;
  slot?: number | null;
  validation_error?: string | null;
  verified?: boolean | null;
};

type Row = Record<string, unknown>;
export type Tables = Record<
  | 'bot_logs'
  | 'statehash'
  | 'bot_logs_statehash'
  | 'points'
  | 'points_summary'
  | 'score_history'
  | 'nodes',
  Row[]
>;

export type Recorded = {
  config: { start: string; survey_interval_minutes: number };
  constants: { remote_addr: string; peer_id: string };
  batches: {
    start: string;
    end: string;
    submissions: SubmissionRow[];
    expected: Record<string, unknown[]>;
  }[];
};

export const recordedRun = (name: 'healthy' | 'lagging'): Recorded =>
  JSON.parse(
    readFileSync(join(projectRoot, 'test/vectors', `coordinator-${name}.json`), 'utf8'),
  ) as Recorded;

export const seconds = (time: string): number => Date.parse(time) / 1000;

export const configOf = (server: PostgresServer, database: string): PostgresConfig => ({
  host: '127.0.0.1',
  port: server.port,
  user: server.user,
  password: server.password,
  database,
  sslmode: 'disable',
  sslRootCert: null,
});

/** A database with the coordinator's tables; the first batch begins at `start`. */
export async function newDatabase(server: PostgresServer, start: string): Promise<string> {
  const database = await server.createDatabase();
  await server.withClient(database, async (client) => {
    await createCoordinatorSchema(client);
    await initCoordinator(client, seconds(start));
  });
  return database;
}

export async function insertRows(client: pg.Client, rows: readonly SubmissionRow[]): Promise<void> {
  await client.query({
    text: `INSERT INTO submissions (submitted_at_date, submitted_at, submitter, created_at, block_hash, remote_addr, peer_id, graphql_control_port,
             built_with_commit_sha, state_hash, parent, height, slot, validation_error, verified)
           SELECT (r->>'submitted_at')::timestamp::date, (r->>'submitted_at')::timestamp, r->>'submitter', (r->>'created_at')::timestamp, coalesce(r->>'block_hash', ''),
             '203.0.113.7:41234', '', 0, '', r->>'state_hash', r->>'parent', (r->>'height')::int, (r->>'slot')::int, r->>'validation_error', (r->>'verified')::boolean
           FROM json_array_elements($1::json) AS given (r)`,
    values: [
      JSON.stringify(
        rows.map((row) => ({
          created_at: row.submitted_at,
          height: 1,
          slot: 1,
          validation_error: '',
          verified: true,
          ...row,
        })),
      ),
    ],
  });
}

const ISO = (column: string): string =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`;
const END = ISO('to_timestamp(b.batch_end_epoch)');
const BATCH = 'JOIN bot_logs b ON b.id = x.bot_log_id';

/** Every table but `submissions`, rows as the recorded runs write them. */
const TABLES: Record<keyof Tables, string> = {
  bot_logs: `SELECT ${ISO('to_timestamp(b.batch_start_epoch)')} AS batch_start, ${END} AS batch_end, files_processed, ${ISO('file_timestamps')} AS file_timestamps FROM bot_logs b`,
  statehash: 'SELECT value FROM statehash',
  bot_logs_statehash: `SELECT ${END} AS batch_end, s.value AS state_hash, p.value AS parent_state_hash, weight FROM bot_logs_statehash x ${BATCH}
    JOIN statehash s ON s.id = x.statehash_id LEFT JOIN statehash p ON p.id = x.parent_statehash_id`,
  points: `SELECT ${END} AS batch_end, n.block_producer_key, s.value AS state_hash, file_name, ${ISO('x.file_timestamps')} AS file_timestamps,
    blockchain_epoch::float8, blockchain_height::int, amount FROM points x ${BATCH} JOIN nodes n ON n.id = x.node_id LEFT JOIN statehash s ON s.id = x.statehash_id`,
  points_summary: `SELECT ${END} AS batch_end, n.block_producer_key FROM points_summary x ${BATCH} JOIN nodes n ON n.id = x.node_id`,
  score_history: `SELECT ${ISO(`(score_at AT TIME ZONE 'UTC')`)} AS score_at, n.block_producer_key, x.score, x.score_percent FROM score_history x JOIN nodes n ON n.id = x.node_id`,
  nodes: 'SELECT block_producer_key, score, score_percent FROM nodes',
};

/** Of equal things one text, so that rows can be compared as a set with repetition. */
const sorted = (rows: readonly unknown[]): string[] =>
  rows
    .map((row) =>
      typeof row === 'string'
        ? row
        : JSON.stringify(Object.entries(row as Row).sort(([a], [b]) => (a < b ? -1 : 1))),
    )
    .sort();

export async function readTables(client: pg.Client): Promise<Record<keyof Tables, string[]>> {
  const entries: [string, string[]][] = [];
  for (const [name, text] of Object.entries(TABLES)) {
    const { rows } = await client.query<Row>(text);
    entries.push([name, sorted(name === 'statehash' ? rows.map(({ value }) => value) : rows)]);
  }
  return Object.fromEntries(entries) as Record<keyof Tables, string[]>;
}

/** Rows that `after` has more than `before`; both sorted. @throws Error where one is gone */
export function addedTo(before: readonly string[], after: readonly string[]): string[] {
  const rest = [...after];
  for (const row of before) {
    const at = rest.indexOf(row);
    if (at === -1) throw new Error(`a row is gone or changed: ${row}`);
    rest.splice(at, 1);
  }
  return rest;
}

export const sortedRows = sorted;

/** A clock that a sleep moves on at once. */
export function movingClock(start: string) {
  let nowMs = Date.parse(start);
  const slept: number[] = [];
  return {
    slept,
    now: () => nowMs,
    async sleep(ms: number, signal: AbortSignal): Promise<void> {
      await new Promise((turn) => setImmediate(turn));
      signal.throwIfAborted();
      slept.push(ms);
      nowMs += ms;
    },
  };
}

export const START = '2026-01-01T00:00:00Z';
export const MINUTES = 60;
/** So many seconds after {@link START}. */
export const at = (secondsLater: number): string =>
  new Date(Date.parse(START) + secondsLater * 1000).toISOString();

/** Block producers `first`, `first + 1`, … each with a row on one state, a second apart. */
export const rowsOn = (
  state: number,
  { first = 0, count, from }: { first?: number; count: number; from: number },
  changes: Partial<SubmissionRow> = {},
): SubmissionRow[] =>
  Array.from({ length: count }, (_, i) => ({
    submitted_at: at(from + i),
    submitter: `B62q-producer-${String(first + i).padStart(4, '0')}`,
    state_hash: `state-${state}`,
    parent: `state-${state - 1}`,
    height: state,
    ...changes,
  }));

/** Each table after each batch is as the real coordinator left it. @param looks one before the first batch and one after each */
export function assertAsRecorded(
  looks: readonly Awaited<ReturnType<typeof readTables>>[],
  { batches }: ReturnType<typeof recordedRun>,
): void {
  assert.equal(looks.length, batches.length + 1);
  batches.forEach(({ expected }, i) => {
    for (const table of [
      'bot_logs',
      'statehash',
      'bot_logs_statehash',
      'points',
      'points_summary',
      'score_history',
    ] as const)
      assert.deepEqual(
        addedTo(looks[i][table], looks[i + 1][table]),
        sortedRows(expected[`${table}_added`]),
        `${table} of batch ${i}`,
      );
    assert.deepEqual(looks[i + 1].nodes, sortedRows(expected.nodes), `nodes after batch ${i}`);
  });
}
