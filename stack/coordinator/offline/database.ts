/** Rows of a database, read in one transaction that cannot write. */
import type pg from 'pg';
import {
  openPool,
  type PostgresConfig,
  postgresName,
  statementProblem,
  URL_WORDS,
} from '../../../system/postgres.ts';
import { microsecondsOf } from '../rows.ts';
import { timestampText } from '../window.ts';
import { RowStore } from './row-store.ts';
import type { OfflineSource } from './source.ts';

const USE = { connections: 1, statementMs: 600_000 };
const FETCH = 5000;

type Row = [
  submitter: string,
  submittedAtUs: number,
  stateHash: string | null,
  parent: string | null,
  blockHash: string | null,
  verified: boolean | null,
  error: string | null,
];

export type Bounds = { fromSeconds: number | null; toSeconds: number | null };

/** @throws UserError */
export async function readDatabase(
  config: PostgresConfig,
  { fromSeconds, toSeconds }: Bounds,
): Promise<OfflineSource> {
  const pool = await openPool(config, URL_WORDS, USE);
  const source: OfflineSource = {
    name: postgresName(config),
    store: new RowStore(),
    windows: [],
    recorded: new Map(),
    uptimeDays: null,
  };
  try {
    const client = await pool.connect();
    try {
      // One state of the database for all.
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await readAll(client, source, { fromSeconds, toSeconds });
      await client.query('COMMIT');
    } finally {
      client.release(true);
    }
  } catch (error) {
    throw statementProblem(error, config, 'could not be read');
  } finally {
    await pool.end();
  }
  return source;
}

const bound = (seconds: number | null, infinite: string): string =>
  seconds === null ? infinite : timestampText(seconds * 1e6);

async function readAll(
  client: pg.PoolClient,
  { store, windows, recorded }: OfflineSource,
  { fromSeconds, toSeconds }: Bounds,
): Promise<void> {
  const logs = await client.query<[number, number, number]>({
    text: `SELECT files_processed, batch_start_epoch::float8, batch_end_epoch::float8 FROM bot_logs
           WHERE batch_end_epoch > batch_start_epoch AND batch_start_epoch >= $1::float8 AND batch_end_epoch <= $2::float8 ORDER BY batch_start_epoch, id`,
    values: [fromSeconds ?? '-Infinity', toSeconds ?? 'Infinity'],
    rowMode: 'array',
  });
  for (const [files, startSeconds, endSeconds] of logs.rows)
    // Two coordinators count a window twice; it is one here.
    if (windows.at(-1)?.startSeconds !== startSeconds)
      windows.push({ startSeconds, endSeconds, excluded: files < 0 });
  const nodes = await client.query<[string, number, string]>({
    text: 'SELECT block_producer_key, score, score_percent FROM nodes WHERE score IS NOT NULL',
    rowMode: 'array',
  });
  for (const [key, points, percent] of nodes.rows) recorded.set(key, { points, percent });
  await client.query(
    `DECLARE stored NO SCROLL CURSOR FOR SELECT submitter, ${microsecondsOf('submitted_at')}, state_hash, parent, block_hash, verified, validation_error
     FROM submissions WHERE submitted_at >= '${bound(fromSeconds, '-infinity')}' AND submitted_at < '${bound(toSeconds, 'infinity')}'`,
  );
  for (;;) {
    const { rows } = await client.query<Row>({
      text: `FETCH ${FETCH} FROM stored`,
      rowMode: 'array',
    });
    if (rows.length === 0) return;
    for (const [submitter, submittedAtUs, stateHash, parent, blockHash, verified, error] of rows)
      store.add({
        submitter,
        submittedAtUs,
        stateHash,
        parent,
        blockHash,
        verified: verified === true,
        error,
      });
  }
}
