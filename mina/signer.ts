/**
 * The fast signer and verifier of Mina's legacy Schnorr signatures: WebAssembly (mina/wasm) behind typed arrays.
 *
 * NOT constant-time, and private keys stay in ordinary memory: for test keys only. It must never hold a key of value.
 *
 * One instance belongs to one thread. Signing and verifying allocate no memory; what grows: 464 bytes a signing key,
 * one tail a template, and for verification the bounded caches of {@link SignerOptions}.
 * The readable twin is mina/schnorr.ts, and one test suite runs on both.
 * Pure (no I/O, no `k6/*`, no `node:*`): the caller brings the module (paths.ts, loadMinaWasm).
 */
import { RECORD } from './envelope.ts';
import { type Network, networkId } from './network.ts';
import { poseidonLegacyParameters } from './poseidon-legacy-parameters.ts';
import { poseidonLimbs } from './poseidon-limbs.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './schnorr.ts';

const PRIVATE_KEY_BYTES = 32;
const MESSAGE_BYTES = 32;
const PUBLIC_KEY_CHARACTERS = 55;
const PEER_ID_CHARACTERS = 52;
const BLAKE2B_BLOCK = 128;
const BLAKE2B_STATE = 64;
/** Bytes handed over at a time where an input may be long. */
const PIECE = 1 << 16;

export type SignerOptions = {
  /** Public keys whose point and hash states are kept after a verification, 296 bytes each. Default 8,192 (2.4 MB). */
  seenKeys?: number;
  /** Those of them, the ones in use, that have a table of multiples, 29,952 bytes each. Default 1,024 (31 MB). */
  tables?: number;
};

/** A table costs as much time as it saves in about this many verifications. */
const USES_BEFORE_TABLE = 8;

/** Addresses in the memory of the instance; table 0 is none. */
type SeenKey = { readonly record: number; table: number; uses: number };

/** What {@link Signer.signEnvelopes} reads; all of one length. */
export type EnvelopeBatch = {
  /** Results of {@link Signer.addTemplate}. */
  templates: Uint32Array;
  /** Results of {@link Signer.addKey}, with a peer id. */
  keys: Uint32Array;
  /** Whole seconds since 1970 (UTC). */
  createdAt: Uint32Array;
};

/** A beginning, hashed as far as it fills blocks. It is of no instance, and may be used by any, any number of times. */
export type HashedStart = {
  readonly state: Uint8Array;
  /** Hashed in `state`. */
  readonly bytes: number;
  /** The 0 to 128 bytes behind them. */
  readonly rest: Uint8Array;
};

export type Signer = {
  /**
   * Keeps a private key for a network, with all that does not depend on the message.
   * @param privateKey 32 bytes, little-endian, 0 < d < q
   * @param peerId 52 ASCII characters; needed for {@link Signer.signEnvelopes} only
   * @returns its handle: 0, 1, 2, …
   * @throws RangeError for a private key outside the range (without its value) or a peer id of another form
   */
  addKey(privateKey: Uint8Array, network: Network, peerId?: string): number;
  /** 33 bytes: x (32, little-endian), parity of y (0 or 1). */
  publicKey(handle: number): Uint8Array;
  /** `B62q…`, 55 characters. */
  publicKeyText(handle: number): string;
  /** @returns 64 bytes: rx, s (32 each, little-endian) over a message of any length */
  sign(handle: number, message: Uint8Array): Uint8Array;
  /**
   * Signs messages of 32 bytes: number i, at `messages[32 i]`, with key `handles[i]` to `out[64 i]`.
   * @throws RangeError if the lengths do not fit each other
   */
  signBatch(handles: Uint32Array, messages: Uint8Array, out: Uint8Array): void;
  /**
   * Strict: a malformed key or signature is an error, not a `false`.
   * @param publicKey 33 bytes. @param signature 64 bytes. @param message any number of bytes
   * @throws RangeError naming the field, with the same messages as `verify` of schnorr.ts
   */
  verify(
    publicKey: Uint8Array,
    signature: Uint8Array,
    message: Uint8Array,
    network: Network,
  ): boolean;
  /**
   * As the C code behind the real backend: x and rx mod p, s mod q, any parity byte but 0 means odd, R = infinity passes
   * for rx = 0. Wrong lengths and an x on no point (where the C code goes on with an undefined y) stay errors.
   */
  verifyLax(
    publicKey: Uint8Array,
    signature: Uint8Array,
    message: Uint8Array,
    network: Network,
  ): boolean;
  /** @returns 32 bytes: the hash of `data`, or of what {@link Signer.hashedStart} was given and then `data` */
  blake2b256(data: Uint8Array, after?: HashedStart): Uint8Array;
  /** Hashes what many texts begin with, once. */
  hashedStart(start: Uint8Array): HashedStart;
  /**
   * Prepares submissions that differ in created_at and peer_id only: their signed text is
   * `prefix,"created_at":"…","peer_id":"…"suffix`. The prefix is hashed here, once.
   * @param prefix `{"block":` and the block's token, quotes and all
   * @param suffix what follows the peer id: `}`, or `,"snark_work":"…"}` …
   * @param recordIndex the index written into records (default: the result)
   * @returns 0, 1, 2, …
   */
  addTemplate(prefix: Uint8Array, suffix: Uint8Array, recordIndex?: number): number;
  /** Forgets all templates and uses their memory again; the next one is 0. */
  clearTemplates(): void;
  /**
   * Signs submissions: record i of mina/envelope.ts (RECORD, ENVELOPE) to `out[272 i]`.
   * @throws RangeError if lengths do not fit, or a template, key or peer id is missing
   */
  signEnvelopes(batch: EnvelopeBatch, out: Uint8Array): void;
};

