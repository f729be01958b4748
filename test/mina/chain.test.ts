import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BinProtError } from '../../mina/bin-prot.ts';
import {
  type ParsedBlock,
  type PublicKeyElements,
  encodeBlock,
  parseBlock,
} from '../../mina/block.ts';
import {
  type ChainOptions,
  type ChainShape,
  type GrownBlock,
  createChainBuilder,
  growChain,
} from '../../mina/chain.ts';
import { stateHashText } from '../../mina/state-hash.ts';
import { createStateHasher } from '../../mina/state-hasher.ts';
import { RandomStream } from '../../producers/random.ts';
import { loadMinaWasm } from '../../paths.ts';
import { blockVectors, mainnetState, recordedBlock } from './block-fixtures.ts';

const hasher = createStateHasher(loadMinaWasm());
const template = parseBlock(recordedBlock());
const builderOf = (options: ChainOptions = {}, source: ParsedBlock = template) =>
  createChainBuilder(source, { hash: hasher.cached(), ...options });

function grow(shape: Partial<ChainShape>, seed = 'seed', options: ChainOptions = {}): GrownBlock[] {
  const random = new RandomStream(seed, 'chain');
  return [...growChain(builderOf(options), { length: 100, random, ...shape })];
}

describe('vectors of other programs', () => {
  const { blocks, slot_time_ms } = blockVectors().chain;
  for (const rule of ['berkeley', 'rc1'] as const)
    for (const [name, hash] of [
      ['readable', undefined],
      ['cached', hasher.cached()],
    ] as const)
      test(`three blocks by the ${rule} rule, ${name}`, () => {
        const builder = createChainBuilder(template, {
          rule,
          slotTimeMs: slot_time_ms,
          ...(hash && { hash }),
        });
        assert.equal(builder.root.state_hash, blockVectors().recorded[0].state_hash[rule]);
        let parent = builder.root;
        for (const vector of blocks) {
          const block = builder.append(parent, vector);
          assert.equal(block.state_hash, vector[rule]);
          assert.equal(block.previous_state_hash, parent.state_hash);
          assert.equal(block.bytes.length, vector.bytes);
          if (rule === 'berkeley') assert.equal(block.blockHash(), vector.berkeley_block_hash);
          parent = block;
        }
      });
});

describe('one block', () => {
  test('only what a chain needs is changed', () => {
    const builder = builderOf();
    const { bytes, timestampMs } = builder.append(builder.root, { slot: 306, height: 200 });
    const found = parseBlock(bytes);
    const { body } = template.protocol_state;
    const consensus = body.consensus_state;
    const genesisMs = Number(body.constants.genesis_state_timestamp);
    assert.equal(timestampMs, genesisMs + 306 * 180_000);
    assert.equal(builder.slotAt(timestampMs), 306);
    assert.equal(builder.slotAt(timestampMs - 1), 305);
    const expected: ParsedBlock = {
      ...template,
      protocol_state: {
        previous_state_hash: builder.root.stateHashBytes,
        body: {
          ...body,
          blockchain_state: { ...body.blockchain_state, timestamp: BigInt(timestampMs) },
          consensus_state: {
            ...consensus,
            blockchain_length: 200,
            global_slot_since_genesis: 306,
            curr_global_slot_since_hard_fork: {
              ...consensus.curr_global_slot_since_hard_fork,
              slot_number: 306,
            },
          },
        },
      },
      delta_block_chain_proof: {
        ...template.delta_block_chain_proof,
        state_hash: builder.root.stateHashBytes,
      },
    };
    assert.ok(Buffer.compare(bytes, encodeBlock(expected)) === 0);
    assert.equal(found.era, template.era);
    assert.ok(Buffer.compare(found.protocol_state_proof, template.protocol_state_proof) === 0);
    assert.ok(Buffer.compare(found.body, template.body) === 0);
  });

  test('it lies in an array of its own, and base64 is the usual one', () => {
    const builder = builderOf();
    for (const slot of [6, 7000, 70_000]) {
      const block = builder.append(builder.root, { slot });
      const { bytes } = block;
      assert.equal(bytes.buffer.byteLength, bytes.length);
      assert.equal(
        Buffer.from(block.base64()).toString('latin1'),
        Buffer.from(bytes).toString('base64'),
      );
    }
  });

  test('after a hard fork the slots differ by the same amount', () => {
    const { state } = mainnetState();
    const version = { transaction: 3, network: 0, patch: 0 };
    const mainnet = parseBlock(
      encodeBlock({ ...template, protocol_state: state, current_protocol_version: version }),
    );
    const builder = builderOf({}, mainnet);
    assert.equal(builder.root.state_hash, mainnetState().state_hash);
    const { bytes, timestampMs, height } = builder.append(builder.root, { slot: 564_500 });
    const { consensus_state: consensus, constants } = parseBlock(bytes).protocol_state.body;
    assert.equal(height, 359_618);
    assert.equal(consensus.curr_global_slot_since_hard_fork.slot_number, 20);
    assert.equal(timestampMs, Number(constants.genesis_state_timestamp) + 20 * 180_000);
    assert.throws(() => builder.append(builder.root, { slot: 564_479 }), {
      name: 'RangeError',
      message: 'slot 564479 is before the first slot of the chain, 564480',
    });
  });

  test('values that no block holds are refused', () => {
    const builder = builderOf();
    assert.throws(() => builder.append(builder.root, { slot: -1 }), RangeError);
    assert.throws(() => builder.append(builder.root, { slot: NaN }), RangeError);
    assert.throws(
      () => builder.append(builder.root, { slot: 5 }),
      /5 is not after the parent's slot, 5/,
    );
    for (const next of [
      { slot: 6, height: 2 ** 32 },
      { slot: 6.5 },
      { slot: 2 ** 32 },
      { slot: 6, vrfOutput: new Uint8Array(31) },
      { slot: 6, creator: { x: new Uint8Array(32).fill(0xff), is_odd: false } },
    ])
      assert.throws(
        () => builder.append(builder.root, next),
        (error) => {
          assert.ok(
            error instanceof BinProtError && error.field.startsWith('protocol_state.body.'),
          );
          return true;
        },
      );
    assert.throws(() => builderOf({ slotTimeMs: 0 }), /slotTimeMs is a whole number above 0/);
  });

  test('14 MB blocks', () => {
    const body = new Uint8Array(14_000_000).fill(7);
    const builder = builderOf({}, parseBlock(encodeBlock({ ...template, body })));
    const first = builder.append(builder.root, { slot: 6 });
    const second = builder.append(first, { slot: 7 });
    assert.equal(parseBlock(second.bytes).body.length, body.length);
    assert.equal(stateHashOf(first.bytes), second.previous_state_hash);
  });
});

