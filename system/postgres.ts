/**
 * How a PostgreSQL server is reached: configuration, `postgres:` URL, password, encryption; and what its errors mean for the user.
 * Source of the modes: PostgreSQL documentation, chapter 32.19 "SSL Support" (libpq).
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import type { Pool } from 'pg';
import { homeFolder, userName } from './home.ts';
import { EXIT, type ExitCode, UserError } from '../user-error.ts';

/** As in libpq: up to `require` encrypted (or not) without a check of the certificate. */
export const POSTGRES_SSL_MODES = [
  'disable',
  'prefer',
  'require',
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
  /** PEM file with the roots to trust (PGSSLROOTCERT); null: Node's own. With one, `require` means `verify-ca`, as in libpq. */
  sslRootCert: string | null;
};

type Env = Record<string, string | undefined>;

/** Which words an error message uses for what the user sets. */
export type Names = { password: string; sslmode: string; sslRootCert: string };
export const BACKEND_NAMES: Names = {
  password: 'POSTGRES_PASSWORD',
  sslmode: 'POSTGRES_SSLMODE',
  sslRootCert: 'PGSSLROOTCERT',
};
export const URL_NAMES: Names = {
  password: 'PGPASSWORD, or the file that PGPASSFILE names',
  sslmode: 'the URL’s sslmode',
  sslRootCert: 'the URL’s sslrootcert, or PGSSLROOTCERT',
};

const CONNECT_MS = 10_000;
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
      'the storage URL holds a password, which every user of this machine can read in the list of processes',
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
      throw usage(`"${part}" in the storage URL is no percent-encoded text`, 'write % as %25');
    }
  };
  const database = decode(url.pathname.replace(/^\//, ''));
  if (database === '' || url.hostname === '')
    throw usage(
      `a postgres URL names a host and a database, but is ${url.href}`,
      'e.g. postgres://user@127.0.0.1:5432/coordinator',
    );
  const sslmode = url.searchParams.get('sslmode') ?? (env.PGSSLMODE || 'prefer');
  const known = POSTGRES_SSL_MODES.find((mode) => mode === sslmode);
  if (known === undefined)
    throw usage(
      `sslmode must be one of ${POSTGRES_SSL_MODES.join(', ')}, but is "${sslmode}"`,
      'leave it out for prefer',
    );
  const port = url.port || env.PGPORT || String(DEFAULT_PORT);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw usage(`PGPORT must be a port, but is "${port}"`, 'e.g. 5432');
  const target = {
    host: decode(url.hostname).replace(/^\[(.*)\]$/, '$1'),
    port: Number(port),
    user: decode(url.username) || env.PGUSER || (userName() ?? ''),
    database,
    sslmode: known,
    sslRootCert: (url.searchParams.get('sslrootcert') ?? env.PGSSLROOTCERT) || null,
  };
  return { ...target, password: env.PGPASSWORD || passwordInFile(target, env) };
}

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
    // Windows has no such modes.
    if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0)
      throw new UserError(`the password file ${path} can be read by other users`, {
        hint: `chmod 600 ${path}`,
      });
    text = readFileSync(path, 'utf8');
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

/**
 * A pool whose first connection has been made.
 * @param limits connections at once, and how long a statement may take
 * @throws UserError
 */
export async function openPool(
  config: PostgresConfig,
  names: Names,
  limits: { connections: number; statementMs: number },
): Promise<Pool> {
  // Here, so that who needs only the names of the modes does not load it.
  const { default: pg } = await import('pg');
  const poolWith = (ssl: false | ConnectionOptions): Pool => {
    const pool = new pg.Pool({
      host: config.host,
      port: config.port,
      user: config.user,
      // A function, so that pg looks neither into PGPASSWORD nor into a file.
      password: () => config.password,
      database: config.database,
      ssl,
      max: limits.connections,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: limits.statementMs,
      keepAlive: true,
      application_name: 'mina-load',
    });
    // A connection that breaks while idle; the next statement makes another.
    pool.on('error', () => {});
    // The same while it is held: the statement under way is rejected by itself.
    pool.on('connect', (client) => client.on('error', () => {}));
    return pool;
  };
  const tries = encryptionOf(config, names);
  for (const [place, ssl] of tries.entries()) {
    const pool = poolWith(ssl);
    try {
      (await pool.connect()).release();
      return pool;
    } catch (error) {
      await pool.end();
      if (place < tries.length - 1 && isWithoutTls(error)) continue;
      throw connectProblem(error, config, names);
    }
  }
  throw new Error('no way to connect was tried');
}

/** The ways to connect, one after another. */
function encryptionOf(config: PostgresConfig, names: Names): (false | ConnectionOptions)[] {
  // As libpq: a Unix socket is never encrypted.
  if (config.host.startsWith('/') || config.sslmode === 'disable') return [false];
  let ca: string | undefined;
  // `system` is libpq's word for the roots of the system.
  if (config.sslRootCert !== null && config.sslRootCert !== 'system')
    try {
      ca = readFileSync(config.sslRootCert, 'utf8');
    } catch (cause) {
      throw new UserError(
        `the root certificates ${config.sslRootCert} cannot be read: ${(cause as Error).message}`,
        { hint: `${names.sslRootCert} names a PEM file`, cause },
      );
    }
  // Without `rejectUnauthorized` nothing of the certificate is looked at.
  const unchecked: ConnectionOptions = { rejectUnauthorized: false };
  const chain: ConnectionOptions = { ca, checkServerIdentity: () => undefined };
  switch (config.sslmode) {
    case 'prefer':
      return [unchecked, false];
    case 'require':
      return [ca === undefined ? unchecked : chain];
    case 'verify-ca':
      return [chain];
    case 'verify-full':
      return [{ ca }];
  }
}

/** pg has no code for it. */
const isWithoutTls = (error: unknown): boolean =>
  (error as Error).message === 'The server does not support SSL connections';

function connectProblem(error: unknown, config: PostgresConfig, names: Names): UserError {
  const name = postgresName(config);
  const { code = '', message } = plain(error);
  const problem = (text: string, hint: string) => new UserError(text, { hint, cause: error });
  if (isWithoutTls(error))
    return problem(
      `${name} does not support encrypted connections, which sslmode ${config.sslmode} asks for`,
      `set ${names.sslmode} to disable, or switch ssl on in the server`,
    );
  if (CERTIFICATE_CODE.test(code))
    return problem(
      `the certificate of ${name} does not pass sslmode ${config.sslmode}: ${message}`,
      `give its root by ${names.sslRootCert}; verify-ca does not look at the host name, require looks at nothing`,
    );
  if (code === '28P01' || /password must be a (non-empty )?string/.test(message))
    return problem(
      `${name} did not accept the password of ${config.user}` +
        (config.password === '' ? ': there is none' : ''),
      `set ${names.password}`,
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
