/**
 * Blocks seen lately. Many block producers submit the same block, so what was made of it is worth keeping: that its text is base64, its bytes, its hash, and
 * the hash of the signed text as far as the block goes. Finding them costs one comparison of the whole text (measured: 17 KB of it take 30 us to decode and
 * hash, and 2 us to compare).
 */
import type { HashedStart } from '../../mina/signer.ts';
import type { KnownToken } from '../../mina/submission.ts';

export type KnownBlock = KnownToken & {
  /** The block's bytes, alone in their ArrayBuffer; shared by all who ask, so not to be changed. */
  bytes: Uint8Array;
  /** base58check of their BLAKE2b-256. */
  hash: string;
  /** What the signed text of its submissions begins with. */
  start: HashedStart;
};

export type BlockCache = {
  /** @returns the block whose whole JSON token stands at `start` of `body`, byte by byte; null: none is known */
  find(body: Uint8Array, start: number): KnownBlock | null;
  /** @param block its token may be a view of a request: a copy is kept */
  add(block: KnownBlock): void;
  /** Bytes of tokens and blocks kept. */
  readonly bytes: number;
};

/** Bytes at the start of a token that tell most blocks apart at once: version and previous state hash stand there. */
const PREFIX_BYTES = 64;
/** Blocks of one prefix: those on one parent. Nobody makes a body that is compared with more. */
const MOST_OF_PREFIX = 16;

/** @param limitBytes what is kept never exceeds this; the block longest unused goes first */
export function createBlockCache(limitBytes = 64 * 1024 * 1024): BlockCache {
  const byPrefix = new Map<string, KnownBlock[]>();
  /** By use, the longest unused first; with its prefix. */
  const used = new Map<KnownBlock, string>();
  let bytes = 0;
  const sizeOf = ({ token, bytes: block }: KnownBlock): number => token.length + block.length;

  function forget(block: KnownBlock, prefix: string): void {
    const same = byPrefix.get(prefix)!;
    same.splice(same.indexOf(block), 1);
    if (same.length === 0) byPrefix.delete(prefix);
    used.delete(block);
    bytes -= sizeOf(block);
  }

  return {
    get bytes() {
      return bytes;
    },
    find(body, start) {
      for (const block of byPrefix.get(prefixAt(body, start)) ?? []) {
        const { token } = block;
        if (Buffer.compare(token, body.subarray(start, start + token.length)) !== 0) continue;
        const prefix = used.get(block)!;
        used.delete(block);
        used.set(block, prefix);
        return block;
      }
      return null;
    },
    add(block) {
      if (sizeOf(block) > limitBytes) return;
      const prefix = prefixAt(block.token, 0);
      // Not slice(): of a Buffer that is a view of the same bytes, and keeps the whole request.
      const kept = { ...block, token: new Uint8Array(block.token) };
      const same = byPrefix.get(prefix) ?? [];
      if (same.length === MOST_OF_PREFIX) forget(same[0], prefix);
      same.push(kept);
      byPrefix.set(prefix, same);
      used.set(kept, prefix);
      bytes += sizeOf(kept);
      for (const [oldest, itsPrefix] of used) {
        if (bytes <= limitBytes) break;
        forget(oldest, itsPrefix);
      }
    },
  };
}

/** Of a token shorter than this nothing is found again, as something else follows it: its block is worth nothing either. */
function prefixAt(body: Uint8Array, start: number): string {
  const end = Math.min(start + PREFIX_BYTES, body.length);
  return Buffer.from(body.buffer, body.byteOffset + start, end - start).toString('latin1');
}
