/**
 * Replays against a made-up target whose every deed is known: its clock, which second it took each submission in, what it lost. What the
 * comparison says is held against that, over many seeds, rates and clocks.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OUTCOME } from '../../reconcile/outcomes.ts';
import { type Reconciled, Reconciler } from '../../reconcile/reconcile.ts';
import { blockHashOf, type SentBody, type SentSubmissions } from '../../reconcile/sent.ts';
import { SentIndex } from '../../reconcile/sent-index.ts';
import { RandomStream } from '../../producers/random.ts';
import type { ReconcileLine } from '../../results/types.ts';
import type { StoredSubmission } from '../../stack/storage/storage.ts';

const T0 = 1_767_225_600;
const BLOCK = Buffer.from('a block');
const HASH = blockHashOf(BLOCK);
const text = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

type World = {
  /** Different bodies. */
  bodies: number;
  submitters: number;
  /** How often each body lies in the folder: recordings hold retries. */
  times: number;
  sends: number;
  perSecond: number;
  /** Latency: at least, and a tail of mean. */
  latencyMs: [least: number, tail: number];
  aheadMs: number;
  /** Share of the accepted ones that the target does not keep. */
  lost: number;
  keeps: 'first' | 'last';
  seed: string;
  /** Entries of an earlier replay of the same folder, which ended so long before. */
  earlierMs?: number;
  /** VUs that send without a schedule, instead of a constant rate. */
  closed?: boolean;
};

/** What really happened. */
type Truth = { stored: number; collided: Set<number>; lost: Set<number>; alone: Set<number> };

const bodyOf = (i: number, submitters: number): SentBody => ({
  submitter: `submitter ${i % submitters}`,
  createdAt: T0 - 1_000_000 + i,
  peerId: `peer ${i}`,
  template: i,
});

async function play(
  world: World,
): Promise<{ truth: Truth; result: Reconciled; lines: ReconcileLine[] }> {
  const { bodies, submitters, times, sends, perSecond, latencyMs, aheadMs, keeps } = world;
  const random = new RandomStream(world.seed, 'replay');
  const files = bodies * times;
  const sent: SentSubmissions = {
    count: files,
    templates: Array.from({ length: files }, () => ({
      blockHash: HASH,
      snarkWork: 'AAAA',
      graphqlControlPort: 0,
      builtWithCommitSha: '',
      fresh: false,
      block: () => BLOCK,
    })),
    bodyOf: (index) => order[index],
    // Of equal bodies each is a template of its own, as those of a folder are.
    chunks: () => [
      Array.from({ length: files }, (_, i) => ({ ...bodyOf(i % bodies, submitters), template: i })),
    ],
    close: () => undefined,
  };
  const order = Array.from({ length: sends }, () => random.below(files));
  const requests = order.map((_, i) => {
    const due = world.closed
      ? (i / perSecond) * 1000 + (random.next() / 2 ** 32) * 400
      : (i / perSecond) * 1000;
    const beginMs = T0 * 1000 + 137 + due;
    const latency = latencyMs[0] - Math.log(1 - random.next() / 2 ** 32) * latencyMs[1];
    return {
      beginMs,
      endMs: beginMs + latency,
      takenMs: beginMs + latency * (random.next() / 2 ** 32),
    };
  });
  const rows = new Map<string, StoredSubmission>();
  const holder = new Map<string, number>();
  const keyOf = (i: number) =>
    `${text(Math.floor((requests[i].takenMs + aheadMs) / 1000))}-${bodyOf(order[i] % bodies, submitters).submitter}`;
  const lost = new Set<number>();
  const collided = new Set<number>();
  const byArrival = order
    .map((_, i) => i)
    .sort((a, b) => requests[a].takenMs - requests[b].takenMs);
  for (const i of byArrival) {
    if (random.next() / 2 ** 32 < world.lost) {
      lost.add(i);
      continue;
    }
    const key = keyOf(i);
    const before = holder.get(key);
    if (before !== undefined && keeps === 'first') {
      collided.add(i);
      continue;
    }
    if (before !== undefined) collided.add(before);
    holder.set(key, i);
    const { submitter, createdAt, peerId } = bodyOf(order[i] % bodies, submitters);
    rows.set(key, {
      where: key,
      submittedAt: key.slice(0, 20),
      createdAt: text(createdAt),
      submitter,
      blockHash: HASH,
      peerId,
      snarkWork: 'AAAA',
      graphqlControlPort: 0,
      builtWithCommitSha: '',
    });
  }
  const alone = new Set([...lost].filter((i) => !holder.has(keyOf(i))));
  const stored = rows.size;
  const all = [...rows.values()];
  if (world.earlierMs !== undefined) {
    const lastMs = requests.at(-1)!.endMs - T0 * 1000;
    const back = Math.ceil((lastMs + world.earlierMs) / 1000);
    for (const row of rows.values())
      all.push({
        ...row,
        where: `earlier ${row.where}`,
        submittedAt: text(Date.parse(row.submittedAt) / 1000 - back),
      });
  }
  const lines: ReconcileLine[] = [];
  const index = await SentIndex.of(sent);
  const endedMs = requests.reduce((most, { endMs }) => Math.max(most, endMs), 0);
  const reconciler = new Reconciler(
    {
      sent,
      index,
      outcomes: new Uint8Array(sends).fill(OUTCOME.accepted),
      timesOf: (i) => [Math.floor(requests[i].beginMs), Math.floor(requests[i].endMs) + 1],
      retriesOf: () => 0,
      beganMs: T0 * 1000,
      endedMs,
      others: new Set(),
    },
    T0 - 300,
    (line) => lines.push(line),
  );
  reconciler.add(all);
  return { truth: { stored, collided, lost, alone }, result: await reconciler.finish(), lines };
}

