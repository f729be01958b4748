/**
 * The backend's configuration: the original's environment variables (or its JSON file, CONFIG_FILE), as far as they apply, and ours.
 * Source: o1-labs/uptime-service-backend@a358915, src/delegation_backend/app_config.go (variables, names of the file), constants.go (hourly
 * limit, refresh of the whitelist), s3_options.go (endpoint of S3). Its variables that mean nothing here: GOOGLE_APPLICATION_CREDENTIALS and
 * DELEGATION_WHITELIST_LIST (the Google sheet), AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_SESSION_NAME and AWS_ROLE_ARN (Amazon Keyspaces).
 */
import * as z from 'zod';
import { HOURLY_LIMIT } from '../../mina/limits.ts';
import { JsonProblem, readJson } from '../../system/json-lines.ts';
import { readRegularFileSync } from '../../system/regular-file.ts';
import { decodeText } from '../../system/text-table.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { CassandraConfig } from '../storage/cassandra.ts';
import { type PostgresConfig, postgresSslOf } from '../../system/postgres.ts';
import { awsCredentialsOf, awsRegionOf, s3EndpointOf } from '../../system/s3.ts';
import type { S3Config } from '../storage/s3.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';
import { columnOf, isWebAddress } from './whitelist.ts';

/** Never shown whole: it holds passwords. */
export type StorageConfig =
  | ({ kind: 's3' } & S3Config)
  | ({ kind: 'cassandra' } & CassandraConfig)
  | ({ kind: 'postgres' } & PostgresConfig)
  /** `hasColons` false: BACKEND_PORTABLE_NAMES=1, files have names that every system and archive takes. Absent: as the system has it. */
  | { kind: 'filesystem'; path: string; hasColons?: false };

export type BackendConfig = {
  /** `mainnet` means mainnet signatures; every other name testnet's. */
  networkName: string;
  /**
   * `strict` (default): canonical encodings and points on the curve only. `lax` (VERIFY_SIGNATURE_LAX=1): numbers beyond their modulus
   * pass as they do in the original's C code, which no honest signer produces. `unchecked` (VERIFY_SIGNATURE_DISABLED=1).
   */
  signatures: 'strict' | 'lax' | 'unchecked';
  /** null: whoever signs may submit. */
  whitelist: {
    /** A path, or a URL of http or https. */
    file: string;
    /** In which column of a sheet the keys stand, from 0; null: in the one that holds keys. */
    column: number | null;
    refreshMs: number;
  } | null;
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
  /** That check signatures (BACKEND_CHECK_THREADS); null: one for each core; 0: the thread that serves requests does. */
  checkThreads: number | null;
  logLevel: LogLevel;
};

type Env = Record<string, string | undefined>;

/** encoding/json leaves a field as it is, empty, where the file says null. */
const orEmpty = <T>(shape: z.ZodType<T>, empty: T) =>
  shape.nullish().transform((value) => value ?? empty);
const text = orEmpty(z.string(), '');
const yes = orEmpty(z.boolean(), false);
const port = orEmpty(z.int().min(0).max(65535), 0);
/** The names are those of the json tags of AppConfig and its parts. */
const ConfigFile = z.object({
  network_name: text,
  gsheet_id: text,
  delegation_whitelist_list: text,
  delegation_whitelist_column: text,
  delegation_whitelist_disabled: yes,
  verify_signature_disabled: yes,
  filesystem: z.object({ path: text }).nullish(),
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
      cassandra_port: port,
      cassandra_username: text,
      cassandra_password: text,
      region: text,
      access_key_id: text,
      secret_access_key: text,
      web_identity_token_file: text,
      role_session_name: text,
      role_arn: text,
      ssl_certificate_path: text,
    })
    .nullish(),
  postgresql: z
    .object({
      host: text,
      port,
      user: text,
      password: text,
      database: text,
      sslmode: text,
    })
    .nullish(),
});

/** Names in any case, as encoding/json takes them. */
const inLowerCase = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(
        Object.entries(value).map(([name, inner]) => [name.toLowerCase(), inLowerCase(inner)]),
      )
    : value;

/** The original's (aws_keyspaces.go). */
const KEYSPACES_PORT = 9142;
const DEFAULT_REFRESH_MINUTES = 10;
/** As near as a reader of files comes to polling without a pause. */
const SHORTEST_REFRESH_MS = 1000;
/** Three weeks: a timer of Node goes no further than 24.8 days, and fires at once beyond. */
const MOST_REFRESH_MINUTES = 30_240;

/** CONFIG_FILE of a thousand storages would be smaller. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Where a variable is wrong: what is read from it then does not matter, because all problems are thrown together. */
type Report = (message: string, hint: string) => void;
type Source = { env: Env; report: Report };

