/** Where services are, and the variables by which the program's components are given them. */
import { cassandraConfigOf } from '../../system/cassandra.ts';
import { type PostgresConfig, postgresConfigOf } from '../../system/postgres.ts';
import { awsCredentialsOf } from '../../system/s3.ts';
import { UserError } from '../../user-error.ts';

type Variables = Record<string, string>;
type Env = Readonly<Record<string, string | undefined>>;

export type HttpAddress = { kind: 'http'; url: string };

export type PostgresAddress = { kind: 'postgres' } & PostgresConfig;

export type S3Address = {
  kind: 's3';
  /** null: AWS's own. */
  endpoint: string | null;
  region: string;
  pathStyle: boolean;
  /** The backend's bucket is ACCOUNT-SUFFIX. */
  account: string;
  suffix: string;
  /** null: as the AWS SDK finds them. */
  credentials: { accessKeyId: string; secretAccessKey: string } | null;
};

export type CassandraAddress = {
  kind: 'cassandra';
  host: string;
  port: number;
  keyspace: string;
  credentials: { username: string; password: string } | null;
  /** PEM file with the root of its certificates; null: no TLS. */
  caFile: string | null;
  /** null: that of the first node reached. */
  datacenter: string | null;
};

export const bucketOf = ({ account, suffix }: S3Address): string => `${account}-${suffix}`;

/** Without a password, for people and for command lines. */
export const postgresUrl = ({ user, host, port, database, sslmode }: PostgresAddress): string =>
  `postgres://${encodeURIComponent(user)}@${host}:${port}/${encodeURIComponent(database)}?sslmode=${sslmode}`;

/** POSTGRES_* of backend, updater and coordinator. */
export const postgresVariables = (address: PostgresAddress): Variables => ({
  POSTGRES_HOST: address.host,
  POSTGRES_PORT: String(address.port),
  POSTGRES_USER: address.user,
  POSTGRES_PASSWORD: address.password,
  POSTGRES_DB: address.database,
  POSTGRES_SSLMODE: address.sslmode,
  ...(address.sslRootCert !== null && { PGSSLROOTCERT: address.sslRootCert }),
});

/** What the SDKs of all of them read. */
export const awsVariables = (address: S3Address): Variables => ({
  AWS_REGION: address.region,
  AWS_DEFAULT_REGION: address.region,
  ...(address.endpoint !== null && { AWS_ENDPOINT_URL_S3: address.endpoint }),
  ...(address.pathStyle && { AWS_S3_FORCE_PATH_STYLE: '1' }),
  ...(address.credentials !== null && {
    AWS_ACCESS_KEY_ID: address.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: address.credentials.secretAccessKey,
  }),
});

/** @param caIn where the root lies for who reads it: in a container its path is another */
export const cassandraVariables = (
  { host, port, keyspace, credentials, caFile }: CassandraAddress,
  caIn: string | null = caFile,
): Variables => ({
  AWS_KEYSPACE: keyspace,
  CASSANDRA_HOST: host,
  CASSANDRA_PORT: String(port),
  ...(credentials !== null && {
    CASSANDRA_USERNAME: credentials.username,
    CASSANDRA_PASSWORD: credentials.password,
  }),
  ...(caIn === null
    ? { CASSANDRA_TLS: '0' }
    : { AWS_SSL_CERTIFICATE_PATH: caIn, SSL_CERTFILE: caIn }),
});

/** What is wrong with a given URL, to stand after its component; never with what may be a password. */
export type AddressOrProblem<T> = { address: T } | { problem: string };

function orProblem<T>(read: () => T): AddressOrProblem<T> {
  try {
    return { address: read() };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { problem: `${error.message} (${error.hint})` };
  }
}

/** `postgres://USER@HOST[:PORT]/DATABASE[?sslmode=…]`; the password comes from PGPASSWORD or PGPASSFILE. */
export const readPostgresUrl = (text: string, env: Env): AddressOrProblem<PostgresAddress> =>
  URL.canParse(text)
    ? orProblem(() => ({ kind: 'postgres', ...postgresConfigOf(new URL(text), env) }))
    : { problem: 'must have the form postgres://USER@HOST[:PORT]/DATABASE' };

/** `s3://ACCOUNT-SUFFIX[?endpoint=URL&region=R&path-style=1]`; keys come from the environment. */
export function readS3Url(text: string, env: Env): AddressOrProblem<S3Address> {
  const form = {
    problem: 'must have the form s3://ACCOUNT-SUFFIX[?endpoint=URL&region=R&path-style=1]',
  };
  if (!URL.canParse(text)) return form;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    return { problem: 'must not hold a key: keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY' };
  const dash = url.hostname.indexOf('-');
  if (dash < 1) return form;
  return {
    address: {
      kind: 's3',
      endpoint: url.searchParams.get('endpoint') ?? env.AWS_ENDPOINT_URL_S3 ?? null,
      region: url.searchParams.get('region') ?? env.AWS_REGION ?? 'us-east-1',
      pathStyle: (url.searchParams.get('path-style') ?? env.AWS_S3_FORCE_PATH_STYLE) === '1',
      account: url.hostname.slice(0, dash),
      suffix: url.hostname.slice(dash + 1),
      credentials: awsCredentialsOf(env),
    },
  };
}

/** `cassandra://[USER@]HOST[:PORT]/KEYSPACE[?tls=0][&ca=FILE]`; the password comes from CASSANDRA_PASSWORD. */
export const readCassandraUrl = (text: string, env: Env): AddressOrProblem<CassandraAddress> =>
  URL.canParse(text)
    ? orProblem(() => {
        const { tls, ...rest } = cassandraConfigOf(new URL(text), env);
        return { kind: 'cassandra', ...rest, caFile: tls?.caFile ?? null };
      })
    : { problem: 'must have the form cassandra://[USER@]HOST[:PORT]/KEYSPACE[?tls=0][&ca=FILE]' };

export const readHttpUrl = (text: string): AddressOrProblem<HttpAddress> =>
  URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
    ? { address: { kind: 'http', url: text.replace(/\/+$/, '') } }
    : { problem: 'must be an http or https URL' };
