/**
 * A list of block producers with real (test) keys, for targets whose whitelist is fixed. Three forms:
 *
 *     text    one private key (EK…) a line; blank lines and lines from # on are skipped
 *     CSV     private_key[,libp2p_seed] a line; the header is optional and may order the columns otherwise
 *     JSON    an array of "EK…" or {"private_key":"EK…","libp2p_seed":"…"}
 *
 * A libp2p seed is the 32-byte seed of the Ed25519 identity, as 64 hexadecimal digits or base64.
 */
import { readFile } from 'node:fs/promises';
import { decode } from '../mina/base58check.ts';
import { decodePrivateKey } from '../mina/schnorr.ts';
import { EXIT, UserError } from '../user-error.ts';
import { fleetOfKeys, type Fleet, type ProducerKeys } from './fleet.ts';
import { JsonFault, lineOf, scanJson, textOf, type JsonValue } from './json-scan.ts';
import { listProblems } from '../system/problems.ts';

/** One producer of the list as it was written. */
type Entry = { line: number; privateKey: string; libp2pSeed?: string };
type Problem = { line: number; text: string };

const COLUMNS = ['private_key', 'libp2p_seed'];
const FORMS = 'a line holds EK… or EK…,LIBP2P_SEED; a JSON file an array of those';

/**
 * @returns the fleet, in the order of the file
 * @throws UserError (exit 2) with every fault and its line, one a line of the message; no key is shown
 */
export async function readProducersFile(file: string): Promise<Fleet> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw new UserError(`cannot read the producers file ${file} (${codeOf(cause)})`, {
      hint: 'give --producers-file a file that exists and that you may read',
      exitCode: EXIT.usage,
      cause,
    });
  }
  const { entries, problems } = readEntries(bytes);
  const keys: ProducerKeys[] = [];
  const lineOfKey = new Map<string, number>();
  for (const entry of entries) {
    const key = readEntry(entry, lineOfKey);
    if (typeof key === 'string') problems.push({ line: entry.line, text: key });
    else keys.push(key);
  }
  problems.sort((a, b) => a.line - b.line);
  if (problems.length === 0 && keys.length === 0)
    problems.push({ line: 1, text: 'there is no private key in the file' });
  listProblems(
    problems.map(({ line, text }) => `${file}:${line}: ${text}`),
    FORMS,
  );
  return fleetOfKeys(keys);
}

function readEntries(bytes: Buffer): { entries: Entry[]; problems: Problem[] } {
  const start = bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])) ? 3 : 0; // byte order mark
  const content = bytes.subarray(start);
  return /^\s*[[{]/.test(content.toString('latin1', 0, 4096))
    ? entriesOfJson(content)
    : entriesOfLines(content.toString('utf8'));
}

function entriesOfLines(content: string): { entries: Entry[]; problems: Problem[] } {
  const entries: Entry[] = [];
  const problems: Problem[] = [];
  let columns = COLUMNS;
  let begun = false;
  content.split(/\r\n|\n|\r/).forEach((raw, i) => {
    const line = i + 1;
    const text = raw.replace(/#.*$/, '').trim();
    if (text === '') return;
    const cells = text.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
    const isHeader = !begun && cells.includes('private_key');
    begun = true;
    if (isHeader) {
      columns = cells;
      return;
    }
    if (cells.length > columns.length) {
      problems.push({ line, text: `has ${cells.length} columns, not ${columns.length} at most` });
      return;
    }
    const cell = (name: string) => cells[columns.indexOf(name)];
    entries.push({
      line,
      privateKey: cell('private_key') ?? '',
      ...(cell('libp2p_seed') ? { libp2pSeed: cell('libp2p_seed') } : {}),
    });
  });
  return { entries, problems };
}

function entriesOfJson(bytes: Buffer): { entries: Entry[]; problems: Problem[] } {
  let root: JsonValue;
  try {
    root = scanJson(bytes);
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    // Not the fault's own words alone: what was found there may be a part of a key.
    const text = 'is not valid JSON from here on';
    return { entries: [], problems: [{ line: lineOf(bytes, error.offset), text }] };
  }
  if (root.kind !== 'array')
    return {
      entries: [],
      problems: [{ line: lineOf(bytes, root.start), text: `is an ${root.kind}, not an array` }],
    };
  const entries: Entry[] = [];
  const problems: Problem[] = [];
  for (const item of root.items!) {
    const line = lineOf(bytes, item.start);
    const key = item.kind === 'string' ? item : item.members?.get('private_key');
    const seed = item.members?.get('libp2p_seed');
    if (key?.kind !== 'string')
      problems.push({ line, text: 'has no private_key that is a string' });
    else if (seed && seed.kind !== 'string' && seed.kind !== 'null')
      problems.push({ line, text: 'has a libp2p_seed that is no string' });
    else
      entries.push({
        line: lineOf(bytes, key.start),
        privateKey: textOf(bytes, key),
        ...(seed?.kind === 'string' ? { libp2pSeed: textOf(bytes, seed) } : {}),
      });
  }
  return { entries, problems };
}

/** @returns the keys, or what is wrong with them (without showing them) */
function readEntry(entry: Entry, lineOfKey: Map<string, number>): ProducerKeys | string {
  let privateKey: Uint8Array;
  try {
    privateKey = decode('privateKey', entry.privateKey);
    decodePrivateKey(privateKey);
  } catch (error) {
    return (error as Error).message;
  }
  const id = Buffer.from(privateKey).toString('hex');
  const before = lineOfKey.get(id);
  if (before !== undefined) return `has the same private key as line ${before}`;
  lineOfKey.set(id, entry.line);
  if (entry.libp2pSeed === undefined) return { privateKey };
  const libp2pSeed = readLibp2pSeed(entry.libp2pSeed);
  return libp2pSeed
    ? { privateKey, libp2pSeed }
    : 'has a libp2p seed that is neither 64 hexadecimal digits nor 32 bytes in base64';
}

function readLibp2pSeed(text: string): Uint8Array | null {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex');
  if (/^[A-Za-z0-9+/]{43}=?$/.test(text)) return Buffer.from(text, 'base64');
  return null;
}

const codeOf = (cause: unknown): string => (cause as NodeJS.ErrnoException).code ?? String(cause);
