/**
 * The whitelist: public keys that may submit. The original reads a column of a Google sheet; this one reads a file or a URL, such as that
 * sheet exported, with the same tolerance: a row that has no public key in that column is passed over.
 */
import { decode } from '../../mina/base58check.ts';
import { JsonProblem, readJson } from '../../system/json-lines.ts';
import { httpFetch, reasonOf } from '../../system/http.ts';
import { readRegularFile } from '../../system/regular-file.ts';
import { decodeText, readTable } from '../../system/text-table.ts';
import { EXIT, UserError } from '../../user-error.ts';

export type Whitelist = {
  readonly keys: ReadonlySet<string>;
  /** Rows without a key; a header is none. */
  readonly passedOver: number;
};

const HINT =
  'DELEGATION_WHITELIST_FILE names a text file with one public key (B62q…) a line, a CSV sheet with the keys in one of its ' +
  'columns, or a JSON list; or set DELEGATION_WHITELIST_DISABLED=1';
/** A million keys have 56 MB. */
const MAX_BYTES = 512 * 1024 * 1024;
const KEY = /B62[1-9A-HJ-NP-Za-km-z]{20,}/;
const FIELDS = ['publickey', 'pk', 'pubkey'];

/**
 * Reads text, CSV or JSON: a list of keys, of objects with `publicKey`, `public_key` or `pk`, or such objects by name.
 * Quotes, white space, empty lines and lines that begin with # do not matter.
 * @param column where the keys stand, from 0; null: in the column that holds keys
 * @throws UserError (exit 2) for rows without one key, keys in several columns, broken CSV or JSON
 */
