/**
 * A Mina block (`Mina_block` V2 and V3, bin_prot): header and protocol state as typed objects, proof and body as opaque bytes, for all
 * eras (eras.ts). Everything of bytes is a view of the input, so a block of any size is decoded without a copy.
 * Layout: MinaProtocol/mina, src/lib/mina_block, src/lib/mina_state, src/lib/consensus; checked on 46 recorded blocks of three networks,
 * and on two of Mesa.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */
import {
  BinProtError,
  type Codec,
  INT64,
  Reader,
  type ValueOf,
  Writer,
  bool,
  bytes,
  emptyList,
  field,
  int,
  list,
  oneByte,
  onlyConstructor,
  option,
  record,
  uint32,
  uint64,
  unit,
  within,
} from './bin-prot.ts';
import { type EraName, ERAS, eraOfVersion } from './eras.ts';

/** Bytes of protocol_state_proof in every block seen. It is not decoded. */
export const PROOF_BYTES = 11_138;
/** The body (staged ledger diff) without any content, which is the shortest. */
export const EMPTY_BODY: readonly number[] = [0, 0, 1, 0, 1, 0, 0];
/** body_reference of that body, its content address; seen in recorded blocks. */
export const EMPTY_BODY_REFERENCE: Uint8Array = Uint8Array.from(
  '767fe7bd43d3dd12c3de09f8655cbe85ec5d89746bb2f540decdf6dd5e6763e3'.match(/../g)!,
  (hex) => parseInt(hex, 16),
);
/** How far behind the protocol state the end of the proof is looked for, if it is not {@link PROOF_BYTES} long. */
const PROOF_SEARCH_BYTES = 1 << 16;

/** All networks seen have 11. The limit bounds what a state hash can cost. */
const MAX_SUB_WINDOWS = 100;

const string32 = bytes(32);
/** Magnitude and sign. */
const signedAmount = record({ magnitude: uint64, sgn: oneByte('sgn', 'Pos', 'Neg') });
const publicKey = record({ x: field, is_odd: bool });

const registers = record({
  first_pass_ledger: field,
  second_pass_ledger: field,
  pending_coinbase_stack: record({ data: field, state: record({ init: field, curr: field }) }),
  local_state: record({
    stack_frame: field,
    call_stack: field,
    transaction_commitment: field,
    full_transaction_commitment: field,
    excess: signedAmount,
    supply_increase: signedAmount,
    ledger: field,
    success: bool,
    account_update_index: uint32,
    failure_status_tbl: emptyList,
    will_succeed: bool,
  }),
});

/** Fields of a transaction statement: in a block's state without the sok digest, in snark work with it. */
export const statementFields = <Sok>(sokDigest: Codec<Sok>) => ({
  source: registers,
  target: registers,
  connecting_ledger_left: field,
  connecting_ledger_right: field,
  supply_increase: signedAmount,
  fee_excess: record({
    fee_token_l: field,
    fee_excess_l: signedAmount,
    fee_token_r: field,
    fee_excess_r: signedAmount,
  }),
  sok_digest: sokDigest,
});

const blockchainState = record({
  staged_ledger_hash: record({
    non_snark: record({ ledger_hash: field, aux_hash: string32, pending_coinbase_aux: string32 }),
    pending_coinbase_hash: field,
  }),
  genesis_ledger_hash: field,
  ledger_proof_statement: record(statementFields(unit)),
  /** Milliseconds since 1970. */
  timestamp: uint64,
  body_reference: string32,
});

const epochData = record({
  ledger: record({ hash: field, total_currency: uint64 }),
  seed: field,
  start_checkpoint: field,
  lock_checkpoint: field,
  epoch_length: uint32,
});

const consensusState = record({
  /** The height. */
  blockchain_length: uint32,
  epoch_count: uint32,
  min_window_density: uint32,
  sub_window_densities: list(uint32, MAX_SUB_WINDOWS),
  /** 253 bits; the 3 highest bits of the last byte are not hashed. */
  last_vrf_output: string32,
  total_currency: uint64,
  curr_global_slot_since_hard_fork: record({
    slot_number: onlyConstructor(uint32),
    slots_per_epoch: uint32,
  }),
  /** What the verifier reports as the slot. */
  global_slot_since_genesis: onlyConstructor(uint32),
  staking_epoch_data: epochData,
  next_epoch_data: epochData,
  has_ancestor_in_same_checkpoint_window: bool,
  block_stake_winner: publicKey,
  block_creator: publicKey,
  coinbase_receiver: publicKey,
  supercharge_coinbase: bool,
});

const constantsBeforeGrace = { k: uint32, slots_per_epoch: uint32, slots_per_sub_window: uint32 };
const constantsAfterGrace = { delta: uint32, genesis_state_timestamp: uint64 };
const rampupConstants = record({ ...constantsBeforeGrace, ...constantsAfterGrace });
const laterConstants = record({
  ...constantsBeforeGrace,
  grace_period_slots: uint32,
  ...constantsAfterGrace,
});

type Constants = ValueOf<typeof rampupConstants> & {
  /** null: rampup, which has no such constant. */
  readonly grace_period_slots: number | null;
};

