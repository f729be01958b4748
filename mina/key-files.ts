/**
 * Key files of Mina daemons: wallets (block producers) and libp2p key pairs, both encrypted, and plain `EK…` private
 * keys. Decrypting and encrypting; nonce and salt are arguments.
 *
 * An encrypted file is one JSON object: `box_primitive` "xsalsa20poly1305", `pw_primitive` "argon2i", `nonce` (24
 * bytes), `pwsalt` (16), `pwdiff` [bytes of memory, passes], `ciphertext` (16 bytes of tag, then the plaintext); bytes
 * are base58check with version 0x02. The key is Argon2i, version 0x13, one lane, 32 bytes.
 * Source: MinaProtocol/mina, src/lib/secrets/secret_box.ml, keypair_read_write.ml, libp2p_keypair.ml and
 * src/lib/mina_net2/keypair.ml; limits: libsodium, crypto_pwhash_argon2i.h. Checked on files of real daemons.
 *
 * No error holds key material, a passphrase or bytes of the file. The derived values stay in ordinary memory: for test
 * keys only. Pure (no I/O, no `k6/*`, no `node:*`).
 */
import { argon2i as argon2iByNoble } from '@noble/hashes/argon2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import bs58check from 'bs58check';
import { argon2i } from 'hash-wasm';
import nacl from 'tweetnacl';
import { decode, encode } from './base58check.ts';
import { badBase64At, decodeBase64 } from './base64.ts';
import { encodePeerId } from './peer-id.ts';
import { decodePrivateKey, encodePrivateKey, publicKeyOf } from './schnorr.ts';

/**
 * `malformed`: not a key file, or one that this code does not read (see `problems`); `passphrase`: the passphrase is
 * wrong or the ciphertext was changed, which cannot be told apart; `content`: decrypted, but not the key asked for.
 */
export type KeyFileFault = 'malformed' | 'passphrase' | 'content';

/** Everything that is wrong with a key file at once, without a value from it. */
export class KeyFileError extends Error {
  readonly fault: KeyFileFault;
  readonly problems: readonly string[];

  constructor(fault: KeyFileFault, problems: readonly string[]) {
    super(problems.join('; '));
    this.name = 'KeyFileError';
    this.fault = fault;
    this.problems = problems;
  }
}

/** What deriving the key costs: bytes of memory and passes over it. */
export type KeyFileCost = { memoryBytes: number; passes: number };

/** What daemons write: libsodium's "moderate" for Argon2i. Some 0.6 to 1.8 s in WASM, a fifth of what JavaScript takes (measured). */
export const DAEMON_COST: KeyFileCost = { memoryBytes: 128 * 1024 * 1024, passes: 6 };

const COST_LIMITS = {
  memoryBytes: { min: 8192, max: 1024 * 1024 * 1024 }, // libsodium has no such maximum: a file must not exhaust memory
  passes: { min: 3, max: 64 },
} as const;

export const NONCE_BYTES = nacl.secretbox.nonceLength; // 24
export const SALT_BYTES = 16;
const KEY_BYTES = nacl.secretbox.keyLength; // 32
const TAG_BYTES = nacl.secretbox.overheadLength; // 16
const ARGON2_VERSION = 0x13;
const BOX_PRIMITIVE = 'xsalsa20poly1305';
const PASSWORD_PRIMITIVE = 'argon2i';
/** Names that other programs write: argon2id, argon2d, scryptsalsa208sha256, xchacha20poly1305 … */
const KNOWN_PRIMITIVE =
  /^(?:argon2(?:d|id)|scrypt|pbkdf2|bcrypt|x?chacha20|x?salsa20|aes)[a-z0-9-]{0,24}$/i;
const BOX_VERSION = 0x02;
const MAX_BOX_CHARACTERS = 4096; // a libp2p ciphertext has 288; base58 is quadratic

export type WalletKey = {
  /** 0 < d < q */
  privateKey: bigint;
  /** base58check, `B62…` */
  publicKey: string;
};

/** An Ed25519 key pair. */
export type Libp2pKeyPair = {
  /** The private key as RFC 8032 has it, 32 bytes. */
  seed: Uint8Array;
  /** 32 bytes */
  publicKey: Uint8Array;
  /** `12D3KooW…` */
  peerId: string;
};

export type EncryptOptions = {
  passphrase: string;
  /** 24 random bytes, never used twice with one passphrase and salt. */
  nonce: Uint8Array;
  /** 16 random bytes. */
  salt: Uint8Array;
  /** Default: {@link DAEMON_COST}. */
  cost?: KeyFileCost;
};

/**
 * @returns `plain` for an `EK…` private key, `encrypted` for a JSON object, which needs a passphrase
 * @throws KeyFileError (`malformed`) for anything else
 */
