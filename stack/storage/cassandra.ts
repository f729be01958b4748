/**
 * The Cassandra (Amazon Keyspaces) storage: the table `submissions`, partitioned by day and by 144 seconds of it, the block beside each
 * submission unless it is larger than 1,000,000 bytes. Absent snark work is NULL, an absent port 0, an absent commit ''.
 *
 * Of several submissions by one submitter within a second the last stays: a write with the key of an earlier one replaces it, so `stored` is
 * always true, and what was there before is lost without a word. Unlike the original, a replaced row keeps nothing of the earlier one (there
 * an earlier block stays beside a later hash, where the later block is too large), and a repeated write has the time of its first try, so
 * it never replaces a later submission.
 * Source: uptime-service-backend, src/delegation_backend/aws_keyspaces.go, constants.go, operation.go and
 * database/migrations/1_create_submissions_table.up.cql.
 */
import cassandra from 'cassandra-driver';
import { UserError } from '../../user-error.ts';
import {
  BACKEND_WORDS,
  type CassandraConfig,
  cassandraConfigOf,
  cassandraName,
  mayPass,
  openClient,
  statementProblem,
  URL_WORDS,
} from '../../system/cassandra.ts';
import { columnsOf, storedOf, VERIFIER_COLUMNS, withinYears } from './columns.ts';
import { Arrivals } from './arrivals.ts';
import { dayOf } from './layout.ts';
import { retrying } from './retrying.ts';
import type {
  AcceptedSubmission,
  ReadOptions,
  SaveOutcome,
  Storage,
  StorageReader,
  StoredRange,
  StoredSubmission,
  UnreadableSubmission,
} from './storage.ts';

export type { CassandraConfig } from '../../system/cassandra.ts';

const SHARD_SECONDS = 144;
const DAY_SECONDS = 86_400;
const MOST_BLOCK_BYTES = 1_000_000;

const KEY = ['submitted_at_date', 'shard', 'submitted_at', 'submitter'] as const;
const FIELDS = [
  'created_at',
  'block_hash',
  'raw_block',
  'remote_addr',
  'peer_id',
  'snark_work',
  'graphql_control_port',
  'built_with_commit_sha',
] as const;
export const COLUMNS: readonly string[] = [...KEY, ...FIELDS];

/** As the original: 0.3 s and 0.6 s between. */
export const TRIES = { tries: 3, firstWaitMs: 300, mayPass };
/** Writes under way, each with its block; the driver's own bound, 2048 a connection, is an error there. */
const MOST_WRITES = 256;

/** The table as the original's migration makes it, with the verifier's columns. For keyspaces that are our own. */
export const submissionsTable = (keyspace: string): string => `
  CREATE TABLE IF NOT EXISTS ${tableOf(keyspace)} (
    submitted_at_date text, shard int, submitted_at timestamp, submitter text,
    created_at timestamp, block_hash text, raw_block blob, remote_addr text, peer_id text,
    snark_work blob, graphql_control_port int, built_with_commit_sha text,
    state_hash text, parent text, height int, slot int, validation_error text, verified boolean,
    PRIMARY KEY ((submitted_at_date, shard), submitted_at, submitter)
  )`;

export const tableOf = (keyspace: string): string =>
  `"${keyspace.replaceAll('"', '""')}".submissions`;

/** @throws UserError unless the cluster can be reached and has the table, which is never made here */
export async function openCassandraStorage(config: CassandraConfig): Promise<Storage> {
  const { client } = await openChecked(config, BACKEND_WORDS);
  return cassandraStorageOn(client, config);
}

/** The same through a client that is connected, to a table that was looked at. */
export const cassandraStorageOn = (client: cassandra.Client, config: CassandraConfig): Storage =>
  new CassandraStorage(client, config);

async function openChecked(
  config: CassandraConfig,
  words: typeof BACKEND_WORDS,
): Promise<{ client: cassandra.Client; columns: ReadonlySet<string> }> {
  const client = await openClient(config, words);
  try {
    return { client, columns: await checkTable(client, config) };
  } catch (error) {
    await client.shutdown();
    throw error;
  }
}

class CassandraStorage implements Storage {
  readonly name: string;
  readonly #client: cassandra.Client;
  readonly #insert: string;
  readonly #times = new cassandra.policies.timestampGeneration.MonotonicTimestampGenerator(1000, 0);
  #writes = 0;
  readonly #waiting: (() => void)[] = [];
  #emptied: (() => void) | null = null;

  constructor(client: cassandra.Client, config: CassandraConfig) {
    this.#client = client;
    this.name = cassandraName(config);
    this.#insert = `INSERT INTO ${tableOf(config.keyspace)} (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')})`;
  }

