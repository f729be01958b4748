/**
 * The backend's configuration: the original's environment variables (or its JSON file, CONFIG_FILE), as far as they apply, and ours.
 * Source: uptime-service-backend, src/delegation_backend/app_config.go and constants.go.
 */
import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { HOURLY_LIMIT } from '../../mina/limits.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { CassandraConfig } from '../storage/cassandra.ts';
import { postgresSslOf, type PostgresConfig } from '../../system/postgres.ts';
import { awsCredentialsOf, awsRegionOf, s3EndpointOf } from '../../system/s3.ts';
import type { S3Config } from '../storage/s3.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';

/** Never shown whole: it holds passwords. */
export type StorageConfig =
  | ({ kind: 's3' } & S3Config)
  | ({ kind: 'cassandra' } & CassandraConfig)
  | ({ kind: 'postgres' } & PostgresConfig)
  | { kind: 'filesystem'; path: string };

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
  /** One at least, in the order in which they are written: S3, Keyspaces, PostgreSQL, filesystem. */
  storages: StorageConfig[];
  /** BACKEND_FAITHFUL=1: 200 whatever the storages do, as the original. */
  faithful: boolean;
  /** Loopback unless BACKEND_HOST says otherwise. */
  host: string;
  /** 0: any free one. */
  port: number;
  logLevel: LogLevel;
};

type Env = Record<string, string | undefined>;

const text = z.string().default('');
const ConfigFile = z.object({
  network_name: text,
  delegation_whitelist_disabled: z.boolean().default(false),
  verify_signature_disabled: z.boolean().default(false),
  filesystem: z.object({ path: z.string() }).nullish(),
  aws: z
    .object({
      account_id: text,
      bucket_name_suffix: text,
      region: text,
      access_key_id: text,
      secret_access_key: text,
    })
    .nullish(),
  aws_keyspaces: z
    .object({
      keyspace: text,
      cassandra_host: text,
      cassandra_port: z.int().min(0).max(65535).default(0),
      cassandra_username: text,
      cassandra_password: text,
      region: text,
      ssl_certificate_path: text,
    })
    .nullish(),
  postgresql: z
    .object({
      host: text,
      port: z.int().min(0).max(65535).default(0),
      user: text,
      password: text,
      database: text,
      sslmode: text,
    })
    .nullish(),
});

/** The original's (aws_keyspaces.go). */
const KEYSPACES_PORT = 9142;
const DEFAULT_REFRESH_MINUTES = 10;

/** @throws UserError that names the variable, its value and what it takes */
export function loadConfig(env: Env): BackendConfig {
  const base = env.CONFIG_FILE ? fromFile(env.CONFIG_FILE, env) : fromEnvironment(env);
  const lax = switchOf(env, 'VERIFY_SIGNATURE_LAX');
  return {
    networkName: base.networkName,
    storages: base.storages,
    faithful: switchOf(env, 'BACKEND_FAITHFUL'),
    signatures: base.unchecked ? 'unchecked' : lax ? 'lax' : 'strict',
    whitelist: base.open ? null : whitelistOf(env),
    requestsPerKeyHourly: hourlyOf(env.REQUESTS_PER_PK_HOURLY),
    host: env.BACKEND_HOST || '127.0.0.1',
    port: portOf(env.BACKEND_PORT),
    logLevel: levelOf(env.LOG_LEVEL),
  };
}

/**
 * Whether the variables that a user may set for the embedded backend of a load can be used: {@link loadConfig} refuses them later, when
 * all is signed, and takes 120 where REQUESTS_PER_PK_HOURLY is no number, as the original does.
 * @throws UserError (exit 2) with a line for each that is wrong
 */
