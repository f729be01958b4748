/** Blocks that the tests of blocks, state hashes and chains share. */
import bs58check from 'bs58check';
import fc from 'fast-check';
import type { ParsedBlock, ProtocolState } from '../../mina/block.ts';
import type { EraName } from '../../mina/eras.ts';
import { encodeBlock, parseBlock } from '../../mina/block.ts';
import { integerToBytesLE, p } from '../../mina/field.ts';
import { readVector, recordedSubmission } from './vectors.ts';

type ByRule = { rc1: string; berkeley: string };
export type BlockVectors = {
  recorded: {
    file: string;
    height: number;
    slot: number;
    timestamp: string;
    previous_state_hash: string;
    state_hash: ByRule;
    block_hash: string;
    body_hash?: ByRule;
    first_packed?: ByRule;
    last_packed?: string;
  }[];
  both: {
    bytes: number;
    protocol_state: number;
    version_at: number;
    header: number;
    min_window_density: number;
    total_currency: string;
    genesis_state_hash: string;
  };
  chain: {
    template: string;
    slot_time_ms: number;
    blocks: ({
      height: number;
      slot: number;
      bytes: number;
      berkeley_block_hash: string;
    } & ByRule)[];
  };
};

export const blockVectors = (): BlockVectors =>
  JSON.parse(readVector('blocks.json')) as BlockVectors;

/** The bytes of a recorded submission's block. */
export const recordedBlock = (file = 'submission-without-snark-work.json'): Uint8Array =>
  new Uint8Array(Buffer.from(recordedSubmission(file).data.block, 'base64'));

const VERSIONS: Record<EraName, [number, number, number]> = {
  rampup: [3, 1, 0],
  rc1: [2, 0, 0],
  berkeley: [3, 0, 0],
  mesa: [4, 0, 0],
};

/** A recorded block (rc1) in the layout and with the version of another era. */
export function blockOf(era: EraName, source: ParsedBlock): Uint8Array {
  const { protocol_state } = source;
  const { constants } = protocol_state.body;
  const [transaction, network, patch] = VERSIONS[era];
  return encodeBlock({
    ...source,
    protocol_state: {
      ...protocol_state,
      body: {
        ...protocol_state.body,
        constants: era === 'rampup' ? { ...constants, grace_period_slots: null } : constants,
      },
    },
    current_protocol_version: { transaction, network, patch },
  });
}

/** One block of each era. */
export const eraBlocks = (): [EraName, Uint8Array][] =>
  (['rampup', 'rc1', 'berkeley', 'mesa'] as const).map((era) => [
    era,
    blockOf(era, parseBlock(recordedBlock())),
  ]);

// --- random protocol states ------------------------------------------------------------------------------------

const field = fc
  .oneof(fc.constantFrom(0n, 1n, p - 1n), fc.bigInt({ min: 0n, max: p - 1n }))
  .map((value) => integerToBytesLE(value, 32));
