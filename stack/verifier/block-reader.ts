/**
 * Blocks as the verifier needs them, each read once: many submissions carry the same one. Kept by the hash of its bytes, so that no submission can change what
 * is known of another's block.
 */
import { encode } from '../../mina/base58check.ts';
import { BinProtError } from '../../mina/bin-prot.ts';
import { type ParsedBlock, parseBlock } from '../../mina/block.ts';
import type { EraName } from '../../mina/eras.ts';
import { bytesToIntegerLE } from '../../mina/field.ts';
import { proofText } from '../../mina/proof.ts';
import type { Signer } from '../../mina/signer.ts';
import { stateHashText } from '../../mina/state-hash.ts';
import type { StateHasher } from '../../mina/state-hasher.ts';
import type { BlockFacts } from './answer.ts';
import { type ForkRecord, inconsistencies } from './consistency.ts';
import type { ProofJob } from './proof-pool.ts';
import { eraByRule, isOfOtherCircuits, type Rule } from './rule.ts';
import type { Found, KeyStore } from './keys.ts';
import type { StateHashing } from './state-hashing.ts';

/** What a proof's check came to; `not checkable` says why. */
export type ProofState =
  { state: 'passed' } | { state: 'failed' } | { state: 'not checkable'; why: string };

export type KnownBlock = {
  /** base58check of the hash of its bytes. */
  blockHash: string;
} & (
  | { why: string }
  | {
      facts: BlockFacts;
      /** By whose rule it was hashed. */
      era: EraName;
      inconsistencies: readonly string[];
      /** The proof's check, begun by whoever first needs it. */
      proof(): Promise<ProofState>;
      /** The key that its snark work is checked with. */
      transactionKey: Found;
    }
);

export type BlockReaderOptions = {
  rule: Rule;
  fork: ForkRecord | null;
  keys: KeyStore;
  /** For tests: each proof of the rule's own circuits counts as right, unread. */
  takesProofs?: boolean;
  /** null: no proof is checked. */
  check: ((job: ProofJob) => Promise<ProofState>) | null;
  hasher: Pick<StateHasher, 'hash'>;
  stateHash: StateHashing;
  signer: Pick<Signer, 'blake2b256'>;
  /** Blocks that are kept. */
  most?: number;
};

/** A day of mainnet has at most 960 slots. Without proofs an entry is some hundred bytes. */
const MOST_BLOCKS = 4096;

export function createBlockReader(
  options: BlockReaderOptions,
): (bytes: Uint8Array) => Promise<KnownBlock> {
  const { most = MOST_BLOCKS, signer } = options;
  const textOf = hashTexts();
  const known = new Map<string, Promise<KnownBlock>>();
  return (bytes) => {
    const hash = signer.blake2b256(bytes);
    const key = String.fromCharCode(...hash);
    const found = known.get(key);
    if (found !== undefined) {
      // The least recently used one is first.
      known.delete(key);
      known.set(key, found);
      return found;
    }
    const read = readBlock(bytes, encode('blockHash', hash), textOf, options);
    if (known.size >= most) known.delete(known.keys().next().value!);
    known.set(key, read);
    // What failed for a fault of ours says nothing of the block.
    read.catch(() => known.delete(key));
    return read;
  };
}

/** A block's parent was a block a moment ago, and its text takes two SHA-256. */
function hashTexts(): (hash: Uint8Array) => string {
  const known = new Map<string, string>();
  return (hash) => {
    const key = String.fromCharCode(...hash);
    let text = known.get(key);
    if (text === undefined) {
      text = stateHashText(hash);
      if (known.size >= MOST_TEXTS) known.clear();
      known.set(key, text);
    }
    return text;
  };
}
const MOST_TEXTS = 256;

async function readBlock(
  bytes: Uint8Array,
  blockHash: string,
  textOf: (hash: Uint8Array) => string,
  options: BlockReaderOptions,
): Promise<KnownBlock> {
  const { rule, fork, hasher, signer } = options;
  let block: ParsedBlock;
  try {
    block = parseBlock(bytes);
  } catch (error) {
    if (!(error instanceof BinProtError)) throw error;
    return { blockHash, why: error.message };
  }
  const era = eraByRule(block, rule);
  if (era === null)
    return { blockHash, why: `a block of ${block.era} has another layout than those of ${rule}` };
  const { protocol_state: state } = block;
  const consensus = state.body.consensus_state;
  const unfit = inconsistencies(block, { hasher, blake2b256: signer.blake2b256 }, fork);
  const stateHash = await options.stateHash(state, era);
  return {
    blockHash,
    facts: {
      stateHash: textOf(stateHash),
      parent: textOf(state.previous_state_hash),
      height: consensus.blockchain_length,
      slot: consensus.global_slot_since_genesis,
    },
    era,
    inconsistencies: unfit,
    proof: once(proofOf(block, stateHash, options)),
    // Not a function: it would hold the block's bytes.
    transactionKey: options.check === null ? NO_CHECK : options.keys.keyFor(block, 'transaction'),
  };
}

const NO_CHECK = { why: 'no proof is checked' };

/** What could not be checked for a reason that may pass is checked again by the next who asks. */
function once(start: () => Promise<ProofState>): () => Promise<ProofState> {
  let started: Promise<ProofState> | null = null;
  return () =>
    (started ??= start().then((result) => {
      if (result.state === 'not checkable') started = null;
      return result;
    }));
}

/** @returns what checks the proof; it holds the proof's text and nothing else of the block */
function proofOf(
  block: ParsedBlock,
  stateHash: Uint8Array,
  { rule, keys, check, takesProofs }: BlockReaderOptions,
): () => Promise<ProofState> {
  if (check === null) return () => Promise.resolve({ state: 'not checkable', ...NO_CHECK });
  if (isOfOtherCircuits(block, rule)) return () => Promise.resolve({ state: 'failed' });
  if (takesProofs === true) return () => Promise.resolve({ state: 'passed' });
  const found = keys.keyFor(block, 'block');
  if ('why' in found) return () => Promise.resolve({ state: 'not checkable', why: found.why });
  let proof: string;
  try {
    proof = proofText(block.protocol_state_proof);
  } catch (error) {
    if (!(error instanceof BinProtError)) throw error;
    return () => Promise.resolve({ state: 'failed' });
  }
  const publicInput = [String(bytesToIntegerLE(stateHash))];
  return () => check({ proof, publicInput, key: found.key });
}