export function checkBackendEnv(env: Env): void {
  const faults: UserError[] = [];
  const check = (take: () => unknown): void => {
    try {
      take();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      faults.push(error);
    }
  };
  const integer = (variable: string, least: number, unit: string, hint: string): void => {
    const text = env[variable];
    const value = text ? integerOf(text) : least;
    if (value === undefined || value < least)
      throw wrong(
        `${variable} must be an integer of ${least} or more ${unit}, but is "${text}"`,
        hint,
      );
  };
  const leaveOut = (usual: string): string => `leave it out for ${usual}`;
  check(() =>
    integer(
      'REQUESTS_PER_PK_HOURLY',
      0,
      'submissions',
      leaveOut(`the limit of the real backend, ${HOURLY_LIMIT}`),
    ),
  );
  check(() =>
    integer(
      'DELEGATION_WHITELIST_REFRESH_INTERVAL',
      1,
      'minutes',
      leaveOut(`${DEFAULT_REFRESH_MINUTES} minutes`),
    ),
  );
  check(() => switchOf(env, 'VERIFY_SIGNATURE_LAX'));
  check(() => switchOf(env, 'VERIFY_SIGNATURE_DISABLED'));
  check(() => levelOf(env.LOG_LEVEL));
  if (faults.length > 0)
    throw wrong(
      faults.map(({ message }) => message).join('\n'),
      faults.map(({ hint }) => hint).join('; '),
    );
}

type Base = { networkName: string; storages: StorageConfig[]; unchecked: boolean; open: boolean };

function fromEnvironment(env: Env): Base {
  const network = required(env, 'CONFIG_NETWORK_NAME', 'CONFIG_NETWORK_NAME=devnet');
  const storages: StorageConfig[] = [];
  if (env.AWS_BUCKET_NAME_SUFFIX)
    storages.push(
      s3Of(env, network, {
        account: required(env, 'AWS_ACCOUNT_ID', 'the bucket is <account>-<suffix>'),
        suffix: env.AWS_BUCKET_NAME_SUFFIX,
        region: awsRegionOf(env) ?? required(env, 'AWS_REGION', 'AWS_REGION=us-west-2'),
        credentials: awsCredentialsOf(env),
      }),
    );
  if (env.AWS_KEYSPACE)
    storages.push(
      cassandraOf(env, {
        keyspace: env.AWS_KEYSPACE,
        host: env.CASSANDRA_HOST ?? '',
        region: awsRegionOf(env) ?? '',
        // As the original: what is no integer means the default.
        port: integerOf(env.CASSANDRA_PORT) ?? 0,
        username: env.CASSANDRA_USERNAME ?? '',
        password: env.CASSANDRA_PASSWORD ?? '',
        certificate: env.AWS_SSL_CERTIFICATE_PATH ?? '',
        names: ['CASSANDRA_HOST', 'AWS_REGION', 'AWS_SSL_CERTIFICATE_PATH'],
      }),
    );
  if (env.POSTGRES_HOST)
    storages.push(
      postgresOf(env, {
        host: env.POSTGRES_HOST,
        port: postgresPortOf(required(env, 'POSTGRES_PORT', 'POSTGRES_PORT=5432')),
        user: required(env, 'POSTGRES_USER', 'whom PostgreSQL knows'),
        password: required(env, 'POSTGRES_PASSWORD', 'the password of POSTGRES_USER'),
        database: required(env, 'POSTGRES_DB', 'the database with the table submissions'),
        sslmode: env.POSTGRES_SSLMODE ?? '',
      }),
    );
  if (env.CONFIG_FILESYSTEM_PATH)
    storages.push({ kind: 'filesystem', path: env.CONFIG_FILESYSTEM_PATH });
  if (storages.length === 0) throw noStorage();
  return {
    networkName: network,
    storages,
    unchecked: switchOf(env, 'VERIFY_SIGNATURE_DISABLED'),
    open: switchOf(env, 'DELEGATION_WHITELIST_DISABLED'),
  };
}

function required(env: Env, variable: string, hint: string): string {
  const value = env[variable];
  if (!value) throw wrong(`missing ${variable} environment variable`, hint);
  return value;
}

function s3Of(
  env: Env,
  network: string,
  {
    account,
    suffix,
    region,
    credentials,
  }: {
    account: string;
    suffix: string;
    region: string;
    credentials: S3Config['credentials'];
  },
): StorageConfig {
  return {
    kind: 's3',
    bucket: `${account}-${suffix}`,
    network,
    region,
    endpoint: s3EndpointOf(env),
    pathStyle: env.AWS_S3_FORCE_PATH_STYLE === '1',
    credentials,
  };
}

