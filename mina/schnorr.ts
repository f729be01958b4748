/**
 * Mina's legacy Schnorr signature over a byte message, on BigInt: the readable reference for mina/signer.ts (WASM).
 * NOT constant-time and keys stay in ordinary memory: for test keys only, never for keys of value.
 * Each call starts from nothing: the sponge states that a fast signer keeps per network and key are not kept.
 * Source: MinaProtocol/mina, docs/specs/signatures/description.md; MinaProtocol/c-reference-signer, crypto.c
 * (message_derive, message_hash, verify), which uptime-service-backend calls.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */
import { blake2b } from '@noble/hashes/blake2.js';
import {
  GENERATOR,
  INFINITY,
  type AffinePoint,
  add,
  decompress,
  multiply,
  negate,
} from './curve.ts';
import { FIELD_BYTES, Fp, Fq, bytesToIntegerLE, integerToBytesLE } from './field.ts';
import { type Network, networkId } from './network.ts';
import { poseidonLegacyParameters } from './poseidon-legacy-parameters.ts';
import { type SpongeState, createPoseidon } from './poseidon.ts';

export const PUBLIC_KEY_BYTES = 33;
export const SIGNATURE_BYTES = 64;

/** Bits of a message that one field element takes: 2^254 is below p. */
const CHUNK_BITS = 254;
const FIELD_BITS = 255;

const legacyPoseidon = createPoseidon(poseidonLegacyParameters);

/** State of the hash before the first input; a constant per network. */
export const startState = (network: Network): SpongeState =>
  legacyPoseidon.prefixState(network === 'mainnet' ? 'MinaSignatureMainnet' : 'CodaSignature');

export type DecodeOptions = {
  /**
   * Reads as the C code behind the real backend does: x and rx mod p, s mod q, any parity byte but 0 means odd,
   * and R = infinity has the coordinates (0, 0), so it passes for rx = 0. An x on no point is refused here too
   * (the C code goes on with an undefined y). Default: false.
   */
  lax?: boolean;
};

/** A decoded signature: rx in Fp, s in Fq. */
export type Signature = { readonly rx: bigint; readonly s: bigint };

/**
 * @param privateKey 0 < d < q
 * @returns 33 bytes: x (32, little-endian), parity of y (0 or 1)
 * @throws RangeError for a private key outside the range (without its value)
 */
export function publicKeyOf(privateKey: bigint): Uint8Array {
  const { x, y } = pointOf(privateKey);
  return Uint8Array.of(...Fp.toBytesLE(x), Number(y & 1n));
}

/**
 * Deterministic: the same input gives the same signature.
 * @param privateKey 0 < d < q
 * @param message any number of bytes; a submission's is the 32 bytes of `messageOf` (submission-text.ts)
 * @returns 64 bytes: rx (32, little-endian), s (32, little-endian)
 * @throws RangeError for a private key outside the range (without its value)
 */
export function sign(privateKey: bigint, message: Uint8Array, network: Network): Uint8Array {
  const publicKey = pointOf(privateKey);
  const nonce = deriveNonce(privateKey, publicKey, message, network);
  const R = multiply(GENERATOR, nonce);
  if (R === INFINITY) throw new Error('the nonce is 0 (chance 2^-254)');
  const k = R.y & 1n ? Fq.negate(nonce) : nonce;
  const e = challenge(publicKey, R.x, message, network);
  return encodeSignature({ rx: R.x, s: Fq.add(k, Fq.mul(e, privateKey)) });
}

/**
 * @param publicKey 33 bytes, see {@link publicKeyOf}
 * @param signature 64 bytes, see {@link sign}
 * @returns whether the signature fits key, message and network
 * @throws RangeError for a malformed key or signature, naming the field: see {@link decodePublicKey} and
 * {@link decodeSignature}
 */
export function verify(
  publicKey: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
  network: Network,
  options: DecodeOptions = {},
): boolean {
  const P = decodePublicKey(publicKey, options);
  const { rx, s } = decodeSignature(signature, options);
  const e = challenge(P, rx, message, network);
  const R = add(multiply(GENERATOR, s), negate(multiply(P, e)));
  if (R === INFINITY) return options.lax === true && rx === 0n;
  return (R.y & 1n) === 0n && R.x === rx;
}

/**
 * @param bytes 33: x (32, little-endian), parity of y
 * @throws RangeError `public key has 33 bytes, not …`, `public key: x is not below the modulus of Fp`,
 * `public key: x is on no point of the curve` or `public key: parity byte is …`. Infinity has no such form.
 */
