/**
 * Synthetic chains of blocks, made from one template block: linked by state hashes, with slots, times, forks and branches. Proof and body stay
 * the template's, so the stateless verifier takes such blocks only with --no-checks, where it decodes them and reports state hash, parent,
 * height and slot.
 * Rules: how these fields go together in 46 recorded blocks of three networks and in those of Mesa.
 * Pure (no I/O, no `k6/*`, no `node:*`): randomness is an argument.
 */
import { blake2b } from '@noble/hashes/blake2.js';
import { encode } from './base58check.ts';
import { encodeBase64 } from './base64.ts';
import {
  type ParsedBlock,
  type ProtocolState,
  type PublicKeyElements,
  blockPatcher,
} from './block.ts';
import { type EraName, ERAS, slotAt, timeOfSlot } from './eras.ts';
import { type StateHash, referenceStateHash, stateHashText } from './state-hash.ts';

export type ChainOptions = {
  /** What hashes; a {@link StateHasher}'s `cached()` is fastest. Default: the slow reference. */
  hash?: StateHash;
  /** Whose state hash; default: that of the template's own era. A verifier of 3.x uses `berkeley` for whatever it can decode. */
  rule?: EraName;
  /** Default: that of the template's era. */
  slotTimeMs?: number;
  /**
   * Also epoch_count, and next_epoch_data.lock_checkpoint (the parent's hash in the first two thirds of an epoch), as in real chains.
   * Nothing that reads blocks needs them. Default: they stay the template's.
   */
  epochFields?: boolean;
};

/** What a child needs to know of its parent. */
export type ChainLink = {
  /** `3N…`. */
  readonly state_hash: string;
  readonly height: number;
  /** Global slot since genesis, as the verifier reports it. */
  readonly slot: number;
  /** 32 bytes, little-endian. */
  readonly stateHashBytes: Uint8Array;
  readonly lockCheckpoint: Uint8Array;
};

export type ChainBlock = ChainLink & {
  readonly previous_state_hash: string;
  /** Milliseconds since 1970. */
  readonly timestampMs: number;
  /** The block, in an array of its own. */
  readonly bytes: Uint8Array;
  /** `Y…` or `Z…`: what the backend names the block; computed at each call. */
  blockHash(): string;
  /** The block in base64, ASCII; computed at each call. */
  base64(): Uint8Array;
};

export type NextBlock = {
  slot: number;
  /** Default: the parent's + 1. */
  height?: number;
  /** Block creator and receiver of the coinbase; default: the template's. */
  creator?: PublicKeyElements;
  /** 32 bytes; tells two blocks apart that are equal otherwise. Default: the template's. */
  vrfOutput?: Uint8Array;
};

export type ChainBuilder = {
  /** The template as the parent of the first block. */
  readonly root: ChainLink;
  /**
   * A child of `parent`, with one copy of the template's proof and body.
   * @throws RangeError for a slot that is before the genesis or not after the parent's, BinProtError for a value that its field does not hold
   */
  append(parent: ChainLink, next: NextBlock): ChainBlock;
  /** The slot in which `timeMs` (since 1970) lies. */
  slotAt(timeMs: number): number;
};

/** @param template its bytes must not change as long as the builder is used */
export function createChainBuilder(
  template: ParsedBlock,
  {
    hash = referenceStateHash,
    rule = template.era,
    slotTimeMs = ERAS[template.era].slotTimeMs,
    epochFields = false,
  }: ChainOptions = {},
): ChainBuilder {
  if (!Number.isInteger(slotTimeMs) || slotTimeMs <= 0)
    throw new RangeError(`slotTimeMs is a whole number above 0, not ${slotTimeMs}`);
  const { body } = template.protocol_state;
  const { consensus_state: consensus, blockchain_state: blockchain } = body;
  const { slot_number, slots_per_epoch } = consensus.curr_global_slot_since_hard_fork;
  const hardForkSlot = consensus.global_slot_since_genesis - slot_number;
  const genesisMs = Number(body.constants.genesis_state_timestamp);
  const clock = { genesisMs, slotTimeMs };
  const patch = blockPatcher(template);

  const link = (state: ProtocolState, stateHashBytes: Uint8Array): ChainLink => ({
    state_hash: stateHashText(stateHashBytes),
    height: state.body.consensus_state.blockchain_length,
    slot: state.body.consensus_state.global_slot_since_genesis,
    stateHashBytes,
    lockCheckpoint: state.body.consensus_state.next_epoch_data.lock_checkpoint,
  });

  function append(
    parent: ChainLink,
    { slot, height = parent.height + 1, creator, vrfOutput }: NextBlock,
  ): ChainBlock {
    const slotNumber = slot - hardForkSlot;
    if (!(slotNumber >= 0))
      throw new RangeError(`slot ${slot} is before the first slot of the chain, ${hardForkSlot}`);
    if (slot <= parent.slot)
      throw new RangeError(`slot ${slot} is not after the parent's slot, ${parent.slot}`);
    const timestampMs = timeOfSlot(clock, slotNumber);
    const state: ProtocolState = {
      previous_state_hash: parent.stateHashBytes,
      body: {
        ...body,
        blockchain_state: { ...blockchain, timestamp: BigInt(timestampMs) },
        consensus_state: {
          ...consensus,
          blockchain_length: height,
          curr_global_slot_since_hard_fork: { slot_number: slotNumber, slots_per_epoch },
          global_slot_since_genesis: slot,
          ...(vrfOutput && { last_vrf_output: vrfOutput }),
          ...(creator && { block_creator: creator, coinbase_receiver: creator }),
          ...(epochFields && {
            epoch_count: Math.floor(slotNumber / slots_per_epoch),
            next_epoch_data: {
              ...consensus.next_epoch_data,
              lock_checkpoint:
                3 * (slotNumber % slots_per_epoch) < 2 * slots_per_epoch
                  ? parent.stateHashBytes
                  : parent.lockCheckpoint,
            },
          }),
        },
      },
    };
    const bytes = patch(state); // first: it refuses what the hash would not notice
    return {
      ...link(state, hash.stateHash(state, rule)),
      previous_state_hash: parent.state_hash,
      timestampMs,
      bytes,
      blockHash: () => encode('blockHash', blake2b(bytes, { dkLen: 32 })),
      base64: () => encodeBase64(bytes),
    };
  }

  return {
    root: link(template.protocol_state, hash.stateHash(template.protocol_state, rule)),
    append,
    slotAt: (timeMs) => hardForkSlot + slotAt(clock, timeMs),
  };
}