  async save(submission: AcceptedSubmission): Promise<SaveOutcome> {
    const values = valuesOf(submission);
    // Of the call, not of the write: the order of the calls decides which one is the last.
    const timestamp = this.#times.next(this.#client) as number;
    if (this.#writes === MOST_WRITES) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#writes++;
    try {
      await retrying(() => this.#client.execute(this.#insert, values, { timestamp }), TRIES);
      return { stored: true };
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else if (--this.#writes === 0) this.#emptied?.();
    }
  }

  async close(): Promise<void> {
    if (this.#writes > 0) await new Promise<void>((done) => (this.#emptied = done));
    await this.#client.shutdown();
  }
}

function valuesOf(submission: AcceptedSubmission): unknown[] {
  const columns = columnsOf(submission);
  const { buffer, byteOffset, byteLength } = submission.block;
  // In the order of COLUMNS.
  return [
    columns.submittedAtDate,
    shardOf(columns.submittedAt),
    new Date(columns.submittedAt * 1000),
    columns.submitter,
    new Date(columns.createdAt * 1000),
    columns.blockHash,
    byteLength > MOST_BLOCK_BYTES ? null : Buffer.from(buffer, byteOffset, byteLength),
    columns.remoteAddr,
    columns.peerId,
    columns.snarkWork,
    columns.graphqlControlPort,
    columns.builtWithCommitSha,
  ];
}

/** 0 to 599, of seconds since 1970. */
const shardOf = (seconds: number): number =>
  Math.floor((((seconds % DAY_SECONDS) + DAY_SECONDS) % DAY_SECONDS) / SHARD_SECONDS);

/** @returns the columns of `submissions`. @throws UserError unless it is there with the original's columns and key */
async function checkTable(
  client: cassandra.Client,
  config: CassandraConfig,
): Promise<ReadonlySet<string>> {
  const problem = (text: string, hint: string) =>
    new UserError(`${cassandraName(config)} ${text}`, { hint });
  const rowsOf = async (query: string): Promise<cassandra.types.Row[]> => {
    try {
      return (await client.execute(query, [config.keyspace], SYSTEM_READ)).rows;
    } catch (error) {
      throw statementProblem(error, config, 'could not be looked at');
    }
  };
  const rows = await rowsOf(
    "SELECT column_name, kind FROM system_schema.columns WHERE keyspace_name = ? AND table_name = 'submissions'",
  );
  const migration =
    'the original’s migration (o1-labs/uptime-service-backend, database/migrations) makes it; it is not made here';
  if (rows.length === 0) {
    const keyspaces = await rowsOf(
      'SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?',
    );
    throw keyspaces.length === 0
      ? problem(
          'does not exist: there is no such keyspace',
          'names of keyspaces are case-sensitive',
        )
      : problem('has no table submissions', migration);
  }
  const kinds = new Map(rows.map((row) => [row.column_name as string, row.kind as string]));
  const missing = COLUMNS.filter((column) => !kinds.has(column));
  if (missing.length > 0)
    throw problem(`has a table submissions without ${missing.join(', ')}`, migration);
  const kindOf = { submitted_at_date: 'partition_key', shard: 'partition_key' };
  for (const [column, kind] of kinds) {
    const wanted =
      kindOf[column as keyof typeof kindOf] ??
      (KEY.includes(column as (typeof KEY)[number]) ? 'clustering' : 'regular');
    if (kind !== wanted)
      throw problem(
        `has ${column} as ${kind} column of submissions, not as ${wanted} one`,
        `its key is ((submitted_at_date, shard), submitted_at, submitter): ${migration}`,
      );
  }
  return new Set(kinds.keys());
}

/** System tables are the node's own: a quorum makes no sense there. */
const SYSTEM_READ = { consistency: cassandra.types.consistencies.localOne };

/** @param url `cassandra:`, see {@link cassandraConfigOf} @throws UserError */
export async function openCassandraReader(
  url: URL,
  env: Record<string, string | undefined>,
): Promise<StorageReader> {
  const config = cassandraConfigOf(url, env);
  const { client, columns } = await openChecked(config, URL_WORDS);
  // A table without the verifier's columns is one that no verifier works on.
  const selected = [...COLUMNS, ...VERIFIER_COLUMNS.filter((name) => columns.has(name))];
  return {
    name: cassandraName(config),
    keeps: 'last',
    submissions: (range, signal, options) =>
      readRows(client, config, selected, range, signal, options),
    close: () => client.shutdown(),
  };
}

type Partition = { date: string; shard: number };

/** Partitions read at once; pages hold about this many bytes, so a batch does too. */
const READS = 8;
const PAGE_BYTES = 4_000_000;
const PAGE_ROWS = { first: 20, most: 1000 };

/** A range of more partitions (ten days) first asks which there are. */
const MOST_GUESSED = 6000;

type Page = { partition: Partition; rows: cassandra.types.Row[]; pageState: string | null };

/** What of the driver's client a reader needs. */
export type CqlClient = Pick<cassandra.Client, 'execute'>;

/** All rows of a range, several partitions at a time. For readers, and tests of their memory. @param selected columns to ask for */
export async function* readRows(
  client: CqlClient,
  config: CassandraConfig,
  selected: readonly string[],
  range: StoredRange,
  signal?: AbortSignal,
  { rawBlocks = true }: ReadOptions = {},
): AsyncGenerator<(StoredSubmission | UnreadableSubmission)[]> {
  signal?.throwIfAborted();
  const { from, to } = withinYears(range);
  if (from >= to) return;
  const columns = rawBlocks ? selected : selected.filter((name) => name !== 'raw_block');
  const query =
    `SELECT ${columns.join(', ')} FROM ${tableOf(config.keyspace)} ` +
    'WHERE submitted_at_date = ? AND shard = ? AND submitted_at >= ? AND submitted_at < ?';
  const bounds = [new Date(from * 1000), new Date(to * 1000)];
  let rowsPerPage = PAGE_ROWS.first;
  const read = async (partition: Partition, pageState: string | null): Promise<Page> => {
    const options = { fetchSize: rowsPerPage, ...(pageState === null ? {} : { pageState }) };
    const values = [partition.date, partition.shard, ...bounds];
    const page = await retrying(() => client.execute(query, values, options), TRIES);
    return { partition, rows: page.rows, pageState: page.pageState ?? null };
  };

  const partitions = partitionsOf(client, config, from, to);
  const pages = new Arrivals<Page>(signal);
  const start = (partition: Partition, pageState: string | null) =>
    pages.expect(read(partition, pageState));
  try {
    for (let isEnd = false; ;) {
      while (!isEnd && pages.expected < READS) {
        const next = await partitions.next();
        if (next.done) isEnd = true;
        else start(next.value, null);
      }
      if (pages.expected === 0) return;
      const { partition, rows, pageState } = await pages.next();
      if (rows.length > 0) rowsPerPage = rowsFor(rows);
      if (pageState !== null) start(partition, pageState);
      if (rows.length > 0) yield rows.map((row) => submissionOf(row, rawBlocks));
      signal?.throwIfAborted();
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw statementProblem(error, config, 'could not be read');
  } finally {
    pages.close();
  }
}

/** Rows of the size of these that make a page. */
function rowsFor(rows: cassandra.types.Row[]): number {
  const bytes = rows.reduce((sum, row) => sum + 1000 + (bytesOf(row.raw_block)?.length ?? 0), 0);
  return Math.max(1, Math.min(PAGE_ROWS.most, Math.floor((PAGE_BYTES / bytes) * rows.length)));
}

const bytesOf = (blob: unknown): Buffer | null => (Buffer.isBuffer(blob) ? blob : null);

/** The partitions that may hold rows of [from, to). */
export async function* partitionsOf(
  client: CqlClient,
  config: CassandraConfig,
  from: number,
  to: number,
): AsyncGenerator<Partition> {
  const first = Math.floor(from / SHARD_SECONDS);
  const last = Math.ceil(to / SHARD_SECONDS) - 1;
  if (last - first < MOST_GUESSED) {
    for (let i = first; i <= last; i++)
      yield { date: dayOf(i * SHARD_SECONDS), shard: shardOf(i * SHARD_SECONDS) };
    return;
  }
  const query = `SELECT DISTINCT submitted_at_date, shard FROM ${tableOf(config.keyspace)}`;
  let pageState: string | undefined;
  do {
    const options = { fetchSize: 1000, ...(pageState ? { pageState } : {}) };
    const page = await retrying(() => client.execute(query, [], options), TRIES);
    for (const row of page.rows) {
      const date = row.submitted_at_date as string;
      const shard = row.shard as number;
      const at = Date.parse(`${date}T00:00:00Z`) / 1000 + shard * SHARD_SECONDS;
      if (at < to && at + SHARD_SECONDS > from) yield { date, shard };
    }
    pageState = page.pageState;
  } while (pageState);
}

function submissionOf(
  row: cassandra.types.Row,
  rawBlocks: boolean,
): StoredSubmission | UnreadableSubmission {
  const submittedAt = secondsOf(row.submitted_at);
  const date = row.submitted_at_date as string;
  const submitter = row.submitter as string;
  const stored = storedOf({
    where: `submissions ('${date}', ${row.shard as number}, ${submittedAt}, '${submitter}')`,
    submittedAt,
    submitter,
    createdAt: secondsOf(row.created_at),
    blockHash: row.block_hash as string | null,
    remoteAddr: row.remote_addr as string | null,
    peerId: row.peer_id as string | null,
    snarkWork: bytesOf(row.snark_work)?.toString('base64') ?? null,
    graphqlControlPort: row.graphql_control_port as number | null,
    builtWithCommitSha: row.built_with_commit_sha as string | null,
    // undefined where the table has no such column.
    verifier: {
      verified: (row.verified ?? null) as boolean | null,
      validationError: (row.validation_error ?? null) as string | null,
      stateHash: (row.state_hash ?? null) as string | null,
      parent: (row.parent ?? null) as string | null,
      height: (row.height ?? null) as number | null,
      slot: (row.slot ?? null) as number | null,
    },
  });
  if ('fault' in stored || !rawBlocks) return stored;
  return { ...stored, rawBlock: bytesOf(row.raw_block) };
}

/** NaN for a time beyond JavaScript's. */
const secondsOf = (time: unknown): number | null =>
  time === null ? null : (time as Date).getTime() / 1000;
