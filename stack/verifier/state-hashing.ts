/**
 * State hashes of blocks as they come: two that wait are hashed together, which costs little more than one (mina/state-hash-pair.ts); one that stays alone
 * for some turns of the event loop is hashed alone.
 */
import type { ProtocolState } from '../../mina/block.ts';
import type { EraName } from '../../mina/eras.ts';
import type { StateHash } from '../../mina/state-hash.ts';
import type { PackedState, StateHashPairs } from '../../mina/state-hash-pair.ts';
import { isEqual } from './consistency.ts';

/** @throws RangeError (the promise) as StateHash does */
export type StateHashing = (state: ProtocolState, rule: EraName) => Promise<Uint8Array>;

type Waiting = {
  packed: PackedState;
  alone: () => Uint8Array;
  resolve: (hash: Uint8Array) => void;
};

/**
 * A line of 64 KB is about what a pipe gives in one turn, so the next block is some turns away; who sends one and waits for its answer waits some 40 us more.
 */
const TURNS = 4;

/**
 * @param cached hashes alone; of a state that differs from the last one late only it needs a fifth
 * @param pairs null: this machine has none
 */
export function createStateHashing(cached: StateHash, pairs: StateHashPairs | null): StateHashing {
  if (pairs === null)
    return (state, rule) => new Promise((resolve) => resolve(cached.stateHash(state, rule)));
  let waiting: Waiting | null = null;
  /** Stands second among what is hashed. Blocks of a synthetic chain have the same, real ones have their own. */
  let lastCoinbases = new Uint8Array(0);

  const flush = (one: Waiting): void => {
    if (waiting !== one) return;
    waiting = null;
    one.resolve(one.alone());
  };

  return async (state, rule) => {
    const coinbases = state.body.blockchain_state.staged_ledger_hash.pending_coinbase_hash;
    const isLikeLast = isEqual(coinbases, lastCoinbases);
    lastCoinbases = coinbases.slice();
    if (isLikeLast) return cached.stateHash(state, rule);
    const packed = pairs.pack(state, rule);
    const first = waiting;
    if (first !== null && pairs.fits(first.packed, packed)) {
      waiting = null;
      const [hash, own] = pairs.hash(first.packed, packed);
      first.resolve(hash);
      return own;
    }
    if (first !== null) flush(first);
    return new Promise((resolve) => {
      const one: Waiting = { packed, alone: () => cached.stateHash(state, rule), resolve };
      waiting = one;
      afterTurns(TURNS, () => flush(one));
    });
  };
}

function afterTurns(turns: number, then: () => void): void {
  setImmediate(() => (turns > 1 ? afterTurns(turns - 1, then) : then()));
}
