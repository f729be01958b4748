/**
 * How a PostgreSQL server is reached: configuration, `postgres:` URL, password, encryption; and what its errors mean for the user.
 * Source of the modes: PostgreSQL documentation, chapter 32.19 "SSL Support" (libpq).
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import type { Client, Pool } from 'pg';
import { homeFolder, userName } from './home.ts';
import { certificatesIn, pemOf } from './pem.ts';
import { readRegularFileSync } from './regular-file.ts';
import { EXIT, type ExitCode, UserError } from '../user-error.ts';

/**
 * As in libpq: up to `require` encrypted (or not) without a check of the certificate. `no-verify` is node-postgres's word for what libpq
 * calls `require`: whatever certificate there is, also where roots are named.
 */
export const POSTGRES_SSL_MODES = [
  'disable',
  'allow',
  'prefer',
  'require',
  'no-verify',
  'verify-ca',
  'verify-full',
] as const;
export type PostgresSslMode = (typeof POSTGRES_SSL_MODES)[number];

/** POSTGRES_HOST, _PORT, _USER, _PASSWORD, _DB and _SSLMODE (CONFIG_FILE: `postgresql`) of the original, where all but the last are required. */
export type PostgresConfig = {
  /** A name, an address, or the folder of a Unix socket. */
  host: string;
  port: number;
  user: string;
  /** Empty: none. */
  password: string;
  database: string;
  /** `require` where POSTGRES_SSLMODE is empty. */
  sslmode: PostgresSslMode;
  /**
   * PEM file with the roots to trust (PGSSLROOTCERT); null: Node's own. With one, `require` means `verify-ca`, as in libpq. `system`: the
   * system's (here Node's), only with verify-full, which it makes the default.
   */
  sslRootCert: string | null;
};

type Env = Record<string, string | undefined>;

/** Which words an error message uses for what the user sets. */
export type SettingWords = { password: string; sslmode: string; sslRootCert: string };
export const BACKEND_WORDS: SettingWords = {
  password: 'POSTGRES_PASSWORD',
  sslmode: 'POSTGRES_SSLMODE',
  sslRootCert: 'PGSSLROOTCERT',
};
export const URL_WORDS: SettingWords = {
  password: 'PGPASSWORD, or the file that PGPASSFILE names',
  sslmode: 'the URL’s sslmode',
  sslRootCert: 'the URL’s sslrootcert, or PGSSLROOTCERT',
};

const DEFAULT_PORT = 5432;

/** For people; never with a credential. */
export const postgresName = ({ host, port, database }: PostgresConfig): string =>
  `PostgreSQL ${host.includes(':') ? `[${host}]` : host}:${port}/${database}`;

/**
 * `postgres://[USER@]HOST[:PORT]/DATABASE[?sslmode=MODE][&sslrootcert=FILE]`. What is left out comes from PGUSER, PGPORT, PGSSLMODE and
 * PGSSLROOTCERT, else as libpq has it: the system's user, 5432, `prefer`. A Unix socket's folder is percent-encoded: `%2Frun%2Fpostgresql`.
 * @throws UserError (exit 2)
 */
