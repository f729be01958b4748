/** The simulated network: its shape with and without what disturbs it, as laws over many shapes; nodes of one key; a hard fork. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { hardForkAt } from '../../producers/fork-times.ts';
import {
  mostSubmissions,
  type NetworkPlan,
  type NetworkShape,
  planNetwork,
  SUBMISSION_KINDS,
} from '../../producers/network-plan.ts';

/** Written down here anew: a slot, a cycle of five, and how many slots after the beginning of its cycle a maker makes its block. */
const OF = {
  berkeley: { slotMs: 180_000, cycleMs: 900_000, makers: 0 },
  mesa: { slotMs: 90_000, cycleMs: 450_000, makers: 1 },
} as const;
type Era = keyof typeof OF;

const shape = (change: Partial<NetworkShape> = {}): NetworkShape => ({
  era: 'mesa',
  hardFork: null,
  producers: 15,
  nodesPerProducer: 1,
  sameSecondShare: 0,
  durationMs: 4 * OF.mesa.cycleMs,
  seed: 'mina',
  forkShare: 0,
  lateShare: 0,
  laggingShare: 0,
  stayedShare: 0,
  leastGapMs: 0,
  ...change,
});

type Row = { atMs: number; node: number; producer: number; block: number; slot: number; kind: string }; // prettier-ignore
const rowsOf = ({ submissions, blocks }: NetworkPlan): Row[] =>
  Array.from(submissions.atMs, (atMs, i) => ({
    atMs,
    node: submissions.nodes[i],
    producer: submissions.producers[i],
    block: submissions.blocks[i],
    slot: blocks[submissions.blocks[i]].slot,
    kind: SUBMISSION_KINDS[submissions.kinds[i]],
  }));
const groups = <K>(rows: readonly Row[], key: (row: Row) => K): Map<K, Row[]> => {
  const map = new Map<K, Row[]>();
  for (const row of rows) map.set(key(row), [...(map.get(key(row)) ?? []), row]);
  return map;
};

for (const era of ['berkeley', 'mesa'] as const)
  test(`undisturbed, ${era}: each node once a cycle in its wave, each slot a block, whose maker sends it at once`, () => {
    const { slotMs, cycleMs, makers } = OF[era];
    const plan = planNetwork(shape({ era, durationMs: 4 * cycleMs }));
    const rows = rowsOf(plan);
    const tips = rows.filter(({ kind }) => kind === 'tip');
    const made = rows.filter(({ kind }) => kind === 'maker');
    assert.equal(tips.length, 15 * 4);
    for (const [node, own] of groups(tips, (row) => row.node))
      assert.deepEqual(
        own.map(({ atMs }) => Math.floor(atMs / slotMs)),
        [0, 1, 2, 3].map((cycle) => cycle * 5 + plan.nodes.waves[node]),
      );
    // The tip is what was there when the cycle began: the block of the slot before, from three nodes.
    for (const own of groups(tips, (row) => row.slot).values()) {
      assert.equal(own.length, 3);
      for (const { atMs, slot } of own) {
        assert.equal(Math.floor(atMs / slotMs), slot + 1);
        assert.ok(atMs % slotMs >= 8000 && atMs % slotMs <= 62_000);
      }
    }
    assert.deepEqual(
      made.map(({ slot }) => slot),
      Array.from({ length: 20 }, (_, slot) => slot),
    );
    for (const { atMs, slot, block, node, producer } of made) {
      assert.equal(Math.floor(atMs / slotMs), slot);
      assert.ok(atMs % slotMs < 3000);
      assert.equal(plan.blocks[block].maker, producer);
      // It sends twice in that cycle: the tip with snark work as well.
      const began = (slot - makers) * slotMs;
      if (began < 0) continue;
      assert.ok(
        tips.some((tip) => tip.node === node && tip.atMs >= began && tip.atMs < began + slotMs),
      );
      // It was waited for three minutes at most.
      assert.ok(atMs - began <= 180_000);
    }
    assert.deepEqual(
      plan.blocks.map(({ slot, fromMs }) => [slot, fromMs]),
      plan.blocks.map((_, i) => [i - 6, (i - 6) * slotMs]),
    );
  });

