/**
 * Key files and what stands beside them, found and read, but not opened. A key file is
 *
 *     a wallet       as a Mina daemon writes it (mina/key-files.ts); NAME.pub beside it must agree with the key
 *     wrapped        a wallet inside JSON with its own passphrase and public key, as minimina's genesis keys are
 *     a plain key    EK… alone; one called NAME.sk (or NAME.json.sk) is the key of the wallet NAME, which then stays closed
 *
 * The producer's peer id comes from the libp2p key pair of the same name, looked for as NAME-libp2p beside the wallet,
 * then as NAME in libp2p_keys or libp2p-keypairs, in the wallet's folder or beside that folder; names are compared
 * without `.json` and without `-key` at the end of the wallet's. PAIR.peerid suffices; else the pair is opened. Without
 * either the peer id is derived from the key (producers/fleet.ts).
 *
 * Layouts: MinaProtocol/mina, src/lib/secrets (NAME, NAME.pub, the permissions) and src/lib/cli_lib (PAIR.peerid);
 * MinaFoundation/minimina (network-keypairs, libp2p-keypairs); MinaFoundation/mina-delegation-program-tech,
 * e2e_test/topology. No private key and no passphrase is in an error or a note.
 */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import pLimit from 'p-limit';
import { decode } from '../mina/base58check.ts';
import { inspectKeyFile, KeyFileError, keyFileForm } from '../mina/key-files.ts';
import { decodePeerId } from '../mina/peer-id.ts';
import { decodePrivateKey } from '../mina/schnorr.ts';
import { readRegularFile } from '../system/regular-file.ts';
import { decodeText } from '../system/text-table.ts';
import { EXIT, UserError } from '../user-error.ts';
import type { KeyJob } from './key-pool.ts';

/** An encrypted file that is to be opened. */
export type Box = Omit<KeyJob, 'passphrase'> & {
  path: string;
  /** The one that the file itself carries. */
  passphrase?: string | undefined;
};

export type KeyFile = {
  path: string;
  /** Who says which public key belongs to it. */
  publicKeys: { by: string; publicKey: string }[];
  /** 32 bytes, little-endian, where it is plain. */
  key: Uint8Array | Box;
  peerId?: string | Box | undefined;
};

export type KeyScan = { files: KeyFile[]; problems: string[]; notes: string[] };

/** An encrypted file has less than 1 KB. */
const MAX_KEY_FILE_BYTES = 65_536;
const LIBP2P_FOLDERS = ['libp2p_keys', 'libp2p-keypairs'];
/** Names in one note. */
const NAMES_SHOWN = 5;
/** As many as Node has threads for, and a few that wait. */
const FILES_AT_ONCE = 16;

/** @returns null if `path` is a list, or nothing that this module knows */
export async function scanKeys(path: string): Promise<KeyScan | null> {
  const facts = await stat(path).catch(() => null); // who reads the list says why not
  if (facts?.isDirectory()) return scanFolder(path);
  if (!facts?.isFile() || facts.size > MAX_KEY_FILE_BYTES) return null;
  const text = await readSmallFile(path).catch(() => '');
  if (encryptedObject(text) === null && !PLAIN_KEY.test(text)) return null;
  const beside = new Beside();
  const plain = await plainKeyOf(path, beside);
  const file = await readKeyFile(plain?.path ?? path, plain?.text ?? text, beside);
  return {
    files: file.found ? [file.found] : [],
    problems: file.problems,
    notes: [...(await permissionNotes([file.path], 'file')), ...plainNotes(plain === null ? 0 : 1)],
  };
}

async function scanFolder(folder: string): Promise<KeyScan> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    throw new UserError(`cannot read the folder ${folder} (${codeOf(cause)})`, {
      hint: 'give --producers-file a file or folder that you may read',
      exitCode: EXIT.usage,
      cause,
    });
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const beside = new Beside();
  beside.know(folder, entries.map(({ name }) => name)); // prettier-ignore
  const looked = await pLimit(FILES_AT_ONCE).map(entries, (entry) => lookAt(folder, entry, beside));
  const files = looked.flatMap((some) => (some === 'skipped' ? [] : some));
  const found = files.flatMap(({ found: keyFile }) => keyFile ?? []);
  const skipped = entries.flatMap(({ name }, i) => (looked[i] === 'skipped' ? [name] : []));
  const problems = files.flatMap((file) => file.problems);
  if (files.length === 0) problems.push(`${folder}: there is no key file in the folder`);
  const notes = await permissionNotes(
    files.map(({ path }) => path),
    'file',
  );
  if (skipped.length > 0) notes.push(`${folder}: no key files, skipped: ${namesOf(skipped)}`);
  notes.push(...plainNotes(files.filter(({ insteadOfWallet }) => insteadOfWallet).length));
  return { files: found, problems, notes };
}