export function decodePublicKey(
  bytes: Uint8Array,
  { lax = false }: DecodeOptions = {},
): AffinePoint {
  if (bytes.length !== PUBLIC_KEY_BYTES)
    throw new RangeError(`public key has ${PUBLIC_KEY_BYTES} bytes, not ${bytes.length}`);
  const x = readElement(Fp, bytes.subarray(0, FIELD_BYTES), 'public key: x', lax);
  const parity = bytes[FIELD_BYTES];
  if (parity > 1 && !lax) throw new RangeError(`public key: parity byte is ${parity}, not 0 or 1`);
  try {
    return decompress(x, parity !== 0);
  } catch (cause) {
    throw new RangeError('public key: x is on no point of the curve', { cause });
  }
}

/**
 * @param bytes 64: rx (32, little-endian), s (32, little-endian)
 * @throws RangeError `signature has 64 bytes, not …`, `signature: rx is not below the modulus of Fp` or
 * `signature: s is not below the modulus of Fq`
 */
export function decodeSignature(bytes: Uint8Array, { lax = false }: DecodeOptions = {}): Signature {
  if (bytes.length !== SIGNATURE_BYTES)
    throw new RangeError(`signature has ${SIGNATURE_BYTES} bytes, not ${bytes.length}`);
  return {
    rx: readElement(Fp, bytes.subarray(0, FIELD_BYTES), 'signature: rx', lax),
    s: readElement(Fq, bytes.subarray(FIELD_BYTES), 'signature: s', lax),
  };
}

/** Inverse of {@link decodeSignature}. @throws RangeError for a value outside its field */
export const encodeSignature = ({ rx, s }: Signature): Uint8Array =>
  Uint8Array.of(...Fp.toBytesLE(rx), ...Fq.toBytesLE(s));

/**
 * @param bytes 32, little-endian
 * @returns 0 < d < q
 * @throws RangeError `private key has 32 bytes, not …`, `… is not below the modulus of Fq` or `private key is 0`
 */
export function decodePrivateKey(bytes: Uint8Array): bigint {
  const privateKey = Fq.fromBytesLE(bytes, 'private key');
  if (privateKey === 0n) throw new RangeError('private key is 0');
  return privateKey;
}

/** Inverse of {@link decodePrivateKey}. @throws RangeError unless 0 < d < q (without its value) */
export function encodePrivateKey(privateKey: bigint): Uint8Array {
  checkPrivateKey(privateKey);
  return Fq.toBytesLE(privateKey);
}

/**
 * The bits of P.x (255), P.y (255), message, d (255), network id (8), little-endian, zero-filled to whole bytes:
 * 129 for a message of 32 bytes.
 */
export function nonceBytes(
  privateKey: bigint,
  publicKey: AffinePoint,
  message: Uint8Array,
  network: Network,
): Uint8Array {
  let packed = 0n;
  let length = 0;
  const append = (value: bigint, bits: number): void => {
    packed |= value << BigInt(length);
    length += bits;
  };
  append(publicKey.x, FIELD_BITS);
  append(publicKey.y, FIELD_BITS);
  append(bytesToIntegerLE(message), 8 * message.length);
  append(privateKey, FIELD_BITS);
  append(BigInt(networkId(network)), 8);
  return integerToBytesLE(packed, Math.ceil(length / 8));
}

/** BLAKE2b-256 of {@link nonceBytes} without its top two bits: below 2^254, so below q. */
function deriveNonce(
  privateKey: bigint,
  publicKey: AffinePoint,
  message: Uint8Array,
  network: Network,
): bigint {
  const digest = blake2b(nonceBytes(privateKey, publicKey, message, network), { dkLen: 32 });
  digest[31] &= 0x3f;
  return bytesToIntegerLE(digest);
}

/** e, the hash of key, rx and message; an element of Fp that serves as a scalar unchanged, as p < q. */
export function challenge(
  publicKey: AffinePoint,
  rx: bigint,
  message: Uint8Array,
  network: Network,
): bigint {
  const input = [publicKey.x, publicKey.y, rx, ...messageChunks(message)];
  return legacyPoseidon.absorb(startState(network), input)[0];
}

/** The message's bits, the lowest of each byte first, in chunks of 254; none for no bytes. */
export function messageChunks(message: Uint8Array): bigint[] {
  const bits = bytesToIntegerLE(message);
  const count = Math.ceil((8 * message.length) / CHUNK_BITS);
  return Array.from({ length: count }, (_, i) =>
    BigInt.asUintN(CHUNK_BITS, bits >> BigInt(CHUNK_BITS * i)),
  );
}

function checkPrivateKey(privateKey: bigint): void {
  if (privateKey <= 0n || privateKey >= Fq.modulus)
    throw new RangeError('private key is not between 0 and the modulus of Fq');
}

function pointOf(privateKey: bigint): AffinePoint {
  checkPrivateKey(privateKey);
  return multiply(GENERATOR, privateKey)!; // not infinity: 0 < d < q, the order
}

const readElement = (field: typeof Fp, bytes: Uint8Array, label: string, lax: boolean): bigint =>
  lax ? field.reduce(bytesToIntegerLE(bytes)) : field.fromBytesLE(bytes, label);
