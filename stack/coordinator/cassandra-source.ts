/**
 * Submissions that lie in Cassandra or Keyspaces (SUBMISSION_STORAGE=CASSANDRA of the original): read for a window, and copied into the coordinator's
 * `submissions`, from where its tools read them.
 *
 * The original scores from Cassandra and copies afterwards, in the scoreboard's transaction, five columns left out; a row that is there already makes the copy
 * fail, and rolls back the scoreboard of that batch. By default this one copies first, everything but the block, and again what has changed, so that a batch
 * is scored from one place whatever happens in between; `faithful` does as the original.
 * Source: o1-labs/uptime-service-validation at 4a46a1e, coordinator.py and helper.py; coordinator's tables: schema.ts.
 */
import type { ClientBase } from 'pg';
import { dayOf } from '../storage/layout.ts';
import { partitionsOf, tableOf, TRIES } from '../storage/cassandra.ts';
import { retrying } from '../storage/retrying.ts';
import {
  type CassandraConfig,
  cassandraName,
  openClient,
  type SettingWords,
  statementProblem,
} from '../../system/cassandra.ts';
import type { BatchRows } from './rows.ts';
import { timestampText } from './window.ts';

type Client = Pick<ClientBase, 'query'>;

/** A row of `submissions` without its block. Times in microseconds since 1970. */
export type SourceRow = {
  submittedAtUs: number;
  submitter: string;
  createdAtUs: number | null;
  blockHash: string | null;
  remoteAddr: string | null;
  peerId: string | null;
  port: number | null;
  commit: string | null;
  stateHash: string | null;
  parent: string | null;
  height: number | null;
  slot: number | null;
  error: string | null;
  verified: boolean | null;
};

export type SubmissionSource = {
  /** For people. */
  readonly name: string;
  /** All rows with start <= submitted_at < end, newest first. @throws UserError */
  read: (startSeconds: number, endSeconds: number, signal?: AbortSignal) => Promise<SourceRow[]>;
  close(): Promise<void>;
};

const PAGE_ROWS = 1000;
const COLUMNS = [
  ...['submitted_at', 'submitter', 'created_at', 'block_hash', 'remote_addr', 'peer_id'],
  ...['graphql_control_port', 'built_with_commit_sha', 'state_hash', 'parent', 'height', 'slot'],
  ...['validation_error', 'verified'],
];

/** @throws UserError if the cluster cannot be reached */
export async function openCassandraSource(
  config: CassandraConfig,
  words: SettingWords,
): Promise<SubmissionSource> {
  const client = await openClient(config, words);
  const query =
    `SELECT ${COLUMNS.join(', ')} FROM ${tableOf(config.keyspace)} ` +
    'WHERE submitted_at_date = ? AND shard = ? AND submitted_at >= ? AND submitted_at < ?';
  return {
    name: cassandraName(config),
    async read(startSeconds, endSeconds, signal) {
      const rows: SourceRow[] = [];
      const [low, high] = [new Date(startSeconds * 1000), new Date(endSeconds * 1000)];
      try {
        for await (const { date, shard } of partitionsOf(
          client,
          config,
          startSeconds,
          endSeconds,
        )) {
          let pageState: string | undefined;
          do {
            signal?.throwIfAborted();
            const options = { fetchSize: PAGE_ROWS, ...(pageState && { pageState }) };
            const values = [date, shard, low, high];
            const page = await retrying(() => client.execute(query, values, options), TRIES);
            for (const row of page.rows) rows.push(rowOf(row as unknown as CassandraRow));
            pageState = page.pageState;
          } while (pageState);
        }
      } catch (error) {
        signal?.throwIfAborted();
        throw statementProblem(error, config, 'did not give its rows');
      }
      return rows.sort(
        (a, b) => b.submittedAtUs - a.submittedAtUs || (a.submitter < b.submitter ? 1 : -1),
      );
    },
    close: () => client.shutdown(),
  };
}

type CassandraRow = {
  submitted_at: Date;
  submitter: string;
  created_at: Date | null;
  block_hash: string | null;
  remote_addr: string | null;
  peer_id: string | null;
  graphql_control_port: number | null;
  built_with_commit_sha: string | null;
  state_hash: string | null;
  parent: string | null;
  height: number | null;
  slot: number | null;
  validation_error: string | null;
  verified: boolean | null;
};

const rowOf = (row: CassandraRow): SourceRow => ({
  submittedAtUs: row.submitted_at.getTime() * 1000,
  submitter: row.submitter,
  createdAtUs: row.created_at === null ? null : row.created_at.getTime() * 1000,
  blockHash: row.block_hash,
  remoteAddr: row.remote_addr,
  peerId: row.peer_id,
  port: row.graphql_control_port,
  commit: row.built_with_commit_sha,
  stateHash: row.state_hash,
  parent: row.parent,
  height: row.height,
  slot: row.slot,
  error: row.validation_error,
  verified: row.verified,
});

