/**
 * What people and reports want to know of a block.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */
import { encode } from './base58check.ts';
import { type ProtocolState, type ProtocolVersion, parseBlock } from './block.ts';
import { epochOf, type EraName, ERAS } from './eras.ts';
import { type StateHash, referenceStateHash, stateHashText } from './state-hash.ts';

/** Names as the stateless verifier, the coordinator and the daemon have them; lengths in bytes. */
export type StateSummary = {
  /** `3N…`, by the rule of the block's own era. */
  state_hash: string;
  previous_state_hash: string;
  height: number;
  /** Global slot since genesis: it goes on over a hard fork. */
  slot: number;
  slot_since_hard_fork: number;
  epoch: number;
  /** null where the block says that an epoch has no slots. */
  slot_in_epoch: number | null;
  /** When its slot begins by the clock of its era: RFC 3339, UTC, milliseconds; null beyond the range of a date. */
  slot_time: string | null;
  /** What the block says of it, in the same form. */
  timestamp: string | null;
  genesis_state_hash: string;
  /** `j…`, as nodes report it. */
  snarked_ledger_hash: string;
  staged_ledger_hash: string;
  /** `B62…`. */
  block_creator: string;
  coinbase_receiver: string;
  era: EraName;
};

export type BlockSummary = StateSummary & {
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

/** @param era whose rule and clock @param hash the fast one for many blocks (state-hasher.ts) */
export function summaryOfState(
  state: ProtocolState,
  era: EraName,
  hash: Pick<StateHash, 'stateHash'> = referenceStateHash,
): StateSummary {
  const { blockchain_state: blockchain, consensus_state: consensus, constants } = state.body;
  const { slot_number: slot, slots_per_epoch: slotsPerEpoch } =
    consensus.curr_global_slot_since_hard_fork;
  return {
    state_hash: stateHashText(hash.stateHash(state, era)),
    previous_state_hash: stateHashText(state.previous_state_hash),
    height: consensus.blockchain_length,
    slot: consensus.global_slot_since_genesis,
    slot_since_hard_fork: slot,
    epoch: consensus.epoch_count,
    slot_in_epoch: slotsPerEpoch === 0 ? null : epochOf({ slotsPerEpoch }, slot).slotInEpoch,
    // In 64 bits: a block may say any time of genesis.
    slot_time: timeText(
      constants.genesis_state_timestamp + BigInt(slot) * BigInt(ERAS[era].slotTimeMs),
    ),
    timestamp: timeText(blockchain.timestamp),
    genesis_state_hash: stateHashText(state.body.genesis_state_hash),
    snarked_ledger_hash: encode(
      'ledgerHash',
      blockchain.ledger_proof_statement.target.first_pass_ledger,
    ),
    staged_ledger_hash: encode('ledgerHash', blockchain.staged_ledger_hash.non_snark.ledger_hash),
    block_creator: publicKeyText(consensus.block_creator),
    coinbase_receiver: publicKeyText(consensus.coinbase_receiver),
    era,
  };
}

/**
 * @param bytes a whole block @param hash the fast one for many blocks (state-hasher.ts)
 * @throws BinProtError that names the byte and the field where the data stops to be a block
 */
export function decodeBlock(
  bytes: Uint8Array,
  hash: Pick<StateHash, 'stateHash'> = referenceStateHash,
): BlockSummary {
  const block = parseBlock(bytes);
  const { offsets } = block;
  return {
    ...summaryOfState(block.protocol_state, block.era, hash),
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
