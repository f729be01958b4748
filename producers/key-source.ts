/**
 * Where the keys of whitelisted test producers come from (`--producers-file`): a list of private keys
 * (producers/producers-file.ts), one key file, or a folder of key files. A key file is
 *
 *     a wallet       as a Mina daemon writes it (mina/key-files.ts); NAME.pub beside it must agree with the key
 *     wrapped        a wallet inside JSON with its own passphrase and public key, as minimina's genesis keys are
 *     a plain key    EK… alone
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
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { decode } from '../mina/base58check.ts';
import { inspectKeyFile, KeyFileError, keyFileForm, parsePrivateKey } from '../mina/key-files.ts';
import { decodePeerId } from '../mina/peer-id.ts';
import { encodePrivateKey } from '../mina/schnorr.ts';
import { EXIT, UserError } from '../user-error.ts';
import { fleetOfKeys, type Fleet } from './fleet.ts';
import { type KeyJob, type KeyOutcome, openKeys } from './key-pool.ts';
import { listProblems } from '../system/problems.ts';
import { readProducersFile } from './producers-file.ts';

/** The daemon's own names. Its UPTIME_PRIVKEY_PASS is not read: one variable for one kind of file. */
export const PASSPHRASE_ENV = { wallet: 'MINA_PRIVKEY_PASS', libp2p: 'MINA_LIBP2P_PASS' } as const;

/** What opening key files needs from outside. */
export type KeyAccess = {
  /** From the environment; empty is a passphrase too. */
  passphrases: { wallet?: string | undefined; libp2p?: string | undefined };
  /** Asks at a terminal; absent where there is none. @throws UserError; the reason of `signal` */
  ask?: ((question: string, signal?: AbortSignal) => Promise<string>) | undefined;
  /** What the user should know, though it is no error. */
  onNote?: ((text: string) => void) | undefined;
  /** Called while keys are opened: the one in work, from 1, and how many there are. */
  onProgress?: ((progress: { key: number; count: number }) => void) | undefined;
  signal?: AbortSignal | undefined;
};

const ATTEMPTS = 3;
/** An encrypted file has less than 1 KB. */
const MAX_KEY_FILE_BYTES = 65_536;
const LIBP2P_FOLDERS = ['libp2p_keys', 'libp2p-keypairs'];
/** Names in one note. */
const NAMES_SHOWN = 5;

const HINT =
  "a key file is a wallet as a Mina daemon writes it, minimina's JSON with its own passphrase, or EK… alone; " +
  'a folder holds one a file';
const PASSPHRASE_HINT =
  `${PASSPHRASE_ENV.wallet} holds the passphrase of all wallets (also of those for which a daemon reads ` +
  `UPTIME_PRIVKEY_PASS), ${PASSPHRASE_ENV.libp2p} that of libp2p key pairs; at a terminal you are asked for what is not set`;

/** An encrypted file that is to be opened. */
type Box = Omit<KeyJob, 'passphrase'> & {
  path: string;
  /** The one that the file itself carries. */
  passphrase?: string | undefined;
};

type KeyFile = {
  path: string;
  /** Who says which public key belongs to it. */
  publicKeys: { by: string; publicKey: string }[];
  key: { privateKey: Uint8Array; publicKey: string } | Box;
  peerId?: string | Box | undefined;
};

type Scan = { files: KeyFile[]; problems: string[]; notes: string[] };

/**
 * @param path a list, a key file or a folder
 * @returns the fleet, in the order of the list or of the names in the folder
 * @throws UserError (exit 2) with every fault of every file; the reason of `access.signal`
 */
export async function readProducers(path: string, access: KeyAccess): Promise<Fleet> {
  const scan = await scanKeys(path);
  for (const note of scan?.notes ?? (await permissionNotes([path], 'list'))) access.onNote?.(note);
  return scan === null ? readProducersFile(path) : openFleet(scan, access);
}

/**
 * How many producers there are, without opening a key.
 * @throws UserError (exit 2) with every fault that shows without a passphrase
 */