const shapes = fc.record({
  era: fc.constantFrom<Era>('berkeley', 'mesa'),
  producers: fc.integer({ min: 1, max: 40 }),
  nodesPerProducer: fc.double({ min: 1, max: 6, noNaN: true }),
  durationMs: fc.integer({ min: 1, max: 2_000_000 }),
  seed: fc.string({ maxLength: 4 }),
  forkShare: fc.double({ min: 0, max: 1, noNaN: true }),
  lateShare: fc.double({ min: 0, max: 1, noNaN: true }),
  laggingShare: fc.double({ min: 0, max: 1, noNaN: true }),
  leastGapMs: fc.constantFrom(0, 1100, 33_000),
});

test('laws of every plan', () => {
  fc.assert(
    fc.property(shapes, (of) => {
      const plan = planNetwork(shape(of));
      const { slotMs } = OF[of.era];
      const { nodes, blocks } = plan;
      const rows = rowsOf(plan);
      assert.deepEqual(planNetwork(shape(of)), plan, 'the same seed gives another plan');
      assert.ok(rows.length <= mostSubmissions(shape(of)));
      assert.equal(nodes.count, Math.max(of.producers, Math.round(of.producers * of.nodesPerProducer))); // prettier-ignore
      let before = 0;
      for (const { atMs, node, producer } of rows) {
        assert.ok(atMs >= before && atMs < of.durationMs);
        assert.equal(producer, nodes.producers[node]);
        before = atMs;
      }
      for (const own of groups(rows, (row) => row.producer).values())
        own.forEach(({ atMs }, i) => {
          if (i > 0) assert.ok(atMs - own[i - 1].atMs >= of.leastGapMs - 1e-6);
        });
      // A parent is the main block of the slot before.
      blocks.forEach(({ parent, slot, era, hasTransactions }, i) => {
        assert.deepEqual([era, hasTransactions], [of.era, true]);
        if (i === 0) assert.equal(parent, -1);
        else {
          assert.equal(blocks[parent].slot, slot - 1);
          assert.equal(blocks[parent].isFork, false);
        }
      });
      if (of.leastGapMs > 0) return;
      for (const { atMs, slot, kind, producer, block, node } of rows) {
        const now = Math.floor(atMs / slotMs);
        if (kind === 'maker') {
          assert.equal(now, slot);
          assert.equal(blocks[block].maker, producer);
          continue;
        }
        assert.equal(now % 5, nodes.waves[node]);
        const behind = now - 1 - slot;
        if (kind === 'late') assert.ok(behind >= 1 && behind <= 3);
        else if (kind === 'lagging') assert.ok(behind >= 2 && behind <= 5);
        else assert.equal(behind, 0);
      }
    }),
    { numRuns: 60 },
  );
});

test('shares are what they say', () => {
  const many = { producers: 400, durationMs: 20 * OF.mesa.cycleMs };
  const share = (of: readonly Row[], kind: string) =>
    of.filter((row) => row.kind === kind).length / (400 * 20);
  const late = rowsOf(planNetwork(shape({ ...many, lateShare: 0.25 })));
  assert.ok(Math.abs(share(late, 'late') - 0.25) < 0.02);
  const lagging = rowsOf(planNetwork(shape({ ...many, laggingShare: 0.1 })));
  assert.equal(share(lagging, 'lagging'), 0.1);
  const forked = planNetwork(shape({ ...many, forkShare: 0.3 }));
  const slots = forked.blocks.filter(({ slot, isFork }) => slot >= 0 && !isFork).length;
  const forks = forked.blocks.filter(({ isFork }) => isFork);
  assert.ok(Math.abs(forks.length / slots - 0.3) < 0.15);
  // Part of the wave sees the one, part the other; the last slot's are sent after the end.
  for (const fork of forks.filter(({ slot }) => slot < slots - 1)) {
    const place = forked.blocks.indexOf(fork);
    const onFork = rowsOf(forked).filter(({ block, kind }) => block === place && kind === 'tip').length; // prettier-ignore
    assert.ok(onFork > 20 && onFork < 60, `${onFork} of 80 saw the fork`);
  }
});