export function postgresConfigOf(url: URL, env: Env): PostgresConfig {
  if (url.password !== '')
    throw usage(
      'the URL holds a password, which every user of this machine can read in the list of processes',
      'leave it out of the URL and set PGPASSWORD or PGPASSFILE',
    );
  for (const name of url.searchParams.keys())
    if (name !== 'sslmode' && name !== 'sslrootcert')
      throw usage(
        `a postgres URL has no parameter "${name}"`,
        'the parameters are sslmode and sslrootcert',
      );
  const decode = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw usage(`"${part}" in the URL is no percent-encoded text`, 'write % as %25');
    }
  };
  const database = decode(url.pathname.replace(/^\//, ''));
  if (database === '' || url.hostname === '')
    throw usage(
      `a postgres URL names a host and a database, but is ${url.href}`,
      'e.g. postgres://user@127.0.0.1:5432/coordinator',
    );
  const ssl = postgresSslOf(
    {
      mode: url.searchParams.get('sslmode') || env.PGSSLMODE,
      rootCert: url.searchParams.get('sslrootcert') || env.PGSSLROOTCERT,
    },
    'prefer',
    url.searchParams.has('sslmode') ? 'sslmode' : 'PGSSLMODE',
  );
  const port = url.port || env.PGPORT || String(DEFAULT_PORT);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw usage(`PGPORT must be a port, but is "${port}"`, 'e.g. 5432');
  const target = {
    host: decode(url.hostname).replace(/^\[(.*)\]$/, '$1'),
    port: Number(port),
    user: decode(url.username) || env.PGUSER || (userName() ?? ''),
    database,
    ...ssl,
  };
  return { ...target, password: env.PGPASSWORD || passwordInFile(target, env) };
}

/**
 * The one reading of a mode and of roots, wherever they come from; empty counts as not set.
 * @param usual the mode where none is given
 * @param name of the setting, for the message
 * @throws UserError (exit 2)
 */
export function postgresSslOf(
  { mode, rootCert }: { mode: string | undefined; rootCert: string | undefined },
  usual: PostgresSslMode,
  name: string,
): Pick<PostgresConfig, 'sslmode' | 'sslRootCert'> {
  const sslRootCert = rootCert || null;
  // libpq: "sslrootcert=system" alone means verify-full, and with a weaker mode it is refused.
  const sslmode = mode || (sslRootCert === 'system' ? 'verify-full' : usual);
  const known = POSTGRES_SSL_MODES.find((one) => one === sslmode);
  if (known === undefined)
    throw usage(
      `${name} must be one of ${POSTGRES_SSL_MODES.join(', ')}, but is "${sslmode}"`,
      `leave it out for ${usual}`,
    );
  if (sslRootCert === 'system' && known !== 'verify-full')
    throw usage(
      `sslrootcert=system goes with sslmode verify-full only, but ${name} is ${known}`,
      'leave the mode out, or name a PEM file',
    );
  return { sslmode: known, sslRootCert };
}

/** Certificates of a whole system have some 200 KB. */
const MOST_BYTES = 10_000_000;

/**
 * The password that PGPASSFILE (else ~/.pgpass) has for this target: the first line HOST:PORT:DATABASE:USER:PASSWORD that fits, `*` fits
 * anything, `\` stands before `:` and `\`. Source: PostgreSQL documentation, chapter 32.16 "The Password File".
 * @returns '' if there is none
 * @throws UserError if others may read the file; libpq ignores such a file, with a warning
 */
function passwordInFile(
  { host, port, database, user }: Omit<PostgresConfig, 'password'>,
  env: Env,
): string {
  const path = env.PGPASSFILE || join(homeFolder(env) ?? '/', '.pgpass');
  let text: string;
  try {
    const { mode } = statSync(path);
    // Windows has no such modes.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw new UserError(`the password file ${path} can be read by other users`, {
        hint: `chmod 600 ${path}`,
      });
    text = readRegularFileSync(path, { what: 'the password file', maxBytes: MOST_BYTES }).toString(); // prettier-ignore
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    if (!env.PGPASSFILE) return '';
    throw new UserError(`the password file ${path} cannot be read: ${(cause as Error).message}`, {
      hint: 'PGPASSFILE names it; a line is HOST:PORT:DATABASE:USER:PASSWORD',
      cause,
    });
  }
  const names = [host.startsWith('/') ? 'localhost' : host, String(port), database, user];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const parts = (line.match(/(?:^|:)((?:\\.|[^\\:])*)/g) ?? []).map((part, i) =>
      (i === 0 ? part : part.slice(1)).replace(/\\(.)/g, '$1'),
    );
    const fits = names.every((name, i) => parts[i] === '*' || parts[i] === name);
    if (parts.length >= 5 && fits) return parts[4];
  }
  return '';
}

/** What a connection is for. */
export type Use = {
  /** How long a statement may take. */
  statementMs: number;
  /** As the server lists it (pg_stat_activity). */
  applicationName: string;
  connectMs?: number;
};

const CONNECT_MS = 10_000;

/** node-postgres's settings for one way to connect. */
const clientConfig = (config: PostgresConfig, ssl: false | ConnectionOptions, use: Use) => ({
  host: config.host,
  port: config.port,
  user: config.user,
  // A function, so that pg looks neither into PGPASSWORD nor into a file.
  password: () => config.password,
  database: config.database,
  ssl,
  connectionTimeoutMillis: use.connectMs ?? CONNECT_MS,
  query_timeout: use.statementMs,
  keepAlive: true,
  application_name: use.applicationName,
});