function cassandraOf(
  env: Env,
  given: {
    keyspace: string;
    host: string;
    region: string;
    port: number;
    username: string;
    password: string;
    certificate: string;
    /** Of host, region and certificate, as the user wrote them. */
    names: [string, string, string];
  },
): StorageConfig {
  const { keyspace, host, region, port, username, password, certificate } = given;
  const [hostName, regionName, certificateName] = given.names;
  if (host === '' && region === '')
    throw wrong(
      `${regionName} is required when ${hostName} is not set`,
      'the host of Amazon Keyspaces is cassandra.<region>.amazonaws.com',
    );
  const encrypted = (env.CASSANDRA_TLS ?? '') === '' || switchOf(env, 'CASSANDRA_TLS');
  if (encrypted && certificate === '')
    throw wrong(
      `missing ${certificateName}`,
      'the PEM file with the root that signed the certificates of the nodes; CASSANDRA_TLS=0 for a Cassandra without TLS',
    );
  return {
    kind: 'cassandra',
    keyspace,
    host: host || `cassandra.${region}.amazonaws.com`,
    port: port || KEYSPACES_PORT,
    credentials: username !== '' && password !== '' ? { username, password } : null,
    tls: encrypted ? { caFile: certificate } : null,
    datacenter: env.CASSANDRA_DATACENTER || null,
  };
}

function postgresOf(
  env: Env,
  { sslmode, ...rest }: Omit<PostgresConfig, 'sslmode' | 'sslRootCert'> & { sslmode: string },
): StorageConfig {
  const ssl = postgresSslOf(
    { mode: sslmode, rootCert: env.PGSSLROOTCERT },
    'require',
    'the SSL mode of PostgreSQL (POSTGRES_SSLMODE, or postgresql.sslmode in CONFIG_FILE)',
  );
  return { kind: 'postgres', ...rest, ...ssl };
}

function postgresPortOf(text: string): number {
  const port = integerOf(text);
  if (port !== undefined && port > 0 && port <= 65535) return port;
  throw wrong(
    `POSTGRES_PORT must be an integer from 1 to 65535, but is "${text}"`,
    'usually it is 5432',
  );
}

function fromFile(path: string, env: Env): Base {
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
      'it holds network_name, aws, aws_keyspaces, postgresql, filesystem and the switches, as the original backend reads them',
      cause,
    );
  }
  const storages: StorageConfig[] = [];
  const { aws, aws_keyspaces: keyspaces, postgresql } = file;
  const filled = (key: string, values: Record<string, unknown>): void => {
    const empty = Object.keys(values).find((name) => values[name] === '' || values[name] === 0);
    if (empty !== undefined)
      throw wrong(`CONFIG_FILE ${path} has no ${key}.${empty}`, `${key} cannot be used without it`);
  };
  if (aws) {
    const { account_id, bucket_name_suffix, region, access_key_id, secret_access_key } = aws;
    filled('aws', { account_id, bucket_name_suffix, region });
    storages.push(
      s3Of(env, file.network_name, {
        account: account_id,
        suffix: bucket_name_suffix,
        region,
        credentials: awsCredentialsOf({
          AWS_ACCESS_KEY_ID: access_key_id,
          AWS_SECRET_ACCESS_KEY: secret_access_key,
        }),
      }),
    );
  }
  if (keyspaces) {
    const { keyspace } = keyspaces;
    filled('aws_keyspaces', { keyspace });
    storages.push(
      cassandraOf(env, {
        keyspace,
        host: keyspaces.cassandra_host,
        region: keyspaces.region,
        port: keyspaces.cassandra_port,
        username: keyspaces.cassandra_username,
        password: keyspaces.cassandra_password,
        certificate: keyspaces.ssl_certificate_path,
        names: [
          'aws_keyspaces.cassandra_host',
          'aws_keyspaces.region',
          'aws_keyspaces.ssl_certificate_path',
        ],
      }),
    );
  }
  if (postgresql) {
    const { host, port, user, password, database, sslmode } = postgresql;
    filled('postgresql', { host, port, user, password, database });
    storages.push(postgresOf(env, { host, port, user, password, database, sslmode }));
  }
  if (file.filesystem?.path) storages.push({ kind: 'filesystem', path: file.filesystem.path });
  if (storages.length === 0) throw noStorage();
  return {
    networkName: file.network_name,
    storages,
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
  const value = integerOf(text) ?? HOURLY_LIMIT;
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
  wrong(
    'no storage is configured',
    'set CONFIG_FILESYSTEM_PATH to a folder, or AWS_BUCKET_NAME_SUFFIX (S3), AWS_KEYSPACE (Cassandra) or POSTGRES_HOST with their like',
  );