export function keyFileForm(text: string): 'plain' | 'encrypted' {
  const start = text.trimStart();
  if (start.startsWith('{')) return 'encrypted';
  if (start.startsWith('EK')) return 'plain';
  throw new KeyFileError('malformed', [
    start === ''
      ? 'the key file is empty'
      : 'a key file starts with { (encrypted) or EK (a plain private key), this one does not',
  ]);
}

/**
 * @param text `EK…`, white space around it is skipped
 * @throws KeyFileError (`malformed`) with the reason
 */
export function parsePrivateKey(text: string): WalletKey {
  try {
    return walletKeyOf(decode('privateKey', text.trim()));
  } catch (error) {
    throw new KeyFileError('malformed', [messageOf(error)]); // neither source repeats the key
  }
}

/** What an encrypted key file holds, seen by its length, and what opening it costs. */
export type KeyFileFacts = { holds: 'wallet' | 'libp2p'; cost: KeyFileCost };

/**
 * What can be said of an encrypted file without its passphrase: a wallet's plaintext has 33 bytes, a libp2p key pair's
 * some 240.
 * @param text the JSON of the file
 * @throws KeyFileError (`malformed`) with every problem
 */
export function inspectKeyFile(text: string): KeyFileFacts {
  const { ciphertext, cost } = parseBox(text);
  return { holds: ciphertext.length === TAG_BYTES + WALLET_BYTES ? 'wallet' : 'libp2p', cost };
}

/**
 * Reads the wallet file of a block producer. Takes as long as the file's cost says, see {@link DAEMON_COST}.
 * @param text the JSON of the file
 * @throws KeyFileError
 */
export async function decryptWallet(text: string, passphrase: string): Promise<WalletKey> {
  const plaintext = await openBox(parseBox(text), passphrase);
  if (looksLikeLibp2p(plaintext))
    throw new KeyFileError('content', [
      'the file holds a libp2p key pair, not the private key of a block producer',
    ]);
  if (plaintext.length !== WALLET_BYTES || plaintext[0] !== WALLET_VERSION)
    throw new KeyFileError('content', [
      `the file holds ${plaintext.length} bytes, not a version byte ${WALLET_VERSION} and a private key of 32`,
    ]);
  try {
    return walletKeyOf(plaintext.subarray(1));
  } catch (error) {
    throw new KeyFileError('content', [messageOf(error)]);
  }
}

/**
 * Inverse of {@link decryptWallet}.
 * @returns the JSON of the file, without a line break
 * @throws RangeError for a private key outside 0 < d < q or wrong {@link EncryptOptions}
 */
export const encryptWallet = (privateKey: bigint, options: EncryptOptions): Promise<string> =>
  sealBox(Uint8Array.of(WALLET_VERSION, ...encodePrivateKey(privateKey)), options);

/**
 * Reads a daemon's libp2p key pair. Checks that secret, public key and peer id belong together.
 * @throws KeyFileError
 */
export async function decryptLibp2pKeyPair(
  text: string,
  passphrase: string,
): Promise<Libp2pKeyPair> {
  const plaintext = await openBox(parseBox(text), passphrase);
  if (!looksLikeLibp2p(plaintext))
    throw new KeyFileError('content', ['the file does not hold a libp2p key pair']);
  return parseLibp2p(plaintext);
}

/**
 * Inverse of {@link decryptLibp2pKeyPair}.
 * @param seed Ed25519, 32 bytes
 * @returns the JSON of the file, without a line break
 * @throws RangeError for a seed of another length or wrong {@link EncryptOptions}
 */
export function encryptLibp2pKeyPair(seed: Uint8Array, options: EncryptOptions): Promise<string> {
  if (seed.length !== nacl.sign.seedLength)
    return Promise.reject(
      new RangeError(`an Ed25519 seed has ${nacl.sign.seedLength} bytes, not ${seed.length}`),
    );
  const { publicKey } = nacl.sign.keyPair.fromSeed(seed);
  const secret = base64(Uint8Array.of(...SECRET_HEADER, ...seed, ...publicKey));
  const known = base64(Uint8Array.of(...PUBLIC_HEADER, ...publicKey));
  return sealBox(utf8ToBytes(`${secret},${known},${encodePeerId(publicKey)}`), options);
}

// bin_prot of Signature_lib.Private_key.Stable.V1: a version byte, then the scalar (32, LE).
const WALLET_VERSION = 0x01;
const WALLET_BYTES = 33;

function walletKeyOf(bytes: Uint8Array): WalletKey {
  const privateKey = decodePrivateKey(bytes);
  return { privateKey, publicKey: encode('publicKey', publicKeyOf(privateKey)) };
}