/** As the coordinator's own reader takes rows, see rows.ts. */
export function batchRowsOf(rows: readonly SourceRow[]): BatchRows {
  const read: BatchRows = { counting: [], refused: [], unverified: 0 };
  for (const row of rows)
    if (row.error !== null && row.error !== '')
      read.refused.push({
        submitter: row.submitter,
        submittedAtMs: row.submittedAtUs / 1000,
        error: row.error,
      });
    else if (row.verified !== true) read.unverified++;
    else
      read.counting.push({
        submittedAtUs: row.submittedAtUs,
        submitter: row.submitter,
        createdAtMs: row.createdAtUs === null ? null : Math.floor(row.createdAtUs / 1000),
        stateHash: row.stateHash,
        parent: row.parent,
        height: row.height,
      });
  return read;
}

type CopiedColumn = {
  name: string;
  type: string;
  of: (row: SourceRow) => unknown;
  /** The original leaves it out. */
  isOurs?: true;
  /** The verifier changes it. */
  changes?: true;
};

const timeOf = (us: number | null): string | null => (us === null ? null : timestampText(us));

const COPIED: readonly CopiedColumn[] = [
  {
    name: 'submitted_at_date',
    type: 'date',
    of: ({ submittedAtUs }) => dayOf(Math.floor(submittedAtUs / 1e6)),
  },
  { name: 'submitted_at', type: 'timestamp', of: ({ submittedAtUs }) => timeOf(submittedAtUs) },
  { name: 'submitter', type: 'text', of: ({ submitter }) => submitter },
  { name: 'block_hash', type: 'text', of: ({ blockHash }) => blockHash },
  { name: 'remote_addr', type: 'text', of: ({ remoteAddr }) => remoteAddr },
  { name: 'state_hash', type: 'text', of: ({ stateHash }) => stateHash, changes: true },
  { name: 'parent', type: 'text', of: ({ parent }) => parent, changes: true },
  { name: 'height', type: 'int', of: ({ height }) => height, changes: true },
  { name: 'slot', type: 'int', of: ({ slot }) => slot, changes: true },
  { name: 'validation_error', type: 'text', of: ({ error }) => error, changes: true },
  { name: 'verified', type: 'boolean', of: ({ verified }) => verified, changes: true },
  { name: 'created_at', type: 'timestamp', of: ({ createdAtUs }) => timeOf(createdAtUs), isOurs: true }, // prettier-ignore
  { name: 'peer_id', type: 'text', of: ({ peerId }) => peerId, isOurs: true },
  { name: 'graphql_control_port', type: 'int', of: ({ port }) => port, isOurs: true },
  { name: 'built_with_commit_sha', type: 'text', of: ({ commit }) => commit, isOurs: true },
];

const ROWS_AT_ONCE = 2000;

/** Newer verdicts replace older ones; a row that has not changed is left alone. */
export const copyRows = (client: Client, rows: readonly SourceRow[]): Promise<void> =>
  insert(client, rows, COPIED, replacing());

function replacing(): string {
  const changing = COPIED.filter(({ changes }) => changes).map(({ name }) => name);
  const of = (table: string) => changing.map((name) => `${table}.${name}`).join(', ');
  return (
    `ON CONFLICT (submitter, submitted_at) DO UPDATE SET ${changing.map((name) => `${name} = excluded.${name}`).join(', ')} ` +
    `WHERE (${of('submissions')}) IS DISTINCT FROM (${of('excluded')})`
  );
}

/** As the original: fewer columns, and an SQL error where a row is there already. */
export const copyRowsFaithfully = (client: Client, rows: readonly SourceRow[]): Promise<void> =>
  insert(client, rows, COPIED.filter(({ isOurs }) => !isOurs), ''); // prettier-ignore

async function insert(
  client: Client,
  rows: readonly SourceRow[],
  columns: readonly CopiedColumn[],
  otherwise: string,
): Promise<void> {
  const text =
    `INSERT INTO submissions (${columns.map(({ name }) => name).join(', ')}) ` +
    `SELECT * FROM unnest(${columns.map(({ type }, i) => `$${i + 1}::${type}[]`).join(', ')}) ${otherwise}`;
  // The oldest first, so that ids follow time.
  const ordered = [...rows].reverse();
  for (let at = 0; at < ordered.length; at += ROWS_AT_ONCE) {
    const some = ordered.slice(at, at + ROWS_AT_ONCE);
    await client.query({ text, values: columns.map(({ of }) => some.map(of)) });
  }
}