/** @throws UserError (exit 2) with every variable that is wrong, its value and what it takes, one a line */
export function loadConfig(env: Env): BackendConfig {
  const problems: { message: string; hint: string }[] = [];
  const source: Source = { env, report: (message, hint) => problems.push({ message, hint }) };
  const base = env.CONFIG_FILE ? fromFile(env.CONFIG_FILE, source) : fromEnvironment(source);
  const lax = switchOf(source, 'VERIFY_SIGNATURE_LAX');
  const config: BackendConfig = {
    networkName: base.networkName,
    storages: base.storages,
    faithful: switchOf(source, 'BACKEND_FAITHFUL'),
    signatures: base.unchecked ? 'unchecked' : lax ? 'lax' : 'strict',
    whitelist: base.open ? null : whitelistOf(source, base),
    requestsPerKeyHourly: integerOf(source, 'REQUESTS_PER_PK_HOURLY', {
      min: 0,
      without: HOURLY_LIMIT,
    }),
    host: env.BACKEND_HOST || '127.0.0.1',
    port: integerOf(source, 'BACKEND_PORT', { min: 0, max: 65535, without: 8080 }),
    checkThreads: env.BACKEND_CHECK_THREADS
      ? integerOf(source, 'BACKEND_CHECK_THREADS', { min: 0, max: 256, without: 0 })
      : null,
    logLevel: levelOf(source),
  };
  if (problems.length === 0) return config;
  throw new UserError(problems.map(({ message }) => message).join('\n'), {
    hint: [...new Set(problems.map(({ hint }) => hint))].join('; '),
    exitCode: EXIT.usage,
  });
}

/**
 * Whether the variables that a user may set for the embedded backend of a load can be used: asked before anything is signed for it.
 * @throws UserError (exit 2) with a line for each that is wrong
 */
export const checkBackendEnv = (env: Env): void =>
  void loadConfig({
    REQUESTS_PER_PK_HOURLY: env.REQUESTS_PER_PK_HOURLY,
    DELEGATION_WHITELIST_REFRESH_INTERVAL: env.DELEGATION_WHITELIST_REFRESH_INTERVAL,
    VERIFY_SIGNATURE_LAX: env.VERIFY_SIGNATURE_LAX,
    VERIFY_SIGNATURE_DISABLED: env.VERIFY_SIGNATURE_DISABLED,
    LOG_LEVEL: env.LOG_LEVEL,
    BACKEND_CHECK_THREADS: env.BACKEND_CHECK_THREADS,
    // Decided by the load.
    CONFIG_NETWORK_NAME: 'any',
    CONFIG_FILESYSTEM_PATH: 'any',
    DELEGATION_WHITELIST_FILE: 'any',
  });

type Base = {
  networkName: string;
  storages: StorageConfig[];
  unchecked: boolean;
  open: boolean;
  /** Of the whitelist, as a sheet calls it; '': not chosen. */
  column: string;
  /** Of a Google sheet, which is not read here. */
  sheet: string;
};

function fromEnvironment(source: Source): Base {
  const { env } = source;
  const required = (variable: string, hint: string): string => {
    const value = env[variable] ?? '';
    if (value === '') source.report(`missing ${variable} environment variable`, hint);
    return value;
  };
  const network = required('CONFIG_NETWORK_NAME', 'CONFIG_NETWORK_NAME=devnet');
  const storages: StorageConfig[] = [];
  if (env.AWS_BUCKET_NAME_SUFFIX)
    storages.push(
      s3Of(source, network, {
        account: required('AWS_ACCOUNT_ID', 'the bucket is <account>-<suffix>'),
        suffix: env.AWS_BUCKET_NAME_SUFFIX,
        region: awsRegionOf(env) ?? required('AWS_REGION', 'AWS_REGION=us-west-2'),
        credentials: awsCredentialsOf(env),
      }),
    );
  if (env.AWS_KEYSPACE)
    storages.push(
      cassandraOf(source, {
        keyspace: env.AWS_KEYSPACE,
        host: env.CASSANDRA_HOST ?? '',
        region: awsRegionOf(env) ?? '',
        port: integerOf(source, 'CASSANDRA_PORT', { min: 0, max: 65535, without: 0 }),
        username: env.CASSANDRA_USERNAME ?? '',
        password: env.CASSANDRA_PASSWORD ?? '',
        certificate: env.AWS_SSL_CERTIFICATE_PATH ?? '',
        names: ['CASSANDRA_HOST', 'AWS_REGION', 'AWS_SSL_CERTIFICATE_PATH'],
      }),
    );
  if (env.POSTGRES_HOST) {
    required('POSTGRES_PORT', 'POSTGRES_PORT=5432');
    storages.push(
      postgresOf(source, {
        host: env.POSTGRES_HOST,
        port: integerOf(source, 'POSTGRES_PORT', { min: 1, max: 65535, without: 5432 }),
        user: required('POSTGRES_USER', 'whom PostgreSQL knows'),
        password: required('POSTGRES_PASSWORD', 'the password of POSTGRES_USER'),
        database: required('POSTGRES_DB', 'the database with the table submissions'),
        sslmode: env.POSTGRES_SSLMODE ?? '',
      }),
    );
  }
  if (env.CONFIG_FILESYSTEM_PATH) storages.push(filesystemOf(source, env.CONFIG_FILESYSTEM_PATH));
  if (storages.length === 0) reportNoStorage(source);
  return {
    networkName: network,
    storages,
    unchecked: switchOf(source, 'VERIFY_SIGNATURE_DISABLED'),
    open: switchOf(source, 'DELEGATION_WHITELIST_DISABLED'),
    column: '',
    sheet: env.CONFIG_GSHEET_ID ?? '',
  };
}

