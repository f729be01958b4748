/** What `inspect` says of a block: inside a submission, or raw as a backend keeps it; also of a bare protocol state. */
import { basename } from 'node:path';
import { decode } from '../mina/base58check.ts';
import { BinProtError } from '../mina/bin-prot.ts';
import { decodeProtocolState, type ProtocolState } from '../mina/block.ts';
import {
  type BlockSummary,
  decodeBlock,
  type StateSummary,
  summaryOfState,
} from '../mina/block-summary.ts';
import { type EraName, ERAS, eraOfTimes } from '../mina/eras.ts';
import type { StateHash } from '../mina/state-hash.ts';
import type { EraChoice } from '../producers/chain-origin.ts';

export type OuterSizes = { submission?: number; snark_work?: number };
type Sizes = OuterSizes & { block?: number } & Partial<BlockSummary['sizes']>;

type OfState = Pick<
  StateSummary,
  | 'state_hash'
  | 'previous_state_hash'
  | 'height'
  | 'slot'
  | 'slot_since_hard_fork'
  | 'epoch'
  | 'slot_in_epoch'
  | 'slot_time'
  | 'era'
>;
type OrNull<T> = { [K in keyof T]: T[K] | null };

/** What the block itself says; null for what could not be found out. */
export type BlockFields = OrNull<OfState> & {
  /** The same as `era`, under the name that it had before there was Mesa. */
  generation: EraName | null;
  /**
   * `not checked`: with the key of its network it could be. `not checkable yet`: nobody's program can; that says nothing against it.
   * null: there is no proof to see.
   */
  proof: 'not checked' | 'not checkable yet' | null;
  /** In bytes; `snark_work` if there is some, the parts of the block if it can be decoded. `body` is the block's: the staged ledger diff. */
  sizes: Sizes | null;
  error?: string;
};

export const NO_BLOCK: BlockFields = {
  state_hash: null,
  previous_state_hash: null,
  height: null,
  slot: null,
  slot_since_hard_fork: null,
  epoch: null,
  slot_in_epoch: null,
  slot_time: null,
  era: null,
  generation: null,
  proof: null,
  sizes: null,
};

/** `era`: which one the blocks must be of. */
export type BlockTools = { hash: StateHash; era: EraChoice };

/** Names of raw blocks: `<block hash>.dat` as a backend stores them, and any binary file. */
export const RAW_NAME = /\.(dat|bin)$/;
/** No JSON holds a zero byte, and every block does, long before this. */
const LOOKED_AT = 4096;

/** @param path null: standard input, which has no name to go by */
export const isRaw = ({
  name,
  path,
  bytes,
}: {
  name: string;
  path: string | null;
  bytes: Uint8Array;
}): boolean => RAW_NAME.test(name) || (path === null && bytes.subarray(0, LOOKED_AT).includes(0));

/** @param outer what the block came in */
export function blockFields(
  block: Uint8Array,
  outer: OuterSizes,
  tools: BlockTools,
): Partial<BlockFields> {
  try {
    const { sizes, ...summary } = decodeBlock(block, tools.hash);
    return {
      ...fieldsOf(summary, tools.era),
      proof: ERAS[summary.era].proof.state === 'checkable' ? 'not checked' : 'not checkable yet',
      sizes: { ...outer, ...sizes },
    };
  } catch (error) {
    if (!(error instanceof BinProtError)) throw error;
    return { sizes: { ...outer, block: block.length }, error: `block: ${error.message}` };
  }
}

function fieldsOf(summary: StateSummary, wanted: EraChoice): Partial<BlockFields> {
  const { state_hash, previous_state_hash, height, slot, slot_since_hard_fork } = summary;
  const { epoch, slot_in_epoch, slot_time, era } = summary;
  return {
    state_hash,
    previous_state_hash,
    height,
    slot,
    slot_since_hard_fork,
    epoch,
    slot_in_epoch,
    slot_time,
    era,
    generation: era,
    ...(wanted !== 'auto' &&
      wanted !== era && {
        error: `block: it is of ${ERAS[era].label}, not of ${ERAS[wanted].label} (--era ${wanted})`,
      }),
  };
}

/** @param blockHashOf `Y…` or `Z…` of a whole block */
export function inspectRaw(
  file: string,
  bytes: Uint8Array,
  tools: BlockTools,
  blockHashOf: (block: Uint8Array) => string,
): Partial<BlockFields & { block_hash: string }> {
  const state = bareState(bytes);
  if (state !== null) return { ...stateFields(state, tools), sizes: { protocol_state: bytes.length } }; // prettier-ignore
  const block_hash = blockHashOf(bytes);
  const fields = { block_hash, ...blockFields(bytes, {}, tools) };
  const named = basename(file).replace(RAW_NAME, '');
  return isBlockHash(named) && named !== block_hash && fields.error === undefined
    ? { ...fields, error: `its name says ${named}, but its hash is ${block_hash}` }
    : fields;
}

function isBlockHash(text: string): boolean {
  try {
    decode('blockHash', text);
    return true;
  } catch {
    return false;
  }
}

/** @returns null unless the bytes are a protocol state and nothing else */
function bareState(bytes: Uint8Array): ProtocolState | null {
  try {
    const { state, bytes: length } = decodeProtocolState(bytes);
    return length === bytes.length ? state : null;
  } catch (error) {
    if (error instanceof BinProtError) return null;
    throw error;
  }
}

/** No version stands in a state, so its layout, its genesis or the length of its slots says the era; or the user does. */
function stateFields(state: ProtocolState, tools: BlockTools): Partial<BlockFields> {
  const { constants, consensus_state: consensus, blockchain_state: blockchain } = state.body;
  const found =
    constants.grace_period_slots === null
      ? 'rampup'
      : eraOfTimes({
          genesisMs: Number(constants.genesis_state_timestamp),
          slot: consensus.curr_global_slot_since_hard_fork.slot_number,
          timestampMs: Number(blockchain.timestamp),
        });
  const era = found ?? (tools.era === 'auto' ? null : tools.era);
  if (era === null)
    return {
      error:
        'block: a protocol state says its era by the length of its slots, and this one does not; --era mesa or --era berkeley says it',
    };
  return fieldsOf(summaryOfState(state, era, tools.hash), tools.era);
}