/** The first way that works, of those that the mode allows. @throws UserError */
async function firstWay<T>(
  config: PostgresConfig,
  words: SettingWords,
  connect: (ssl: false | ConnectionOptions) => Promise<T>,
): Promise<T> {
  const ways = encryptionOf(config, words);
  for (const [place, ssl] of ways.entries())
    try {
      return await connect(ssl);
    } catch (error) {
      if (place < ways.length - 1 && mayGoOtherwise(error, ssl)) continue;
      throw connectProblem(error, config, words);
    }
  throw new Error('no way to connect was tried');
}

/**
 * A pool whose first connection has been made.
 * @param limits connections at once, and how long a statement may take
 * @throws UserError
 */
export async function openPool(
  config: PostgresConfig,
  words: SettingWords,
  { connections, statementMs }: { connections: number; statementMs: number },
): Promise<Pool> {
  // Here, so that who needs only the names of the modes does not load it.
  const { default: pg } = await import('pg');
  const use = { statementMs, applicationName: 'mina-load' };
  return firstWay(config, words, async (ssl) => {
    const pool = new pg.Pool({ ...clientConfig(config, ssl, use), max: connections });
    // A connection that breaks while idle; the next statement makes another.
    pool.on('error', () => {});
    // The same while it is held: the statement under way is rejected by itself.
    pool.on('connect', (client) => client.on('error', () => {}));
    try {
      (await pool.connect()).release();
      return pool;
    } catch (error) {
      await pool.end();
      throw error;
    }
  });
}

/**
 * One connection.
 * @param onBroken it ended without being asked to
 * @param signal gives up: the connection is destroyed
 * @throws UserError
 */
export async function openClient(
  config: PostgresConfig,
  words: SettingWords,
  use: Use,
  onBroken: (client: Client) => void,
  signal: AbortSignal,
): Promise<Client> {
  const { default: pg } = await import('pg');
  return firstWay(config, words, async (ssl) => {
    signal.throwIfAborted();
    const client = new pg.Client({
      ...clientConfig(config, ssl, use),
      statement_timeout: use.statementMs,
    });
    client.on('error', () => onBroken(client));
    const onAbort = () => destroyClient(client);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await client.connect();
      return client;
    } catch (error) {
      destroyClient(client);
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  });
}

/** At once: a server that hangs would keep an open socket, and so this process, alive. */
export function destroyClient(client: Client): void {
  (
    client as unknown as { connection: { stream: { destroy(): void } } }
  ).connection.stream.destroy();
}

/** The ways to connect, one after another. */
function encryptionOf(config: PostgresConfig, words: SettingWords): (false | ConnectionOptions)[] {
  // As libpq: a Unix socket is never encrypted.
  if (config.host.startsWith('/') || config.sslmode === 'disable') return [false];
  // Without `rejectUnauthorized` nothing of the certificate is looked at.
  const unchecked: ConnectionOptions = { rejectUnauthorized: false };
  switch (config.sslmode) {
    case 'allow':
      return [false, unchecked];
    case 'prefer':
      return [unchecked, false];
    case 'no-verify':
      return [unchecked];
    case 'require':
    case 'verify-ca':
    case 'verify-full': {
      const ca = rootsOf(config.sslRootCert, words);
      if (config.sslmode === 'require' && ca === undefined) return [unchecked];
      return [
        config.sslmode === 'verify-full' ? { ca } : { ca, checkServerIdentity: () => undefined },
      ];
    }
  }
}

/** @returns undefined: Node's own. @throws UserError */
function rootsOf(path: string | null, words: SettingWords): string | undefined {
  // `system` is libpq's word for the roots of the system.
  if (path === null || path === 'system') return undefined;
  const hint = `${words.sslRootCert} names a PEM file`;
  let text: string;
  try {
    text = readRegularFileSync(path, { what: 'the root certificates', maxBytes: MOST_BYTES }).toString(); // prettier-ignore
  } catch (cause) {
    const { message, exitCode } = cause as UserError;
    throw new UserError(message, { hint, exitCode, cause });
  }
  const certificates = certificatesIn(text);
  if ('problem' in certificates)
    throw new UserError(
      `the root certificates ${path} cannot be used: the file ${certificates.problem}`,
      { hint },
    );
  return pemOf(certificates);
}