test('another seed is another network; one share does not move what another decides', () => {
  const plain = rowsOf(planNetwork(shape()));
  assert.notDeepEqual(rowsOf(planNetwork(shape({ seed: 'other' }))), plain);
  const times = (rows: readonly Row[]) => rows.map(({ atMs, producer }) => [atMs, producer]);
  const late = rowsOf(planNetwork(shape({ lateShare: 0.5 })));
  assert.deepEqual(times(late), times(plain));
  const forkless = (share: number) =>
    planNetwork(shape({ forkShare: 0.5, lateShare: share })).blocks.map(({ isFork }) => isFork);
  assert.deepEqual(forkless(0.5), forkless(0));
});

describe('nodes of one key', () => {
  test('2.07 nodes: two each, and three for 7 %; in waves of their own', () => {
    const { nodes } = planNetwork(shape({ producers: 100, nodesPerProducer: 2.07 }));
    assert.equal(nodes.count, 207);
    const owned = new Uint8Array(100);
    for (const producer of nodes.producers) owned[producer]++;
    assert.deepEqual([...owned].sort().slice(-8), [2, 3, 3, 3, 3, 3, 3, 3]);
    for (let producer = 0; producer < 100; producer++) {
      const own = [...nodes.producers.keys()].filter((node) => nodes.producers[node] === producer);
      assert.equal(new Set(own.map((node) => nodes.waves[node])).size, own.length);
      assert.deepEqual(own.map((node) => nodes.ordinals[node]), [0, 1, 2].slice(0, own.length)); // prettier-ignore
    }
  });

  test('mainnet: 6 % of the rows share submitter and second, each cycle, and nobody else does', () => {
    const of = { producers: 108, nodesPerProducer: 2.07, sameSecondShare: 0.06 };
    const real = { leastGapMs: 33_000, durationMs: 8 * OF.mesa.cycleMs };
    const rows = rowsOf(planNetwork(shape({ ...of, ...real, forkShare: 0.05, lateShare: 0.02 })));
    const seconds = groups(rows, ({ producer, atMs }) =>
      [producer, Math.floor(atMs / 1000)].join(),
    );
    const shared = [...seconds.values()].filter((own) => own.length > 1);
    for (const own of shared) {
      assert.equal(own.length, 2);
      assert.equal(own[0].atMs, own[1].atMs);
      assert.notEqual(own[0].node, own[1].node);
    }
    // Seven pairs, in each of eight cycles but for those that end after the load.
    assert.ok(shared.length >= 7 * 7 && shared.length <= 7 * 8, String(shared.length));
    const share = (2 * shared.length) / rows.length;
    assert.ok(Math.abs(share - 0.06) < 0.006, String(share));
  });

  test('more pairs than producers with two nodes are refused', () => {
    assert.throws(
      () => planNetwork(shape({ sameSecondShare: 0.5 })),
      /asks for 4 pairs, but 0 producers have two nodes/,
    );
  });
});