// libp2p/specs, peer-ids/peer-ids.md, protobuf of a key: field 1 (type) = 1 (Ed25519), field 2 (data) with its length.
const SECRET_HEADER = [0x08, 0x01, 0x12, 0x40] as const; // seed (32), public key (32)
const OLD_SECRET_HEADER = [0x08, 0x01, 0x12, 0x60] as const; // the public key once more, as old go-libp2p wrote it
const PUBLIC_HEADER = [0x08, 0x01, 0x12, 0x20] as const;

/** A key pair is text of three parts; a wallet's plaintext starts with byte 1, which is no text. */
const looksLikeLibp2p = (plaintext: Uint8Array): boolean =>
  plaintext.length > WALLET_BYTES && plaintext.every((byte) => byte >= 0x20 && byte < 0x7f);

/** base64(secret) `,` base64(public key) `,` peer id; `;` in old files. */
function parseLibp2p(plaintext: Uint8Array): Libp2pKeyPair {
  const text = String.fromCharCode(...plaintext);
  const parts = text.split(text.includes(';') ? ';' : ',');
  if (parts.length !== 3)
    throw new KeyFileError('content', [
      `the libp2p key pair has ${parts.length} parts, not 3 (secret, public key, peer id)`,
    ]);
  const secret = fromBase64(parts[0]);
  const known = fromBase64(parts[1]);
  const problems: string[] = [];
  const isOld = secret !== undefined && startsWith(secret, OLD_SECRET_HEADER);
  if (secret?.length !== (isOld ? 100 : 68) || !(isOld || startsWith(secret, SECRET_HEADER)))
    problems.push('the libp2p secret is not base64 of an Ed25519 private key');
  if (known?.length !== 36 || !startsWith(known, PUBLIC_HEADER))
    problems.push('the libp2p public key is not base64 of an Ed25519 public key');
  if (secret === undefined || known === undefined || problems.length > 0)
    throw new KeyFileError('content', problems);

  const seed = secret.slice(4, 36);
  const { publicKey } = nacl.sign.keyPair.fromSeed(seed);
  const peerId = encodePeerId(publicKey);
  for (let at = 36; at < secret.length; at += 32)
    if (!nacl.verify(secret.subarray(at, at + 32), publicKey))
      problems.push('the public key inside the libp2p secret is not the one of its seed');
  if (!nacl.verify(known.subarray(4), publicKey))
    problems.push('the libp2p public key does not belong to the secret');
  if (parts[2] !== peerId) problems.push('the peer id does not belong to the libp2p secret');
  if (problems.length > 0) throw new KeyFileError('content', [...new Set(problems)]);
  return { seed, publicKey, peerId };
}

const startsWith = (bytes: Uint8Array, header: readonly number[]): boolean =>
  header.every((byte, i) => bytes[i] === byte);

function fromBase64(text: string): Uint8Array | undefined {
  const ascii = utf8ToBytes(text);
  return badBase64At(ascii) === -1 ? decodeBase64(ascii, false) : undefined;
}

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

type Box = { nonce: Uint8Array; salt: Uint8Array; cost: KeyFileCost; ciphertext: Uint8Array };

/** @throws KeyFileError (`malformed`) with every problem of the file */
function parseBox(text: string): Box {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text.
    throw new KeyFileError('malformed', ['the key file is not JSON']);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new KeyFileError('malformed', ['the key file is not a JSON object']);
  const file = value as Record<string, unknown>;
  const problems: string[] = [];

  const expectName = (field: string, expected: string): void => {
    const name = file[field];
    if (name === undefined) problems.push(`${field} is missing`);
    else if (name !== expected)
      problems.push(`${field} is ${shown(name)}, but only "${expected}" is read here`);
  };
  const readBytes = (
    field: string,
    fits: (length: number) => boolean,
    size: string,
  ): Uint8Array => {
    const own = file[field];
    const bytes = typeof own === 'string' ? decodeBoxBytes(own) : undefined;
    if (own === undefined) problems.push(`${field} is missing`);
    else if (typeof own !== 'string') problems.push(`${field} is not a string`);
    else if (bytes === undefined) problems.push(`${field} is not base58check of version 2`);
    else if (!fits(bytes.length)) problems.push(`${field} has ${bytes.length} bytes, not ${size}`);
    return bytes ?? new Uint8Array();
  };

  expectName('box_primitive', BOX_PRIMITIVE);
  expectName('pw_primitive', PASSWORD_PRIMITIVE);
  const nonce = readBytes('nonce', (n) => n === NONCE_BYTES, String(NONCE_BYTES));
  const salt = readBytes('pwsalt', (n) => n === SALT_BYTES, String(SALT_BYTES));
  const cost = readCost(file.pwdiff, problems);
  const ciphertext = readBytes('ciphertext', (n) => n > TAG_BYTES, `more than ${TAG_BYTES}`);
  if (problems.length > 0) throw new KeyFileError('malformed', problems);
  return { nonce, salt, cost, ciphertext };
}