/** Whether another way may work where `ssl` did not: as libpq, when the server refuses to be spoken to in this way. */
const mayGoOtherwise = (error: unknown, ssl: false | ConnectionOptions): boolean =>
  ssl === false
    ? // pg_hba.conf has no line for an unencrypted connection: `allow` tries an encrypted one.
      plain(error).code === '28000'
    : isWithoutTls(error) || plain(error).code === '28000';

/** pg has no code for it. */
const isWithoutTls = (error: unknown): boolean =>
  (error as Error).message === 'The server does not support SSL connections';

function connectProblem(error: unknown, config: PostgresConfig, words: SettingWords): UserError {
  const name = postgresName(config);
  const { code = '', message } = plain(error);
  const problem = (text: string, hint: string) => new UserError(text, { hint, cause: error });
  if (isWithoutTls(error))
    return problem(
      `${name} does not support encrypted connections, which sslmode ${config.sslmode} asks for`,
      `set ${words.sslmode} to disable, or switch ssl on in the server`,
    );
  if (CERTIFICATE_CODE.test(code))
    return problem(
      `the certificate of ${name} does not pass sslmode ${config.sslmode}: ${message}`,
      `give its root by ${words.sslRootCert}; verify-ca does not look at the host name, require looks at nothing`,
    );
  if (code === '28P01' || /password must be a (non-empty )?string/.test(message))
    return problem(
      `${name} did not accept the password of ${config.user}` +
        (config.password === '' ? ': there is none' : ''),
      `set ${words.password}`,
    );
  if (code === '28000')
    return problem(
      `${name} does not let ${config.user} in: ${message}`,
      `is the user's name right, and does the server's pg_hba.conf allow this address and sslmode ${config.sslmode}?`,
    );
  if (code === '3D000')
    return problem(
      `${name} does not exist`,
      'is the name of the database right? psql -l lists them',
    );
  if (SQLSTATE.test(code))
    return problem(`${name} refused the connection: ${message}`, 'see the log of the server');
  return problem(
    `${name} cannot be reached: ${message}`,
    'is the server running there, and are host and port right?',
  );
}

/** What OpenSSL and Node say of a certificate. */
const CERTIFICATE_CODE = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS_/;
const SQLSTATE = /^[0-9A-Z]{5}$/;

/** Code and text; the error for several addresses of one name has neither, but its parts do. */
function plain(error: unknown): { code?: string; message: string } {
  const part = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const { code, message } = part as { code?: string; message: string };
  return { code, message };
}

/** A statement that failed after the connection stood. @param doing e.g. `could not be read` */
export function statementProblem(error: unknown, config: PostgresConfig, doing: string): UserError {
  const { code, message } = plain(error);
  const hint =
    code === '42501'
      ? `grant it to ${config.user}`
      : code === '42P01' || code === '42703'
        ? 'was the table changed meanwhile?'
        : 'see the log of the server';
  return new UserError(`${postgresName(config)} ${doing}: ${message}`, { hint, cause: error });
}

/** What becomes of a statement that failed. */
export type Failure = 'refused' | 'undone' | 'unknown';

/**
 * `undone`: certainly not executed, and may pass another time. `unknown`: the connection was lost before the answer came. `refused`:
 * it would fail again.
 * Source: PostgreSQL documentation, appendix A "PostgreSQL Error Codes".
 */
export function failureOf(error: unknown): Failure {
  const { code = '' } = plain(error);
  if (!SQLSTATE.test(code)) return 'unknown';
  // Rolled back: serialization, deadlock, a lock not got; too many connections, starting or stopping.
  if (/^(40|53300|55P03|57P03)/.test(code)) return 'undone';
  // An administrator ended the connection, at a moment that is not known.
  if (/^(08|57P0[0-5])/.test(code)) return 'unknown';
  return 'refused';
}

const usage = (message: string, hint: string): UserError =>
  new UserError(message, { hint, exitCode: EXIT.usage satisfies ExitCode });
