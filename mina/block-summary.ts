/**
 * What people and reports want to know of a block.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */
import { encode } from './base58check.ts';
import { type Generation, type ProtocolVersion, parseBlock } from './block.ts';
import { type StateHash, referenceStateHash, stateHashText } from './state-hash.ts';

/** Names as the stateless verifier, the coordinator and the daemon have them; lengths in bytes. */
export type BlockSummary = {
  /** `3N…`, by the rule of the block's own generation. */
  state_hash: string;
  previous_state_hash: string;
  height: number;
  /** Global slot since genesis. */
  slot: number;
  slot_since_hard_fork: number;
  epoch: number;
  /** RFC 3339, UTC, milliseconds; null beyond the range of a date. */
  timestamp: string | null;
  genesis_state_hash: string;
  /** `j…`, as nodes report it. */
  snarked_ledger_hash: string;
  staged_ledger_hash: string;
  /** `B62…`. */
  block_creator: string;
  coinbase_receiver: string;
  generation: Generation;
  /** Transaction, network, patch: `3.0.0`. */
  protocol_version: string;
  sizes: {
    block: number;
    header: number;
    protocol_state: number;
    protocol_state_proof: number;
    body: number;
  };
};

/**
 * @param bytes a whole block @param hash the fast one for many blocks (state-hasher.ts)
 * @throws BinProtError that names the byte and the field where the data stops to be a block
 */
export function decodeBlock(
  bytes: Uint8Array,
  hash: Pick<StateHash, 'stateHash'> = referenceStateHash,
): BlockSummary {
  const block = parseBlock(bytes);
  const { protocol_state: state, generation, offsets } = block;
  const { blockchain_state: blockchain, consensus_state: consensus } = state.body;
  return {
    state_hash: stateHashText(hash.stateHash(state, generation)),
    previous_state_hash: stateHashText(state.previous_state_hash),
    height: consensus.blockchain_length,
    slot: consensus.global_slot_since_genesis,
    slot_since_hard_fork: consensus.curr_global_slot_since_hard_fork.slot_number,
    epoch: consensus.epoch_count,
    timestamp: timeText(blockchain.timestamp),
    genesis_state_hash: stateHashText(state.body.genesis_state_hash),
    snarked_ledger_hash: encode(
      'ledgerHash',
      blockchain.ledger_proof_statement.target.first_pass_ledger,
    ),
    staged_ledger_hash: encode('ledgerHash', blockchain.staged_ledger_hash.non_snark.ledger_hash),
    block_creator: publicKeyText(consensus.block_creator),
    coinbase_receiver: publicKeyText(consensus.coinbase_receiver),
    generation,
    protocol_version: versionText(block.current_protocol_version),
    sizes: {
      block: bytes.length,
      header: offsets.body,
      protocol_state: offsets.protocol_state_proof,
      protocol_state_proof: block.protocol_state_proof.length,
      body: block.body.length,
    },
  };
}

function publicKeyText({ x, is_odd }: { x: Uint8Array; is_odd: boolean }): string {
  return encode('publicKey', Uint8Array.of(...x, is_odd ? 1 : 0));
}

const versionText = ({ transaction, network, patch }: ProtocolVersion): string =>
  `${transaction}.${network}.${patch}`;

/** ECMA-262, section 21.4.1.1: a date is at most 8.64e15 ms from 1970. */
const timeText = (ms: bigint): string | null =>
  ms <= 8_640_000_000_000_000n ? new Date(Number(ms)).toISOString() : null;
