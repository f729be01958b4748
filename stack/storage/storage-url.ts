/**
 * `--storage URL`: which storage to read, and where it is.
 *
 *     file:/srv/uptime, /srv/uptime                  CONFIG_FILESYSTEM_PATH of the backend
 *     s3://BUCKET/NETWORK[?endpoint=URL&region=R&path-style=1]   AWS_ACCESS_KEY_ID … as the AWS SDK finds them
 *     postgres://USER@HOST[:PORT]/DATABASE[?sslmode=…&sslrootcert=FILE]   password: PGPASSWORD or PGPASSFILE
 *     cassandra://[USER@]HOST[:PORT]/KEYSPACE[?tls=0&datacenter=D&ca=FILE]   password: CASSANDRA_PASSWORD
 *
 * Credentials come from the environment or from files, never from the command line.
 */
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT, UserError } from '../../user-error.ts';
import { openFilesystemReader } from './filesystem-reader.ts';
import { POSTGRES_SSL_MODES } from './postgres.ts';
import type { StorageReader } from './storage.ts';

type Env = Record<string, string | undefined>;
type Kind = 'file' | 's3' | 'postgres' | 'cassandra';

const KIND: Record<string, Kind> = {
  'file:': 'file',
  's3:': 's3',
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
  'cassandra:': 'cassandra',
};

const FORMS: Record<Exclude<Kind, 'file'>, string> = {
  s3: 's3://BUCKET/NETWORK',
  postgres: 'postgres://USER@HOST/DATABASE',
  cassandra: 'cassandra://HOST/KEYSPACE',
};

/** Where a password, or its like, belongs. */
const SECRETS: Record<Exclude<Kind, 'file'>, string> = {
  s3: 'keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile of the AWS SDK',
  postgres: 'it belongs into PGPASSWORD, or a file named by PGPASSFILE',
  cassandra: 'it belongs into CASSANDRA_PASSWORD',
};

type Check = (value: string) => string | null;

const oneOf =
  (values: readonly string[]): Check =>
  (value) =>
    values.includes(value) ? null : `be ${list(values)}`;
const something: Check = (value) => (value === '' ? 'not be empty' : null);

/** What may stand after the question mark. */
const PARAMETERS: Record<Kind, Record<string, Check>> = {
  file: {},
  s3: {
    endpoint: (value) =>
      URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
        ? null
        : 'be an http or https URL',
    region: something,
    'path-style': oneOf(['0', '1']),
  },
  postgres: { sslmode: oneOf(POSTGRES_SSL_MODES), sslrootcert: something },
  cassandra: { tls: oneOf(['0', '1']), datacenter: something, ca: something },
};

/** AWS, "Bucket naming rules"; older buckets may have capitals, but a URL has none. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

const OPEN_MS = 30_000;

/** @returns all that is wrong with `text`, to stand after `--storage`; null: nothing. Never with a password */
export function storageUrlProblem(text: string): string | null {
  const parsed = parse(text);
  return 'problems' in parsed ? parsed.problems.join('; it ') : null;
}

