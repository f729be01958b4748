/** A real Cassandra for tests (stack/services/cassandra.ts): on any free ports, and a certificate of nobody beside its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import cassandra from 'cassandra-driver';
import getPort from 'get-port';
import {
  CASSANDRA_USER,
  cassandraIsMissing,
  certificateOf,
  makeCertificate,
  prepareCassandra,
} from '../../stack/services/cassandra.ts';
import { scratchFolder } from './scratch.ts';

export { cassandraIsMissing };

const UP_WITHIN_MS = 180_000;

export type CassandraServer = {
  port: number;
  /** The superuser. */
  username: string;
  password: string;
  /** PEM file with the certificate of the node, self-signed, for 127.0.0.1 and localhost. */
  certificate: string;
  /** PEM file with the certificate of nobody. */
  otherCertificate: string;
  /** Runs statements as the superuser. */
  execute(...statements: string[]): Promise<void>;
  /** A new keyspace. @returns its name */
  createKeyspace(): Promise<string>;
  stop(): Promise<void>;
};

export async function startCassandra(
  env: NodeJS.ProcessEnv = process.env,
): Promise<CassandraServer> {
  const folder = scratchFolder();
  const port = await getPort({ host: '127.0.0.1' });
  const storagePort = await getPort({ host: '127.0.0.1', exclude: [port] });
  const { file, args } = await prepareCassandra({ folder, port, storagePort }, env);
  const certificate = certificateOf(folder);
  const otherCertificate = await makeCertificate(folder, 'other');
  const daemon = spawn(file, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [daemon.stdout, daemon.stderr])
    stream.on('data', (chunk: Buffer) => (log = `${log}${chunk.toString()}`.slice(-8000)));
  let isGone = false;
  const gone = once(daemon, 'exit').then(() => (isGone = true));
  // A test that is interrupted must not leave it behind.
  const killNow = () => void daemon.kill('SIGKILL');
  process.once('exit', killNow);
  const stop = async () => {
    process.removeListener('exit', killNow);
    daemon.kill('SIGTERM');
    await Promise.race([gone, sleep(10_000, undefined, { ref: false })]);
    if (!isGone) {
      daemon.kill('SIGKILL');
      await gone;
    }
  };

  const { username, password } = CASSANDRA_USER;
  const execute = async (...statements: string[]) => {
    const client = new cassandra.Client({
      contactPoints: [`127.0.0.1:${port}`],
      localDataCenter: 'datacenter1',
      authProvider: new cassandra.auth.PlainTextAuthProvider(username, password),
      socketOptions: { readTimeout: 30_000 },
    });
    try {
      await client.connect();
      for (const statement of statements) await client.execute(statement);
    } finally {
      await client.shutdown();
    }
  };
  const untilMs = Date.now() + UP_WITHIN_MS;
  for (;;) {
    try {
      // The superuser appears after the port.
      await execute('SELECT key FROM system.local');
      break;
    } catch (cause) {
      if (!isGone && Date.now() < untilMs) {
        await sleep(500);
        continue;
      }
      await stop();
      throw new Error(`Cassandra did not start: ${(cause as Error).message}\n${log}`, { cause });
    }
  }
  let keyspaces = 0;
  return {
    port,
    username,
    password,
    certificate,
    otherCertificate,
    execute,
    async createKeyspace() {
      const name = `Test_${keyspaces++}`;
      await execute(
        `CREATE KEYSPACE "${name}" WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
      );
      return name;
    },
    stop,
  };
}
