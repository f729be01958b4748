/** What a block of a dump says, by this project's own decoder and by the rule of the block's own era. Pure. */
import { blake2b } from '@noble/hashes/blake2.js';
import { encode } from '../../mina/base58check.ts';
import { decodeBlock } from '../../mina/block-summary.ts';
import { BinProtError } from '../../mina/bin-prot.ts';
import type { StateHash } from '../../mina/state-hash.ts';
import type { BlockState } from './evidence.ts';

/** @param hash as the dump names the block */
export const isNamedRight = (hash: string, bytes: Uint8Array): boolean =>
  encode('blockHash', blake2b(bytes, { dkLen: 32 })) === hash;

export function readState(
  bytes: Uint8Array,
  hash: Pick<StateHash, 'stateHash'>,
): { state: BlockState } | { fault: string } {
  try {
    const { state_hash, previous_state_hash, height, slot, era } = decodeBlock(bytes, hash);
    return { state: { stateHash: state_hash, parent: previous_state_hash, height, slot, era } };
  } catch (error) {
    if (error instanceof BinProtError || error instanceof RangeError)
      return { fault: error.message };
    throw error;
  }
}
