/**
 * What a block says in two places, compared: no proof is needed to see that it does not fit itself. The stateless verifier of the program does not look
 * at this; proofs cover most of it.
 */
import type { ParsedBlock } from '../../mina/block.ts';
import { bodyReference } from '../../mina/body-reference.ts';
import { ERAS } from '../../mina/eras.ts';
import { STATE_PREFIX } from '../../mina/state-hash.ts';
import type { StateHasher } from '../../mina/state-hasher.ts';

/** proof.fork of a node's configuration. */
export type ForkRecord = { stateHash: string; height: number; globalSlot: number };

export type ConsistencyTools = {
  hasher: Pick<StateHasher, 'hash'>;
  blake2b256: (bytes: Uint8Array) => Uint8Array;
};

/** The constant delta is 0 on every network seen; so many slots may a block be late. */
const MOST_DELTA = 100;

export const isEqual = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

/**
 * @param fork where it is known: all blocks after it count their global slots from it
 * @returns what does not fit, each as one clause
 */
export function inconsistencies(
  block: ParsedBlock,
  { hasher, blake2b256 }: ConsistencyTools,
  fork: ForkRecord | null = null,
): string[] {
  const { protocol_state: state, delta_block_chain_proof: delta, era } = block;
  const { blockchain_state: blockchain, consensus_state: consensus, constants } = state.body;
  const { slot_number: slot, slots_per_epoch: slotsPerEpoch } =
    consensus.curr_global_slot_since_hard_fork;
  const global = consensus.global_slot_since_genesis;
  const found: string[] = [];

  if (!isEqual(bodyReference(block.body, blake2b256), blockchain.body_reference))
    found.push('body_reference is not that of the body');

  const { body_hashes: bodyHashes } = delta;
  let end = delta.state_hash;
  // A block of 50 MB has room for a million of them, each some 20 us.
  if (bodyHashes.length > MOST_DELTA)
    found.push(`delta_block_chain_proof has ${bodyHashes.length} hashes, more than ${MOST_DELTA}`);
  else for (const bodyHash of bodyHashes) end = hasher.hash([end, bodyHash], STATE_PREFIX);
  if (bodyHashes.length <= MOST_DELTA && !isEqual(end, state.previous_state_hash))
    found.push('delta_block_chain_proof does not end at previous_state_hash');

  const slotMs = BigInt(ERAS[era].slotTimeMs);
  const sinceGenesis = blockchain.timestamp - constants.genesis_state_timestamp;
  // Not exactly the beginning of the slot: of 46 recorded blocks one is later in it.
  if (sinceGenesis < 0n || sinceGenesis / slotMs !== BigInt(slot))
    found.push(
      `timestamp ${blockchain.timestamp} is not within slot ${slot} (of ${slotMs} ms since ${constants.genesis_state_timestamp})`,
    );
  if (slotsPerEpoch !== constants.slots_per_epoch)
    found.push(`slots_per_epoch is ${slotsPerEpoch} and ${constants.slots_per_epoch}`);
  if (slotsPerEpoch === 0 || Math.floor(slot / slotsPerEpoch) !== consensus.epoch_count)
    found.push(`epoch_count ${consensus.epoch_count} is not that of slot ${slot}`);
  if (global < slot)
    found.push(`global_slot_since_genesis ${global} is before slot ${slot} since the hard fork`);
  if (fork !== null && global - slot !== fork.globalSlot)
    found.push(
      `slots are counted from global slot ${global - slot}, and the configuration's fork is at ${fork.globalSlot}`,
    );
  if (fork !== null && consensus.blockchain_length <= fork.height)
    found.push(
      `height ${consensus.blockchain_length} is not above the configuration's fork at ${fork.height}`,
    );
  return found;
}
