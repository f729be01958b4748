/**
 * PostgreSQL's own figures of one database: connections, commits, hits, deadlocks from pg_stat_database, inserted rows from
 * pg_stat_user_tables, and sizes each 10 s (they read the file system). Source: PostgreSQL documentation, "The
 * Cumulative Statistics System" and "Database Object Size Functions". A backend reports its counts at most
 * once a second, so intervals below 1 s show steps.
 */
import type { Client } from 'pg';
import type { PostgresReading } from '../results/types.ts';
import {
  destroyClient,
  openClient,
  postgresConfigOf,
  URL_WORDS,
  type Use,
} from '../system/postgres.ts';
import {
  polledSource,
  present,
  rounded,
  ratePerSecond,
  READ_LIMIT_MS,
  withLimit,
  type MonitorSource,
  type Poll,
} from './source.ts';
import { withoutUser } from '../system/secret-names.ts';

const SIZES_EVERY_MS = 10_000;

/** One round trip, one snapshot. `tup_inserted` of the database would count the pieces of each long value (TOAST), and the catalogue's rows. */
const FIGURES_QUERY = `
  SELECT d.numbackends::int AS connections,
    (SELECT sum(numbackends)::int FROM pg_stat_database) AS server_connections,
    current_setting('max_connections')::int AS max_connections,
    d.xact_commit::float8 AS commits, d.xact_rollback::float8 AS rollbacks,
    (SELECT coalesce(sum(n_tup_ins), 0)::float8 FROM pg_stat_user_tables) AS inserted,
    d.blks_hit::float8 AS hits, d.blks_read::float8 AS reads,
    d.deadlocks::float8 AS deadlocks, d.temp_bytes::float8 AS temporary
  FROM pg_stat_database d WHERE d.datname = current_database()`;

const SIZES_QUERY = `
  SELECT pg_database_size(current_database())::float8 AS database,
    pg_total_relation_size(to_regclass('submissions'))::float8 AS submissions`;

type Figures = Record<
  | 'connections'
  | 'server_connections'
  | 'max_connections'
  | 'commits'
  | 'rollbacks'
  | 'inserted'
  | 'hits'
  | 'reads'
  | 'deadlocks'
  | 'temporary',
  number
>;

/** @returns what is wrong with the URL, to stand after the option; null: nothing */
export function postgresUrlProblem(text: string): string | null {
  const form = 'must be postgres://USER@HOST[:PORT]/DATABASE';
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) return `${form}, but is "${withoutUser(text)}"`; // prettier-ignore
  const { hostname, pathname, password, searchParams } = new URL(text);
  if (password !== '' || searchParams.has('password'))
    return 'must not hold a password: set PGPASSWORD or PGPASSFILE';
  if (hostname === '')
    return `${form}: it names no host (a socket's folder is %2Frun%2Fpostgresql)`;
  return pathname.length < 2 ? `${form}: it names no database` : null;
}

const nameOf = (url: string): string => {
  const { host, pathname } = new URL(url);
  return decodeURIComponent(host + pathname);
};

const USE: Use = {
  statementMs: READ_LIMIT_MS,
  connectMs: READ_LIMIT_MS,
  applicationName: 'load test monitor',
};

/** Says goodbye, but does not wait for a server that hangs. */
async function endClient(client: Client): Promise<void> {
  await withLimit(500, () => client.end()).catch(() => undefined);
  destroyClient(client);
}

/**
 * @param url as {@link postgresUrlProblem} takes it
 * @param env fills in what the URL leaves out, as for a storage ({@link postgresConfigOf})
 * @throws UserError (exit 2) for settings that cannot be
 */
export function postgresSource(
  url: string,
  env: Readonly<Record<string, string | undefined>>,
): MonitorSource {
  const name = nameOf(url);
  const config = postgresConfigOf(new URL(url), env);
  let client: Client | undefined;
  let before: { atMs: number; figures: Figures } | undefined;
  let sizesAtMs = -Infinity;
  let sizesFailed: string | undefined;

  async function drop(): Promise<void> {
    const old = client;
    client = undefined;
    if (old) await endClient(old);
  }

  async function connected(signal: AbortSignal): Promise<Client> {
    // A connection that breaks between two readings shows at the next one.
    const onBroken = (broken: Client) => {
      if (client === broken) client = undefined;
    };
    return (client ??= await openClient(config, URL_WORDS, USE, onBroken, signal));
  }

  async function sizes(connection: Client, { monotonicMs, note }: Poll) {
    if (monotonicMs() - sizesAtMs < SIZES_EVERY_MS) return {};
    sizesAtMs = monotonicMs();
    try {
      const { rows } = await connection.query<{
        database: number | null;
        submissions: number | null;
      }>(SIZES_QUERY);
      sizesFailed = undefined;
      return {
        databaseBytes: rows[0]?.database ?? undefined,
        submissionsBytes: rows[0]?.submissions ?? undefined,
      };
    } catch (error) {
      // Sizes may be forbidden where the figures are not.
      const text = (error as Error).message;
      if (text !== sizesFailed) note(`sizes could not be read: ${text}`);
      sizesFailed = text;
      return {};
    }
  }

  async function read(poll: Poll): Promise<PostgresReading[]> {
    try {
      const connection = await connected(poll.signal);
      const { rows } = await connection.query<Figures>(FIGURES_QUERY);
      const figures = rows[0];
      if (figures === undefined) throw new Error('pg_stat_database has no line for this database');
      const now = { atMs: poll.monotonicMs(), figures };
      const sized = await sizes(connection, poll);
      const line = lineOf(poll.t, now, sized);
      before = now;
      return [line];
    } catch (error) {
      await drop();
      throw error;
    }
  }

  function lineOf(
    t: number,
    { atMs, figures }: { atMs: number; figures: Figures },
    sized: Pick<PostgresReading, 'databaseBytes' | 'submissionsBytes'>,
  ): PostgresReading {
    const levels = {
      // Less the monitor's own.
      connections: Math.max(0, figures.connections - 1),
      serverConnections: Math.max(0, figures.server_connections - 1),
      maxConnections: figures.max_connections,
    };
    const head = { t, kind: 'postgres' as const, name };
    // Counters that went back were set anew (a crash, pg_stat_reset): no rates over that.
    const last = before;
    const since =
      last &&
      (Object.keys(figures) as (keyof Figures)[]).every(
        (key) => key.endsWith('connections') || figures[key] >= last.figures[key],
      )
        ? last
        : undefined;
    if (since === undefined) return present({ ...head, ...levels, ...sized });
    const intervalMs = atMs - since.atMs;
    const rate = (key: keyof Figures) =>
      rounded(ratePerSecond(since.figures[key], figures[key], intervalMs), 2);
    const hits = figures.hits - since.figures.hits;
    const asked = hits + figures.reads - since.figures.reads;
    return present({
      ...head,
      intervalMs: rounded(intervalMs, 1),
      ...levels,
      commitsPerSecond: rate('commits'),
      rollbacksPerSecond: rate('rollbacks'),
      rowsInsertedPerSecond: rate('inserted'),
      blockHitShare: asked > 0 ? rounded(hits / asked, 4) : undefined,
      deadlocks: figures.deadlocks - since.figures.deadlocks,
      temporaryBytesPerSecond: rate('temporary'),
      ...sized,
    });
  }

  return polledSource({ name, read, close: drop });
}
