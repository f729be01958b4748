/** A real PostgreSQL for tests, with a password that must be escaped wherever it stands. */
import { appendFile, chown, readFile, stat, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { startPostgres as start, type PostgresServer } from '../../stack/services/postgres.ts';
import { tlsFile } from './tls-target.ts';

export type { PostgresServer };

/** @param options tls: with the certificate of test/fixtures/tls; timezone: of every session; settings: of the server, NAME=VALUE */
export const startPostgres = ({
  tls = false,
  ...options
}: {
  tls?: boolean;
  timezone?: string;
  settings?: readonly string[];
} = {}): Promise<PostgresServer> =>
  start({
    ...options,
    password: `secret ${randomUUID()} é:\\%/`,
    beforeStart: async (databaseDir) => {
      if (tls) await giveCertificate(databaseDir);
    },
  });

/** The server takes a key only from its own user and only with mode 0600. */
async function giveCertificate(databaseDir: string): Promise<void> {
  const { uid, gid } = await stat(databaseDir);
  for (const [from, to] of [
    ['server.cert.pem', 'server.crt'],
    ['server.key.pem', 'server.key'],
  ] as const) {
    const path = join(databaseDir, to);
    await writeFile(path, await readFile(tlsFile(from)), { mode: 0o600 });
    await chown(path, uid, gid);
  }
  // Not as a flag of the command line: a test may switch it off.
  await appendFile(join(databaseDir, 'postgresql.conf'), 'ssl = on\n');
}