export type ChainShape = {
  /** Blocks of the main chain. */
  length: number;
  /** Independent integers, each equally likely; a seeded source makes the chain reproducible. */
  random: {
    /** @returns an integer from 0 to limit - 1, for a limit up to 2^32 */ below(
      limit: number,
    ): number;
  };
  /** Slot of the first block, or a later one if slots stay empty; default: the one after the template's. */
  firstSlot?: number;
  /** Share of slots in which the main chain gets no block; 0 to 0.99, default 0. */
  emptySlots?: number;
  /** Share of main blocks beside which a second block of the same slot and parent appears; 0 to 1, default 0. */
  forks?: number;
  /** Share of main blocks from which a branch starts; 0 to 1, default 0. */
  branches?: number;
  /** A branch has 1 to this many blocks, each no higher than the main chain at that time; default 3. */
  branchLength?: number;
  /** Block creators, one drawn for each block; default: the template's alone. */
  creators?: readonly PublicKeyElements[];
};

export type GrownBlock = ChainBlock & {
  /** 0, 1, 2, … in the order of slots; in one slot, main first. */
  readonly index: number;
  /** Index of the parent; -1 for the template. */
  readonly parent: number;
  readonly kind: 'main' | 'fork' | 'branch';
  /** Index in `creators`; -1 for the template's. */
  readonly creator: number;
};

/**
 * Makes a chain block by block, so that a chain of large blocks is never in memory as a whole.
 * @throws RangeError for a shape outside the ranges of {@link ChainShape}
 */
export function* growChain(builder: ChainBuilder, shape: ChainShape): Generator<GrownBlock, void> {
  const {
    length,
    random,
    firstSlot = builder.root.slot + 1,
    emptySlots = 0,
    forks = 0,
    branches = 0,
    branchLength = 3,
    creators = [],
  } = shape;
  checkInteger('length', length, 1);
  checkInteger('firstSlot', firstSlot, 0);
  checkInteger('branchLength', branchLength, 1);
  checkShare('emptySlots', emptySlots, 0.99);
  checkShare('forks', forks, 1);
  checkShare('branches', branches, 1);

  const happens = (share: number): boolean => random.below(2 ** 32) < share * 2 ** 32;
  let count = 0;
  type Tip = ChainLink & { index: number };
  function next(parent: Tip, slot: number, kind: GrownBlock['kind']): GrownBlock {
    const creator = creators.length === 0 ? -1 : random.below(creators.length);
    const block = builder.append(parent, {
      slot,
      ...(creator !== -1 && { creator: creators[creator] }),
      // A block beside another one differs from it, whoever made it.
      ...(kind !== 'main' && { vrfOutput: randomVrfOutput(random) }),
    });
    return { ...block, index: count++, parent: parent.index, kind, creator };
  }

  let tip: Tip = { ...builder.root, index: -1 };
  let side: { tip: Tip; left: number }[] = [];
  let made = 0;
  for (let slot = firstSlot; made < length; slot++) {
    if (!happens(emptySlots)) {
      const parent = tip;
      const main = next(parent, slot, 'main');
      tip = main;
      made++;
      yield main;
      if (happens(forks)) yield next(parent, slot, 'fork');
    }
    for (const branch of side) {
      if (branch.tip.height >= tip.height || happens(emptySlots)) continue;
      const block = next(branch.tip, slot, 'branch');
      branch.tip = block;
      branch.left--;
      yield block;
    }
    side = side.filter(({ left }) => left > 0);
    if (tip.slot === slot && happens(branches))
      side.push({ tip, left: 1 + random.below(branchLength) });
  }
}

/** 32 bytes of which the 253 low bits are random, as in a real last_vrf_output. */
function randomVrfOutput(random: ChainShape['random']): Uint8Array {
  const output = Uint8Array.from({ length: 32 }, () => random.below(256));
  output[31] &= 0x1f;
  return output;
}

function checkInteger(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`${name} is a whole number of at least ${least}, not ${value}`);
}

function checkShare(name: string, value: number, most: number): void {
  if (!(value >= 0 && value <= most))
    throw new RangeError(`${name} is from 0 to ${most}, not ${value}`);
}