describe('a hard fork', () => {
  test('stops at mainnet’s distances where there is time for them, else in their proportion', () => {
    const slot = 180_000;
    assert.deepEqual(hardForkAt('berkeley', 400 * slot), {
      from: 'berkeley',
      transactionsEndMs: 240 * slot,
      chainEndMs: 340 * slot,
      genesisMs: 400 * slot,
    });
    for (let slots = 3; slots < 200; slots++) {
      const { transactionsEndMs, chainEndMs, genesisMs } = hardForkAt('berkeley', slots * slot - 1);
      assert.equal(genesisMs, slots * slot);
      assert.ok(transactionsEndMs >= slot && transactionsEndMs < chainEndMs && chainEndMs < genesisMs); // prettier-ignore
      for (const ms of [transactionsEndMs, chainEndMs]) assert.equal(ms % slot, 0);
    }
  });

  const forked = shape({
    producers: 100,
    hardFork: hardForkAt('berkeley', 20 * 180_000),
    durationMs: 20 * 180_000 + 3 * OF.mesa.cycleMs,
    stayedShare: 0.1,
  });
  const plan = planNetwork(forked);
  const rows = rowsOf(plan);
  const { transactionsEndMs, chainEndMs, genesisMs } = forked.hardFork!;

  test('no transactions, then no blocks, then the new era with its genesis on the last block with transactions', () => {
    assert.deepEqual([transactionsEndMs, chainEndMs, genesisMs], [4, 14, 20].map((slot) => slot * 180_000)); // prettier-ignore
    const old = plan.blocks.filter(({ era }) => era === 'berkeley');
    const after = plan.blocks.filter(({ era }) => era === 'mesa');
    assert.deepEqual(old.map(({ slot }) => slot), Array.from({ length: 20 }, (_, i) => i - 6)); // prettier-ignore
    for (const { fromMs, hasTransactions } of old)
      assert.equal(hasTransactions, fromMs < transactionsEndMs);
    const [genesis, first] = after;
    assert.deepEqual([genesis.slot, genesis.fromMs, genesis.maker, genesis.hasTransactions], [0, genesisMs, -1, false]); // prettier-ignore
    assert.equal(plan.blocks[genesis.parent].slot, 3);
    assert.equal(plan.blocks[first.parent], genesis);
    after.forEach(({ slot, fromMs }, i) => assert.deepEqual([slot, fromMs], [i, genesisMs + i * 90_000])); // prettier-ignore
  });

  test('in the gap nodes go on with the frozen tip in their old cycles; then all but those who stay go on in the new ones', () => {
    const frozen = plan.blocks.findLastIndex(({ era }) => era === 'berkeley');
    const inGap = rows.filter(({ atMs }) => atMs >= chainEndMs + 62_000 && atMs < genesisMs);
    assert.ok(inGap.length >= 100);
    assert.ok(inGap.every(({ block, kind }) => block === frozen && kind === 'tip'));
    const later = rows.filter(({ atMs }) => atMs >= genesisMs + 62_000);
    const old = later.filter(({ block }) => plan.blocks[block].era === 'berkeley');
    assert.ok(old.every(({ kind, block }) => kind === 'stayed' && block === frozen));
    const stayed = new Set(rows.filter(({ kind }) => kind === 'stayed').map(({ node }) => node));
    assert.equal(stayed.size, 10);
    for (const node of stayed)
      assert.ok(later.every((row) => row.node !== node || row.kind === 'stayed'));
    // 90 nodes once in 7.5 minutes, 10 once in 15.
    const tips = later.filter(({ kind }) => kind === 'tip').length;
    assert.ok(tips > 90 * 2 && tips <= 90 * 3, String(tips));
    assert.ok(old.length >= 10 && old.length <= 20);
    // Whose cycle begins with the genesis submits the genesis.
    assert.ok(rows.some(({ block }) => plan.blocks[block].maker === -1));
  });
});

test('a single producer, and waves of none', () => {
  const rows = rowsOf(planNetwork(shape({ producers: 1, forkShare: 1 })));
  assert.equal(rows.filter(({ kind }) => kind === 'tip').length, 4);
  assert.equal(rows.filter(({ kind }) => kind === 'maker').length, 4);
  assert.equal(rowsOf(planNetwork(shape({ producers: 1, durationMs: 1 }))).length, 0);
});

test('wrong shapes are refused', () => {
  for (const [change, text] of [
    [{ producers: 0 }, /producers must be a whole number from 1, not 0/],
    [{ producers: 1.5 }, /producers/],
    [{ durationMs: 0 }, /durationMs must be above 0, not 0/],
    [{ durationMs: Infinity }, /durationMs/],
    [{ nodesPerProducer: 0.5 }, /nodesPerProducer must be from 1 to 100, not 0.5/],
    [{ leastGapMs: NaN }, /leastGapMs/],
    [{ forkShare: 1.1 }, /forkShare must be from 0 to 1, not 1.1/],
    [{ lateShare: -0.1 }, /lateShare/],
    [{ laggingShare: NaN }, /laggingShare/],
    [{ stayedShare: 2 }, /stayedShare/],
  ] as const)
    assert.throws(() => planNetwork(shape(change)), text);
});

test('a day of 1,000 producers: 192 cycles of each, and a maker in 960 slots', () => {
  const { submissions } = planNetwork(shape({ producers: 1000, durationMs: 86_400_000 }));
  assert.equal(submissions.count, 192_000 + 960);
});
