/**
 * The state hash of a block: Poseidon with the "kimchi" numbers over the protocol state.
 *
 *     body hash  = hash("MinaProtoStateBody", pack(body))
 *     state hash = hash("MinaProtoState", [previous_state_hash, body hash])
 *
 * Source: MinaProtocol/mina, src/lib/mina_state/protocol_state.ml and the to_input functions of its parts; checked against the links of
 * recorded chains and published hashes of mainnet. What is packed stands here once ({@link feedBody}); the readable hash on BigInt is
 * here, the fast one in state-hasher.ts.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { encode } from './base58check.ts';
import type {
  EpochData,
  ProtocolState,
  ProtocolStateBody,
  PublicKeyElements,
  Registers,
  SignedAmount,
} from './block.ts';
import { type EraName, ERAS } from './eras.ts';
import { Fp } from './field.ts';
import { createPoseidon } from './poseidon.ts';
import { poseidonKimchiParameters } from './poseidon-kimchi-parameters.ts';

export const STATE_PREFIX = 'MinaProtoState';
export const BODY_PREFIX = 'MinaProtoStateBody';

/** Most bits that one field element takes. */
export const PACKED_BITS = 254;
/** Bits of last_vrf_output that are hashed: 31 bytes and the 5 low bits of the last. */
const VRF_BITS = 253;

/** Takes the input of a hash. Whole elements go before packed ones, whatever the order in which they come. */
export type InputSink = {
  /** @param element 32 bytes, little-endian, below p */
  whole(element: Uint8Array): void;
  /** @param value below 2^width; width is 32 (then a number) or 64 (then a bigint) */
  number(value: number | bigint, width: 32 | 64): void;
  /** One bit. */
  flag(value: boolean): void;
  /** `count` bits one by one, every byte from its lowest; all bytes if `count` is absent. */
  bits(bytes: Uint8Array, count?: number): void;
};

/** Two ways to the same hashes: {@link referenceStateHash} and state-hasher.ts. */
export type StateHash = {
  /** @returns 32 bytes, little-endian. @throws RangeError if the state has not the constants that the rule hashes */
  bodyHash(body: ProtocolStateBody, rule: EraName): Uint8Array;
  /** As {@link bodyHash}. */
  stateHash(state: ProtocolState, rule: EraName): Uint8Array;
};

/** `3N…`, 52 characters. @param hash 32 bytes, little-endian */
export const stateHashText = (hash: Uint8Array): string => encode('stateHash', hash);

/**
 * Gives a protocol state's body to `sink`. The rules differ in one thing: whether grace_period_slots is hashed (eras.ts).
 * @throws RangeError if it is, and there is no grace_period_slots (in a rampup block)
 */
export function feedBody(sink: InputSink, body: ProtocolStateBody, rule: EraName): void {
  const { constants, blockchain_state: blockchain, consensus_state: consensus } = body;

  sink.number(constants.k, 32);
  sink.number(constants.delta, 32);
  sink.number(constants.slots_per_epoch, 32);
  sink.number(constants.slots_per_sub_window, 32);
  if (ERAS[rule].hashesGracePeriod) {
    if (constants.grace_period_slots === null)
      throw new RangeError(
        `the ${ERAS[rule].label} rule hashes grace_period_slots, which a rampup block has not`,
      );
    sink.number(constants.grace_period_slots, 32);
  }
  sink.number(constants.genesis_state_timestamp, 64);

  sink.whole(body.genesis_state_hash);
  const { non_snark, pending_coinbase_hash } = blockchain.staged_ledger_hash;
  const digest = sha256
    .create()
    // Big-endian. A copy: the block may lie in a Buffer, whose slice() is none.
    .update(Uint8Array.from(non_snark.ledger_hash).reverse())
    .update(non_snark.aux_hash)
    .update(non_snark.pending_coinbase_aux)
    .digest();
  sink.bits(digest);
  sink.whole(pending_coinbase_hash);
  sink.whole(blockchain.genesis_ledger_hash);
  const statement = blockchain.ledger_proof_statement;
  feedRegisters(sink, statement.source);
  feedRegisters(sink, statement.target);
  sink.whole(statement.connecting_ledger_left);
  sink.whole(statement.connecting_ledger_right);
  feedAmount(sink, statement.supply_increase);
  sink.whole(statement.fee_excess.fee_token_l);
  feedAmount(sink, statement.fee_excess.fee_excess_l);
  sink.whole(statement.fee_excess.fee_token_r);
  feedAmount(sink, statement.fee_excess.fee_excess_r);
  sink.number(blockchain.timestamp, 64);
  sink.bits(blockchain.body_reference);

  sink.number(consensus.blockchain_length, 32);
  sink.number(consensus.epoch_count, 32);
  sink.number(consensus.min_window_density, 32);
  for (const density of consensus.sub_window_densities) sink.number(density, 32);
  sink.bits(consensus.last_vrf_output, VRF_BITS);
  sink.number(consensus.total_currency, 64);
  sink.number(consensus.curr_global_slot_since_hard_fork.slot_number, 32);
  sink.number(consensus.curr_global_slot_since_hard_fork.slots_per_epoch, 32);
  sink.number(consensus.global_slot_since_genesis, 32);
  sink.flag(consensus.has_ancestor_in_same_checkpoint_window);
  sink.flag(consensus.supercharge_coinbase);
  feedEpochData(sink, consensus.staking_epoch_data);
  feedEpochData(sink, consensus.next_epoch_data);
  feedPublicKey(sink, consensus.block_stake_winner);
  feedPublicKey(sink, consensus.block_creator);
  feedPublicKey(sink, consensus.coinbase_receiver);
}