export async function countProducers(path: string): Promise<number> {
  const scan = await scanKeys(path);
  if (scan === null) return (await readProducersFile(path)).producers.length;
  listProblems(scan.problems, HINT);
  return scan.files.length;
}

async function openFleet({ files, problems }: Scan, access: KeyAccess): Promise<Fleet> {
  const boxes = files.flatMap(({ key, peerId }) => [key, peerId].filter(isBox));
  const outcomes = new Map<Box, KeyOutcome>();
  const known = (box: Box) => box.passphrase ?? access.passphrases[box.holds];
  /** Opens them with one passphrase, or each with the one that is known. */
  const open = async (some: readonly Box[], passphrase?: string): Promise<void> => {
    const jobs = some.map(({ holds, text, memoryBytes, ...box }) => {
      const own = passphrase ?? box.passphrase ?? access.passphrases[holds] ?? '';
      return { holds, text, memoryBytes, passphrase: own };
    });
    const before = [...outcomes.values()].filter(isOpen).length;
    const opened = await openKeys(jobs, {
      signal: access.signal,
      onProgress: (finished) =>
        access.onProgress?.({
          key: Math.min(before + finished + 1, boxes.length),
          count: boxes.length,
        }),
    });
    some.forEach((box, i) => outcomes.set(box, opened[i]));
  };
  const throwProblems = () => {
    const found = [...problems, ...checkOpened(files, outcomes)];
    const aboutPassphrase = found.some((text) => /passphrase/.test(text));
    listProblems(found, aboutPassphrase ? PASSPHRASE_HINT : HINT);
  };

  const asked = boxes.filter((box) => known(box) === undefined);
  if (access.ask === undefined) problems.push(...missingPassphrases(asked));
  await open(boxes.filter((box) => known(box) !== undefined));
  throwProblems();
  for (const holds of ['wallet', 'libp2p'] as const)
    await askAndOpen(
      asked.filter((box) => box.holds === holds),
      access,
      async (some, passphrase) => {
        await open(some, passphrase);
        return some.filter((box) => isWrong(outcomes.get(box)!));
      },
    );
  throwProblems();

  return fleetOfKeys(
    files.map(({ key, peerId }) => {
      const { privateKey } = isBox(key) ? (outcomes.get(key) as OpenWallet) : key;
      return {
        privateKey,
        peerId: isBox(peerId) ? (outcomes.get(peerId) as OpenLibp2p).peerId : peerId,
      };
    }),
  );
}

type OpenWallet = Extract<KeyOutcome, { kind: 'wallet' }>;
type OpenLibp2p = Extract<KeyOutcome, { kind: 'libp2p' }>;

const isBox = (value: unknown): value is Box =>
  typeof value === 'object' && value !== null && 'holds' in value;
const isOpen = (outcome: KeyOutcome): boolean => outcome.kind !== 'fault';
const isWrong = (outcome: KeyOutcome): boolean =>
  outcome.kind === 'fault' && outcome.fault === 'passphrase';

/**
 * Asks for the passphrase of the first, three times at most; the right one is tried on the others, and what it does not
 * open is asked for next. So a typing error costs one derivation and not one of each file.
 * @param open returns those for which the passphrase is wrong
 */
async function askAndOpen(
  boxes: readonly Box[],
  { ask, signal, onNote }: KeyAccess,
  open: (some: readonly Box[], passphrase: string) => Promise<Box[]>,
): Promise<void> {
  let waiting = boxes;
  while (waiting.length > 0) {
    const [first, ...others] = waiting;
    const what = first.holds === 'wallet' ? 'wallet' : 'libp2p key pair';
    const more = others.length > 0 ? ` (also tried on the ${others.length} others)` : '';
    let passphrase: string | undefined;
    for (let attempt = 1; passphrase === undefined; attempt++) {
      const answer = await ask!(`Passphrase of the ${what} ${first.path}${more}: `, signal);
      if ((await open([first], answer)).length === 0) passphrase = answer;
      else if (attempt < ATTEMPTS) onNote?.(`this passphrase does not open ${first.path}`);
      else
        throw new UserError(`${first.path}: none of ${ATTEMPTS} passphrases opens it`, {
          hint: PASSPHRASE_HINT,
          exitCode: EXIT.usage,
        });
    }
    waiting = await open(others, passphrase);
  }
}

