/**
 * Mina's legacy Schnorr signatures over byte messages; the readable twin is mina/schnorr.ts. NOT constant-time.
 *
 * What does not depend on the message is kept: the start state of a network, and per signing key the sponge
 * state after [P.x, P.y] and the bits around the message in the nonce's input.
 */
import { blake2bBlocks, blake2bEnd, blake2bStart } from './blake2b';
import {
  AFFINE,
  LANES,
  POINT_TABLE_BYTES,
  addGeneratorMultiple,
  addTableMultiple,
  fillGeneratorTable,
  fillPointTable,
  generatorMultiples,
  jacobianToAffine,
  laneDigits,
  laneInfinity,
  lanePoints,
  multiplyPoint,
  recode8,
  setInfinity,
} from './curve';
import { splitScalar } from './endomorphism';
import {
  fpFromInteger,
  fpIsEqual,
  fpIsZero,
  fpNegate,
  fpSqrt,
  fpToInteger,
  fqMulAdd,
  fqNegateInteger,
  integerFromBytes,
  integerToBytes,
  isAtLeast,
  prepareSquareRoots,
  reduceInteger,
} from './field';
import { allocate, storeAscii } from './memory';
import { STATE, absorb, copyState } from './poseidon';
import { publicKeyText } from './text';
import {
  FP_FIVE,
  FP_MODULUS,
  FQ_MODULUS,
  FQ_R2,
  PLAIN_ONE,
  addLimbs,
  fpMul,
  fpSquare,
  fqMul,
} from './unrolled';

// --- start ---------------------------------------------------------------------------------------------------

/** One start state per network id (0 testnet, 1 mainnet). */
const startStates: usize = memory.data(216);
const scratchBytes: usize = memory.data(64);
const scratch: usize = memory.data(36);

/** To be called once, after the parameters of Poseidon were stored. */
export function start(): void {
  prepareSquareRoots();
  fillGeneratorTable();
  startState(0, 'CodaSignature*******');
  startState(1, 'MinaSignatureMainnet');
}

function startState(network: usize, prefix: string): void {
  const state = startStates + <usize>network * STATE;
  memory.fill(scratchBytes, 0, 32);
  storeAscii(scratchBytes, prefix);
  integerFromBytes(scratch, scratchBytes);
  fpFromInteger(scratch, scratch);
  absorb(state, scratch, 0);
}

// --- input of any length -------------------------------------------------------------------------------------

/** Zeros after a message, so that whole words can be read at its end. */
const SLACK: usize = 64;
let input: usize = 0;
let inputCapacity: usize = 0;
let nonceInput: usize = 0;

/** A region for `bytes` of input (a message, or what is hashed); 0 if there is no memory for it. */
export function reserveInput(bytes: usize): usize {
  if (bytes <= inputCapacity && input !== 0) return input;
  const capacity = max<usize>(2 * inputCapacity, bytes + 1024);
  const region = allocate(2 * capacity + 2 * SLACK + 128);
  if (region === 0) return 0;
  input = region;
  nonceInput = region + capacity + SLACK;
  inputCapacity = capacity;
  return input;
}

export const hashState: usize = memory.data(64);

/** BLAKE2b-256 in parts: start, any number of middles (multiples of 128 bytes), an end; digest at the result. */
export function hashStart(): void {
  blake2bStart(hashState);
}
export function hashMiddle(data: usize, bytes: usize, before: u64): void {
  blake2bBlocks(hashState, data, bytes, before);
}
export function hashEnd(data: usize, bytes: usize, before: u64): usize {
  blake2bEnd(hashState, data, bytes, before);
  return hashState;
}

// --- signing keys --------------------------------------------------------------------------------------------

// One record a key and network; addresses from its start.
const KEY_X: usize = 0;
const KEY_STATE: usize = 72;
/** d·R mod q, so that one product with e gives e·d. */
const KEY_D: usize = 180;
/** P.x (255 bits), P.y (255): 510 bits in 64 bytes. */
const KEY_NONCE_HEAD: usize = 216;
/** d (255 bits), network id (8), moved up by 6 bits: 34 bytes. */
const KEY_NONCE_TAIL: usize = 280;
const NONCE_TAIL_BYTES: usize = 34;
/** 33 bytes: x, parity of y. */
export const KEY_PUBLIC: usize = 320;
/** 55 ASCII characters. */
export const KEY_TEXT: usize = 353;
/** 52 ASCII characters. */
export const KEY_PEER_ID: usize = 408;
const KEY_BYTES: usize = 464;