/** @throws UserError (exit 5) if it cannot be opened within 30 s. */
export async function openStorageReader(
  text: string,
  env: Env,
  openMs = OPEN_MS,
): Promise<StorageReader> {
  const parsed = parse(text);
  if ('problems' in parsed)
    throw new UserError(`--storage ${parsed.problems.join('; it ')}`, {
      hint: 'docs/storages.md has all forms',
      exitCode: EXIT.usage,
    });
  let isLate = false;
  const opening = open(parsed, env);
  opening.then(
    (reader) => (isLate ? reader.close() : undefined),
    () => {},
  );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      isLate = true;
      reject(
        new UserError(`the storage ${shortOf(parsed)} could not be opened within ${openMs} ms`, {
          hint: 'is it up, and do host and port fit?',
        }),
      );
    }, openMs);
  });
  try {
    return await Promise.race([opening, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function open({ kind, url }: Parsed, env: Env): Promise<StorageReader> {
  switch (kind) {
    case 'file':
      return openFilesystemReader(url);
    case 's3':
      return (await import('./s3.ts')).openS3Reader(url, env);
    case 'postgres':
      return (await import('./postgres.ts')).openPostgresReader(url, env);
    case 'cassandra':
      return (await import('./cassandra.ts')).openCassandraReader(url, env);
  }
}

type Parsed = { kind: 'file'; url: string } | { kind: Exclude<Kind, 'file'>; url: URL };

const shortOf = ({ kind, url }: Parsed): string =>
  kind === 'file' ? url : `${kind}://${url.host}${url.pathname}`;

type Problems = { problems: string[] };
const problem = (text: string): Problems => ({ problems: [text] });

function parse(text: string): Parsed | Problems {
  if (isAbsolute(text)) return { kind: 'file', url: text };
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(text)?.[0].toLowerCase();
  const kind = scheme === undefined ? undefined : KIND[scheme];
  if (kind === undefined) {
    // Of an unknown kind nothing is repeated: it may hold a password.
    const given =
      scheme ?? (text.includes('@') || NAMES_SECRET.test(text) ? 'something else' : `"${text}"`);
    return problem(
      `must be an absolute path, or a URL with file:, s3:, postgres: or cassandra:, but is ${given}`,
    );
  }
  const rest = text.slice(scheme!.length);
  if (kind === 'file') return parseFile(text, rest);
  // Nothing else is said then: a password with a / or # in it makes the parts others, and must not be repeated either.
  if (holdsSecret(rest)) return problem(`must not hold a password: ${SECRETS[kind]}`);
  if (!rest.startsWith('//') || !URL.canParse(text)) return problem(formProblem(kind, text));
  const url = new URL(text);
  const problems = [...partsProblems(kind, url, text), ...parameterProblems(kind, url)];
  return problems.length === 0 ? { kind, url } : { problems };
}

const NAMES_SECRET =
  /(?:passw|passphrase|\bpass|pwd|secret|token|credential|signature|access.?key)[^=&#]*=/i;

/** By signs, not by parts, and also behind percent-encoding, which may be doubled: `u:p@`, `u%3Ap@`, `?endpoint=http%3A%2F%2Fk%3As%40h`, `?password=`. */
function holdsSecret(rest: string): boolean {
  for (let form: string | null = rest, before = ''; form !== null && form !== before;) {
    if (/:.*@/s.test(form) || NAMES_SECRET.test(form)) return true;
    before = form;
    form = leniently(form);
  }
  return false;
}

/** Percent-encoding undone wherever it is one: a stray % must not hide the rest. */
const leniently = (text: string): string =>
  text.replace(/(?:%[0-9a-f]{2})+/gi, (encoded) => decoded(encoded) ?? encoded);

const formProblem = (kind: Exclude<Kind, 'file'>, text: string): string =>
  `must have the form ${FORMS[kind]}, but is "${shown(text)}"`;

/** Without what stands where a port should and is none, and without parameters: a password that its @ was forgotten behind, or one of another name. */
const shown = (text: string): string =>
  text
    .replace(/([?#]).*$/s, '$1…')
    .replace(/^([a-z][a-z0-9+.-]*:\/*[^/?#:[\]]*:)(?!\d{1,5}(?:[/?#]|$))[^/?#]+/i, '$1…');

function parseFile(text: string, rest: string): Parsed | Problems {
  if (/^\/\/[^/]*@/.test(leniently(rest)))
    return problem('is no file on this machine: it names a user, and file: takes a path only');
  try {
    const url = new URL(text);
    if (!/^file:\//i.test(text))
      return problem(`must be an absolute path after file:, but is "${text}"`);
    if (url.search !== '' || url.hash !== '')
      return problem(
        `takes nothing after the path (write ? as %3F, # as %23): "${NAMES_SECRET.test(leniently(text)) ? shown(text) : text}"`,
      );
    return { kind: 'file', url: fileURLToPath(url) };
  } catch (error) {
    return problem(`is no file on this machine: "${text}" (${(error as Error).message})`);
  }
}

function partsProblems(kind: Exclude<Kind, 'file'>, url: URL, text: string): string[] {
  const form = [formProblem(kind, text)];
  if (url.hostname === '' || url.hash !== '') return form;
  const path = decoded(url.pathname.slice(1));
  if (path === null || path.replace(/\/$/, '') === '') return form;
  if (kind === 's3')
    return [
      ...(url.username === '' ? [] : [`must not hold a key: ${SECRETS.s3}`]),
      ...(url.port === ''
        ? []
        : ['takes no port after the bucket; give ?endpoint=http://HOST:PORT']),
      ...(BUCKET.test(url.hostname) ? [] : [`has no bucket name: "${url.hostname}"`]),
    ];
  if (path.includes('/')) return form;
  if (decoded(url.username) === null) return form;
  if (kind === 'postgres' && url.username === '') return form;
  return [];
}

function parameterProblems(kind: Kind, url: URL): string[] {
  const known = PARAMETERS[kind];
  return [...new Set(url.searchParams.keys())].flatMap((name) => {
    if (!Object.hasOwn(known, name))
      return [`does not know the parameter "${name}"; it takes ${list(Object.keys(known))}`];
    const values = url.searchParams.getAll(name);
    if (values.length > 1) return [`has the parameter "${name}" ${values.length} times`];
    const rule = known[name](values[0]);
    return rule === null ? [] : [`needs ${name} to ${rule}, but it is "${values[0]}"`];
  });
}

const list = (words: readonly string[]): string =>
  words.length === 1 ? words[0] : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