/** A key file, with what is wrong with it. */
type Looked = {
  path: string;
  found?: KeyFile | undefined;
  problems: string[];
  insteadOfWallet?: boolean;
};

/** @returns none for what belongs to another file or is none, `skipped` for a file that holds no key */
async function lookAt(
  folder: string,
  entry: Dirent,
  beside: Beside,
): Promise<Looked[] | 'skipped'> {
  const { name } = entry;
  const path = join(folder, name);
  const isCompanion = /\.(pub|peerid)$/.test(name);
  const hasPublicKey = await beside.has(`${path}.pub`);
  const isLibp2p = !hasPublicKey && (await beside.has(`${path}.peerid`));
  if (name.startsWith('.') || isCompanion || isLibp2p || entry.isDirectory()) return [];
  if (entry.isSymbolicLink() && (await stat(path).catch(() => null))?.isDirectory()) return [];
  if (await belongsToWallet(path, beside)) return [];
  let text: string;
  try {
    text = await readSmallFile(path);
  } catch (error) {
    // What has a public key beside it is a key file, and all that is wrong with it is named.
    return hasPublicKey || errnoOf(error) === 'EACCES'
      ? [{ path, problems: [(error as Error).message] }]
      : 'skipped';
  }
  const known = encryptedObject(text) !== null || /^\s*EK/.test(text);
  if (!known && !hasPublicKey) return 'skipped';
  // A libp2p key pair belongs to the wallet that finds it.
  if (!hasPublicKey && holdsLibp2p(text)) return [];
  const plain = await plainKeyOf(path, beside);
  if (plain === null) return [await readKeyFile(path, text, beside)];
  const key = await readKeyFile(plain.path, plain.text, beside);
  // Two plain keys are two keys, whatever they are called.
  if (PLAIN_KEY.test(text)) return [await readKeyFile(path, text, beside), key];
  return [{ ...key, insteadOfWallet: true }];
}

/** Where the plain key of a wallet may stand. */
const plainKeyPaths = (wallet: string): string[] => [
  ...new Set([`${wallet}.sk`, `${wallet.replace(/\.json$/, '')}.sk`]),
];

type PlainKey = { path: string; text: string };

/** The plain key beside the wallet `path`; null where there is none, or `path` is none. */
const plainKeyOf = (path: string, beside: Beside): Promise<PlainKey | null> =>
  beside.once(path, async () => {
    if (path.endsWith('.sk')) return null;
    for (const place of plainKeyPaths(path)) {
      if (!(await beside.has(place))) continue;
      const text = await readSmallFile(place).catch(() => '');
      if (PLAIN_KEY.test(text)) return { path: place, text };
    }
    return null;
  });

/** Whether `path` is the plain key of a wallet: NAME.sk belongs to NAME, or to NAME.json. */
async function belongsToWallet(path: string, beside: Beside): Promise<boolean> {
  if (!path.endsWith('.sk')) return false;
  const name = path.slice(0, -'.sk'.length);
  for (const wallet of [name, `${name}.json`])
    if (
      (await beside.has(wallet)) &&
      (await plainKeyOf(wallet, beside))?.path === path &&
      (await stat(wallet).catch(() => null))?.isFile()
    )
      return true;
  return false;
}

const plainNotes = (count: number): string[] =>
  count === 0
    ? []
    : [
        count === 1
          ? 'a wallet has its plain key beside it (.sk): that one is used, and the wallet stays closed'
          : `${count.toLocaleString('en-US')} wallets have their plain keys beside them (.sk): those are used, and the wallets stay closed`,
      ];

/** Where the public key of a key file may stand; of NAME.sk also beside its wallet. */
function publicKeyPaths(path: string): string[] {
  if (!path.endsWith('.sk')) return [`${path}.pub`];
  const name = path.slice(0, -'.sk'.length);
  return [`${path}.pub`, `${name}.pub`, `${name}.json.pub`];
}