/** The name of a cipher or a hash; anything else might be a secret in the wrong place. */
const shown = (name: unknown): string =>
  typeof name === 'string' && KNOWN_PRIMITIVE.test(name) ? `"${name}"` : 'of another kind';

function readCost(pwdiff: unknown, problems: string[]): KeyFileCost {
  const [memoryBytes, passes] = Array.isArray(pwdiff) ? (pwdiff as unknown[]) : [];
  if (pwdiff === undefined) problems.push('pwdiff is missing');
  else if (!Array.isArray(pwdiff) || pwdiff.length !== 2)
    problems.push('pwdiff is not a pair of bytes of memory and passes');
  else problems.push(...costProblems({ memoryBytes, passes }).map((text) => `pwdiff: ${text}`));
  return { memoryBytes: memoryBytes as number, passes: passes as number };
}

function costProblems({ memoryBytes, passes }: Record<keyof KeyFileCost, unknown>): string[] {
  const outside = (value: unknown, { min, max }: { min: number; max: number }): boolean =>
    typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max;
  const { memoryBytes: memory, passes: time } = COST_LIMITS;
  const but = (value: unknown): string => (typeof value === 'number' ? `, but is ${value}` : '');
  return [
    ...(outside(memoryBytes, memory)
      ? [`memory must be an integer from ${memory.min} to ${memory.max} bytes${but(memoryBytes)}`]
      : []),
    ...(outside(passes, time)
      ? [`passes must be an integer from ${time.min} to ${time.max}${but(passes)}`]
      : []),
  ];
}

function decodeBoxBytes(text: string): Uint8Array | undefined {
  if (text.length > MAX_BOX_CHARACTERS) return undefined;
  const raw = bs58check.decodeUnsafe(text);
  return raw?.[0] === BOX_VERSION ? raw.slice(1) : undefined;
}

const encodeBoxBytes = (bytes: Uint8Array): string =>
  bs58check.encode(Uint8Array.of(BOX_VERSION, ...bytes));

/** Argon2i by hash-wasm, which takes no empty passphrase: that one is derived by noble's, five times as slowly. */
export async function deriveKey(
  passphrase: string,
  salt: Uint8Array,
  { memoryBytes, passes }: KeyFileCost,
): Promise<Uint8Array> {
  const password = utf8ToBytes(passphrase);
  const memoryKiB = Math.floor(memoryBytes / 1024);
  if (password.length === 0)
    return argon2iByNoble(password, salt, {
      t: passes,
      m: memoryKiB,
      p: 1,
      dkLen: KEY_BYTES,
      version: ARGON2_VERSION,
    });
  return argon2i({
    password,
    salt,
    iterations: passes,
    memorySize: memoryKiB,
    parallelism: 1,
    hashLength: KEY_BYTES,
    outputType: 'binary',
  });
}

async function openBox(box: Box, passphrase: string): Promise<Uint8Array> {
  const key = await deriveKey(passphrase, box.salt, box.cost);
  const plaintext = nacl.secretbox.open(box.ciphertext, box.nonce, key);
  if (plaintext === null)
    throw new KeyFileError('passphrase', ['the passphrase is wrong, or the key file is damaged']);
  return plaintext;
}

async function sealBox(
  plaintext: Uint8Array,
  { passphrase, nonce, salt, cost = DAEMON_COST }: EncryptOptions,
): Promise<string> {
  const problems = costProblems(cost);
  if (nonce.length !== NONCE_BYTES)
    problems.push(`a nonce has ${NONCE_BYTES} bytes, not ${nonce.length}`);
  if (salt.length !== SALT_BYTES)
    problems.push(`a salt has ${SALT_BYTES} bytes, not ${salt.length}`);
  if (problems.length > 0) throw new RangeError(problems.join('; '));
  const key = await deriveKey(passphrase, salt, cost);
  return JSON.stringify({
    box_primitive: BOX_PRIMITIVE,
    pw_primitive: PASSWORD_PRIMITIVE,
    nonce: encodeBoxBytes(nonce),
    pwsalt: encodeBoxBytes(salt),
    pwdiff: [cost.memoryBytes, cost.passes],
    ciphertext: encodeBoxBytes(nacl.secretbox(plaintext, nonce, key)),
  });
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : 'the private key cannot be read';
