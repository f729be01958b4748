/** Passwords of what a run makes for itself: a file that only this user reads, gone with the state. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Secret } from './dump/secrets.ts';

const NAME = 'secrets.json';

export type RunSecrets = Record<string, string>;

export function readSecrets(folder: string): RunSecrets {
  try {
    return JSON.parse(readFileSync(join(folder, NAME), 'utf8')) as RunSecrets;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/** A secret of the run, made where there is none yet. */
export function secretOf(folder: string, name: string): string {
  const secrets = readSecrets(folder);
  if (secrets[name] === undefined) {
    secrets[name] = randomBytes(18).toString('base64url');
    writeFileSync(join(folder, NAME), JSON.stringify(secrets), { mode: 0o600 });
  }
  return secrets[name];
}

/** Variables whose values are secrets of the user. */
const OF_USER = [
  'PGPASSWORD',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'CASSANDRA_PASSWORD',
  'MINA_PRIVKEY_PASS',
  'MINA_LIBP2P_PASS',
  'UPTIME_PRIVKEY_PASS',
  'E2E_SECRET',
] as const;

/** All that must not stand in any output: what the run made for itself, and what it was given. In memory only. */
export const knownSecrets = (folder: string, env: NodeJS.ProcessEnv): Secret[] => [
  ...Object.entries(readSecrets(folder)).map(([name, value]) => ({ name, value })),
  ...OF_USER.flatMap((name) => (env[name] ? [{ name, value: env[name] }] : [])),
];
