/**
 * The PostgreSQL storage: the table `submissions` of the coordinator's database ({@link createSubmissionsTable} has it). The block is not
 * kept. Of several submissions by one submitter within a second the first stays (unique index).
 * As the original: absent snark work, and an empty one, is NULL; an absent port is 0, an absent commit ''. A text with a zero byte and a
 * port beyond an int do not fit and are not kept. Unlike the original, which lets PostgreSQL ignore the zone of a created_at that
 * does not end with Z, the column holds its instant in UTC.
 * Source: uptime-service-backend, src/delegation_backend/postgres.go; uptime-service-validation, uptime_service_validation/database/create_tables.sql.
 */
import type pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../user-error.ts';
import {
  type Columns,
  columnsOf,
  type Row,
  storedOf,
  VERIFIER_COLUMNS,
  withinYears,
} from './columns.ts';
import {
  BACKEND_WORDS,
  failureOf,
  openPool,
  type PostgresConfig,
  postgresConfigOf,
  postgresName,
  statementProblem,
  URL_WORDS,
} from '../../system/postgres.ts';
import type {
  AcceptedSubmission,
  SaveOutcome,
  Storage,
  StorageReader,
  StoredRange,
  StoredSubmission,
  UnreadableSubmission,
} from './storage.ts';

export { POSTGRES_SSL_MODES, type PostgresConfig } from '../../system/postgres.ts';

const WRITING = { connections: 4, statementMs: 30_000 };
const READING = { connections: 4, statementMs: 300_000 };

/** Saves that wait go together; both bounds keep a statement to some megabytes. */
const MOST_ROWS = 200;
const MOST_SNARK_WORK_BYTES = 4_000_000;

/** Waits before the second, third, … try; none begins later than this after the save. */
const RETRY_WAITS_MS = [100, 400, 1600];
const RETRY_WITHIN_MS = 10_000;

const WRITTEN = [
  'submitted_at_date',
  'submitted_at',
  'submitter',
  'created_at',
  'block_hash',
  'remote_addr',
  'peer_id',
  'snark_work',
  'graphql_control_port',
  'built_with_commit_sha',
] as const;
const TIMES = ['submitted_at', 'created_at'];
const ZONELESS = 'timestamp without time zone';

/** Independent of the session's TimeZone, there and back. */
const timestampOf = (seconds: string): string => `to_timestamp(${seconds}) AT TIME ZONE 'UTC'`;
const secondsOf = (column: string): string => `extract(epoch FROM ${column})::float8`;

/** One row an element, so that one prepared statement serves any number. */
const GIVEN = `unnest(
    $1::date[], $2::float8[], $3::text[], $4::float8[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::int[], $10::text[]
  ) WITH ORDINALITY AS given (${WRITTEN.join(', ')}, place)`;

// Rows come in the order of the arrays, so of two with one key the first is kept.
const INSERT = {
  name: 'insert-submissions',
  text: `
  INSERT INTO submissions (${WRITTEN.join(', ')})
  SELECT ${WRITTEN.map((name) => (TIMES.includes(name) ? timestampOf(name) : name)).join(', ')} FROM ${GIVEN}
  ON CONFLICT DO NOTHING
  RETURNING submitter, ${secondsOf('submitted_at')}`,
};

/** Which of the rows stand in the table with all that they hold. */
const FIND = {
  name: 'find-submissions',
  text: `
  SELECT place::int FROM ${GIVEN} JOIN submissions kept
  ON ${WRITTEN.map((name) =>
    TIMES.includes(name)
      ? `kept.${name} = ${timestampOf(`given.${name}`)}`
      : `kept.${name} IS NOT DISTINCT FROM given.${name}`,
  ).join(' AND ')}`,
};

type Waiting = {
  columns: Columns;
  /** Of the monotonic clock. */
  sinceMs: number;
  resolve(outcome: SaveOutcome): void;
  reject(error: Error): void;
};

/** @throws UserError unless the server can be reached and has the coordinator's table, which is never made here */
export async function openPostgresStorage(config: PostgresConfig): Promise<Storage> {
  const pool = await openPool(config, BACKEND_WORDS, WRITING);
  try {
    await checkTable(pool, config, 'write');
  } catch (error) {
    await pool.end();
    throw error;
  }
  return new PostgresStorage(pool, postgresName(config));
}

class PostgresStorage implements Storage {
  readonly name: string;
  readonly #pool: pg.Pool;
  readonly #queue: Waiting[] = [];
  #statements = 0;
  #isGathering = false;
  #emptied: (() => void) | null = null;