/** Reads one key file with what stands beside it. */
async function readKeyFile(path: string, text: string, beside: Beside): Promise<Looked> {
  const problems: string[] = [];
  const publicKeys: KeyFile['publicKeys'] = [];
  const readPublicKey = (by: string, publicKey: unknown) => {
    // Not the reason: it quotes the text, which may be a private key in the wrong place.
    if (typeof publicKey === 'string' && isPublicKey(publicKey)) publicKeys.push({ by, publicKey });
    else problems.push(`${by}: the public key in it (B62…) cannot be read`);
  };
  const key = attempt(problems, path, () => {
    if (keyFileForm(text) === 'plain') return plainKey(text);
    const wrapped = wrappedWallet(text);
    if (wrapped?.publicKey !== undefined) readPublicKey(path, wrapped.publicKey);
    return boxOf(path, wrapped?.wallet ?? text, 'wallet', wrapped?.passphrase);
  });
  for (const companion of publicKeyPaths(path)) {
    const publicKey = await readCompanion(companion, beside, problems);
    if (publicKey !== undefined) readPublicKey(companion, publicKey);
  }
  const peerId = await findPeerId(path, beside, problems);
  const isWhole = key !== undefined && problems.length === 0;
  return { path, problems, found: isWhole ? { path, publicKeys, key, peerId } : undefined };
}

/** @throws KeyFileError (`malformed`) with the reason; its public key is computed later, with those of all others */
function plainKey(text: string): Uint8Array {
  try {
    const bytes = decode('privateKey', text.trim());
    decodePrivateKey(bytes);
    return bytes;
  } catch (error) {
    throw new KeyFileError('malformed', [(error as Error).message]); // neither source repeats the key
  }
}

/** The libp2p identity that belongs to the wallet `path`; the rule stands at the top. */
async function findPeerId(
  path: string,
  beside: Beside,
  problems: string[],
): Promise<string | Box | undefined> {
  const folder = dirname(path);
  const stem = basename(path)
    .replace(/\.sk$/, '')
    .replace(/\.json$/, '')
    .replace(/-key$/, '');
  const pairs = [
    join(folder, `${stem}-libp2p`),
    ...[folder, dirname(folder)].flatMap((place) =>
      LIBP2P_FOLDERS.map((name) => join(place, name, stem)),
    ),
  ].flatMap((pair) => [pair, `${pair}.json`]);
  for (const pair of pairs) {
    const peerIdFile = `${pair}.peerid`;
    const peerId = await readCompanion(peerIdFile, beside, problems);
    if (peerId !== undefined) {
      if (isPeerId(peerId)) return peerId;
      problems.push(`${peerIdFile}: it holds no peer id of an Ed25519 key (12D3KooW…)`);
      return undefined;
    }
    const text = await readCompanion(pair, beside, problems);
    if (text !== undefined) return attempt(problems, pair, () => boxOf(pair, text, 'libp2p'));
  }
  return undefined;
}

/** What folders hold, each listed once: every wallet asks for twenty names, and most of them are not there. */
class Beside {
  readonly #names = new Map<string, Promise<ReadonlySet<string> | null>>();

  know(folder: string, names: readonly string[]): void {
    this.#names.set(folder, Promise.resolve(new Set(names)));
  }

  readonly #plainKeys = new Map<string, Promise<PlainKey | null>>();

  /** What `find` gives for `path`, which is asked for twice. */
  once(path: string, find: () => Promise<PlainKey | null>): Promise<PlainKey | null> {
    let found = this.#plainKeys.get(path);
    if (found === undefined) this.#plainKeys.set(path, (found = find()));
    return found;
  }

  /** Whether `path` is there, or may be: a folder that cannot be listed can perhaps be read. */
  async has(path: string): Promise<boolean> {
    const folder = dirname(path);
    let names = this.#names.get(folder);
    if (names === undefined) {
      names = readdir(folder).then(
        (list) => new Set(list),
        (error: unknown) =>
          ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '') ? new Set<string>() : null,
      );
      this.#names.set(folder, names);
    }
    return (await names)?.has(basename(path)) ?? true;
  }
}

/** @returns the file's text without white space around it; undefined if there is none or it cannot be read */
async function readCompanion(
  file: string,
  beside: Beside,
  problems: string[],
): Promise<string | undefined> {
  if (!(await beside.has(file))) return undefined;
  try {
    return (await readSmallFile(file)).trim();
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? ''))
      problems.push((error as Error).message);
    return undefined;
  }
}

