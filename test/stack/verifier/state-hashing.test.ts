/** Blocks that come together are hashed together; none waits for one that does not come. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseBlock, type ProtocolState } from '../../../mina/block.ts';
import { createPairHasher } from '../../../mina/poseidon-pair.ts';
import { referenceStateHash } from '../../../mina/state-hash.ts';
import { createStateHashPairs } from '../../../mina/state-hash-pair.ts';
import { createStateHasher } from '../../../mina/state-hasher.ts';
import { loadMinaPairWasm, loadMinaWasm } from '../../../paths.ts';
import { createStateHashing, type StateHashing } from '../../../stack/verifier/state-hashing.ts';
import { recordedBlock } from '../../mina/block-fixtures.ts';

const { protocol_state: recorded } = parseBlock(recordedBlock());

/** Other coinbases, as each real block has. */
function stateOf(i: number, changes: Partial<ProtocolState['body']> = {}): ProtocolState {
  const hash = new Uint8Array(32).fill(i, 0, 31);
  const { blockchain_state: blockchain } = recorded.body;
  const staged = { ...blockchain.staged_ledger_hash, pending_coinbase_hash: hash };
  const body = { ...recorded.body, blockchain_state: { ...blockchain, staged_ledger_hash: staged }, ...changes }; // prettier-ignore
  return { ...recorded, body };
}

type Counted = { hashing: StateHashing; calls: { alone: number; together: number } };

function counted(): Counted {
  const calls = { alone: 0, together: 0 };
  const pairs = createStateHashPairs(createPairHasher(loadMinaPairWasm()!)!);
  const cached = createStateHasher(loadMinaWasm()).cached();
  const hashing = createStateHashing(
    { ...cached, stateHash: (...args) => (calls.alone++, cached.stateHash(...args)) },
    { ...pairs, hash: (...args) => (calls.together++, pairs.hash(...args)) },
  );
  return { hashing, calls };
}

const expected = (state: ProtocolState): Uint8Array => referenceStateHash.stateHash(state, 'rc1');

describe('state hashes of blocks as they come', () => {
  test('two together are one call, a third one waits some turns and is hashed alone', async () => {
    const { hashing, calls } = counted();
    const states = [1, 2, 3].map((i) => stateOf(i));
    const found = await Promise.all(states.map((state) => hashing(state, 'rc1')));
    assert.deepEqual(found, states.map(expected));
    assert.deepEqual(calls, { alone: 1, together: 1 });
  });

  test('one after another: each alone', async () => {
    const { hashing, calls } = counted();
    for (const i of [1, 2])
      assert.deepEqual(await hashing(stateOf(i), 'rc1'), expected(stateOf(i)));
    assert.deepEqual(calls, { alone: 2, together: 0 });
  });

  test('one that comes a turn later still finds its partner', async () => {
    const { hashing, calls } = counted();
    const first = hashing(stateOf(1), 'rc1');
    await new Promise((resolve) => setImmediate(resolve));
    const second = hashing(stateOf(2), 'rc1');
    assert.deepEqual(
      await Promise.all([first, second]),
      [1, 2].map((i) => expected(stateOf(i))),
    );
    assert.deepEqual(calls, { alone: 0, together: 1 });
  });

  test('a block like the last one is hashed at once, from what is known of that', async () => {
    const { hashing, calls } = counted();
    const { consensus_state: consensus } = recorded.body;
    const next = stateOf(1, {
      consensus_state: { ...consensus, blockchain_length: consensus.blockchain_length + 1 },
    });
    const states = [stateOf(1), next, stateOf(1)];
    const found = await Promise.all(states.map((state) => hashing(state, 'rc1')));
    assert.deepEqual(found, states.map(expected));
    assert.deepEqual(calls, { alone: 3, together: 0 });
  });

  test('a state that cannot be hashed fails alone', async () => {
    const { hashing } = counted();
    const bad = { ...stateOf(2), previous_state_hash: new Uint8Array(32).fill(0xff) };
    const [good, failed, other] = await Promise.allSettled([
      hashing(stateOf(1), 'rc1'),
      hashing(bad, 'rc1'),
      hashing(stateOf(3), 'rc1'),
    ]);
    assert.equal(failed.status, 'rejected');
    assert.deepEqual(good, { status: 'fulfilled', value: expected(stateOf(1)) });
    assert.deepEqual(other, { status: 'fulfilled', value: expected(stateOf(3)) });
  });

  test('bodies of other lengths do not wait for each other', async () => {
    const { hashing, calls } = counted();
    const { consensus_state: consensus } = recorded.body;
    const longer = stateOf(2, {
      consensus_state: {
        ...consensus,
        sub_window_densities: [...consensus.sub_window_densities, ...Array<number>(20).fill(1)],
      },
    });
    const states = [stateOf(1), longer];
    const found = await Promise.all(states.map((state) => hashing(state, 'rc1')));
    assert.deepEqual(found, states.map(expected));
    assert.deepEqual(calls, { alone: 2, together: 0 });
  });

  test('a machine without the fast arithmetic hashes all alone', async () => {
    const hashing = createStateHashing(createStateHasher(loadMinaWasm()).cached(), null);
    const states = [1, 2].map((i) => stateOf(i));
    const found = await Promise.all(states.map((state) => hashing(state, 'rc1')));
    assert.deepEqual(found, states.map(expected));
    await assert.rejects(
      hashing({ ...stateOf(1), previous_state_hash: new Uint8Array(32).fill(0xff) }, 'rc1'),
      RangeError,
    );
  });
});