const stateHashOf = (bytes: Uint8Array): string => {
  const { protocol_state, era } = parseBlock(bytes);
  return stateHashText(hasher.stateHash(protocol_state, era));
};

/** Checks all links of a chain from its bytes alone. */
function checkLinks(blocks: readonly GrownBlock[]): void {
  const root = stateHashOf(template.bytes);
  const hashes = new Set<string>([root]);
  blocks.forEach((block, i) => {
    const { protocol_state, delta_block_chain_proof } = parseBlock(block.bytes);
    const consensus = protocol_state.body.consensus_state;
    const parent = block.parent === -1 ? undefined : blocks[block.parent];
    assert.equal(block.index, i);
    assert.ok(block.parent < i);
    assert.equal(block.state_hash, stateHashOf(block.bytes));
    assert.equal(block.previous_state_hash, parent?.state_hash ?? root);
    assert.equal(stateHashText(protocol_state.previous_state_hash), block.previous_state_hash);
    assert.equal(stateHashText(delta_block_chain_proof.state_hash), block.previous_state_hash);
    assert.equal(consensus.blockchain_length, block.height);
    assert.equal(consensus.global_slot_since_genesis, block.slot);
    assert.equal(block.height, (parent?.height ?? 4) + 1);
    assert.ok(block.slot > (parent?.slot ?? 5));
    assert.ok(i === 0 || block.slot >= blocks[i - 1].slot);
    assert.ok(!hashes.has(block.state_hash), 'a block twice');
    hashes.add(block.state_hash);
  });
}

