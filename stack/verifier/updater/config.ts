/**
 * The updater's environment variables: the original's, and what the embedded verifier leaves out. All problems at once.
 * Source: o1-labs/submission-updater at 00cc565, README.md and src/app_config.go.
 */
import { accessSync, constants } from 'node:fs';
import { parseCreatedAt } from '../../../mina/created-at.ts';
import type { CassandraConfig } from '../../../system/cassandra.ts';
import { type PostgresConfig, postgresSslOf } from '../../../system/postgres.ts';
import { listProblems } from '../../../system/problems.ts';
import { storageUrlProblem } from '../../storage/storage-url.ts';
import { programProblem } from './program-driver.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** A verifier of one era. */
export type VerifierSetting = {
  /** DELEGATION_VERIFY_BIN_PATH; null: the embedded one. */
  program: string | null;
  /** GENESIS_LEDGER_FILE; null: none. */
  configFile: string | null;
};

export type UpdaterConfig = {
  storage: ({ kind: 'postgres' } & PostgresConfig) | ({ kind: 'cassandra' } & CassandraConfig);
  /** Where blocks lie that a row has not: `s3://BUCKET/NETWORK` or a folder, as `--storage` of a load takes it. null: nowhere else. */
  blocks: string | null;
  verifier: VerifierSetting;
  /** null: one verifier for all. */
  fork: { cutoverMs: number; verifier: VerifierSetting } | null;
  noChecks: boolean;
  toleratesSokMismatch: boolean;
};

const HINT = 'the variables are those of the submission updater, see docs/verifier.md';

/**
 * @param blocks of `--blocks`, which goes before AWS_S3_BUCKET and NETWORK_NAME
 * @throws UserError (exit 2) with every variable that is wrong or missing
 */
export function updaterConfigOf(
  env: Env,
  given: { blocks?: string | undefined } = {},
): UpdaterConfig {
  const problems: string[] = [];
  const config = read({ env, problems }, given.blocks);
  listProblems(problems, HINT);
  return config;
}

/**
 * Where submissions lie, for who reads them beside the updater: SUBMISSION_STORAGE and its variables.
 * @returns null: in PostgreSQL. @throws UserError (exit 2) with every variable that is wrong or missing
 */
export function cassandraSubmissionsOf(env: Env): CassandraConfig | null {
  const problems: string[] = [];
  const kind = storageKindOf({ env, problems });
  const found = kind === 'CASSANDRA' ? cassandraOf({ env, problems }) : null;
  listProblems(problems, HINT);
  return found;
}

type Source = { env: Env; problems: string[] };

function storageKindOf({ env, problems }: Source): 'POSTGRES' | 'CASSANDRA' {
  const kind = env.SUBMISSION_STORAGE || 'POSTGRES';
  if (kind !== 'POSTGRES' && kind !== 'CASSANDRA')
    problems.push(`SUBMISSION_STORAGE must be POSTGRES or CASSANDRA, but is "${kind}"`);
  return kind === 'CASSANDRA' ? kind : 'POSTGRES';
}

function read(source: Source, blocks: string | undefined): UpdaterConfig {
  const kind = storageKindOf(source);
  return {
    storage: kind === 'CASSANDRA' ? cassandraOf(source) : postgresOf(source),
    blocks: blocksOf(source, blocks, kind === 'CASSANDRA'),
    verifier: verifierOf(source, '', false),
    fork: forkOf(source),
    noChecks: switchOf(source, 'NO_CHECKS'),
    toleratesSokMismatch: switchOf(source, 'TOLERATE_SOK_MISMATCH'),
  };
}

function required({ env, problems }: Source, variable: string): string {
  const value = env[variable] ?? '';
  if (value === '') problems.push(`${variable} is not set`);
  return value;
}

function switchOf({ env, problems }: Source, variable: string): boolean {
  const value = env[variable] ?? '';
  if (value !== '' && value !== '0' && value !== '1')
    problems.push(`${variable} must be 0 or 1, but is "${value}"`);
  return value === '1';
}

function portOf({ env, problems }: Source, variable: string, usual: number): number {
  const value = env[variable] ?? '';
  if (value === '') return usual;
  if (!/^\d{1,5}$/.test(value) || Number(value) < 1 || Number(value) > 65_535)
    problems.push(`${variable} must be a port, but is "${value}"`);
  return Number(value);
}

