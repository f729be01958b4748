/**
 * The backend's configuration: the original's environment variables (or its JSON file, CONFIG_FILE), as far as they apply, and ours.
 * Source: uptime-service-backend, src/delegation_backend/app_config.go and constants.go.
 */
import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { EXIT, UserError } from '../../user-error.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';

export type BackendConfig = {
  /** `mainnet` means mainnet signatures; every other name testnet's. */
  networkName: string;
  /**
   * `strict` (default): canonical encodings and points on the curve only. `lax` (VERIFY_SIGNATURE_LAX=1): numbers beyond their modulus
   * pass as they do in the original's C code, which no honest signer produces. `unchecked` (VERIFY_SIGNATURE_DISABLED=1).
   */
  signatures: 'strict' | 'lax' | 'unchecked';
  /** null: whoever signs may submit. */
  whitelist: { file: string; refreshMs: number } | null;
  /** Submissions of one submitter within an hour. */
  requestsPerKeyHourly: number;
  filesystemPath: string;
  /** Loopback unless BACKEND_HOST says otherwise. */
  host: string;
  /** 0: any free one. */
  port: number;
  logLevel: LogLevel;
};

type Env = Record<string, string | undefined>;

const ConfigFile = z.object({
  network_name: z.string().default(''),
  delegation_whitelist_disabled: z.boolean().default(false),
  verify_signature_disabled: z.boolean().default(false),
  filesystem: z.object({ path: z.string() }).nullish(),
  aws: z.unknown().optional(),
  aws_keyspaces: z.unknown().optional(),
  postgresql: z.unknown().optional(),
});

/** Variables that select a storage of the original which this backend does not have. */
const OTHER_STORAGES = {
  AWS_BUCKET_NAME_SUFFIX: 'S3',
  AWS_KEYSPACE: 'Cassandra/Keyspaces',
  POSTGRES_HOST: 'PostgreSQL',
} as const;

const DEFAULT_HOURLY = 120;
const DEFAULT_REFRESH_MINUTES = 10;

/** @throws UserError that names the variable, its value and what it takes */
export function loadConfig(env: Env): BackendConfig {
  const base = env.CONFIG_FILE ? fromFile(env.CONFIG_FILE) : fromEnvironment(env);
  const lax = switchOf(env, 'VERIFY_SIGNATURE_LAX');
  return {
    networkName: base.networkName,
    filesystemPath: base.filesystemPath,
    signatures: base.unchecked ? 'unchecked' : lax ? 'lax' : 'strict',
    whitelist: base.open ? null : whitelistOf(env),
    requestsPerKeyHourly: hourlyOf(env.REQUESTS_PER_PK_HOURLY),
    host: env.BACKEND_HOST || '127.0.0.1',
    port: portOf(env.BACKEND_PORT),
    logLevel: levelOf(env.LOG_LEVEL),
  };
}

type Base = { networkName: string; filesystemPath: string; unchecked: boolean; open: boolean };

function fromEnvironment(env: Env): Base {
  for (const [variable, storage] of Object.entries(OTHER_STORAGES))
    if (env[variable]) throw noSuchStorage(variable, storage);
  if (!env.CONFIG_NETWORK_NAME)
    throw wrong(
      'missing CONFIG_NETWORK_NAME environment variable',
      'e.g. CONFIG_NETWORK_NAME=devnet',
    );
  if (!env.CONFIG_FILESYSTEM_PATH) throw noStorage();
  return {
    networkName: env.CONFIG_NETWORK_NAME,
    filesystemPath: env.CONFIG_FILESYSTEM_PATH,
    unchecked: switchOf(env, 'VERIFY_SIGNATURE_DISABLED'),
    open: switchOf(env, 'DELEGATION_WHITELIST_DISABLED'),
  };
}

function fromFile(path: string): Base {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw wrong(
      `CONFIG_FILE ${path} cannot be read: ${(cause as Error).message}`,
      'give the path of a JSON file',
      cause,
    );
  }
  let file: z.infer<typeof ConfigFile>;
  try {
    file = ConfigFile.parse(JSON.parse(text));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw wrong(
      `CONFIG_FILE ${path} is no configuration: ${why.replaceAll('\n', ' ')}`,
      'it holds network_name, filesystem.path and the switches, as the original backend reads them',
      cause,
    );
  }
  for (const [key, storage] of [
    ['aws', 'S3'],
    ['aws_keyspaces', 'Cassandra/Keyspaces'],
    ['postgresql', 'PostgreSQL'],
  ] as const)
    if (file[key]) throw noSuchStorage(`${key} in ${path}`, storage);
  if (!file.filesystem?.path) throw noStorage();
  return {
    networkName: file.network_name,
    filesystemPath: file.filesystem.path,
    unchecked: file.verify_signature_disabled,
    open: file.delegation_whitelist_disabled,
  };
}

function whitelistOf(env: Env): BackendConfig['whitelist'] {
  const file = env.DELEGATION_WHITELIST_FILE;
  if (!file)
    throw wrong(
      'the whitelist is on, but no file holds it',
      'set DELEGATION_WHITELIST_FILE to a text file with one public key a line (Google sheets are not read here), or DELEGATION_WHITELIST_DISABLED=1',
    );
  const minutes = integerOf(env.DELEGATION_WHITELIST_REFRESH_INTERVAL) ?? DEFAULT_REFRESH_MINUTES;
  if (minutes < 1)
    throw wrong(
      `DELEGATION_WHITELIST_REFRESH_INTERVAL must be at least 1 minute, but is ${minutes}`,
      'leave it out for 10 minutes',
    );
  return { file, refreshMs: minutes * 60_000 };
}

/** As the original: what is no integer means the default. Less than 0 breaks every request there, so it is refused here. */
function hourlyOf(text: string | undefined): number {
  const value = integerOf(text) ?? DEFAULT_HOURLY;
  if (value < 0)
    throw wrong(
      `REQUESTS_PER_PK_HOURLY must be 0 or more, but is ${value}`,
      'leave it out for 120',
    );
  return value;
}

const integerOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined;

function switchOf(env: Env, variable: string): boolean {
  const value = env[variable] ?? '';
  if (value === '' || value === '0') return false;
  if (value === '1') return true;
  throw wrong(
    `${variable}, if set, should be either 0 or 1, but is "${value}"`,
    `set ${variable}=1 or leave it out`,
  );
}

function portOf(text: string | undefined): number {
  const value = text ? integerOf(text) : 8080;
  if (value === undefined || value < 0 || value > 65535)
    throw wrong(
      `BACKEND_PORT must be an integer from 0 to 65535, but is "${text}"`,
      '0 takes any free port',
    );
  return value;
}

function levelOf(text: string | undefined): LogLevel {
  const level = LOG_LEVELS.find((name) => name === (text || 'info').toLowerCase());
  if (level === undefined)
    throw wrong(
      `LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}, but is "${text}"`,
      'leave it out for info',
    );
  return level;
}

const wrong = (message: string, hint: string, cause?: unknown): UserError =>
  new UserError(message, { hint, exitCode: EXIT.usage, cause });

const noStorage = (): UserError =>
  wrong('no storage is configured', 'set CONFIG_FILESYSTEM_PATH to a folder');

const noSuchStorage = (what: string, storage: string): UserError =>
  wrong(
    `${what} asks for ${storage}, which the embedded backend does not have`,
    'use CONFIG_FILESYSTEM_PATH here, or run the original backend',
  );