/** The exports of mina/wasm/index.ts: addresses and byte counts are numbers. */
export type MinaWasm = {
  memory: WebAssembly.Memory;
  poseidonParameters: WebAssembly.Global;
  LANES: WebAssembly.Global;
  KEY_PUBLIC: WebAssembly.Global;
  KEY_TEXT: WebAssembly.Global;
  KEY_PEER_ID: WebAssembly.Global;
  laneKeys: WebAssembly.Global;
  laneMessages: WebAssembly.Global;
  laneSignatures: WebAssembly.Global;
  laneTemplates: WebAssembly.Global;
  laneCreatedAt: WebAssembly.Global;
  laneRecords: WebAssembly.Global;
  start(): void;
  reserveInput(bytes: number): number;
  hashState: WebAssembly.Global;
  hashStart(): void;
  hashMiddle(data: number, bytes: number, before: bigint): void;
  hashEnd(data: number, bytes: number, before: bigint): number;
  addKey(privateKey: number, networkId: number): number;
  keyAt(handle: number): number;
  signInput(handle: number, bytes: number): number;
  signLanes(lanes: number): number;
  allocateSeenKey(): number;
  allocateTable(): number;
  setTable(seen: number, table: number): void;
  decodeKey(seen: number, bytes: number, lax: boolean): number;
  verifyInput(
    seen: number,
    networkId: number,
    signature: number,
    bytes: number,
    lax: boolean,
  ): number;
  beginTemplate(prefixBytes: number, suffixBytes: number, recordIndex: number): number;
  hashTemplate(index: number, data: number, bytes: number): void;
  templateTail(index: number): number;
  templateTailBytes(index: number): number;
  clearTemplates(): void;
  signEnvelopes(lanes: number): number;
};

/**
 * An instance with its numbers and tables filled in: all that {@link createSigner} stands on.
 * @returns its exports; mina/wasm/index.ts has more of them than this type, for the tests
 */
export function instantiate(module: WebAssembly.Module): MinaWasm {
  const wasm = new WebAssembly.Instance(module).exports as unknown as MinaWasm;
  new Uint32Array(wasm.memory.buffer).set(
    poseidonLimbs(poseidonLegacyParameters),
    address(wasm.poseidonParameters) / 4,
  );
  wasm.start();
  return wasm;
}

const address = (global: WebAssembly.Global): number => global.value as number;