const KEYS_PER_CHUNK: i32 = 1024;
const MAX_CHUNKS: i32 = 4096;
const keyChunks: usize = memory.data(MAX_CHUNKS * 4);
let keyCount: i32 = 0;

/** Address of a key's record; the handle is below the number of keys. */
export function keyAt(handle: i32): usize {
  const chunk: usize = load<u32>(keyChunks + ((<usize>(handle / KEYS_PER_CHUNK)) << 2));
  return chunk + <usize>(handle % KEYS_PER_CHUNK) * KEY_BYTES;
}

const digits: usize = memory.data(32);
const jacobian: usize = memory.data(108);
const affine: usize = memory.data(72);
const integer: usize = memory.data(36);

/**
 * Keeps a private key, 32 bytes at `privateKey`, for a network id.
 * @returns its handle, from 0 on; -1 unless 0 < d < q, -2 if there is no memory for it
 */
export function addKey(privateKey: usize, network: i32): i32 {
  integerFromBytes(integer, privateKey);
  if (isAtLeast(integer, FQ_MODULUS) || !isAtLeast(integer, PLAIN_ONE)) return -1;
  const chunk = keyCount / KEYS_PER_CHUNK;
  if (keyCount % KEYS_PER_CHUNK === 0) {
    const region = chunk < MAX_CHUNKS ? allocate(<usize>KEYS_PER_CHUNK * KEY_BYTES) : 0;
    if (region === 0) return -2;
    store<u32>(keyChunks + ((<usize>chunk) << 2), <u32>region);
  }
  const key = keyAt(keyCount);
  fqMul(key + KEY_D, integer, FQ_R2);

  recode8(digits, privateKey);
  setInfinity(jacobian);
  addGeneratorMultiple(jacobian, digits);
  jacobianToAffine(key + KEY_X, jacobian);
  copyState(key + KEY_STATE, startStates + <usize>network * STATE);
  absorb(key + KEY_STATE, key + KEY_X, key + KEY_X + 36);

  const head = key + KEY_NONCE_HEAD;
  fpToInteger(integer, key + KEY_X);
  integerToBytes(head, integer);
  memory.copy(key + KEY_PUBLIC, head, 32);
  fpToInteger(integer, key + KEY_X + 36);
  integerToBytes(head + 32, integer);
  store<u8>(key + KEY_PUBLIC, load<u8>(head + 32) & 1, 32);
  // y moves down by one bit, next to the 255 bits of x.
  store<u8>(head + 31, load<u8>(head + 31) | (load<u8>(head + 32) << 7));
  for (let i: usize = 32; i < 64; i++) {
    const above: u32 = i < 63 ? load<u8>(head + i + 1) : 0;
    store<u8>(head + i, (load<u8>(head + i) >> 1) | (above << 7));
  }
  publicKeyText(key + KEY_TEXT, key + KEY_PUBLIC);
  const tail = key + KEY_NONCE_TAIL;
  let carry: u32 = 0;
  for (let i: usize = 0; i < 33; i++) {
    let byte: u32 = i < 32 ? load<u8>(privateKey + i) : network >> 1;
    if (i === 31) byte |= ((<u32>network) & 1) << 7;
    store<u8>(tail + i, carry | (byte << 6));
    carry = byte >> 2;
  }
  store<u8>(tail + 33, carry);
  return keyCount++;
}

// --- signing -------------------------------------------------------------------------------------------------

export const laneMessages: usize = memory.data(<i32>(LANES * 32));
export const laneKeys: usize = memory.data(<i32>(LANES * 4)); // handles, u32
export const laneSignatures: usize = memory.data(<i32>(LANES * 64));
const laneNonces: usize = memory.data(<i32>(LANES * 32));
const paddedMessage: usize = memory.data(128);

/** Below this many scalars a Jacobian sum each is faster than shared inversions. */
const FEW_LANES: usize = 20;

/** k' of a message to `out` (32 bytes); the message has 0 or more bytes. */
function deriveNonce(out: usize, key: usize, message: usize, bytes: usize): void {
  memory.copy(nonceInput, key + KEY_NONCE_HEAD, 64);
  let at = nonceInput + 63;
  let carry: u32 = load<u8>(at);
  for (let i: usize = 0; i < bytes; i++) {
    const byte: u32 = load<u8>(message + i);
    store<u8>(at++, carry | (byte << 6));
    carry = byte >> 2;
  }
  memory.copy(at, key + KEY_NONCE_TAIL, NONCE_TAIL_BYTES);
  store<u8>(at, load<u8>(at) | carry);
  blake2bStart(hashState);
  blake2bEnd(hashState, nonceInput, 97 + bytes, 0);
  memory.copy(out, hashState, 32);
  store<u8>(out, load<u8>(out, 31) & 0x3f, 31);
}