const string32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
export const uint32Edges = [
  0,
  1,
  127,
  128,
  129,
  200,
  255,
  256,
  7140,
  32767,
  32768,
  40000,
  65535,
  65536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 31 + 1,
  2 ** 32 - 32769,
  2 ** 32 - 32768,
  2 ** 32 - 129,
  2 ** 32 - 128,
  2 ** 32 - 1,
];
export const uint64Edges = [
  ...uint32Edges.map(BigInt),
  2n ** 32n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 2n ** 31n - 1n,
  2n ** 64n - 2n ** 31n,
  2n ** 64n - 129n,
  2n ** 64n - 128n,
  2n ** 64n - 1n,
  1708505694322n,
];
const uint32 = fc.oneof(fc.constantFrom(...uint32Edges), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
const uint64 = fc.oneof(
  fc.constantFrom(...uint64Edges),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
const amount = fc.record({
  magnitude: uint64,
  sgn: fc.constantFrom('Pos' as const, 'Neg' as const),
});
const publicKey = fc.record({ x: field, is_odd: fc.boolean() });
const registers = fc.record({
  first_pass_ledger: field,
  second_pass_ledger: field,
  pending_coinbase_stack: fc.record({
    data: field,
    state: fc.record({ init: field, curr: field }),
  }),
  local_state: fc.record({
    stack_frame: field,
    call_stack: field,
    transaction_commitment: field,
    full_transaction_commitment: field,
    excess: amount,
    supply_increase: amount,
    ledger: field,
    success: fc.boolean(),
    account_update_index: uint32,
    failure_status_tbl: fc.constant(null),
    will_succeed: fc.boolean(),
  }),
});
const epochData = fc.record({
  ledger: fc.record({ hash: field, total_currency: uint64 }),
  seed: field,
  start_checkpoint: field,
  lock_checkpoint: field,
  epoch_length: uint32,
});

/** Any state that can be encoded. The timestamp in `constants` needs 64 bits, as all of this century do: it tells the layouts apart. */
export const protocolStates: fc.Arbitrary<ProtocolState> = fc.record({
  previous_state_hash: field,
  body: fc.record({
    genesis_state_hash: field,
    blockchain_state: fc.record({
      staged_ledger_hash: fc.record({
        non_snark: fc.record({
          ledger_hash: field,
          aux_hash: string32,
          pending_coinbase_aux: string32,
        }),
        pending_coinbase_hash: field,
      }),
      genesis_ledger_hash: field,
      ledger_proof_statement: fc.record({
        source: registers,
        target: registers,
        connecting_ledger_left: field,
        connecting_ledger_right: field,
        supply_increase: amount,
        fee_excess: fc.record({
          fee_token_l: field,
          fee_excess_l: amount,
          fee_token_r: field,
          fee_excess_r: amount,
        }),
        sok_digest: fc.constant(null),
      }),
      timestamp: uint64,
      body_reference: string32,
    }),
    consensus_state: fc.record({
      blockchain_length: uint32,
      epoch_count: uint32,
      min_window_density: uint32,
      sub_window_densities: fc.array(uint32, { maxLength: 14 }),
      last_vrf_output: string32,
      total_currency: uint64,
      curr_global_slot_since_hard_fork: fc.record({ slot_number: uint32, slots_per_epoch: uint32 }),
      global_slot_since_genesis: uint32,
      staking_epoch_data: epochData,
      next_epoch_data: epochData,
      has_ancestor_in_same_checkpoint_window: fc.boolean(),
      block_stake_winner: publicKey,
      block_creator: publicKey,
      coinbase_receiver: publicKey,
      supercharge_coinbase: fc.boolean(),
    }),
    constants: fc.record({
      k: uint32,
      slots_per_epoch: uint32,
      slots_per_sub_window: uint32,
      grace_period_slots: fc.option(uint32),
      delta: uint32,
      genesis_state_timestamp: fc.bigInt({ min: 2n ** 31n, max: 2n ** 63n - 1n }),
    }),
  }),
});

// --- a state of mainnet as daemons write it in JSON --------------------------------------------------------------

const lastBytes = (text: string, count: number): Uint8Array => bs58check.decode(text).slice(-count);

/** One JSON value by what it looks like and where it stands. */
function fromJson(name: string, value: unknown): unknown {
  if (value === null || typeof value === 'boolean') return value;
  if (name === 'failure_status_tbl') return null;
  if (name === 'sgn') return (value as string[])[0];
  if (name === 'fee_excess') {
    const [left, right] = (value as { token: string; amount: unknown }[]).map((side) => ({
      token: fromJson('token', side.token),
      amount: fromJson('amount', side.amount),
    }));
    return {
      fee_token_l: left.token,
      fee_excess_l: left.amount,
      fee_token_r: right.token,
      fee_excess_r: right.amount,
    };
  }
  if (Array.isArray(value)) return value.map((element) => fromJson('', element));
  if (typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, fromJson(key, inner)]),
    );
  const text = value as string;
  if (name === 'last_vrf_output') return new Uint8Array(Buffer.from(text, 'base64url'));
  if (name === 'body_reference') return new Uint8Array(Buffer.from(text, 'hex'));
  if (text.startsWith('0x')) return integerToBytesLE(BigInt(text), 32);
  if (text.startsWith('B62')) {
    const key = lastBytes(text, 33);
    return { x: key.slice(0, 32), is_odd: key[32] === 1 };
  }
  if (!/^\d+$/.test(text)) return lastBytes(text, 32);
  return /magnitude|total_currency|timestamp/.test(name) ? BigInt(text) : Number(text);
}

/** A protocol state as daemons write it in JSON. */
export const stateFromJson = (json: unknown): ProtocolState =>
  fromJson('protocol_state', json) as ProtocolState;

export function mainnetState(): { state: ProtocolState; state_hash: string } {
  const { protocol_state, state_hash } = JSON.parse(readVector('mainnet-state.json')) as {
    protocol_state: unknown;
    state_hash: string;
  };
  return { state: stateFromJson(protocol_state), state_hash };
}