  constructor(pool: pg.Pool, name: string) {
    this.#pool = pool;
    this.name = name;
  }

  async save(submission: AcceptedSubmission): Promise<SaveOutcome> {
    const columns = columnsFor(submission);
    return new Promise((resolve, reject) => {
      this.#queue.push({ columns, sinceMs: performance.now(), resolve, reject });
      if (this.#isGathering) return;
      this.#isGathering = true;
      // Those of one turn of the event loop go together.
      setImmediate(() => {
        this.#isGathering = false;
        this.#start();
      });
    });
  }

  async close(): Promise<void> {
    if (this.#queue.length > 0 || this.#statements > 0)
      await new Promise<void>((done) => (this.#emptied = done));
    await this.#pool.end();
  }

  /** While all connections are busy, saves gather: the busier, the more rows a statement. */
  #start(): void {
    while (this.#queue.length > 0 && this.#statements < WRITING.connections) {
      const rows = takeRows(this.#queue);
      this.#statements++;
      void this.#keep(rows).then(() => {
        this.#statements--;
        this.#start();
        if (this.#queue.length === 0 && this.#statements === 0) this.#emptied?.();
      });
    }
  }

  /** Settles each row; never rejects. */
  async #keep(rows: Waiting[]): Promise<void> {
    const columns = rows.map((row) => row.columns);
    const retryUntilMs = rows[0].sinceMs + RETRY_WITHIN_MS;
    let mayBeThere = false;
    for (let attempt = 0; ; attempt++) {
      try {
        const stored = await this.#insert(columns);
        // After a lost answer a row of our own looks like one that was there before.
        const isSettled = !mayBeThere || stored.every((each) => each);
        const found = isSettled ? stored : await this.#find(columns);
        rows.forEach((row, i) => row.resolve({ stored: stored[i] || found[i] }));
        return;
      } catch (error) {
        const failure = failureOf(error);
        if (failure === 'refused' && rows.length > 1) {
          // One of them does not fit; the others are not to suffer.
          for (const row of rows) await this.#keep([row]);
          return;
        }
        mayBeThere ||= failure === 'unknown';
        const waitMs = RETRY_WAITS_MS[attempt] ?? Infinity;
        if (failure === 'refused' || performance.now() + waitMs > retryUntilMs) {
          for (const row of rows) row.reject(notKept(error, mayBeThere));
          return;
        }
        await sleep(waitMs);
      }
    }
  }

  /** @returns for each row whether it was inserted */
  async #insert(rows: Columns[]): Promise<boolean[]> {
    const inserted = await this.#query<[string, number]>(INSERT, rows);
    const keys = new Set(inserted.map(([submitter, seconds]) => keyOf(submitter, seconds)));
    // The second of one key within the statement finds it gone.
    return rows.map(({ submitter, submittedAt }) => keys.delete(keyOf(submitter, submittedAt)));
  }

  async #find(rows: Columns[]): Promise<boolean[]> {
    const places = new Set((await this.#query<[number]>(FIND, rows)).map(([place]) => place));
    return rows.map((_, i) => places.has(i + 1));
  }

  async #query<R extends unknown[]>(
    statement: { name: string; text: string },
    rows: Columns[],
  ): Promise<R[]> {
    const client = await this.#pool.connect();
    try {
      const values = valuesOf(rows);
      const result = await client.query<R>({ ...statement, values, rowMode: 'array' });
      client.release();
      return result.rows;
    } catch (error) {
      // What is still under way on it must not meet the next statement.
      client.release(failureOf(error) === 'unknown');
      throw error;
    }
  }
}

const keyOf = (submitter: string, seconds: number): string => `${seconds} ${submitter}`;

function columnsFor(submission: AcceptedSubmission): Columns {
  const columns = columnsOf(submission);
  for (const [name, value] of Object.entries(columns))
    if (typeof value === 'string' && value.includes('\0'))
      throw new Error(`${name} holds a zero byte, which PostgreSQL cannot keep`);
  if (columns.snarkWork?.length === 0) columns.snarkWork = null;
  return columns;
}

function takeRows(queue: Waiting[]): Waiting[] {
  let bytes = 0;
  const end = queue.findIndex(({ columns }, i) => {
    bytes += columns.snarkWork?.length ?? 0;
    return i === MOST_ROWS || (i > 0 && bytes > MOST_SNARK_WORK_BYTES);
  });
  return queue.splice(0, end === -1 ? queue.length : end);
}

const valuesOf = (rows: Columns[]): unknown[] => [
  rows.map((row) => row.submittedAtDate),
  rows.map((row) => row.submittedAt),
  rows.map((row) => row.submitter),
  rows.map((row) => row.createdAt),
  rows.map((row) => row.blockHash),
  rows.map((row) => row.remoteAddr),
  rows.map((row) => row.peerId),
  rows.map((row) => row.snarkWork),
  rows.map((row) => row.graphqlControlPort),
  rows.map((row) => row.builtWithCommitSha),
];

function notKept(error: unknown, mayBeThere: boolean): Error {
  const { message } = error as Error;
  return new Error(
    mayBeThere ? `${message} (whether it was kept is not known)` : message || 'no connection',
    { cause: error },
  );
}

const CATALOG = {
  text: `
  SELECT a.attname, format_type(a.atttypid, NULL), has_table_privilege(a.attrelid, $1), current_setting('transaction_read_only') = 'on',
    EXISTS (
      SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indpred IS NULL AND i.indnkeyatts = 2
      AND (SELECT array_agg(k.attname::text ORDER BY k.attname) FROM pg_attribute k
           WHERE k.attrelid = i.indrelid AND k.attnum = ANY (i.indkey)) = ARRAY['submitted_at', 'submitter']
    ),
    has_sequence_privilege(pg_get_serial_sequence('submissions', 'id'), 'USAGE')
  FROM pg_attribute a WHERE a.attrelid = to_regclass('submissions') AND a.attnum > 0 AND NOT a.attisdropped`,
};
type CatalogRow = [
  column: string,
  type: string,
  granted: boolean,
  readOnly: boolean,
  unique: boolean,
  sequence: boolean | null,
];

/** @returns the columns of `submissions`. @throws UserError unless it is there, of the coordinator's shape, and allowed */
async function checkTable(
  pool: pg.Pool,
  config: PostgresConfig,
  purpose: 'read' | 'write',
): Promise<ReadonlySet<string>> {
  const name = postgresName(config);
  const problem = (text: string, hint: string) => new UserError(`${name} ${text}`, { hint });
  const ofCoordinator =
    'the coordinator’s create_tables.sql (o1-labs/uptime-service-validation, uptime_service_validation/database) makes it; it is not made here';
  // SELECT too: the writer asks for what it inserted.
  const rights = purpose === 'write' ? ['INSERT', 'SELECT'] : ['SELECT'];
  let rows: CatalogRow[] = [];
  for (const right of rights) {
    try {
      const query = { ...CATALOG, values: [right], rowMode: 'array' as const };
      ({ rows } = await pool.query<CatalogRow>(query));
    } catch (error) {
      if ((error as { code?: string }).code === '42P01') rows = [];
      else throw statementProblem(error, config, 'could not be looked at');
    }
    if (rows.length === 0) throw problem('has no table submissions', ofCoordinator);
    if (!rows[0][2])
      throw problem(
        `does not allow ${config.user} to ${right} in the table submissions`,
        `GRANT ${right} ON submissions TO "${config.user}"`,
      );
  }
  const types = new Map(rows.map(([column, type]) => [column, type]));
  const missing = ['id', ...WRITTEN].filter((column) => !types.has(column));
  if (missing.length > 0)
    throw problem(`has a table submissions without ${missing.join(', ')}`, ofCoordinator);
  for (const column of TIMES)
    if (types.get(column) !== ZONELESS)
      throw problem(
        `has ${column} of type ${types.get(column)} in submissions, not ${ZONELESS}`,
        ofCoordinator,
      );
  const columns = new Set(types.keys());
  if (purpose === 'read') return columns;
  const [[, , , readOnly, unique, sequence]] = rows;
  if (readOnly) throw problem('is read-only', 'name the primary server, not a replica');
  if (!unique)
    throw problem(
      'has no unique index on submissions (submitter, submitted_at)',
      'CREATE UNIQUE INDEX uq_submissions_submitter_date ON submissions (submitter, submitted_at)',
    );
  if (sequence === false)
    throw problem(
      `does not allow ${config.user} to use the sequence of submissions.id`,
      `GRANT USAGE ON SEQUENCE submissions_id_seq TO "${config.user}"`,
    );
  return columns;
}

/** @param url `postgres:`, see {@link postgresConfigOf} @throws UserError */
export async function openPostgresReader(
  url: URL,
  env: Record<string, string | undefined>,
): Promise<StorageReader> {
  const config = postgresConfigOf(url, env);
  const pool = await openPool(config, URL_WORDS, READING);
  let columns: ReadonlySet<string>;
  try {
    columns = await checkTable(pool, config, 'read');
  } catch (error) {
    await pool.end();
    throw error;
  }
  const selected = selectedOf(columns);
  return {
    name: postgresName(config),
    keeps: 'first',
    submissions: (range, signal) => readRows(pool, config, selected, range, signal),
    close: () => pool.end(),
  };
}

/** Rows of a batch, so that one holds some megabytes whatever the snark work. */
const BATCH = { first: 500, most: 2000, bytes: 8_000_000 };

// NULL where a time is infinite would hide it: float8 has Infinity.
const ALWAYS_SELECTED = `id, ${secondsOf('submitted_at')}, submitter, ${secondsOf('created_at')}, block_hash, remote_addr, peer_id,
  replace(encode(snark_work, 'base64'), E'\\n', ''), graphql_control_port, built_with_commit_sha, pg_column_size(s.*)`;
type SelectedRow = [
  id: number | string,
  submittedAt: number | null,
  submitter: string | null,
  createdAt: number | null,
  blockHash: string | null,
  remoteAddr: string | null,
  peerId: string | null,
  snarkWork: string | null,
  port: number | null,
  commit: string | null,
  bytes: number,
  verified: boolean | null,
  validationError: string | null,
  stateHash: string | null,
  parent: string | null,
  height: number | null,
  slot: number | null,
];

/** A table without the verifier's columns is one that no verifier works on. */
const selectedOf = (columns: ReadonlySet<string>): string =>
  [
    ALWAYS_SELECTED,
    ...VERIFIER_COLUMNS.map((name) => (columns.has(name) ? name : `NULL AS ${name}`)),
  ].join(', ');

/**
 * A server-side cursor: one pass over the table, as it was at the start. (Pages by key would sort it anew for each page: no index begins
 * with submitted_at.)
 */
async function* readRows(
  pool: pg.Pool,
  config: PostgresConfig,
  selected: string,
  range: StoredRange,
  signal?: AbortSignal,
): AsyncGenerator<(StoredSubmission | UnreadableSubmission)[]> {
  signal?.throwIfAborted();
  const { from, to } = withinYears(range);
  const unreadable = (error: unknown): unknown =>
    signal?.aborted ? signal.reason : statementProblem(error, config, 'could not be read');
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    throw unreadable(error);
  }
  // Closing the connection ends the statement under way.
  const abort = () => void client.end();
  signal?.addEventListener('abort', abort, { once: true });
  const fetch = (count: number) => {
    const rows = client
      .query<SelectedRow>({ text: `FETCH ${count} FROM stored`, rowMode: 'array' })
      .then((result) => result.rows);
    // Looked at when its turn comes, perhaps never.
    rows.catch(() => {});
    return rows;
  };
  let isWhole = false;
  try {
    await client.query('BEGIN READ ONLY; SET LOCAL cursor_tuple_fraction = 1');
    await client.query(
      `DECLARE stored NO SCROLL CURSOR FOR SELECT ${selected} FROM submissions s
       WHERE submitted_at >= ${timestampOf(`${from}`)} AND submitted_at < ${timestampOf(`${to}`)}`,
    );
    let count = BATCH.first;
    let next = fetch(count);
    for (;;) {
      const rows = await next;
      if (rows.length === 0) break;
      const bytes = rows.reduce((sum, row) => sum + 500 + (row[7]?.length ?? 0), 0);
      count = Math.max(1, Math.min(BATCH.most, Math.floor((BATCH.bytes / bytes) * rows.length)));
      // The server fetches while this batch is used.
      next = fetch(count);
      yield rows.map(submissionOf);
      signal?.throwIfAborted();
    }
    await client.query('COMMIT');
    isWhole = true;
  } catch (error) {
    throw unreadable(error);
  } finally {
    signal?.removeEventListener('abort', abort);
    // Also where the caller stopped early: a cursor is still open.
    client.release(!isWhole);
  }
}

function submissionOf(row: SelectedRow): StoredSubmission | UnreadableSubmission {
  const [id, submittedAt, submitter, createdAt, blockHash, remoteAddr, peerId, snarkWork] = row;
  const columns: Row = {
    where: `submissions id ${id}`,
    submittedAt,
    submitter,
    createdAt,
    blockHash,
    remoteAddr,
    peerId,
    snarkWork,
    graphqlControlPort: row[8],
    builtWithCommitSha: row[9],
    verifier: {
      verified: row[11],
      validationError: row[12],
      stateHash: row[13],
      parent: row[14],
      height: row[15],
      slot: row[16],
    },
  };
  const stored = storedOf(columns);
  return 'fault' in stored ? stored : { ...stored, bytes: row[10] };
}
