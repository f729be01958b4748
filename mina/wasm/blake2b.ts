/**
 * BLAKE2b-256 (RFC 7693, no key). A running hash is its state of eight u64; the caller keeps the bytes of an
 * unfinished block.
 */
import { blake2bCompress } from './unrolled';

export const BLAKE2B_STATE: usize = 64;
export const BLAKE2B_BLOCK: usize = 128;

const initial: usize = memory.data<u64>([
  0x6a09e667f3bcc908 ^ 0x01010020, // parameters: 32 bytes out, no key, no tree
  0xbb67ae8584caa73b,
  0x3c6ef372fe94f82b,
  0xa54ff53a5f1d36f1,
  0x510e527fade682d1,
  0x9b05688c2b3e6c1f,
  0x1f83d9abfb41bd6b,
  0x5be0cd19137e2179,
]);
const lastBlock: usize = memory.data(128);

export function blake2bStart(state: usize): void {
  memory.copy(state, initial, BLAKE2B_STATE);
}

/** Hashes `bytes` (a multiple of 128) of the middle; `before` bytes went before. More bytes must follow. */
export function blake2bBlocks(state: usize, data: usize, bytes: usize, before: u64): void {
  const end = data + bytes;
  for (; data < end; data += BLAKE2B_BLOCK) {
    before += BLAKE2B_BLOCK;
    blake2bCompress(state, data, before, 0);
  }
}

/** Hashes the last `bytes` of the input and leaves the digest in the first 32 bytes of `state`. */
export function blake2bEnd(state: usize, data: usize, bytes: usize, before: u64): void {
  const whole: usize = bytes === 0 ? 0 : ((bytes - 1) / BLAKE2B_BLOCK) * BLAKE2B_BLOCK;
  blake2bBlocks(state, data, whole, before);
  const rest = bytes - whole;
  memory.copy(lastBlock, data + whole, rest);
  memory.fill(lastBlock + rest, 0, BLAKE2B_BLOCK - rest);
  blake2bCompress(state, lastBlock, before + bytes, u64.MAX_VALUE);
}