/** @throws UserError */
const readSmallFile = async (path: string): Promise<string> =>
  decodeText(await readRegularFile(path, { what: 'the key file', maxBytes: MAX_KEY_FILE_BYTES }));

/** @throws KeyFileError with every problem of the file */
function boxOf(path: string, text: string, holds: Box['holds'], passphrase?: string): Box {
  const facts = inspectKeyFile(text);
  if (facts.holds !== holds)
    throw new KeyFileError('content', [
      holds === 'wallet'
        ? 'it holds a libp2p key pair, not the private key of a block producer'
        : 'it holds the private key of a block producer, not a libp2p key pair',
    ]);
  return { path, holds, text, memoryBytes: facts.cost.memoryBytes, passphrase };
}

/** Runs `read`; a KeyFileError of it becomes problems of `path`. */
function attempt<T>(problems: string[], path: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof KeyFileError)) throw error;
    for (const text of error.problems) problems.push(`${path}: ${text}`);
    return undefined;
  }
}

/** One private key and nothing else: as a list it would be the same, but for what stands beside the file. */
const PLAIN_KEY = /^\s*EK\w*\s*$/;

const ENCRYPTED_FIELDS = ['box_primitive', 'pw_primitive', 'ciphertext', 'privkey_password'];

/** The JSON object in `text` if it means to be a wallet, a libp2p key pair or a wrapped wallet. */
function encryptedObject(text: string): Record<string, unknown> | null {
  if (!text.trimStart().startsWith('{')) return null;
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    return ENCRYPTED_FIELDS.some((field) => field in value) ? value : null;
  } catch {
    return null;
  }
}

/** The parts of a wrapped wallet; null for a bare one. @throws KeyFileError without a wallet or a passphrase in it */
function wrappedWallet(
  text: string,
): { wallet: string; passphrase: string; publicKey: unknown } | null {
  const value = encryptedObject(text);
  if (value === null || !('privkey_password' in value)) return null;
  const { private_key: wallet, privkey_password: passphrase, public_key: publicKey } = value;
  const problems = [
    ...(typeof wallet === 'string' ? [] : ['private_key is not the text of a wallet']),
    ...(typeof passphrase === 'string' ? [] : ['privkey_password is not a text']),
  ];
  if (problems.length > 0) throw new KeyFileError('malformed', problems);
  return { wallet: wallet as string, passphrase: passphrase as string, publicKey };
}

const isPublicKey = (text: string): boolean => {
  try {
    return decode('publicKey', text).length > 0;
  } catch {
    return false;
  }
};

const isPeerId = (text: string): boolean => {
  try {
    return decodePeerId(text).length > 0;
  } catch {
    return false;
  }
};

function holdsLibp2p(text: string): boolean {
  try {
    return inspectKeyFile(text).holds === 'libp2p';
  } catch {
    return false;
  }
}

/** A note on files of one folder that other users of the machine may read. Windows has no such bits. */
export async function permissionNotes(
  files: readonly string[],
  kind: 'list' | 'file',
): Promise<string[]> {
  if (process.platform === 'win32') return [];
  const modes = await pLimit(FILES_AT_ONCE).map(
    files,
    async (file) => ((await stat(file).catch(() => null))?.mode ?? 0) & 0o077,
  );
  const open = files.filter((_, i) => modes[i] !== 0);
  if (open.length === 0) return [];
  const names =
    files.length === 1
      ? files[0]
      : `${namesOf(open.map((file) => basename(file)))} in ${dirname(files[0])}`;
  const refused = kind === 'file' ? '; a Mina daemon refuses such key files' : '';
  return [`other users of this machine may read ${names}${refused} (chmod 600 changes that)`];
}

export const namesOf = (names: readonly string[]): string =>
  names.length <= NAMES_SHOWN
    ? names.join(', ')
    : `${names.slice(0, NAMES_SHOWN).join(', ')} and ${names.length - NAMES_SHOWN} more`;

/** The system's code of an error, or of that behind it. */
function errnoOf(error: unknown): string | undefined {
  const { code, cause } = error as NodeJS.ErrnoException & { cause?: NodeJS.ErrnoException };
  return code ?? cause?.code;
}

const codeOf = (error: unknown): string => errnoOf(error) ?? (error as Error).message;