function postgresOf(source: Source): UpdaterConfig['storage'] {
  const { env, problems } = source;
  let ssl: Pick<PostgresConfig, 'sslmode' | 'sslRootCert'> = {
    sslmode: 'require',
    sslRootCert: null,
  };
  try {
    ssl = postgresSslOf(
      { mode: env.POSTGRES_SSLMODE, rootCert: env.PGSSLROOTCERT },
      'require',
      'POSTGRES_SSLMODE',
    );
  } catch (error) {
    problems.push((error as Error).message);
  }
  return {
    kind: 'postgres',
    host: required(source, 'POSTGRES_HOST'),
    port: portOf(source, 'POSTGRES_PORT', 5432),
    user: required(source, 'POSTGRES_USER'),
    password: required(source, 'POSTGRES_PASSWORD'),
    database: required(source, 'POSTGRES_DB'),
    ...ssl,
  };
}

const KEYSPACES_PORT = 9142;

function cassandraOf(source: Source): { kind: 'cassandra' } & CassandraConfig {
  const { env, problems } = source;
  const {
    CASSANDRA_HOST: host = '',
    AWS_REGION: region = '',
    CASSANDRA_USERNAME: username = '',
  } = env;
  if (host === '' && region === '')
    problems.push('AWS_REGION is required where CASSANDRA_HOST is not set');
  const isPlain = env.CASSANDRA_TLS === '0';
  const caFile = env.SSL_CERTFILE || env.AWS_SSL_CERTIFICATE_PATH || '';
  if (!isPlain && caFile === '')
    problems.push('SSL_CERTFILE is not set (CASSANDRA_TLS=0: a Cassandra without TLS)');
  return {
    kind: 'cassandra',
    keyspace: required(source, 'AWS_KEYSPACE'),
    host: host || `cassandra.${region}.amazonaws.com`,
    port: portOf(source, 'CASSANDRA_PORT', KEYSPACES_PORT),
    credentials:
      username !== '' && env.CASSANDRA_PASSWORD
        ? { username, password: env.CASSANDRA_PASSWORD }
        : null,
    tls: isPlain ? null : { caFile },
    datacenter: env.CASSANDRA_DATACENTER || null,
  };
}

/** S3 is the original's; rows of Cassandra have most blocks with them. */
function blocksOf(source: Source, given: string | undefined, isOptional: boolean): string | null {
  const { env, problems } = source;
  if (given !== undefined) {
    const problem = storageUrlProblem(given);
    if (problem !== null) problems.push(`--blocks ${problem}`);
    else if (/^(postgres|postgresql|cassandra):/i.test(given))
      problems.push('--blocks must be an S3 bucket or a folder: the others keep no blocks');
    return given;
  }
  const { AWS_S3_BUCKET: bucket = '', NETWORK_NAME: network = '' } = env;
  if (isOptional && bucket === '' && network === '') return null;
  if (bucket === '' || network === '') {
    for (const [name, value] of Object.entries({ AWS_S3_BUCKET: bucket, NETWORK_NAME: network }))
      if (value === '')
        problems.push(
          `${name} is not set: blocks lie in s3://AWS_S3_BUCKET/NETWORK_NAME, or where --blocks says`,
        );
    return null;
  }
  const url = `s3://${bucket}/${encodeURIComponent(network)}`;
  const problem = storageUrlProblem(url);
  if (problem !== null) problems.push(`AWS_S3_BUCKET and NETWORK_NAME: the address ${problem}`);
  return url;
}

/** @param suffix of the variables @param isRequired both must be there */
function verifierOf(source: Source, suffix: string, isRequired: boolean): VerifierSetting {
  const { env, problems } = source;
  const names = {
    program: `DELEGATION_VERIFY_BIN_PATH${suffix}`,
    configFile: `GENESIS_LEDGER_FILE${suffix}`,
  };
  const program = env[names.program] || null;
  const configFile = env[names.configFile] || null;
  if (program !== null) {
    const problem = programProblem(program);
    if (problem !== null) problems.push(`${names.program} ${problem}`);
  }
  if (configFile !== null && !isReadable(configFile))
    problems.push(`${names.configFile} names ${configFile}, which cannot be read`);
  if (isRequired)
    for (const [key, value] of Object.entries({ program, configFile }))
      if (value === null)
        problems.push(
          `${names[key as keyof typeof names]} is required where FORK_CUTOVER_TIME is set beside DELEGATION_VERIFY_BIN_PATH`,
        );
  return { program, configFile };
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function forkOf(source: Source): UpdaterConfig['fork'] {
  const { env, problems } = source;
  const text = env.FORK_CUTOVER_TIME || '';
  if (text === '') return null;
  const time = parseCreatedAt(text);
  if (time === null)
    problems.push(
      `FORK_CUTOVER_TIME must be a time such as 2026-09-03T00:00:00Z, but is "${text}"`,
    );
  return {
    cutoverMs: time === null ? 0 : time.seconds * 1000 + time.nanoseconds / 1e6,
    // A program derives its keys from the configuration and has none without; the embedded verifier needs neither.
    verifier: verifierOf(source, '_POST_FORK', Boolean(env.DELEGATION_VERIFY_BIN_PATH)),
  };
}
