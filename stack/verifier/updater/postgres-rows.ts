/**
 * Rows of the coordinator's database, for the updater.
 * Source: o1-labs/submission-updater at 00cc565, src/postgres.go: all rows of a range, verified ones too; one UPDATE a row, by id. A row that is NULL where the
 * original reads into a plain field cannot be scanned there, and stays unverified; so here.
 */
import type { Pool } from 'pg';
import {
  openPool,
  type PostgresConfig,
  postgresName,
  statementProblem,
  type SettingWords,
} from '../../../system/postgres.ts';
import type { ReadRows, Row, RowResult, RowStorage } from './row.ts';

const USE = { connections: 4, statementMs: 300_000 };

/** RFC 3339 in UTC; without zeros at the end of a second, as Go writes it. */
const timeText = (column: string): string =>
  `rtrim(rtrim(to_char(${column}, 'YYYY-MM-DD"T"HH24:MI:SS.US'), '0'), '.') || 'Z'`;

const READ = {
  name: 'updater-read',
  text: `
  SELECT id::text, submitted_at_date::text, ${timeText('submitted_at')}, submitter, ${timeText('created_at')}, block_hash, remote_addr, peer_id,
    replace(encode(snark_work, 'base64'), E'\\n', ''), graphql_control_port, built_with_commit_sha
  FROM submissions WHERE submitted_at >= to_timestamp($1::float8) AT TIME ZONE 'UTC' AND submitted_at < to_timestamp($2::float8) AT TIME ZONE 'UTC'
  ORDER BY id`,
  rowMode: 'array' as const,
};
type Columns = [
  id: string,
  date: string,
  submittedAt: string,
  submitter: string,
  createdAt: string | null,
  blockHash: string | null,
  remoteAddr: string | null,
  peerId: string | null,
  snarkWork: string | null,
  port: number | null,
  commit: string | null,
];

/** Must not be NULL, in the order of {@link Columns}. */
const NEEDED = [
  ['created_at', 4],
  ['block_hash', 5],
  ['remote_addr', 6],
  ['peer_id', 7],
  ['graphql_control_port', 9],
  ['built_with_commit_sha', 10],
] as const;

const WRITE = {
  name: 'updater-write',
  text: `UPDATE submissions SET snark_work = NULL, state_hash = $2, parent = $3, height = $4, slot = $5, validation_error = $6, verified = $7
         WHERE id = $1::bigint`,
};

/** @throws UserError if the server cannot be reached */
export async function openPostgresRows(
  config: PostgresConfig,
  words: SettingWords,
): Promise<RowStorage> {
  const pool = await openPool(config, words, USE);
  return {
    name: postgresName(config),
    read: (startMs, endMs, signal) => readRows(pool, config, startMs, endMs, signal),
    write: (row, result) => writeRow(pool, row, result),
    close: () => pool.end(),
  };
}

async function readRows(
  pool: Pool,
  config: PostgresConfig,
  startMs: number,
  endMs: number,
  signal?: AbortSignal,
): Promise<ReadRows> {
  signal?.throwIfAborted();
  let found: Columns[];
  try {
    const values = [startMs / 1000, endMs / 1000];
    ({ rows: found } = await pool.query<Columns>({ ...READ, values }));
  } catch (error) {
    throw statementProblem(error, config, 'did not give its rows');
  }
  signal?.throwIfAborted();
  const read: ReadRows = { rows: [], unscannable: [] };
  for (const columns of found) {
    const missing = NEEDED.filter(([, at]) => columns[at] === null).map(([name]) => name);
    if (missing.length > 0)
      read.unscannable.push(
        `submissions id ${columns[0]}: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} NULL`,
      );
    else read.rows.push(rowOf(columns));
  }
  return read;
}

const rowOf = (columns: Columns): Row => ({
  fields: {
    id: columns[0],
    submitted_at_date: columns[1],
    shard: 0,
    submitted_at: columns[2],
    submitter: columns[3],
    created_at: columns[4]!,
    block_hash: columns[5]!,
    remote_addr: columns[6]!,
    peer_id: columns[7]!,
    snark_work: columns[8],
    graphql_control_port: columns[9]!,
    built_with_commit_sha: columns[10]!,
  },
  rawBlock: null,
});

async function writeRow(pool: Pool, { fields }: Row, result: RowResult): Promise<void> {
  const { stateHash, parent, height, slot, validationError, verified } = result;
  const written = await pool.query({
    ...WRITE,
    // '' and not NULL where there is no error, as the original.
    values: [fields.id, stateHash, parent, height, slot, validationError ?? '', verified],
  });
  if (written.rowCount === 0) throw new Error(`submissions id ${fields.id} is gone`);
}
