/**
 * The producers of a list as they were written, whichever program wrote it: text, CSV or JSON in, entries out. Pure.
 *
 *     text    one private key (EK…) a line; blank lines and lines from # on are skipped
 *     CSV     the key in any column; a libp2p seed in the column after it, or where a header says so
 *     JSON    "EK…" or an object with the key, in an array, in an object by name, or alone
 *
 * Names of a key: private_key here, privateKey and publicKey in mina-signer, pk and sk in the lightnet account manager
 * (MinaFoundation/lightnet-docker), in genesis ledgers and in minimina's topology, where only nodes of the role
 * Block_producer submit. In a header and in JSON they may be written with spaces, dashes and capitals.
 */
import { JsonProblem, readJson } from '../system/json-lines.ts';
import { readTable, type TableRow } from '../system/text-table.ts';

export type KeyEntry = {
  /** Its place in the list, from 0: a line of text, or an entry of JSON. */
  place: number;
  privateKey: string;
  libp2pSeed?: string | undefined;
  /** What the list says; the private key decides. */
  publicKey?: string | undefined;
};

export type KeyEntries = {
  entries: KeyEntry[];
  problems: { place: number; text: string }[];
  /** How a place is shown: `:12` or ` entry 12`. */
  label: (place: number) => string;
};

const FIELDS = {
  privateKey: ['privatekey', 'sk', 'secretkey', 'privkey'],
  publicKey: ['publickey', 'pk', 'pubkey'],
  libp2pSeed: ['libp2pseed'],
} as const;
type Field = keyof typeof FIELDS;

const PRIVATE_KEY = /EK[1-9A-HJ-NP-Za-km-z]{20,}/;
const WHOLE_PRIVATE_KEY = new RegExp(`^${PRIVATE_KEY.source}$`);
const SEED = /^(?:[0-9a-fA-F]{64}|[A-Za-z0-9+/]{43}=?)$/;
/** minimina's, of nodes that submit. */
const PRODUCER_ROLE = 'blockproducer';
const NAMES_SHOWN = 12;

const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');
const fieldOf = (name: string): Field | undefined =>
  (Object.keys(FIELDS) as Field[]).find((field) =>
    (FIELDS[field] as readonly string[]).includes(plain(name)),
  );