const BASE: World = {
  bodies: 28,
  submitters: 28,
  times: 1,
  sends: 3000,
  perSecond: 10,
  latencyMs: [4, 10],
  aheadMs: 0,
  lost: 0,
  keeps: 'first',
  seed: 'a',
};

const WORLDS: [string, Partial<World>][] = [
  ['28 bodies', {}],
  ['each body twice in the folder', { times: 2 }],
  ['each body three times, few producers', { times: 3, bodies: 12, submitters: 5 }],
  ['a closed model', { closed: true }],
  ['a storage that keeps the last', { keeps: 'last' }],
  ['slow answers', { latencyMs: [200, 800] }],
  ['dense: every second of each producer is taken', { perSecond: 100, sends: 6000 }],
  ['sparse', { perSecond: 2, sends: 400 }],
  ['few sends', { sends: 40 }],
  ['many bodies', { bodies: 2000, submitters: 300, perSecond: 200, sends: 6000 }],
];
const CLOCKS = [-1900, -640, -35, 0, 12, 333, 999, 1500, 1990];

const SOME_CLOCKS = [-1900, -35, 0, 333, 1990];

describe('a target that keeps all that a storage can keep: nothing is missing', () => {
  for (const [name, changes] of WORLDS)
    test(name, async () => {
      for (const [n, aheadMs] of CLOCKS.entries()) {
        const world = { ...BASE, ...changes, aheadMs, seed: `kept ${n}` };
        const { truth, result } = await play(world);
        const { right, missing, sameSecond, doubles, different } = result.classes;
        assert.deepEqual(
          { right, missing, sameSecond, doubles, different },
          {
            right: truth.stored,
            missing: 0,
            sameSecond: truth.collided.size,
            doubles: 0,
            different: 0,
          },
          `the clock is ${aheadMs} ms ahead`,
        );
      }
    });
});

/** Of those whose second nobody of their producer has: how many are found at least. The others met a second that may have been theirs. */
const FOUND: Record<string, number> = { 'slow answers': 0.7 };

describe('what is lost is missing, unless its second is taken; no other one is', () => {
  for (const [name, changes] of WORLDS)
    test(name, async () => {
      let alone = 0;
      let found = 0;
      for (const [n, aheadMs] of SOME_CLOCKS.entries())
        for (const lost of [0.01, 0.03, 0.3]) {
          const world = { ...BASE, ...changes, aheadMs, lost, seed: `lost ${n}` };
          const { truth, result, lines } = await play(world);
          const { right, missing, sameSecond } = result.classes;
          const where = `${lost} lost, the clock is ${aheadMs} ms ahead, ${truth.alone.size} alone, found ${missing}`;
          assert.equal(right, truth.stored, where);
          assert.equal(missing + sameSecond, truth.lost.size + truth.collided.size, where);
          assert.ok(missing <= truth.lost.size, where);
          const named = lines.filter((line) => line.class === 'missing').map(({ index }) => index!);
          assert.equal(named.length, missing);
          alone += truth.alone.size;
          found += missing;
        }
      assert.ok(alone > 50, `only ${alone}: nothing is shown`);
      const share = found / alone;
      assert.ok(share >= (FOUND[name] ?? 0.9) && share <= 1.02, `${found} of ${alone} found`);
    });

  test('298 of 10,000, as they were tried', async () => {
    const world = { ...BASE, sends: 10_000, lost: 0.0298, aheadMs: 40, seed: 'issue' };
    const { truth, result } = await play(world);
    const { missing } = result.classes;
    assert.ok(truth.alone.size > 200);
    assert.ok(missing >= truth.alone.size * 0.93 && missing <= truth.lost.size, `${missing}`);
  });
});

describe('an earlier replay of the same folder', () => {
  for (const earlierMs of [800, 5000, 120_000])
    test(`which ended ${earlierMs} ms before hides nothing`, async () => {
      for (const [n, aheadMs] of SOME_CLOCKS.entries()) {
        const world = { ...BASE, aheadMs, earlierMs, sends: 1000, seed: `earlier ${n}` };
        const { result } = await play({ ...world, lost: 0 });
        assert.equal(result.classes.missing, 0, `${aheadMs}`);
        const { truth, result: lossy } = await play({ ...world, lost: 0.2 });
        const { missing } = lossy.classes;
        assert.ok(missing >= truth.alone.size * 0.85 && missing <= truth.lost.size, `${missing}`);
      }
    });

  test('of which all is there and of this one nothing: it is said where the entries are', async () => {
    const { truth, result } = await play({ ...BASE, sends: 300, lost: 1, seed: 'x' });
    assert.equal(result.elsewhere, null);
    assert.equal(result.classes.missing, truth.lost.size);
    const {
      result: other,
      truth: { stored },
    } = await play({ ...BASE, sends: 300, seed: 'x', aheadMs: 47_000 });
    assert.deepEqual([other.classes.right, other.classes.missing], [0, 300]);
    assert.equal(other.elsewhere!.entries, stored);
    assert.ok(Math.abs(other.elsewhere!.aheadMs - 47_000) < 300, `${other.elsewhere!.aheadMs}`);
  });
});