const sponge: usize = memory.data(108);
const chunkA: usize = memory.data(36);
const chunkB: usize = memory.data(36);
const CHUNK_BITS: usize = 254;

/** Bits 254 i … 254 i + 253 of a message, as an element. The message is followed by at least 40 zero bytes. */
function messageChunk(out: usize, message: usize, i: usize): void {
  let bit = i * CHUNK_BITS;
  for (let limb: usize = 0; limb < 9; limb++, bit += 29) {
    const word = load<u64>(message + (bit >> 3)) >> (bit & 7);
    store<u32>(out + limb * 4, (<u32>word) & (limb === 8 ? 0x3fffff : 0x1fffffff));
  }
  fpFromInteger(out, out);
}

/** e of [rx, message] after a key's state, as an integer. rx is an element; the message is padded with zeros. */
function challenge(out: usize, keyState: usize, rx: usize, message: usize, bytes: usize): void {
  copyState(sponge, keyState);
  const chunks: usize = (8 * bytes + CHUNK_BITS - 1) / CHUNK_BITS;
  if (chunks === 0) absorb(sponge, rx, 0);
  else {
    messageChunk(chunkA, message, 0);
    absorb(sponge, rx, chunkA);
  }
  for (let i: usize = 1; i < chunks; i += 2) {
    messageChunk(chunkA, message, i);
    if (i + 1 < chunks) messageChunk(chunkB, message, i + 1);
    absorb(sponge, chunkA, i + 1 < chunks ? chunkB : 0);
  }
  fpToInteger(out, sponge);
}

const nonceInteger: usize = memory.data(36);

/** The signature (64 bytes) from the nonce k' and R = k'·G (affine). */
function finishSignature(
  out: usize,
  key: usize,
  nonce: usize,
  R: usize,
  message: usize,
  bytes: usize,
): void {
  integerFromBytes(nonceInteger, nonce);
  fpToInteger(integer, R + 36);
  if (load<u32>(integer) & 1) fqNegateInteger(nonceInteger, nonceInteger);
  fpToInteger(integer, R);
  integerToBytes(out, integer);
  challenge(integer, key + KEY_STATE, R, message, bytes);
  fqMulAdd(integer, integer, key + KEY_D, nonceInteger);
  integerToBytes(out + 32, integer);
}

/**
 * One signature over `bytes` at `input` to the first lane of laneSignatures.
 * @returns false if the nonce is 0 (chance 2^-254)
 */
export function signInput(handle: i32, bytes: usize): bool {
  const key = keyAt(handle);
  memory.fill(input + bytes, 0, SLACK);
  deriveNonce(laneNonces, key, input, bytes);
  recode8(digits, laneNonces);
  setInfinity(jacobian);
  addGeneratorMultiple(jacobian, digits);
  if (!jacobianToAffine(affine, jacobian)) return false;
  finishSignature(laneSignatures, key, laneNonces, affine, input, bytes);
  return true;
}

/** Signs the 32-byte messages of laneMessages with the keys of laneKeys; see {@link signInput}. */
export function signLanes(lanes: usize): bool {
  for (let i: usize = 0; i < lanes; i++) {
    const nonce = laneNonces + i * 32;
    deriveNonce(nonce, keyAt(load<u32>(laneKeys + i * 4)), laneMessages + i * 32, 32);
    recode8(laneDigits + i * 32, nonce);
  }
  if (lanes < FEW_LANES) {
    for (let i: usize = 0; i < lanes; i++) {
      setInfinity(jacobian);
      addGeneratorMultiple(jacobian, laneDigits + i * 32);
      store<u8>(laneInfinity + i, jacobianToAffine(lanePoints + i * AFFINE, jacobian) ? 0 : 1);
    }
  } else generatorMultiples(lanes);
  for (let i: usize = 0; i < lanes; i++) {
    if (load<u8>(laneInfinity + i)) return false;
    const key = keyAt(load<u32>(laneKeys + i * 4));
    memory.copy(paddedMessage, laneMessages + i * 32, 32);
    const out = laneSignatures + i * 64;
    finishSignature(out, key, laneNonces + i * 32, lanePoints + i * AFFINE, paddedMessage, 32);
  }
  return true;
}