function feedRegisters(sink: InputSink, registers: Registers): void {
  const { pending_coinbase_stack: stack, local_state: local } = registers;
  sink.whole(registers.first_pass_ledger);
  sink.whole(registers.second_pass_ledger);
  sink.whole(stack.data);
  sink.whole(stack.state.init);
  sink.whole(stack.state.curr);
  sink.whole(local.stack_frame);
  sink.whole(local.call_stack);
  sink.whole(local.transaction_commitment);
  sink.whole(local.full_transaction_commitment);
  sink.whole(local.ledger);
  feedAmount(sink, local.excess);
  feedAmount(sink, local.supply_increase);
  sink.number(local.account_update_index, 32);
  sink.flag(local.success);
  sink.flag(local.will_succeed);
}

function feedAmount(sink: InputSink, { magnitude, sgn }: SignedAmount): void {
  sink.number(magnitude, 64);
  sink.flag(sgn === 'Pos');
}

function feedEpochData(sink: InputSink, epoch: EpochData): void {
  sink.whole(epoch.seed);
  sink.whole(epoch.start_checkpoint);
  sink.number(epoch.epoch_length, 32);
  sink.whole(epoch.ledger.hash);
  sink.number(epoch.ledger.total_currency, 64);
  sink.whole(epoch.lock_checkpoint);
}

function feedPublicKey(sink: InputSink, key: PublicKeyElements): void {
  sink.whole(key.x);
  sink.flag(key.is_odd);
}

/**
 * The elements that are hashed for what `feed` gives: the whole ones, then the packed ones. An item goes below the ones before it as long as
 * the element stays below 2^254; else it starts the next element.
 */
export function packToElements(feed: (sink: InputSink) => void): bigint[] {
  const whole: bigint[] = [];
  const packed: bigint[] = [];
  let current = 0n;
  let used = 0;
  const add = (value: bigint, width: number): void => {
    if (used + width > PACKED_BITS) {
      packed.push(current);
      current = 0n;
      used = 0;
    }
    current = (current << BigInt(width)) | value;
    used += width;
  };
  feed({
    whole: (element) => whole.push(Fp.fromBytesLE(element)),
    number: (value, width) => add(BigInt(value), width),
    flag: (value) => add(value ? 1n : 0n, 1),
    bits(bytes, count = 8 * bytes.length) {
      for (let i = 0; i < count; i++) add(BigInt((bytes[i >> 3] >> (i & 7)) & 1), 1);
    },
  });
  return used === 0 ? whole : [...whole, ...packed, current];
}

const poseidon = createPoseidon(poseidonKimchiParameters);

function bodyHash(body: ProtocolStateBody, rule: EraName): bigint {
  const elements = packToElements((sink) => feedBody(sink, body, rule));
  return poseidon.hashWithPrefix(BODY_PREFIX, elements);
}

/** On BigInt: for checks, and for a few blocks. */
export const referenceStateHash: StateHash = {
  bodyHash: (body, rule) => Fp.toBytesLE(bodyHash(body, rule)),
  stateHash: ({ previous_state_hash, body }, rule) =>
    Fp.toBytesLE(
      poseidon.hashWithPrefix(STATE_PREFIX, [
        Fp.fromBytesLE(previous_state_hash),
        bodyHash(body, rule),
      ]),
    ),
};
