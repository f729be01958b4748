/** The simulated network: its shape with and without what disturbs it, as laws over many shapes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  leastGapMs,
  mostGapMs,
  mostSubmissions,
  type NetworkPlan,
  type NetworkShape,
  planNetwork,
  SUBMISSION_KINDS,
} from '../../producers/network-plan.ts';

const SLOT_TIME_MS = 180_000;
const SLOTS_PER_CYCLE = 5;
const CYCLE_MS = 900_000;

const shape = (change: Partial<NetworkShape> = {}): NetworkShape => ({
  era: 'berkeley',
  producers: 15,
  durationMs: 4 * CYCLE_MS,
  seed: 'mina',
  forkShare: 0,
  lateShare: 0,
  laggingShare: 0,
  ...change,
});

type Row = { atMs: number; producer: number; block: number; slot: number; kind: string };
const rowsOf = ({ submissions, blocks }: NetworkPlan): Row[] =>
  Array.from(submissions.atMs, (atMs, i) => ({
    atMs,
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

const shapes = fc.record({
  era: fc.constant('berkeley' as const),
  producers: fc.integer({ min: 1, max: 60 }),
  durationMs: fc.integer({ min: 1, max: 3 * CYCLE_MS }),
  seed: fc.string({ maxLength: 4 }),
  forkShare: fc.double({ min: 0, max: 1, noNaN: true }),
  lateShare: fc.double({ min: 0, max: 1, noNaN: true }),
  laggingShare: fc.double({ min: 0, max: 1, noNaN: true }),
});

test('undisturbed: each producer once in 15 minutes, a block each 3 minutes, each block from 3 of 15 producers', () => {
  const plan = planNetwork(shape());
  const rows = rowsOf(plan);
  assert.equal(rows.length, 15 * 4);
  for (const [producer, own] of groups(rows, (row) => row.producer)) {
    assert.equal(own.length, 4, `producer ${producer}`);
    assert.deepEqual(
      own.map(({ atMs }) => Math.floor(atMs / SLOT_TIME_MS)),
      [0, 1, 2, 3].map((cycle) => cycle * SLOTS_PER_CYCLE + plan.waves[producer]),
    );
  }
  const byBlock = groups(rows, (row) => row.block);
  assert.equal(byBlock.size, 4 * SLOTS_PER_CYCLE);
  for (const own of byBlock.values()) {
    assert.equal(new Set(own.map(({ producer }) => producer)).size, 3);
    // Its maker first, at once; the others when their snark work is made.
    assert.deepEqual(
      own.map(({ kind }) => kind),
      ['maker', 'tip', 'tip'],
    );
    assert.equal(own[0].producer, plan.blocks[own[0].block].maker);
    assert.ok(own[0].atMs % SLOT_TIME_MS < 3000);
    assert.ok(own[1].atMs % SLOT_TIME_MS >= 8000);
  }
  assert.deepEqual(
    plan.blocks.filter(({ slot }) => slot >= 0).map(({ slot }) => slot),
    Array.from({ length: 20 }, (_, slot) => slot),
  );
});

test('the defaults of the scenario keep that shape: three producers a block in the middle', () => {
  const plan = planNetwork(
    shape({ durationMs: CYCLE_MS, forkShare: 0.05, lateShare: 0.02, laggingShare: 0.02 }),
  );
  const rows = rowsOf(plan);
  assert.equal(new Set(rows.map(({ producer }) => producer)).size, 15);
  assert.equal(rows.length, 15);
  const counts = [...groups(rows, (row) => row.block).values()].map((own) => own.length).sort();
  assert.equal(counts[counts.length >> 1], 3);
});

test('laws of every plan', () => {
  fc.assert(
    fc.property(shapes, (of) => {
      const plan = planNetwork(of);
      const rows = rowsOf(plan);
      assert.deepEqual(planNetwork(of), plan, 'the same seed gives another plan');
      assert.ok(rows.length <= mostSubmissions(of));
      let before = 0;
      for (const { atMs } of rows) {
        assert.ok(atMs >= before && atMs < of.durationMs);
        before = atMs;
      }
      const sizes = [0, 0, 0, 0, 0];
      for (const wave of plan.waves) sizes[wave]++;
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
      for (const [producer, own] of groups(rows, (row) => row.producer))
        own.forEach(({ atMs }, i) => {
          assert.equal(Math.floor(atMs / SLOT_TIME_MS) % SLOTS_PER_CYCLE, plan.waves[producer]);
          if (i === 0) return;
          const gap = atMs - own[i - 1].atMs;
          assert.ok(
            gap >= leastGapMs('berkeley') && gap <= mostGapMs('berkeley'),
            `gap of ${gap} ms`,
          );
        });
      // A parent is the main block of the slot before.
      plan.blocks.forEach(({ parent, slot }, i) => {
        if (i === 0) assert.equal(parent, -1);
        else {
          assert.equal(plan.blocks[parent].slot, slot - 1);
          assert.equal(plan.blocks[parent].isFork, false);
        }
      });
      for (const { atMs, slot, kind, producer, block } of rows) {
        const behind = Math.floor(atMs / SLOT_TIME_MS) - slot;
        if (kind === 'late') assert.ok(behind >= 1 && behind <= 3);
        else if (kind === 'lagging') assert.ok(behind >= 2 && behind <= 5);
        else assert.equal(behind, 0);
        assert.equal(kind === 'maker', behind === 0 && plan.blocks[block].maker === producer);
      }
    }),
    { numRuns: 60 },
  );
});

test('shares are what they say', () => {
  const many = { producers: 400, durationMs: 20 * CYCLE_MS };
  const share = (of: readonly Row[], kind: string) =>
    of.filter((row) => row.kind === kind).length / of.length;
  const late = rowsOf(planNetwork(shape({ ...many, lateShare: 0.25 })));
  assert.ok(Math.abs(share(late, 'late') - 0.25) < 0.02);
  const lagging = rowsOf(planNetwork(shape({ ...many, laggingShare: 0.1 })));
  const laggards = new Set(lagging.filter(({ kind }) => kind === 'lagging').map((row) => row.producer)); // prettier-ignore
  assert.equal(laggards.size, 40);
  assert.equal(share(lagging, 'lagging'), 0.1);
  const forked = planNetwork(shape({ ...many, forkShare: 0.3 }));
  const slots = forked.blocks.filter(({ slot, isFork }) => slot >= 0 && !isFork).length;
  const forks = forked.blocks.filter(({ isFork }) => isFork);
  assert.ok(Math.abs(forks.length / slots - 0.3) < 0.15);
  // Part of the wave sees the one, part the other.
  for (const fork of forks) {
    const place = forked.blocks.indexOf(fork);
    const onFork = rowsOf(forked).filter(({ block }) => block === place).length;
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

test('a single producer, and waves of none', () => {
  const rows = rowsOf(planNetwork(shape({ producers: 1, forkShare: 1 })));
  assert.deepEqual(
    rows.map(({ kind }) => kind),
    ['maker', 'maker', 'maker', 'maker'],
  );
  assert.equal(rowsOf(planNetwork(shape({ producers: 1, durationMs: 1 }))).length, 0);
});

test('wrong shapes are refused', () => {
  for (const [change, text] of [
    [{ producers: 0 }, /producers must be a whole number from 1, not 0/],
    [{ producers: 1.5 }, /producers/],
    [{ durationMs: 0 }, /durationMs must be above 0, not 0/],
    [{ durationMs: Infinity }, /durationMs/],
    [{ forkShare: 1.1 }, /forkShare must be from 0 to 1, not 1.1/],
    [{ lateShare: -0.1 }, /lateShare/],
    [{ laggingShare: NaN }, /laggingShare/],
  ] as const)
    assert.throws(() => planNetwork(shape(change)), text);
});

test('a day of 1,000 producers: 96,000 submissions', () => {
  const { submissions } = planNetwork(shape({ producers: 1000, durationMs: 86_400_000 }));
  assert.equal(submissions.count, 96_000);
});