/**
 * Read with grace_period_slots, a rampup block has its timestamp where `delta` belongs. A timestamp takes 64 bits, which no 32-bit
 * integer does.
 */
const constants: Codec<Constants> = {
  leastBytes: rampupConstants.leastBytes,
  read(reader) {
    const probe = new Reader(reader.bytes, reader.at);
    const isRampup = leads(probe, 4) && reader.bytes[probe.at] === INT64;
    if (!isRampup) return laterConstants.read(reader);
    return { ...rampupConstants.read(reader), grace_period_slots: null };
  },
  write(writer, value) {
    const { grace_period_slots } = value;
    if (grace_period_slots === null) rampupConstants.write(writer, value);
    else laterConstants.write(writer, { ...value, grace_period_slots });
  },
};

/** Whether `count` integers of 32 bits can be read; leaves the reader behind them. */
function leads(reader: Reader, count: number): boolean {
  try {
    for (let i = 0; i < count; i++) uint32.read(reader);
    return true;
  } catch (error) {
    if (error instanceof BinProtError) return false;
    throw error;
  }
}

const protocolState = record({
  previous_state_hash: field,
  body: record({
    genesis_state_hash: field,
    blockchain_state: blockchainState,
    consensus_state: consensusState,
    constants,
  }),
});

/** The state hash before the first of `body_hashes`; equal to previous_state_hash where delta is 0. */
const deltaProof = record({ state_hash: field, body_hashes: list(field) });
const protocolVersion = record({ transaction: int, network: int, patch: int });
const proposedVersion = option(protocolVersion);

/** Field elements are 32 bytes, little-endian, below p; 32-bit integers are numbers, 64-bit ones bigints. */
export type ProtocolState = ValueOf<typeof protocolState>;
export type ProtocolStateBody = ProtocolState['body'];
export type PublicKeyElements = ValueOf<typeof publicKey>;
export type Registers = ValueOf<typeof registers>;
export type EpochData = ValueOf<typeof epochData>;
export type SignedAmount = ValueOf<typeof signedAmount>;
export type ProtocolVersion = ValueOf<typeof protocolVersion>;

export type Block = {
  readonly protocol_state: ProtocolState;
  /** Opaque. */
  readonly protocol_state_proof: Uint8Array;
  readonly delta_block_chain_proof: ValueOf<typeof deltaProof>;
  readonly current_protocol_version: ProtocolVersion;
  readonly proposed_protocol_version_opt: ProtocolVersion | null;
  /** The staged ledger diff, opaque. */
  readonly body: Uint8Array;
};

export type ParsedBlock = Block & {
  /** Which rule hashes it, and how long its slots are. */
  readonly era: EraName;
  /** The input. */
  readonly bytes: Uint8Array;
  /** Where the parts start, in bytes; protocol_state starts at 0. */
  readonly offsets: {
    readonly protocol_state_proof: number;
    readonly delta_block_chain_proof: number;
    readonly current_protocol_version: number;
    readonly body: number;
  };
};

/**
 * @param input a whole block; its bytes must not change as long as the result is used
 * @throws BinProtError that names the byte and the field where the data stops to be a block
 */
export function parseBlock(input: Uint8Array): ParsedBlock {
  const reader = new Reader(input);
  const read = <T>(name: string, codec: Codec<T>): T => within(name, () => codec.read(reader));

  const state = read('protocol_state', protocolState);
  const proofAt = reader.at;
  const deltaAt = within('protocol_state_proof', () =>
    endOfProof(input, proofAt, state.previous_state_hash),
  );
  reader.at = deltaAt;
  const delta_block_chain_proof = read('delta_block_chain_proof', deltaProof);
  const versionAt = reader.at;
  const current_protocol_version = read('current_protocol_version', protocolVersion);
  const proposed_protocol_version_opt = read('proposed_protocol_version_opt', proposedVersion);
  const bodyAt = reader.at;
  if (reader.left < EMPTY_BODY.length)
    throw new BinProtError(
      `${reader.left} bytes are left, but an empty body has ${EMPTY_BODY.length},`,
      bodyAt,
      'body',
    );
  return {
    era: eraOf(state, current_protocol_version, versionAt),
    protocol_state: state,
    protocol_state_proof: input.subarray(proofAt, deltaAt),
    delta_block_chain_proof,
    current_protocol_version,
    proposed_protocol_version_opt,
    body: input.subarray(bodyAt),
    bytes: input,
    offsets: {
      protocol_state_proof: proofAt,
      delta_block_chain_proof: deltaAt,
      current_protocol_version: versionAt,
      body: bodyAt,
    },
  };
}

/** Version 3.1.0 belongs to rampup, which is older than 3.0.0: the layout goes first. */
function eraOf(state: ProtocolState, { transaction }: ProtocolVersion, versionAt: number): EraName {
  if (state.body.constants.grace_period_slots === null) return 'rampup';
  const found = eraOfVersion(transaction);
  if ('era' in found) return found.era;
  throw new BinProtError(
    `${transaction} ${found.problem},`,
    versionAt,
    'current_protocol_version.transaction',
  );
}

