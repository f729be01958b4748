/**
 * How a Cassandra cluster, or Amazon Keyspaces, is reached: configuration, `cassandra:` URL, encryption; and what its errors mean for the user.
 *
 * Keyspaces: by service-specific credentials (a user and a password that IAM makes for one user), over TLS on port 9142. Signing with an
 * access key (SigV4), which the original does without a user, needs a plugin that is not here.
 * Source: uptime-service-backend, src/delegation_backend/aws_keyspaces.go and app_config.go.
 */
import type { X509Certificate } from 'node:crypto';
import { connect as connectPlain, isIP } from 'node:net';
import { checkServerIdentity, type ConnectionOptions, connect as connectTls } from 'node:tls';
import cassandra from 'cassandra-driver';
import { certificatesIn, pemOf } from './pem.ts';
import { readRegularFileSync } from './regular-file.ts';
import { EXIT, UserError } from '../user-error.ts';

/** AWS_KEYSPACE, CASSANDRA_HOST, … of the original (CONFIG_FILE: `aws_keyspaces`). */
export type CassandraConfig = {
  /** AWS_KEYSPACE. */
  keyspace: string;
  /** CASSANDRA_HOST; where that is empty, `cassandra.<AWS_REGION>.amazonaws.com`. */
  host: string;
  /** CASSANDRA_PORT; 9142 where that is empty or no integer. */
  port: number;
  /** CASSANDRA_USERNAME and CASSANDRA_PASSWORD; null unless both are set. The original then signs with SigV4, which is refused here with a hint. */
  credentials: { username: string; password: string } | null;
  /** Always on in the original, which needs AWS_SSL_CERTIFICATE_PATH (PEM; here `caFile`, null: Node's own roots). `tls: null`: no encryption. */
  tls: { caFile: string | null } | null;
  /** Null: that of the first node reached. */
  datacenter: string | null;
};

type Env = Record<string, string | undefined>;

/** Which words an error message uses for what the user sets. */
export type SettingWords = { credentials: string; ca: string; noTls: string; datacenter: string };
export const BACKEND_WORDS: SettingWords = {
  credentials: 'CASSANDRA_USERNAME and CASSANDRA_PASSWORD',
  ca: 'AWS_SSL_CERTIFICATE_PATH',
  noTls: 'CASSANDRA_TLS=0',
  datacenter: 'CASSANDRA_DATACENTER',
};
export const URL_WORDS: SettingWords = {
  credentials: 'the URL’s user (or CASSANDRA_USERNAME) and CASSANDRA_PASSWORD',
  ca: 'the URL’s ca',
  noTls: 'tls=0 in the URL',
  datacenter: 'the URL’s datacenter',
};

const TLS_PORT = 9142;
const PLAIN_PORT = 9042;
/** Of one address; a name may have several. */
const CONNECT_MS = 5000;
const OPEN_WITHIN_MS = 25_000;
const ANSWER_MS = 12_000;
/** A node that comes back is found within this time; the driver's default goes up to ten minutes. */
const RECONNECT_MS = 1000;

const AMAZON_HOST = /(^|\.)amazonaws\.com(\.cn)?$/;

/** For people; never with a credential. */
export const cassandraName = ({ host, port, keyspace }: CassandraConfig): string =>
  `Cassandra ${endpointOf(host, port)}/${keyspace}`;

const endpointOf = (host: string, port: number): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

/**
 * `cassandra://[USER@]HOST[:PORT]/KEYSPACE[?tls=0][&ca=FILE][&datacenter=NAME]`; 9142, or without TLS 9042. What is left out comes from
 * CASSANDRA_USERNAME and AWS_SSL_CERTIFICATE_PATH; the password from CASSANDRA_PASSWORD.
 * @throws UserError (exit 2)
 */