export function parseWhitelist(text: string, column: number | null = null): Whitelist {
  const rows = /^\s*[[{]/.test(text) ? rowsOfJson(text) : rowsOfTable(text);
  const isKey = knownKeys();
  const where = column ?? keyColumn(rows, isKey);
  const keys = new Set<string>();
  let passedOver = 0;
  rows.forEach((cells, i) => {
    const cell = cells[where] ?? '';
    if (isKey(cell)) keys.add(cell);
    // A header has words in every column.
    else if (!(i === 0 && cells.length > 1 && cells.every((word) => /^(?!B62)[^\d#]/.test(word))))
      passedOver++;
  });
  if (rows.length > 0 && keys.size === 0)
    throw wrong(
      `${rows.length} ${rows.length === 1 ? 'line' : 'lines'} and not one key` +
        (column === null ? '' : ` in column ${columnName(column)}`),
    );
  return { keys, passedOver };
}

/** Decoding a key costs 50 us, and each is asked for twice. */
function knownKeys(): (text: string) => boolean {
  const known = new Map<string, boolean>();
  return (text) => {
    if (!text.startsWith('B62')) return false;
    let is = known.get(text);
    if (is === undefined) known.set(text, (is = decodes(text)));
    return is;
  };
}

function decodes(text: string): boolean {
  try {
    return decode('publicKey', text).length > 0;
  } catch {
    return false;
  }
}

/** @throws UserError where several columns hold keys: any choice might let the wrong ones in */
function keyColumn(rows: readonly string[][], isKey: (text: string) => boolean): number {
  const columns = new Set<number>();
  for (const cells of rows)
    cells.forEach((cell, at) => {
      if (isKey(cell)) columns.add(at);
    });
  if (columns.size > 1) {
    const names = [...columns].sort((a, b) => a - b).map(columnName);
    throw wrong(
      `the columns ${names.join(', ')} all hold public keys`,
      `DELEGATION_WHITELIST_COLUMN says in which the submitters are, e.g. ${names[0]}`,
    );
  }
  return [...columns][0] ?? 0;
}

function rowsOfTable(text: string): string[][] {
  const { rows, problem } = readTable(text, KEY);
  if (problem) throw wrong(`line ${problem.line}: ${problem.text}`);
  return rows.map(({ cells }) => cells);
}

/** One row for each entry, in which the key is the only cell. */
function rowsOfJson(text: string): string[][] {
  let value: unknown;
  try {
    value = readJson(text).value;
  } catch (error) {
    if (!(error instanceof JsonProblem)) throw error;
    throw wrong(`${error.line === null ? 'it' : `line ${error.line}`} ${error.message}`);
  }
  if (Array.isArray(value)) return value.map((entry: unknown) => [keyOf(entry)]);
  const record = value as Record<string, unknown>;
  if (keyOf(record) !== '') return [[keyOf(record)]];
  return Object.entries(record).map(([name, entry]) => [keyOf(entry) || name]);
}

function keyOf(entry: unknown): string {
  if (typeof entry === 'string') return entry.trim();
  if (typeof entry !== 'object' || entry === null) return '';
  const found = Object.entries(entry).find(
    ([name, value]) =>
      typeof value === 'string' && FIELDS.includes(name.toLowerCase().replace(/[^a-z0-9]/g, '')),
  );
  return found === undefined ? '' : (found[1] as string).trim();
}

/** As a sheet calls it: A, B, …, Z, AA. @param column from 0 */
export function columnName(column: number): string {
  const letter = String.fromCharCode(65 + (column % 26));
  return column < 26 ? letter : `${columnName(Math.floor(column / 26) - 1)}${letter}`;
}

/** Inverse of {@link columnName}. @returns null for what is no column of a sheet */
export function columnOf(name: string): number | null {
  if (!/^[A-Za-z]{1,3}$/.test(name)) return null;
  return (
    [...name.toUpperCase()].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1
  );
}

const wrong = (message: string, hint = HINT): UserError =>
  new UserError(message, { hint, exitCode: EXIT.usage });

export const isWebAddress = (text: string): boolean =>
  /^https?:\/\//i.test(text) && URL.canParse(text);

/** As it may be shown: a password or a key may stand in it. */
export function shownSource(source: string): string {
  if (!isWebAddress(source)) return source;
  const { origin, pathname } = new URL(source);
  return origin + pathname;
}

/** From a path or a URL of http or https. @throws UserError if it cannot be read or {@link parseWhitelist} refuses it */
export async function readWhitelist(
  source: string,
  column: number | null,
  limits: Partial<FetchLimits> = {},
): Promise<Whitelist> {
  const isWeb = isWebAddress(source);
  const bytes = isWeb
    ? await fetchList(source, { ...FETCH_LIMITS, ...limits })
    : await readRegularFile(source, { what: 'the whitelist', maxBytes: MAX_BYTES });
  try {
    const whitelist = parseWhitelist(decodeText(bytes), column);
    // A file may be empty on purpose; a server that answers nothing would lock everyone out.
    if (isWeb && whitelist.keys.size === 0) throw wrong('not one key');
    return whitelist;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { message, hint, exitCode } = error;
    throw new UserError(`the whitelist ${shownSource(source)}: ${message}`, { hint, exitCode });
  }
}

export type FetchLimits = { timeoutMs: number; maxBytes: number; env?: NodeJS.ProcessEnv };

/** 64 MB are a million keys. */
const FETCH_LIMITS: FetchLimits = { timeoutMs: 30_000, maxBytes: 64 * 1024 * 1024 };

/** @throws UserError (exit 5) */
async function fetchList(
  url: string,
  { timeoutMs, maxBytes, env }: FetchLimits,
): Promise<Uint8Array> {
  const failure = (why: string, cause?: unknown): UserError =>
    new UserError(`the whitelist ${shownSource(url)} cannot be read: ${why}`, {
      hint: 'is DELEGATION_WHITELIST_URL right, and can it be read without signing in?',
      exitCode: EXIT.broken,
      cause,
    });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const { address, headers } = withoutCredentials(url);
  try {
    const response = await httpFetch(address, { timeoutMs, headers, ...(env && { env }) });
    if (!response.ok) {
      await response.body?.cancel();
      throw failure(`it is answered with ${response.status}`);
    }
    // What Google answers for a sheet that is not shared.
    if (/^text\/html\b/i.test(response.headers.get('content-type') ?? '')) {
      await response.body?.cancel();
      throw failure('it is a web page, not a list');
    }
    for await (const chunk of response.body ?? []) {
      const part = chunk as Uint8Array;
      bytes += part.length;
      // Leaving the loop ends the request.
      if (bytes > maxBytes) throw failure(`it has more than ${maxBytes} bytes`);
      chunks.push(part);
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    const isLate = (error as Error).name === 'TimeoutError';
    throw failure(isLate ? `it has not come whole within ${timeoutMs} ms` : reasonOf(error), error);
  }
  return Buffer.concat(chunks);
}

/** fetch takes no URL with a name and a password in it; they go where they belong. */
function withoutCredentials(url: string): { address: URL; headers: Record<string, string> } {
  const address = new URL(url);
  const { username, password } = address;
  if (username === '' && password === '') return { address, headers: {} };
  address.username = address.password = '';
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { address, headers: { Authorization: `Basic ${Buffer.from(pair).toString('base64')}` } };
}