function s3Of(
  { env, report }: Source,
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
  const endpoint = orReport(report, () => s3EndpointOf(env), null);
  return {
    kind: 's3',
    bucket: `${account}-${suffix}`,
    network,
    region,
    endpoint,
    pathStyle: env.AWS_S3_FORCE_PATH_STYLE === '1',
    credentials,
  };
}

/** What a shared reader of a setting refuses is one problem among others. */
function orReport<T>(report: Report, read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    report(error.message, error.hint);
    return otherwise;
  }
}

function cassandraOf(
  source: Source,
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
  const { env, report } = source;
  const { keyspace, host, region, port, username, password, certificate } = given;
  const [hostName, regionName, certificateName] = given.names;
  if (host === '' && region === '')
    report(
      `${regionName} is required when ${hostName} is not set`,
      'the host of Amazon Keyspaces is cassandra.<region>.amazonaws.com',
    );
  const encrypted = (env.CASSANDRA_TLS ?? '') === '' || switchOf(source, 'CASSANDRA_TLS');
  if (encrypted && certificate === '')
    report(
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
  { env, report }: Source,
  { sslmode, ...rest }: Omit<PostgresConfig, 'sslmode' | 'sslRootCert'> & { sslmode: string },
): StorageConfig {
  const ssl = orReport(
    report,
    () =>
      postgresSslOf(
        { mode: sslmode, rootCert: env.PGSSLROOTCERT },
        'require',
        'the SSL mode of PostgreSQL (POSTGRES_SSLMODE, or postgresql.sslmode in CONFIG_FILE)',
      ),
    { sslmode: 'require' as const, sslRootCert: null },
  );
  return { kind: 'postgres', ...rest, ...ssl };
}

const filesystemOf = (source: Source, path: string): StorageConfig => ({
  kind: 'filesystem',
  path,
  ...(switchOf(source, 'BACKEND_PORTABLE_NAMES') && { hasColons: false }),
});

function fromFile(path: string, source: Source): Base {
  const file = readConfigFile(path);
  const { report } = source;
  const storages: StorageConfig[] = [];
  const { aws, aws_keyspaces: keyspaces, postgresql } = file;
  const filled = (key: string, values: Record<string, unknown>): void => {
    for (const name of Object.keys(values))
      if (values[name] === '' || values[name] === 0)
        report(`CONFIG_FILE ${path} has no ${key}.${name}`, `${key} cannot be used without it`);
  };
  if (aws) {
    const { account_id, bucket_name_suffix, region, access_key_id, secret_access_key } = aws;
    filled('aws', { account_id, bucket_name_suffix, region });
    storages.push(
      s3Of(source, file.network_name, {
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
      cassandraOf(source, {
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
    storages.push(postgresOf(source, { host, port, user, password, database, sslmode }));
  }
  if (file.filesystem?.path) storages.push(filesystemOf(source, file.filesystem.path));
  if (storages.length === 0) reportNoStorage(source);
  return {
    networkName: file.network_name,
    storages,
    unchecked: file.verify_signature_disabled,
    open: file.delegation_whitelist_disabled,
    column: file.delegation_whitelist_column,
    sheet: file.gsheet_id,
  };
}

/** @throws UserError (exit 2) if the file cannot be read or is no configuration */
function readConfigFile(path: string): z.infer<typeof ConfigFile> {
  const text = decodeText(
    readRegularFileSync(path, { what: 'CONFIG_FILE', maxBytes: MAX_FILE_BYTES }),
  );
  let why: string;
  try {
    const read = ConfigFile.safeParse(inLowerCase(readJson(text).value));
    if (read.success) return read.data;
    why = z.prettifyError(read.error).replaceAll('\n', ' ');
  } catch (error) {
    if (!(error instanceof JsonProblem)) throw error;
    why = `${error.line === null ? 'it' : `line ${error.line}`} ${error.message}`;
  }
  throw new UserError(`CONFIG_FILE ${path} is no configuration: ${why}`, {
    hint: 'it holds network_name, aws, aws_keyspaces, postgresql, filesystem and the switches, as the original backend reads them',
    exitCode: EXIT.usage,
  });
}

function whitelistOf(
  source: Source,
  { column: columnInFile, sheet }: Base,
): BackendConfig['whitelist'] {
  const { env, report } = source;
  const url = env.DELEGATION_WHITELIST_URL ?? '';
  const path = env.DELEGATION_WHITELIST_FILE ?? '';
  const file = url || path;
  if (url !== '' && !isWebAddress(url))
    report(
      'DELEGATION_WHITELIST_URL is no http or https URL',
      'DELEGATION_WHITELIST_URL=https://HOST/whitelist.csv',
    );
  if (url !== '' && path !== '')
    report(
      'DELEGATION_WHITELIST_URL and DELEGATION_WHITELIST_FILE are both set',
      'leave one of them out',
    );
  if (file === '')
    report(
      sheet === ''
        ? 'the whitelist is on, but no file holds it'
        : `the whitelist is on, but the Google sheet "${sheet}" is not read here`,
      'set DELEGATION_WHITELIST_FILE to a text file with one public key a line or to the sheet as CSV, DELEGATION_WHITELIST_URL to where such a ' +
        'list is (of a shared Google sheet: https://docs.google.com/spreadsheets/d/ID/export?format=csv), or DELEGATION_WHITELIST_DISABLED=1',
    );
  const name = columnInFile || env.DELEGATION_WHITELIST_COLUMN || '';
  const column = name === '' ? null : columnOf(name);
  if (name !== '' && column === null)
    report(
      `DELEGATION_WHITELIST_COLUMN must be a column of a sheet such as C, but is "${name}"`,
      'leave it out to take the column that holds public keys',
    );
  const minutes = integerOf(source, 'DELEGATION_WHITELIST_REFRESH_INTERVAL', {
    min: 1,
    max: MOST_REFRESH_MINUTES,
    without: DEFAULT_REFRESH_MINUTES,
  });
  const isUnreadable = !/^$|^[+-]?\d{1,15}$/.test(env.DELEGATION_WHITELIST_REFRESH_INTERVAL ?? '');
  // The original warns of its default, and then waits 0 minutes: it polls without a pause.
  const refreshMs =
    isUnreadable && env.BACKEND_FAITHFUL === '1' ? SHORTEST_REFRESH_MS : minutes * 60_000;
  return { file, column, refreshMs };
}

const OF_THE_ORIGINAL = [
  'REQUESTS_PER_PK_HOURLY',
  'DELEGATION_WHITELIST_REFRESH_INTERVAL',
  'CASSANDRA_PORT',
];

/** What is no integer is named, unless faithful: the original takes its default then. */
function integerOf(
  { env, report }: Source,
  variable: string,
  { min, max, without }: { min: number; max?: number; without: number },
): number {
  const text = env[variable] ?? '';
  if (text === '') return without;
  const value = /^[+-]?\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= (max ?? Infinity)) return value;
  if (Number.isNaN(value) && env.BACKEND_FAITHFUL === '1' && OF_THE_ORIGINAL.includes(variable))
    return without;
  report(
    `${variable} must be an integer ${max === undefined ? `of at least ${min}` : `from ${min} to ${max}`}, but is "${text}"`,
    `leave ${variable} out for ${without === 0 ? 'the usual one' : without}`,
  );
  return without;
}

function switchOf({ env, report }: Source, variable: string): boolean {
  const value = env[variable] ?? '';
  if (value !== '' && value !== '0' && value !== '1')
    report(
      `${variable}, if set, should be either 0 or 1, but is "${value}"`,
      `set ${variable}=1 or leave it out`,
    );
  return value === '1';
}

function levelOf({ env, report }: Source): LogLevel {
  const text = env.LOG_LEVEL || 'info';
  const level = LOG_LEVELS.find((name) => name === text.toLowerCase());
  if (level === undefined)
    report(
      `LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}, but is "${text}"`,
      'leave LOG_LEVEL out for info',
    );
  return level ?? 'info';
}

const reportNoStorage = ({ report }: Source): void =>
  report(
    'no storage is configured',
    'set CONFIG_FILESYSTEM_PATH to a folder, or AWS_BUCKET_NAME_SUFFIX (S3), AWS_KEYSPACE (Cassandra) or POSTGRES_HOST with their like',
  );