/**
 * The same block in another era: its version, its layout. Its body has to be one that both eras read, which only that without content is
 * for sure: the types of zkApp commands differ (Mesa has 32 state fields, Berkeley 8).
 * @throws RangeError for a body that may not stand in that era
 */
export function blockInEra(block: ParsedBlock, era: EraName): ParsedBlock {
  if (block.era === era) return block;
  if (!isEmptyBody(block.body))
    throw new RangeError(
      `a block of ${block.era} whose body has ${block.body.length} bytes cannot stand in ${era}`,
    );
  const { protocol_state: state } = block;
  const { gracePeriodSlots, protocolVersion } = ERAS[era];
  const constants = {
    ...state.body.constants,
    grace_period_slots:
      gracePeriodSlots === null
        ? null
        : (state.body.constants.grace_period_slots ?? gracePeriodSlots),
  };
  return parseBlock(
    encodeBlock({
      ...block,
      protocol_state: { ...state, body: { ...state.body, constants } },
      current_protocol_version: { ...protocolVersion },
    }),
  );
}

/** Whether a body is the one without any content. */
export const isEmptyBody = (body: Uint8Array): boolean =>
  body.length === EMPTY_BODY.length && EMPTY_BODY.every((byte, i) => body[i] === byte);

/**
 * The proof is not decoded, so its end is taken from what follows: where it usually ends, if the previous state hash stands there; else
 * where that hash stands with a plausible rest of a header behind it; else where it usually ends (then delta is not 0).
 */
function endOfProof(input: Uint8Array, proofAt: number, previousStateHash: Uint8Array): number {
  const usual = proofAt + PROOF_BYTES;
  if (standsAt(input, usual, previousStateHash)) return usual;
  const last = Math.min(input.length - previousStateHash.length, proofAt + PROOF_SEARCH_BYTES);
  for (let at = proofAt; at <= last; at++) {
    at = input.indexOf(previousStateHash[0], at);
    if (at === -1 || at > last) break;
    if (standsAt(input, at, previousStateHash) && isHeaderEnd(input, at)) return at;
  }
  new Reader(input, proofAt).skip(PROOF_BYTES);
  return usual;
}

function standsAt(input: Uint8Array, at: number, wanted: Uint8Array): boolean {
  return at + wanted.length <= input.length && wanted.every((byte, i) => input[at + i] === byte);
}

function isHeaderEnd(input: Uint8Array, at: number): boolean {
  const reader = new Reader(input, at);
  try {
    for (const codec of [deltaProof, protocolVersion, proposedVersion]) codec.read(reader);
  } catch (error) {
    if (error instanceof BinProtError) return false;
    throw error;
  }
  return reader.left >= EMPTY_BODY.length;
}

/** Reads a protocol state from the start of `input`; `bytes`: how many it took. @throws BinProtError */
export function decodeProtocolState(input: Uint8Array): { state: ProtocolState; bytes: number } {
  const reader = new Reader(input);
  return { state: protocolState.read(reader), bytes: reader.at };
}

/** @throws BinProtError that names the field whose value is out of range */
export function encodeProtocolState(state: ProtocolState): Uint8Array {
  const writer = new Writer();
  protocolState.write(writer, state);
  return writer.written;
}

/** Inverse of {@link parseBlock}, into one new array. @throws BinProtError that names the field whose value is out of range */
export function encodeBlock(block: Block): Uint8Array {
  const state = new Writer();
  within('protocol_state', () => protocolState.write(state, block.protocol_state));
  const end = new Writer(128);
  within('delta_block_chain_proof', () => deltaProof.write(end, block.delta_block_chain_proof));
  within('current_protocol_version', () =>
    protocolVersion.write(end, block.current_protocol_version),
  );
  within('proposed_protocol_version_opt', () =>
    proposedVersion.write(end, block.proposed_protocol_version_opt),
  );
  if (block.body.length < EMPTY_BODY.length)
    throw new BinProtError(
      `${block.body.length} bytes given, but an empty body has ${EMPTY_BODY.length}`,
      null,
      'body',
    );
  return joined([state.written, block.protocol_state_proof, end.written, block.body]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Makes blocks from one template: another protocol state in front of the same proof, versions and body.
 * @returns a function that encodes a state, and its previous state hash as the one of delta_block_chain_proof, into a new
 * array, with one copy of the rest. It throws BinProtError for a value out of range.
 */
export function blockPatcher(template: ParsedBlock): (state: ProtocolState) => Uint8Array {
  const { bytes: source, offsets } = template;
  const writer = new Writer();
  const rest = source.subarray(offsets.protocol_state_proof);
  const deltaInRest = offsets.delta_block_chain_proof - offsets.protocol_state_proof;
  return (state) => {
    writer.clear();
    within('protocol_state', () => protocolState.write(writer, state));
    const stateBytes = writer.written;
    const block = new Uint8Array(stateBytes.length + rest.length);
    block.set(stateBytes);
    block.set(rest, stateBytes.length);
    block.set(state.previous_state_hash, stateBytes.length + deltaInRest);
    return block;
  };
}