export function cassandraConfigOf(url: URL, env: Env): CassandraConfig {
  if (url.password !== '')
    throw usage(
      'the URL holds a password, which every user of this machine can read in the list of processes',
      'leave it out of the URL and set CASSANDRA_PASSWORD',
    );
  for (const name of url.searchParams.keys())
    if (name !== 'tls' && name !== 'ca' && name !== 'datacenter')
      throw usage(
        `a cassandra URL has no parameter "${name}"`,
        'the parameters are tls, ca and datacenter',
      );
  const decode = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw usage(`"${part}" in the URL is no percent-encoded text`, 'write % as %25');
    }
  };
  const keyspace = decode(url.pathname.replace(/^\//, ''));
  if (keyspace === '' || url.hostname === '')
    throw usage(
      `a cassandra URL names a host and a keyspace, but is ${url.href}`,
      'e.g. cassandra://user@127.0.0.1:9042/uptime?tls=0',
    );
  const tls = url.searchParams.get('tls') ?? '1';
  if (tls !== '0' && tls !== '1')
    throw usage(`tls must be 0 or 1, but is "${tls}"`, 'leave it out for 1');
  const ca = url.searchParams.get('ca');
  if (tls === '0' && ca !== null)
    throw usage(`tls=0 leaves nothing to check with ca=${ca}`, 'leave one of them out');
  const username = decode(url.username) || env.CASSANDRA_USERNAME || '';
  const password = env.CASSANDRA_PASSWORD || '';
  if (username !== '' && password === '')
    throw new UserError(`there is no password for the Cassandra user ${username}`, {
      hint: 'set CASSANDRA_PASSWORD',
    });
  return {
    keyspace,
    host: decode(url.hostname).replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (tls === '1' ? TLS_PORT : PLAIN_PORT) : Number(url.port),
    credentials: username === '' ? null : { username, password },
    tls: tls === '1' ? { caFile: (ca ?? env.AWS_SSL_CERTIFICATE_PATH) || null } : null,
    datacenter: url.searchParams.get('datacenter') || null,
  };
}

/** @returns a connected client @throws UserError */
export async function openClient(
  config: CassandraConfig,
  words: SettingWords,
): Promise<cassandra.Client> {
  if (config.credentials === null && AMAZON_HOST.test(config.host))
    throw withoutSigV4(`${cassandraName(config)} asks for credentials, and none are given`, words);
  const ssl = config.tls === null ? undefined : encryptionOf(config.host, config.tls.caFile, words);
  const optionsWith = (changes: cassandra.ClientOptions): cassandra.ClientOptions => ({
    contactPoints: [endpointOf(config.host, config.port)],
    protocolOptions: { port: config.port },
    sslOptions: ssl,
    authProvider:
      config.credentials === null
        ? undefined
        : new cassandra.auth.PlainTextAuthProvider(
            config.credentials.username,
            config.credentials.password,
          ),
    socketOptions: { connectTimeout: CONNECT_MS, readTimeout: ANSWER_MS },
    queryOptions: {
      prepare: true,
      isIdempotent: true,
      consistency: cassandra.types.consistencies.localQuorum,
    },
    ...changes,
    policies: {
      reconnection: new cassandra.policies.reconnection.ConstantReconnectionPolicy(RECONNECT_MS),
      ...changes.policies,
    },
  });
  try {
    await probe(config, ssl);
    const localDataCenter = config.datacenter ?? (await firstDatacenter(optionsWith, config));
    return await connected(new cassandra.Client(optionsWith({ localDataCenter })), config);
  } catch (error) {
    throw connectProblem(error, config, words);
  }
}

/** Protocol version 4, OPTIONS, which a node answers without credentials. Source: Apache Cassandra, doc/native_protocol_v4.spec. */
const OPTIONS_FRAME = Uint8Array.of(4, 0, 0, 0, 5, 0, 0, 0, 0);

/**
 * Whether CQL is spoken there at all. The driver waits long for another server's answer, and leaves its socket open, which keeps the
 * process from ending (observed with 4.10.0).
 */
async function probe({ host, port }: CassandraConfig, ssl?: ConnectionOptions): Promise<void> {
  const socket = ssl ? connectTls({ host, port, ...ssl }) : connectPlain({ host, port });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.setTimeout(CONNECT_MS, () => reject(new Error(`no answer within ${CONNECT_MS} ms`)));
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('it closed the connection without an answer')));
      // The highest bit marks an answer.
      socket.once('data', (answer: Buffer) =>
        answer[0] >= 0x80 ? resolve() : reject(new Error('what it answers is not CQL')),
      );
      socket.write(OPTIONS_FRAME);
    });
  } finally {
    socket.on('error', () => {}).destroy();
  }
}

/** The driver wants the name before it connects, to keep to one datacenter; a policy without datacenters finds it out. */
async function firstDatacenter(
  optionsWith: (changes: cassandra.ClientOptions) => cassandra.ClientOptions,
  config: CassandraConfig,
): Promise<string> {
  const loadBalancing = new cassandra.policies.loadBalancing.RoundRobinPolicy();
  const options = optionsWith({ policies: { loadBalancing }, isMetadataSyncEnabled: false });
  const client = await connected(new cassandra.Client(options), config);
  try {
    return client.hosts.values()[0].datacenter;
  } finally {
    await client.shutdown();
  }
}