function missingPassphrases(asked: readonly Box[]): string[] {
  return (['wallet', 'libp2p'] as const).flatMap((holds) => {
    const boxes = asked.filter((box) => box.holds === holds);
    if (boxes.length === 0) return [];
    const what = holds === 'wallet' ? 'a wallet' : 'a libp2p key pair without .peerid beside it';
    return [
      `${namesOf(boxes.map(({ path }) => path))}: ${what} needs a passphrase, but ` +
        `${PASSPHRASE_ENV[holds]} is not set and there is no terminal to ask at`,
    ];
  });
}

/** What is wrong with those that were opened, or could not be. */
function checkOpened(files: readonly KeyFile[], outcomes: ReadonlyMap<Box, KeyOutcome>): string[] {
  const problems: string[] = [];
  const outcomeOf = (box: Box): KeyOutcome | undefined => {
    const outcome = outcomes.get(box);
    if (outcome?.kind !== 'fault') return outcome;
    if (isWrong(outcome))
      problems.push(
        box.passphrase === undefined
          ? `${box.path}: the passphrase in ${PASSPHRASE_ENV[box.holds]} does not open it, or the file is damaged`
          : `${box.path}: the passphrase that the file carries does not open its key`,
      );
    else problems.push(...outcome.problems.map((text) => `${box.path}: ${text}`));
    return undefined;
  };
  const pathOfKey = new Map<string, string>();
  for (const { path, key, peerId, publicKeys } of files) {
    if (isBox(peerId)) outcomeOf(peerId);
    const opened = isBox(key) ? (outcomeOf(key) as OpenWallet | undefined) : key;
    if (opened === undefined) continue;
    for (const { by, publicKey } of publicKeys)
      if (publicKey !== opened.publicKey)
        problems.push(`${by} says ${publicKey}, but the key in ${path} is ${opened.publicKey}`);
    const before = pathOfKey.get(opened.publicKey);
    if (before === undefined) pathOfKey.set(opened.publicKey, path);
    else problems.push(`${path} has the same key as ${before}: ${opened.publicKey}`);
  }
  return problems;
}

/** @returns null if `path` is a list, or nothing that this module knows */
async function scanKeys(path: string): Promise<Scan | null> {
  const facts = await stat(path).catch(() => null); // who reads the list tells why not
  if (facts?.isDirectory()) return scanFolder(path);
  if (!facts?.isFile() || facts.size > MAX_KEY_FILE_BYTES) return null;
  const text = await readFile(path, 'utf8').catch(() => '');
  if (encryptedObject(text) === null && !PLAIN_KEY.test(text)) return null;
  const scan: Scan = { files: [], problems: [], notes: await permissionNotes([path], 'file') };
  await addKeyFile(scan, path, text);
  return scan;
}

async function scanFolder(folder: string): Promise<Scan> {
  const scan: Scan = { files: [], problems: [], notes: [] };
  let names: string[];
  try {
    names = (await readdir(folder)).sort();
  } catch (cause) {
    throw new UserError(`cannot read the folder ${folder} (${codeOf(cause)})`, {
      hint: 'give --producers-file a file or folder that you may read',
      exitCode: EXIT.usage,
      cause,
    });
  }
  const skipped: string[] = [];
  const found: string[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const isCompanion = /\.(pub|peerid)$/.test(name);
    const hasPublicKey = names.includes(`${name}.pub`);
    const isLibp2p = names.includes(`${name}.peerid`) && !hasPublicKey;
    if (name.startsWith('.') || isCompanion || isLibp2p) continue;
    const facts = await stat(path).catch(() => null);
    if (facts?.isDirectory()) continue;
    let text = '';
    try {
      const tooLarge = (facts?.size ?? 0) > MAX_KEY_FILE_BYTES;
      if (tooLarge && hasPublicKey) throw new Error(`${facts!.size} bytes are no key file`);
      if (facts?.isFile() && !tooLarge) text = await readFile(path, 'utf8');
    } catch (cause) {
      scan.problems.push(`${path}: cannot be read (${codeOf(cause)})`);
      continue;
    }
    // What has a public key beside it is a key file, and all that is wrong with it is told.
    const known = encryptedObject(text) !== null || /^\s*EK/.test(text);
    if (!known && !hasPublicKey) {
      skipped.push(name);
      continue;
    }
    // A libp2p key pair belongs to the wallet that finds it.
    if (!hasPublicKey && holdsLibp2p(text)) continue;
    found.push(path);
    await addKeyFile(scan, path, text);
  }
  scan.notes.push(...(await permissionNotes(found, 'file')));
  if (skipped.length > 0) scan.notes.push(`${folder}: no key files, skipped: ${namesOf(skipped)}`);
  if (found.length === 0 && scan.problems.length === 0)
    scan.problems.push(`${folder}: there is no key file in the folder`);
  return scan;
}