/** @param text without a byte order mark */
export const readKeyEntries = (text: string): KeyEntries =>
  /^\s*[[{]/.test(text) ? entriesOfJson(text) : entriesOfTable(text);

function entriesOfTable(text: string): KeyEntries {
  const label = (line: number): string => `:${line}`;
  const uncommented = withoutCommentsAfterKeys(text);
  const { rows, problem } = readTable(uncommented, PRIVATE_KEY);
  if (problem)
    return { entries: [], problems: [{ place: problem.line, text: problem.text }], label };
  const result: KeyEntries = { entries: [], problems: [], label };
  const header = headerOf(rows);
  for (const row of header === null ? rows : rows.slice(1)) {
    const entry =
      header?.privateKey === undefined ? entryOfCells(row) : entryOfColumns(row, header);
    if (typeof entry === 'string') result.problems.push({ place: row.line, text: entry });
    else result.entries.push(entry);
  }
  return result;
}

type Header = Partial<Record<Field, number>>;

/** @returns the columns that a header names, none of a header in other words, null where the first row is none */
function headerOf(rows: readonly TableRow[]): Header | null {
  if (rows.length === 0) return null;
  const [{ cells }, ...others] = rows;
  const header: Header = {};
  cells.forEach((cell, column) => {
    const field = fieldOf(cell);
    if (field !== undefined) header[field] ??= column;
  });
  if (header.privateKey !== undefined) return header;
  // Words over a column with keys in it.
  const isNoKey = cells.length > 1 && cells.every((cell) => !/^(?:EK|B62)/.test(cell));
  return isNoKey && others.some((row) => row.cells.some((cell) => /^EK/.test(cell)))
    ? header
    : null;
}

function entryOfColumns({ line, cells }: TableRow, header: Header): KeyEntry {
  const cell = (field: Field): string | undefined => {
    const column = header[field];
    return (column === undefined ? undefined : cells[column]) || undefined;
  };
  return {
    place: line,
    privateKey: cell('privateKey') ?? '',
    libp2pSeed: cell('libp2pSeed'),
    publicKey: cell('publicKey'),
  };
}

/** What each cell is shows in what it holds. @returns the entry, or what is wrong */
function entryOfCells({ line, cells }: TableRow): KeyEntry | string {
  const columns = cells.flatMap((cell, column) => (/^EK/.test(cell) ? [column] : []));
  if (columns.length > 1) return `has ${columns.length} private keys, not one`;
  const column = columns[0] ?? cells.findIndex((cell) => cell !== '');
  const next: string | undefined = cells[column + 1];
  // With two columns the second is the seed, right or wrong; among others it must look like one.
  const isSeed = column === 0 && cells.length === 2 ? !/^B62/.test(next) : SEED.test(next ?? '');
  return {
    place: line,
    privateKey: cells[column],
    libp2pSeed: isSeed && next !== '' ? next : undefined,
    publicKey: cells.find((cell) => /^B62[1-9A-HJ-NP-Za-km-z]{20,}$/.test(cell)),
  };
}

/** `EK… # whose it is`; before the key a # belongs to a name. */
const withoutCommentsAfterKeys = (text: string): string =>
  text.includes('#')
    ? text.replace(new RegExp(`^([^#\\r\\n]*${PRIVATE_KEY.source}[^#\\r\\n]*)#.*$`, 'gm'), '$1')
    : text;

function entriesOfJson(text: string): KeyEntries {
  let json: ReturnType<typeof readJson>;
  try {
    json = readJson(text);
  } catch (error) {
    if (!(error instanceof JsonProblem)) throw error;
    const { line } = error;
    return {
      entries: [],
      problems: [
        { place: 0, text: line === null ? error.message : `${error.message} from here on` },
      ],
      label: () => (line === null ? '' : `:${line}`),
    };
  }
  const found = itemsOf(json.value);
  const result: KeyEntries = {
    entries: [],
    problems: [],
    label(place) {
      const line = json.lineOf(found[place]?.path ?? []);
      return line === null ? ` entry ${place + 1}` : `:${line}`;
    },
  };
  found.forEach((item, place) => {
    const entry = entryOfItem(item, place);
    if (typeof entry === 'string') result.problems.push({ place, text: entry });
    else if (entry !== null) result.entries.push(entry);
  });
  if (result.entries.length === 0 && result.problems.length === 0 && found.length > 0)
    result.problems.push({ place: 0, text: 'none of the nodes has the role Block_producer' });
  return result;
}

type Item = { path: (string | number)[]; name?: string | undefined; value: unknown };

/** The entries of a list; one alone, or those of an object by name. */
function itemsOf(root: unknown): Item[] {
  if (Array.isArray(root)) return root.map((value: unknown, i) => ({ path: [i], value }));
  if (!isRecord(root)) return [{ path: [], value: root }];
  const names = Object.keys(root);
  const isOne = names.some((name) => fieldOf(name) !== undefined);
  const values = Object.values(root);
  const isByName = values.some((value) => isRecord(value) || isKeyText(value));
  if (isOne || !isByName) return [{ path: [], value: root }];
  return names.map((name, i) => ({ path: [name], name, value: values[i] }));
}

/** @returns the entry; null for a node that does not submit; what is wrong */
function entryOfItem({ name, value }: Item, place: number): KeyEntry | string | null {
  // {"B62…": "EK…"}
  const said = name !== undefined && /^B62/.test(name) ? name : undefined;
  if (typeof value === 'string') return { place, privateKey: value, publicKey: said };
  if (!isRecord(value)) return `is ${kindOf(value)}, not a private key or an object with one`;
  const role = value.role;
  if (typeof role === 'string' && plain(role) !== PRODUCER_ROLE) return null;
  const fields: Partial<Record<Field, unknown>> = {};
  for (const [key, content] of Object.entries(value)) {
    const field = fieldOf(key);
    if (field !== undefined && content !== null) fields[field] ??= content;
  }
  const { privateKey, publicKey, libp2pSeed } = fields;
  if (typeof privateKey !== 'string')
    return privateKey === undefined
      ? `has no private key; ${fieldsFound(value)}`
      : `has a private key that is ${kindOf(privateKey)}, not a text`;
  if (libp2pSeed !== undefined && typeof libp2pSeed !== 'string')
    return `has a libp2p_seed that is ${kindOf(libp2pSeed)}, not a text`;
  return {
    place,
    privateKey,
    libp2pSeed: libp2pSeed || undefined,
    publicKey: typeof publicKey === 'string' ? publicKey : said,
  };
}

function fieldsFound(value: Record<string, unknown>): string {
  const names = Object.keys(value);
  if (names.length === 0) return 'it is empty';
  const shown = names.slice(0, NAMES_SHOWN).map(safeName);
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : '';
  return `${names.length === 1 ? 'its field is' : 'its fields are'} ${shown.join(', ')}${more}`;
}

/** A key may stand where a name should. */
const safeName = (name: string): string =>
  /EK/.test(name) || name.length > 40 ? 'one that is not shown' : `"${name}"`;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isKeyText = (value: unknown): boolean =>
  typeof value === 'string' && WHOLE_PRIVATE_KEY.test(value.trim());
const kindOf = (value: unknown): string =>
  value === null
    ? 'null'
    : Array.isArray(value)
      ? 'an array'
      : typeof value === 'object'
        ? 'an object'
        : `a ${typeof value}`;