describe('chains', () => {
  test('the plain one: a block a slot', () => {
    const blocks = grow({ length: 300 });
    checkLinks(blocks);
    assert.deepEqual(
      blocks.map(({ height, slot, parent, kind, creator }) => [
        height,
        slot,
        parent,
        kind,
        creator,
      ]),
      blocks.map((_, i) => [5 + i, 6 + i, i - 1, 'main', -1]),
    );
  });

  test('empty slots, forks and branches in the asked shares', () => {
    const length = 400;
    const shape = { length, emptySlots: 0.25, forks: 0.3, branches: 0.1, branchLength: 4 };
    const blocks = grow(shape);
    checkLinks(blocks);
    const of = (kind: GrownBlock['kind']): GrownBlock[] =>
      blocks.filter((block) => block.kind === kind);
    const main = of('main');
    assert.equal(main.length, length);
    assert.deepEqual(
      main.map(({ height }) => height),
      main.map((_, i) => 5 + i),
    );
    main.slice(1).forEach((block, i) => assert.equal(block.parent, main[i].index));
    // The seed is fixed, so these are too; the bounds are four standard deviations wide.
    const share = (length - 1) / (main.at(-1)!.slot - main[0].slot);
    assert.ok(Math.abs(share - 0.75) < 0.08, `${share}`);
    const forks = of('fork');
    assert.ok(Math.abs(forks.length / length - 0.3) < 0.1, `${forks.length} forks`);
    for (const fork of forks) {
      const beside = blocks[fork.index - 1];
      assert.deepEqual([beside.slot, beside.parent], [fork.slot, fork.parent]);
      assert.notEqual(beside.state_hash, fork.state_hash);
    }
    const branches = of('branch');
    assert.ok(branches.length > 40, `${branches.length} blocks in branches`);
    let longest = 0;
    for (const block of branches) {
      let depth = 1;
      let parent = blocks[block.parent];
      for (; parent.kind === 'branch'; parent = blocks[parent.parent]) depth++;
      assert.equal(parent.kind, 'main');
      longest = Math.max(longest, depth);
      const tip = blocks.findLast(({ kind, index }) => kind === 'main' && index < block.index)!;
      assert.ok(block.height <= tip.height, 'a branch overtook the main chain');
    }
    assert.equal(longest, 4);
  });

  test('one seed, one chain; another seed, another chain', () => {
    const shape = { length: 60, emptySlots: 0.3, forks: 0.3, branches: 0.2 };
    const hashes = (seed: string): string[] => grow(shape, seed).map((block) => block.state_hash);
    assert.deepEqual(hashes('a'), hashes('a'));
    assert.notDeepEqual(hashes('a'), hashes('b'));
  });

  test('creators are drawn for each block', () => {
    const { block_creator } = template.protocol_state.body.consensus_state;
    const creators: PublicKeyElements[] = [
      block_creator,
      { ...block_creator, is_odd: !block_creator.is_odd },
      { x: template.protocol_state.previous_state_hash, is_odd: false },
    ];
    const blocks = grow({ creators, forks: 0.5 });
    checkLinks(blocks);
    const used = new Set<number>();
    for (const { bytes, creator } of blocks) {
      used.add(creator);
      const consensus = parseBlock(bytes).protocol_state.body.consensus_state;
      assert.deepEqual(consensus.block_creator.is_odd, creators[creator].is_odd);
      assert.ok(Buffer.compare(consensus.block_creator.x, creators[creator].x) === 0);
      assert.deepEqual(consensus.coinbase_receiver, consensus.block_creator);
    }
    assert.equal(used.size, 3);
  });

  test('epoch fields as in real chains, if asked for', () => {
    const perEpoch =
      template.protocol_state.body.consensus_state.curr_global_slot_since_hard_fork.slots_per_epoch;
    const twoThirds = Math.ceil((2 * perEpoch) / 3);
    const options = { epochFields: true };
    const shape = { length: 8, firstSlot: twoThirds - 4 };
    const blocks = grow(shape, 'seed', options);
    checkLinks(blocks);
    const lockOf = ({ bytes }: GrownBlock): string =>
      stateHashText(
        parseBlock(bytes).protocol_state.body.consensus_state.next_epoch_data.lock_checkpoint,
      );
    for (const block of blocks)
      if (block.slot < twoThirds) assert.equal(lockOf(block), block.previous_state_hash);
      else assert.equal(lockOf(block), blocks[3].previous_state_hash);
    const [later] = grow({ length: 1, firstSlot: 3 * perEpoch + 1 }, 'seed', options);
    const { epoch_count } = parseBlock(later.bytes).protocol_state.body.consensus_state;
    assert.equal(epoch_count, 3);
    const [plain] = grow({ length: 1, firstSlot: 3 * perEpoch + 1 });
    assert.equal(parseBlock(plain.bytes).protocol_state.body.consensus_state.epoch_count, 0);
  });

  test('a long chain is made as it is read', () => {
    const random = new RandomStream('seed', 'chain');
    const chain = growChain(builderOf(), { length: 2 ** 31, random });
    for (let i = 0; i < 3; i++) assert.equal(chain.next().value?.index, i);
  });

  test('shapes outside their ranges are refused', () => {
    for (const [shape, message] of [
      [{ length: 0 }, 'length is a whole number of at least 1, not 0'],
      [{ length: 1.5 }, 'length is a whole number of at least 1, not 1.5'],
      [{ firstSlot: -1 }, 'firstSlot is a whole number of at least 0, not -1'],
      [{ branchLength: 0 }, 'branchLength is a whole number of at least 1, not 0'],
      [{ emptySlots: 1 }, 'emptySlots is from 0 to 0.99, not 1'],
      [{ forks: 1.1 }, 'forks is from 0 to 1, not 1.1'],
      [{ branches: NaN }, 'branches is from 0 to 1, not NaN'],
    ] as const)
      assert.throws(() => grow(shape), { name: 'RangeError', message });
  });
});