/** Reads one key file with what stands beside it; its problems go to the scan. */
async function addKeyFile(scan: Scan, path: string, text: string): Promise<void> {
  const problems: string[] = [];
  const publicKeys: KeyFile['publicKeys'] = [];
  const readPublicKey = (by: string, publicKey: unknown) => {
    // Not the reason: it quotes the text, which may be a private key in the wrong place.
    if (typeof publicKey === 'string' && isPublicKey(publicKey)) publicKeys.push({ by, publicKey });
    else problems.push(`${by}: the public key in it (B62…) cannot be read`);
  };
  const key = attempt(problems, path, () => {
    if (keyFileForm(text) === 'plain') {
      const { privateKey, publicKey } = parsePrivateKey(text);
      return { privateKey: encodePrivateKey(privateKey), publicKey };
    }
    const wrapped = wrappedWallet(text);
    if (wrapped?.publicKey !== undefined) readPublicKey(path, wrapped.publicKey);
    return boxOf(path, wrapped?.wallet ?? text, 'wallet', wrapped?.passphrase);
  });
  const companion = await readCompanion(`${path}.pub`, problems);
  if (companion !== undefined) readPublicKey(`${path}.pub`, companion);
  const peerId = await findPeerId(path, problems);
  scan.problems.push(...problems);
  if (key !== undefined && problems.length === 0)
    scan.files.push({ path, publicKeys, key, peerId });
}

/** The libp2p identity that belongs to the wallet `path`; the rule stands at the top. */
async function findPeerId(path: string, problems: string[]): Promise<string | Box | undefined> {
  const folder = dirname(path);
  const stem = basename(path)
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
    const peerId = await readCompanion(peerIdFile, problems);
    if (peerId !== undefined) {
      if (isPeerId(peerId)) return peerId;
      problems.push(`${peerIdFile}: it holds no peer id of an Ed25519 key (12D3KooW…)`);
      return undefined;
    }
    const text = await readCompanion(pair, problems);
    if (text !== undefined) return attempt(problems, pair, () => boxOf(pair, text, 'libp2p'));
  }
  return undefined;
}

/** @returns the file's text without white space around it; undefined if there is none or it cannot be read */
async function readCompanion(file: string, problems: string[]): Promise<string | undefined> {
  try {
    const { size } = await stat(file);
    if (size > MAX_KEY_FILE_BYTES) throw new Error(`${size} bytes are no key file`);
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') problems.push(`${file}: cannot be read (${code})`);
    return undefined;
  }
}

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
    problems.push(...error.problems.map((text) => `${path}: ${text}`));
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
async function permissionNotes(files: readonly string[], kind: 'list' | 'file'): Promise<string[]> {
  if (process.platform === 'win32') return [];
  const modes = await Promise.all(
    files.map(async (file) => ((await stat(file).catch(() => null))?.mode ?? 0) & 0o077),
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

const namesOf = (names: readonly string[]): string =>
  names.length <= NAMES_SHOWN
    ? names.join(', ')
    : `${names.slice(0, NAMES_SHOWN).join(', ')} and ${names.length - NAMES_SHOWN} more`;

const codeOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ?? (error as Error).message;
