/**
 * Where the keys of whitelisted test producers come from (`--producers-file`): a list of private keys
 * (producers/producers-file.ts), one key file, or a folder of key files (producers/key-scan.ts). Encrypted ones are opened
 * here, with passphrases from the environment or from whoever sits at the terminal. No private key and no passphrase is in
 * an error or a note.
 */
import { listProblems } from '../system/problems.ts';
import { EXIT, UserError } from '../user-error.ts';
import { fleetOfKeys, type Fleet, publicKeysOf } from './fleet.ts';
import { type KeyOutcome, openKeys } from './key-pool.ts';
import {
  type Box,
  type KeyFile,
  type KeyScan,
  namesOf,
  permissionNotes,
  scanKeys,
} from './key-scan.ts';
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

const HINT =
  "a key file is a wallet as a Mina daemon writes it, minimina's JSON with its own passphrase, or EK… alone; " +
  'a folder holds one a file';
const PASSPHRASE_HINT =
  `${PASSPHRASE_ENV.wallet} holds the passphrase of all wallets (also of those for which a daemon reads ` +
  `UPTIME_PRIVKEY_PASS), ${PASSPHRASE_ENV.libp2p} that of libp2p key pairs; at a terminal you are asked for what is not set`;

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

async function openFleet({ files, problems }: KeyScan, access: KeyAccess): Promise<Fleet> {
  const boxes = files.flatMap(({ key, peerId }) => [key, peerId].filter(isBox));
  const opened = plainKeysOf(files);
  const outcomes = new Map<Box, KeyOutcome>();
  const known = (box: Box) => box.passphrase ?? access.passphrases[box.holds];
  /** Opens them with one passphrase, or each with the one that is known. */
  const open = async (some: readonly Box[], passphrase?: string): Promise<void> => {
    const jobs = some.map(({ holds, text, memoryBytes, ...box }) => {
      const own = passphrase ?? box.passphrase ?? access.passphrases[holds] ?? '';
      return { holds, text, memoryBytes, passphrase: own };
    });
    const before = [...outcomes.values()].filter(isOpen).length;
    const results = await openKeys(jobs, {
      signal: access.signal,
      onProgress: (finished) =>
        access.onProgress?.({
          key: Math.min(before + finished + 1, boxes.length),
          count: boxes.length,
        }),
    });
    some.forEach((box, i) => outcomes.set(box, results[i]));
  };
  const throwProblems = () => {
    const found = [...problems, ...checkOpened(files, opened, outcomes)];
    const aboutPassphrase = found.some((text) => /passphrase/.test(text));
    listProblems(found, aboutPassphrase ? PASSPHRASE_HINT : HINT);
  };

  const asked = boxes.filter((box) => known(box) === undefined);
  if (access.ask === undefined) for (const text of missingPassphrases(asked)) problems.push(text);
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
    files.map((file) => {
      const { key, peerId } = file;
      const { privateKey, publicKey } = isBox(key)
        ? (outcomes.get(key) as OpenWallet)
        : opened.get(file)!;
      return {
        privateKey,
        publicKey,
        peerId: isBox(peerId) ? (outcomes.get(peerId) as OpenLibp2p).peerId : peerId,
      };
    }),
  );
}

type OpenKey = { privateKey: Uint8Array; publicKey: string };

/** Those that need no passphrase, their public keys computed all together. */
function plainKeysOf(files: readonly KeyFile[]): ReadonlyMap<KeyFile, OpenKey> {
  const plain = files.flatMap((file) => (isBox(file.key) ? [] : [{ file, privateKey: file.key }]));
  const publicKeys = publicKeysOf(plain.map(({ privateKey }) => privateKey));
  return new Map(
    plain.map(({ file, privateKey }, i) => [file, { privateKey, publicKey: publicKeys[i] }]),
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
function checkOpened(
  files: readonly KeyFile[],
  plain: ReadonlyMap<KeyFile, OpenKey>,
  outcomes: ReadonlyMap<Box, KeyOutcome>,
): string[] {
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
    else for (const text of outcome.problems) problems.push(`${box.path}: ${text}`);
    return undefined;
  };
  const pathOfKey = new Map<string, string>();
  for (const file of files) {
    const { path, key, peerId, publicKeys } = file;
    if (isBox(peerId)) outcomeOf(peerId);
    const opened = isBox(key) ? (outcomeOf(key) as OpenWallet | undefined) : plain.get(file)!;
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
