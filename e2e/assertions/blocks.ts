/** Assertions about blocks: their bytes, who holds them, how they hang together. Pure. */
import type { BlockState } from '../dump/evidence.ts';
import { type Assertion, Faults, found } from './assertion.ts';

const blockBytes: Assertion = {
  name: 'block-bytes',
  title: 'the bytes of every stored block have the hash that names them, and are a block',
  needs: ['blocks'],
  check({ blocks }) {
    const faults = new Faults();
    for (const [hash, { isRight, state, fault }] of blocks)
      if (!isRight) faults.add(() => ({ what: `${hash}: its bytes have another hash` }));
      else if (state === null) faults.add(() => ({ what: `${hash} is no block: ${fault ?? ''}` }));
    return found(faults, { blocks: blocks.size });
  },
};

/** Storages that keep blocks by their hash. */
const KEEPS_BLOCKS = new Set(['filesystem', 's3']);

const blockSet: Assertion = {
  name: 'block-set',
  title: 'block storage holds the block of every stored submission, and no block that nobody sent',
  needs: ['stored rows', 'blocks'],
  check({ head, storages, blocks }, facts) {
    const faults = new Faults();
    const counts: Record<string, number> = {};
    // A submission that was not kept may have left its block.
    const sent = new Set<string>();
    for (const submission of facts.submissions.values())
      if (submission.mayBeStored > 0) sent.add(submission.sent.block_hash);
    const holders = head.storages.map(({ name }) => name).filter((name) => KEEPS_BLOCKS.has(name));
    for (const holder of holders) {
      const held = new Set(
        [...blocks].filter(([, { storages: of }]) => of.includes(holder)).map(([hash]) => hash),
      );
      counts[`blocks in ${holder}`] = held.size;
      const needed = new Map<string, string>();
      for (const name of holder === head.blockStorage ? storages.keys() : [holder])
        for (const { fault, block_hash: hash, submitter } of storages.get(name) ?? [])
          if (fault === undefined) needed.set(hash!, submitter!);
      counts[`needed in ${holder}`] = needed.size;
      for (const [hash, submitter] of needed)
        if (!held.has(hash))
          faults.add(() => ({ what: `the block ${hash} is not in ${holder}`, submitter }));
      for (const hash of held)
        if (!needed.has(hash) && !sent.has(hash))
          faults.add(() => ({ what: `the block ${hash} is in ${holder}, and nobody sent it` }));
    }
    return found(faults, counts);
  },
};

const blocksLink: Assertion = {
  name: 'blocks-link',
  title:
    'where a block’s parent is there too, it is one block lower and in an earlier slot; no state hash belongs to two different states',
  needs: ['blocks'],
  check({ blocks }) {
    const faults = new Faults();
    const states = new Map<string, BlockState>();
    for (const [hash, { state }] of blocks) {
      if (state === null) continue;
      const known = states.get(state.stateHash);
      // The same state in two blocks: other proofs, or another body.
      if (
        known !== undefined &&
        (known.height !== state.height ||
          known.slot !== state.slot ||
          known.parent !== state.parent)
      )
        faults.add(() => ({
          what: `${hash}: the state ${state.stateHash} has height ${state.height} and ${known.height}`,
        }));
      states.set(state.stateHash, state);
    }
    let linked = 0;
    const heights = new Set<number>();
    for (const state of states.values()) {
      heights.add(state.height);
      const parent = states.get(state.parent);
      if (parent === undefined) continue;
      linked++;
      if (state.height !== parent.height + 1 || state.slot <= parent.slot)
        faults.add(() => ({
          what: `the state ${state.stateHash} (height ${state.height}, slot ${state.slot}) follows ${state.parent} (height ${parent.height}, slot ${parent.slot})`,
        }));
    }
    // Blocks that nobody submitted are missing links; a chain without any is none.
    if (linked === 0 && heights.size > 2)
      faults.add(() => ({ what: `of ${heights.size} heights no block is the parent of another` }));
    return found(faults, { states: states.size, linked, 'without parent': states.size - linked });
  },
};

export const BLOCK_ASSERTIONS: readonly Assertion[] = [blockBytes, blockSet, blocksLink];
