/** A real PostgreSQL for tests, with a password that must be escaped wherever it stands. */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { projectRoot } from '../../paths.ts';
import { postgresVersionOf } from '../../stack/services/postgres-versions.ts';
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
    password: PASSWORD,
    initialise: fillFolder,
    beforeStart: async (databaseDir) => {
      if (tls) await giveCertificate(databaseDir);
    },
  });

const PASSWORD = 'secret 0f3b é:\\%/';
/** Some twenty files of tests start a server: the folder that one of them made is copied by the others. test/run.mjs sweeps it after a day. */
const template = async (): Promise<string> => {
  const lock = await readFile(join(projectRoot, 'package-lock.json'));
  const versions = createHash('sha256').update(lock).update(PASSWORD).digest('hex').slice(0, 12);
  // With MINA_LOAD_POSTGRES tests run on another version, whose folder no other one reads.
  return join(projectRoot, 'dist', `tests-postgres-${postgresVersionOf(process.env)}-${versions}`);
};

async function fillFolder(databaseDir: string, usual: () => Promise<void>): Promise<void> {
  const made = await template();
  if (existsSync(made)) {
    // With its owner, who is another user where root runs the tests.
    await execa('cp', ['-a', made, databaseDir]);
    return;
  }
  await usual();
  const copy = `${made}-${randomUUID()}`;
  await mkdir(join(projectRoot, 'dist'), { recursive: true });
  await execa('cp', ['-a', databaseDir, copy]);
  // Who comes second leaves what is there.
  await rename(copy, made).catch(() => rm(copy, { recursive: true, force: true }));
}

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