async function connected(
  client: cassandra.Client,
  config: CassandraConfig,
): Promise<cassandra.Client> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer within ${OPEN_WITHIN_MS} ms`)),
      OPEN_WITHIN_MS / (config.datacenter === null ? 2 : 1),
    );
  });
  const connecting = client.connect();
  connecting.catch(() => {});
  try {
    await Promise.race([connecting, tooLate]);
    return client;
  } catch (error) {
    // Not awaited: it may wait for what hangs.
    client.shutdown().catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The certificate is checked, unlike in the original: its chain against `caFile` (else Node's roots), and that it names the host. The name
 * does not matter where the very certificate stands in `caFile`.
 */
function encryptionOf(host: string, caFile: string | null, words: SettingWords): ConnectionOptions {
  const certificates = caFile === null ? [] : rootsIn(caFile, words);
  const ca = caFile === null ? undefined : pemOf(certificates);
  return {
    ca,
    rejectUnauthorized: true,
    // Nodes are reached by address; a cluster behind a name has certificates for that name.
    servername: isIP(host) === 0 ? host : undefined,
    checkServerIdentity: (expected, certificate) =>
      certificates.some(({ raw }) => raw.equals(certificate.raw))
        ? undefined
        : checkServerIdentity(expected, certificate),
  };
}

/** Certificates of a whole system have some 200 KB. */
const MOST_BYTES = 10_000_000;

/** @throws UserError */
function rootsIn(caFile: string, words: SettingWords): X509Certificate[] {
  const hint = `${words.ca} names a PEM file`;
  let text: string;
  try {
    text = readRegularFileSync(caFile, {
      what: 'the certificates',
      maxBytes: MOST_BYTES,
    }).toString();
  } catch (cause) {
    const { message, exitCode } = cause as UserError;
    throw new UserError(message, { hint, exitCode, cause });
  }
  const certificates = certificatesIn(text);
  if ('problem' in certificates)
    throw new UserError(
      `the certificates ${caFile} cannot be used: the file ${certificates.problem}`,
      { hint },
    );
  return certificates;
}

const withoutSigV4 = (text: string, words: SettingWords, cause?: unknown): UserError =>
  new UserError(text, {
    hint:
      `set ${words.credentials}; Amazon Keyspaces takes service-specific credentials, which IAM makes for a user ` +
      '(access keys and roles, SigV4, are not supported here)',
    cause,
  });

function connectProblem(error: unknown, config: CassandraConfig, words: SettingWords): unknown {
  if (error instanceof UserError) return error;
  const name = cassandraName(config);
  const { code = '', message: text } = innermost(error);
  // OpenSSL's end with a line break.
  const message = text.trim();
  const problem = (text: string, hint: string) => new UserError(text, { hint, cause: error });
  if (innermost(error) instanceof cassandra.errors.AuthenticationError)
    return config.credentials === null
      ? withoutSigV4(`${name} asks for credentials, and none are given`, words, error)
      : problem(
          `${name} did not accept the password of ${config.credentials.username}`,
          `set ${words.credentials}`,
        );
  if (/localDataCenter/.test(message))
    return problem(
      `${name} has no datacenter "${config.datacenter}": ${message}`,
      `leave ${words.datacenter} out, and that of the first node is used`,
    );
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS_/.test(`${code}`))
    return problem(
      `the certificate of ${name} is not trusted: ${message}`,
      `give its root, or the certificate itself, as a PEM file by ${words.ca}`,
    );
  if (
    config.tls !== null &&
    /SSL|EPROTO|before secure TLS|ECONNRESET|without an answer/.test(`${code} ${message}`)
  )
    return problem(
      `${name} does not answer in TLS: ${message}`,
      `is it the port for TLS? ${words.noTls} connects without`,
    );
  return problem(
    `${name} cannot be reached: ${message}`,
    config.tls === null && /answer/.test(message)
      ? `does that port expect TLS? then leave ${words.noTls} out`
      : 'is the server running there, and are host and port right?',
  );
}

/** The driver reports each host apart, and of a broken socket the cause. */
type DriverError = Error & {
  innerErrors?: Record<string, Error>;
  innerError?: Error;
  code?: string | number;
};

function innermost(error: unknown): DriverError {
  let inner = error as DriverError;
  // Bounded, should an error ever hold itself.
  for (let depth = 0; depth < 4; depth++)
    inner = Object.values(inner.innerErrors ?? {})[0] ?? inner.innerError ?? inner;
  return inner;
}

/** False for what the server will always refuse. */
export function mayPass(error: unknown): boolean {
  const { responseErrorCodes: codes } = cassandra.types;
  const refused = [codes.syntaxError, codes.unauthorized, codes.invalid, codes.configError];
  return !(
    error instanceof TypeError ||
    (error instanceof cassandra.errors.ResponseError && refused.includes(error.code))
  );
}

/** A statement that failed after the connection stood. @param doing e.g. `could not be read` */
export function statementProblem(
  error: unknown,
  config: CassandraConfig,
  doing: string,
): UserError {
  const { message, code } = innermost(error);
  return new UserError(`${cassandraName(config)} ${doing}: ${message}`, {
    hint:
      code === cassandra.types.responseErrorCodes.unauthorized
        ? `grant it to ${config.credentials?.username ?? 'everybody'}`
        : 'see the log of the server',
    cause: error,
  });
}

const usage = (message: string, hint: string): UserError =>
  new UserError(message, { hint, exitCode: EXIT.usage });
