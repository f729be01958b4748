/**
 * Random numbers that a seed fixes on every machine: the key stream of AES-256 in counter mode. Native,
 * uniform, and independent of the version of Node, unlike Math.random.
 */
import { createCipheriv, createHash, type Cipher } from 'node:crypto';

const BLOCK = Buffer.alloc(65_536);
const WORDS = 2 ** 32;

/**
 * SHA-512 of `mina-delegation-load-test/<purpose>`, a zero byte, `seed` (UTF-8), a zero byte and `detail`.
 * `detail` must hold no zero byte; then no two inputs give the same text.
 */
export const hashOfSeed = (purpose: string, seed: string | Uint8Array, detail: string): Buffer =>
  createHash('sha512')
    .update(`mina-delegation-load-test/${purpose}\0`)
    .update(seed)
    .update(`\0${detail}`)
    .digest();

export class RandomStream {
  readonly #cipher: Cipher;
  #block = Buffer.alloc(0);
  #at = 0;

  /** Streams of one seed with different purposes are independent. */
  constructor(seed: string, purpose: string) {
    const hash = hashOfSeed(`random/${purpose}`, seed, '');
    this.#cipher = createCipheriv('aes-256-ctr', hash.subarray(0, 32), hash.subarray(32, 48));
  }

  /** @returns an integer from 0 to 2^32 - 1 */
  next(): number {
    if (this.#at === this.#block.length) {
      this.#block = this.#cipher.update(BLOCK);
      this.#at = 0;
    }
    const word = this.#block.readUInt32LE(this.#at);
    this.#at += 4;
    return word;
  }

  /** @returns the next `length` bytes of the stream; not to be mixed with the numbers */
  bytes(length: number): Buffer {
    return this.#cipher.update(Buffer.alloc(length));
  }

  /** @returns an integer from 0 to `limit` - 1, each equally likely; 0 < limit <= 2^32 */
  below(limit: number): number {
    // What lies above the greatest multiple of `limit` is drawn again, else small numbers are likelier.
    const end = WORDS - (WORDS % limit);
    let word = this.next();
    while (word >= end) word = this.next();
    return word % limit;
  }

  /** Fisher-Yates over `list[from]` to `list[to - 1]`. */
  shuffle(list: Uint32Array, from = 0, to = list.length): void {
    for (let i = to - 1; i > from; i--) {
      const j = from + this.below(i - from + 1);
      const held = list[i];
      list[i] = list[j]!;
      list[j] = held;
    }
  }
}