/** @param module the compiled mina/wasm (paths.ts, loadMinaWasm); may be shared between threads */
export function createSigner(
  module: WebAssembly.Module,
  { seenKeys = 8192, tables = 1024 }: SignerOptions = {},
): Signer {
  const wasm = instantiate(module);
  const LANES = address(wasm.LANES);
  const laneKeys = address(wasm.laneKeys);
  const laneMessages = address(wasm.laneMessages);
  const laneSignatures = address(wasm.laneSignatures);
  const laneRecords = address(wasm.laneRecords);

  let view = new Uint8Array(wasm.memory.buffer);
  /** All memory. Growth detaches older views, so this is asked for after every call that may allocate. */
  const bytes = (): Uint8Array =>
    view.buffer === wasm.memory.buffer ? view : (view = new Uint8Array(wasm.memory.buffer));
  const storeWords = (at: number, words: Uint32Array): void =>
    bytes().set(new Uint8Array(words.buffer, words.byteOffset, words.byteLength), at);

  /** Room for `length` bytes of input. */
  function reserveInput(length: number): number {
    const input = wasm.reserveInput(length);
    if (input === 0) throw new RangeError(`no memory for an input of ${length} bytes`);
    return input;
  }
  function storeInput(message: Uint8Array): void {
    const input = reserveInput(message.length);
    bytes().set(message, input);
  }

  let keyCount = 0;
  /** 1 for a handle that has a peer id. */
  let hasPeerId = new Uint8Array(1024);
  function checkHandle(handle: number): void {
    if (!Number.isInteger(handle) || handle < 0 || handle >= keyCount)
      throw new RangeError(`key handle ${handle} is not below the ${keyCount} keys`);
  }

  function addKey(privateKey: Uint8Array, network: Network, peerId?: string): number {
    if (privateKey.length !== PRIVATE_KEY_BYTES)
      throw new RangeError(`private key has ${PRIVATE_KEY_BYTES} bytes, not ${privateKey.length}`);
    if (peerId !== undefined && !/^[0-9A-Za-z]{52}$/.test(peerId))
      throw new RangeError(
        `a peer id has ${PEER_ID_CHARACTERS} letters and digits, not "${peerId}"`,
      );
    const input = reserveInput(PRIVATE_KEY_BYTES);
    bytes().set(privateKey, input);
    const handle = wasm.addKey(input, networkId(network));
    bytes().fill(0, input, input + PRIVATE_KEY_BYTES);
    if (handle === -1) throw new RangeError('private key is not between 0 and the modulus of Fq');
    if (handle < 0) throw new RangeError(`no memory for more than ${keyCount} keys`);
    keyCount = handle + 1;
    if (keyCount > hasPeerId.length) {
      const larger = new Uint8Array(2 * hasPeerId.length);
      larger.set(hasPeerId);
      hasPeerId = larger;
    }
    if (peerId !== undefined) {
      storeLatin1(bytes(), wasm.keyAt(handle) + address(wasm.KEY_PEER_ID), peerId);
      hasPeerId[handle] = 1;
    }
    return handle;
  }

  function keyField(handle: number, offset: WebAssembly.Global, length: number): Uint8Array {
    checkHandle(handle);
    const start = wasm.keyAt(handle) + address(offset);
    return bytes().slice(start, start + length);
  }

  function sign(handle: number, message: Uint8Array): Uint8Array {
    checkHandle(handle);
    storeInput(message);
    checkNonce(wasm.signInput(handle, message.length));
    return bytes().slice(laneSignatures, laneSignatures + SIGNATURE_BYTES);
  }

  function signBatch(handles: Uint32Array, messages: Uint8Array, out: Uint8Array): void {
    const count = handles.length;
    if (messages.length !== MESSAGE_BYTES * count || out.length !== SIGNATURE_BYTES * count)
      throw new RangeError(
        `${count} keys, ${messages.length} bytes of messages and ${out.length} of signatures do not fit`,
      );
    handles.forEach(checkHandle);
    for (let first = 0; first < count; first += LANES) {
      const end = Math.min(first + LANES, count);
      storeWords(laneKeys, handles.subarray(first, end));
      bytes().set(messages.subarray(first * MESSAGE_BYTES, end * MESSAGE_BYTES), laneMessages);
      checkNonce(wasm.signLanes(end - first));
      out.set(
        bytes().subarray(laneSignatures, laneSignatures + (end - first) * SIGNATURE_BYTES),
        first * SIGNATURE_BYTES,
      );
    }
  }

  /** Public keys that were decoded, by their bytes, the one used last at the end. */
  const seen = new Map<string, SeenKey>();
  /** Those that have a table, the one used last at the end. */
  const withTable = new Set<SeenKey>();
  let freeRecord = 0;
  let freeTable = 0;
  let tableCount = 0;

  function seenKey(publicKey: Uint8Array, lax: boolean): SeenKey {
    const id = (lax ? 'lax ' : '') + String.fromCharCode(...publicKey);
    const known = seen.get(id);
    if (known) {
      seen.delete(id);
      seen.set(id, known);
      noteUse(known);
      return known;
    }
    if (freeRecord === 0) freeRecord = takeRecord();
    const input = reserveInput(PUBLIC_KEY_BYTES);
    bytes().set(publicKey, input);
    const code = wasm.decodeKey(freeRecord, input, lax);
    if (code === 1) throw new RangeError('public key: x is not below the modulus of Fp');
    if (code === 2)
      throw new RangeError(
        `public key: parity byte is ${publicKey[PUBLIC_KEY_BYTES - 1]}, not 0 or 1`,
      );
    if (code === 3) throw new RangeError('public key: x is on no point of the curve');
    const key = { record: freeRecord, table: 0, uses: 1 };
    freeRecord = 0;
    seen.set(id, key);
    return key;
  }

  /** The record of the key that was not used for longest, or a new one. */
  function takeRecord(): number {
    const [oldest] = seen;
    if (oldest !== undefined && seen.size >= seenKeys) {
      const [id, key] = oldest;
      seen.delete(id);
      if (key.table !== 0) freeTable = releaseTable(key);
      return key.record;
    }
    const record = wasm.allocateSeenKey();
    if (record === 0) throw new RangeError(`no memory for more than ${seen.size} public keys`);
    return record;
  }

  function noteUse(key: SeenKey): void {
    key.uses++;
    if (key.table !== 0) {
      withTable.delete(key);
      withTable.add(key);
    } else if (key.uses > USES_BEFORE_TABLE) {
      key.table = takeTable();
      if (key.table === 0) return;
      wasm.setTable(key.record, key.table);
      withTable.add(key);
    }
  }

  /** Room for a table: a free one, a new one, or that of the key that was not used for longest; 0 if there is none. */
  function takeTable(): number {
    if (freeTable !== 0) {
      const table = freeTable;
      freeTable = 0;
      return table;
    }
    if (tableCount < tables) {
      const table = wasm.allocateTable();
      if (table !== 0) tableCount++;
      else tables = tableCount; // the memory is full: go on with what there is
      if (table !== 0) return table;
    }
    const [oldest] = withTable;
    return oldest === undefined ? 0 : releaseTable(oldest);
  }

  function releaseTable(key: SeenKey): number {
    const { table } = key;
    withTable.delete(key);
    wasm.setTable(key.record, 0);
    key.table = 0;
    key.uses = 0; // it has to earn the next one
    return table;
  }

  function check(
    publicKey: Uint8Array,
    signature: Uint8Array,
    message: Uint8Array,
    network: Network,
    lax: boolean,
  ): boolean {
    if (publicKey.length !== PUBLIC_KEY_BYTES)
      throw new RangeError(`public key has ${PUBLIC_KEY_BYTES} bytes, not ${publicKey.length}`);
    if (signature.length !== SIGNATURE_BYTES)
      throw new RangeError(`signature has ${SIGNATURE_BYTES} bytes, not ${signature.length}`);
    const { record } = seenKey(publicKey, lax);
    storeInput(message);
    bytes().set(signature, laneSignatures);
    const result = wasm.verifyInput(
      record,
      networkId(network),
      laneSignatures,
      message.length,
      lax,
    );
    if (result === -1) throw new RangeError('signature: rx is not below the modulus of Fp');
    if (result === -2) throw new RangeError('signature: s is not below the modulus of Fq');
    return result === 1;
  }

  /** Feeds `data` to `take` in pieces of whole blocks, all but the last 1 to 128 bytes. @returns bytes fed */
  function feedBlocks(
    data: Uint8Array,
    take: (input: number, length: number, before: bigint) => void,
  ): number {
    const whole = data.length === 0 ? 0 : data.length - (((data.length - 1) % BLAKE2B_BLOCK) + 1);
    const input = reserveInput(PIECE);
    for (let at = 0; at < whole; at += PIECE) {
      const piece = data.subarray(at, Math.min(at + PIECE, whole));
      bytes().set(piece, input);
      take(input, piece.length, BigInt(at));
    }
    return whole;
  }

  const hashState = address(wasm.hashState);

  /** @param hashedBytes in the state already. @returns bytes fed, as {@link feedBlocks} */
  function hashBlocks(data: Uint8Array, hashedBytes: number): number {
    const from = BigInt(hashedBytes);
    return feedBlocks(data, (input, length, before) =>
      wasm.hashMiddle(input, length, from + before),
    );
  }

  function hashedStart(start: Uint8Array): HashedStart {
    wasm.hashStart();
    const whole = hashBlocks(start, 0);
    const state = bytes().slice(hashState, hashState + BLAKE2B_STATE);
    return { state, bytes: whole, rest: new Uint8Array(start.subarray(whole)) };
  }

  function blake2b256(data: Uint8Array, after?: HashedStart): Uint8Array {
    let left = data;
    if (after === undefined) wasm.hashStart();
    else {
      bytes().set(after.state, hashState);
      left = new Uint8Array(after.rest.length + data.length);
      left.set(after.rest);
      left.set(data, after.rest.length);
    }
    const before = after?.bytes ?? 0;
    const whole = hashBlocks(left, before);
    const input = reserveInput(PIECE);
    bytes().set(left.subarray(whole), input);
    const digest = wasm.hashEnd(input, left.length - whole, BigInt(before + whole));
    return bytes().slice(digest, digest + 32);
  }

  let templateCount = 0;

  function addTemplate(
    prefix: Uint8Array,
    suffix: Uint8Array,
    recordIndex = templateCount,
  ): number {
    const template = wasm.beginTemplate(prefix.length, suffix.length, recordIndex);
    if (template < 0) throw new RangeError(`no memory for more than ${templateCount} templates`);
    templateCount = template + 1;
    const whole = feedBlocks(prefix, (input, length) => wasm.hashTemplate(template, input, length));
    const tail = wasm.templateTail(template);
    bytes().set(prefix.subarray(whole), tail);
    bytes().set(suffix, tail + wasm.templateTailBytes(template) - suffix.length);
    return template;
  }

  function signEnvelopes({ templates, keys, createdAt }: EnvelopeBatch, out: Uint8Array): void {
    const count = keys.length;
    if (
      templates.length !== count ||
      createdAt.length !== count ||
      out.length !== RECORD.bytes * count
    )
      throw new RangeError(
        `${count} keys, ${templates.length} templates, ${createdAt.length} times and ${out.length} bytes of records do not fit`,
      );
    for (let i = 0; i < count; i++) {
      if (templates[i] >= templateCount)
        throw new RangeError(
          `template ${templates[i]} is not below the ${templateCount} templates`,
        );
      checkHandle(keys[i]);
      if (hasPeerId[keys[i]] === 0) throw new RangeError(`key ${keys[i]} has no peer id`);
    }
    for (let first = 0; first < count; first += LANES) {
      const end = Math.min(first + LANES, count);
      storeWords(laneKeys, keys.subarray(first, end));
      storeWords(address(wasm.laneTemplates), templates.subarray(first, end));
      storeWords(address(wasm.laneCreatedAt), createdAt.subarray(first, end));
      checkNonce(wasm.signEnvelopes(end - first));
      out.set(
        bytes().subarray(laneRecords, laneRecords + (end - first) * RECORD.bytes),
        first * RECORD.bytes,
      );
    }
  }

  return {
    addKey,
    publicKey: (handle) => keyField(handle, wasm.KEY_PUBLIC, PUBLIC_KEY_BYTES),
    publicKeyText: (handle) =>
      String.fromCharCode(...keyField(handle, wasm.KEY_TEXT, PUBLIC_KEY_CHARACTERS)),
    sign,
    signBatch,
    verify: (publicKey, signature, message, network) =>
      check(publicKey, signature, message, network, false),
    verifyLax: (publicKey, signature, message, network) =>
      check(publicKey, signature, message, network, true),
    blake2b256,
    hashedStart,
    addTemplate,
    clearTemplates() {
      wasm.clearTemplates();
      templateCount = 0;
    },
    signEnvelopes,
  };
}

function checkNonce(signed: number): void {
  if (signed === 0) throw new Error('the nonce is 0 (chance 2^-254)');
}

function storeLatin1(target: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) target[at + i] = text.charCodeAt(i);
}