// --- verifying -----------------------------------------------------------------------------------------------

// One record of a public key that was seen.
const SEEN_X: usize = 0;
/** One state per network id. */
const SEEN_STATES: usize = 72;
/** Bit n: the state of network n is there. */
const SEEN_HAS_STATE: usize = 288;
/** Address of the key's table of multiples, or 0. */
const SEEN_TABLE: usize = 292;
const SEEN_BYTES: usize = 296;

export function allocateSeenKey(): usize {
  return allocate(SEEN_BYTES);
}

/** Room for a table of multiples, POINT_TABLE_BYTES; 0 if there is no memory for it. */
export function allocateTable(): usize {
  return allocate(POINT_TABLE_BYTES);
}

/** Fills `table` with the multiples of a decoded key, which uses it from now on; `table` 0: it uses none. */
export function setTable(seen: usize, table: usize): void {
  if (table !== 0) fillPointTable(table, seen + SEEN_X);
  store<u32>(seen, <u32>table, SEEN_TABLE);
}

/**
 * Decodes the public key of 33 bytes at `bytes` into the record `seen`. `lax`: x mod p, any odd parity byte.
 * @returns 0, or 1 if x is not below p, 2 for a parity byte above 1, 3 if no point has this x
 */
export function decodeKey(seen: usize, bytes: usize, lax: bool): i32 {
  const x = seen + SEEN_X;
  integerFromBytes(integer, bytes);
  if (lax) reduceInteger(integer, FP_MODULUS);
  else if (isAtLeast(integer, FP_MODULUS)) return 1;
  const parity = load<u8>(bytes, 32);
  if (parity > 1 && !lax) return 2;
  fpFromInteger(x, integer);
  fpSquare(scratch, x);
  fpMul(scratch, scratch, x);
  addLimbs(scratch, scratch, FP_FIVE);
  if (!fpSqrt(x + 36, scratch)) return 3;
  fpToInteger(integer, x + 36);
  if ((load<u32>(integer) & 1) !== <u32>(parity !== 0)) fpNegate(x + 36, x + 36);
  store<u32>(seen, 0, SEEN_HAS_STATE);
  store<u32>(seen, 0, SEEN_TABLE);
  return 0;
}

function seenState(seen: usize, network: u32): usize {
  const state = seen + SEEN_STATES + <usize>network * STATE;
  const has = load<u32>(seen, SEEN_HAS_STATE);
  if ((has & (1 << network)) === 0) {
    copyState(state, startStates + <usize>network * STATE);
    absorb(state, seen + SEEN_X, seen + SEEN_X + 36);
    store<u32>(seen, has | (1 << network), SEEN_HAS_STATE);
  }
  return state;
}

const rx: usize = memory.data(36);
const sBytes: usize = memory.data(32);

/**
 * Checks the 64 bytes at `signature` over `bytes` of message at `input`.
 * @returns 1 valid, 0 not; -1 if rx is not below p, -2 if s is not below q (neither with `lax`)
 */
export function verifyInput(
  seen: usize,
  network: u32,
  signature: usize,
  bytes: usize,
  lax: bool,
): i32 {
  memory.fill(input + bytes, 0, SLACK);
  integerFromBytes(rx, signature);
  if (lax) reduceInteger(rx, FP_MODULUS);
  else if (isAtLeast(rx, FP_MODULUS)) return -1;
  integerFromBytes(integer, signature + 32);
  if (lax) reduceInteger(integer, FQ_MODULUS);
  else if (isAtLeast(integer, FQ_MODULUS)) return -2;
  integerToBytes(sBytes, integer);
  fpFromInteger(rx, rx);
  challenge(integer, seenState(seen, network), rx, input, bytes);
  // -e·P, then + s·G.
  splitScalar(integer, true);
  const table: usize = load<u32>(seen, SEEN_TABLE);
  if (table !== 0) {
    setInfinity(jacobian);
    addTableMultiple(jacobian, table);
  } else multiplyPoint(jacobian, seen + SEEN_X);
  recode8(digits, sBytes);
  addGeneratorMultiple(jacobian, digits);
  if (!jacobianToAffine(affine, jacobian)) return lax && fpIsZero(rx) ? 1 : 0;
  fpToInteger(integer, affine + 36);
  return (load<u32>(integer) & 1) === 0 && fpIsEqual(affine, rx) ? 1 : 0;
}
