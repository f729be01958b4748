import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type CorpusPlan,
  createdAtOf,
  defaultProducers,
  planSubmissions,
} from '../../producers/corpus-plan.ts';
import { RandomStream } from '../../producers/random.ts';

const ONE = [{ weight: 1, hasSnarkWork: false }];
const plan = (part: Partial<CorpusPlan>): CorpusPlan => ({
  count: 100,
  producers: 10,
  templates: ONE,
  seed: 's',
  createdAt: { startSeconds: 1_700_000_000, perSecond: 10 },
  ...part,
});

function entriesOf(of: CorpusPlan, chunkSize = 64) {
  const entries: { template: number; producer: number; createdAt: number }[] = [];
  for (const { first, templates, producers, createdAt } of planSubmissions(of, chunkSize)) {
    assert.equal(first, entries.length);
    producers.forEach((producer, k) =>
      entries.push({ template: templates[k], producer, createdAt: createdAt[k] }),
    );
  }
  return entries;
}

test('a producer recurs after more than half of all, and each has its turn in every round', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.string(), (producers, seed) => {
      const count = producers * 8 + 3;
      const order = entriesOf(plan({ count, producers, seed })).map((entry) => entry.producer);
      const last = new Map<number, number>();
      order.forEach((producer, i) => {
        const before = last.get(producer);
        if (before !== undefined) assert.ok(i - before >= Math.floor(producers / 2) + 1);
        last.set(producer, i);
      });
      for (let first = 0; first + producers <= count; first += producers)
        assert.equal(new Set(order.slice(first, first + producers)).size, producers);
    }),
    { seed: 7, numRuns: 60 },
  );
});

test('the plan follows from the seed alone, not from the size of a chunk', () => {
  const templates = [
    { weight: 1, hasSnarkWork: false },
    { weight: 3, hasSnarkWork: true },
  ];
  const of = plan({ count: 1000, templates });
  assert.deepEqual(entriesOf(of, 7), entriesOf(of, 1000));
  assert.notDeepEqual(entriesOf(of), entriesOf({ ...of, seed: 't' }));
  assert.deepEqual(entriesOf({ ...of, count: 10 }), entriesOf(of).slice(0, 10));
});

test('the first submissions of a seed never change', () => {
  const entries = entriesOf(plan({ count: 12, templates: [...ONE, ...ONE, ...ONE] }));
  assert.deepEqual(
    entries.map(({ producer, template }) => [producer, template]),
    [
      [1, 1],
      [5, 1],
      [7, 2],
      [4, 0],
      [0, 0],
      [9, 0],
      [6, 1],
      [8, 0],
      [2, 1],
      [3, 2],
      [1, 1],
      [4, 1],
    ],
  );
});

test('templates are chosen by weight, or by the share of snark work', () => {
  const templates = [
    { weight: 1, hasSnarkWork: false },
    { weight: 1, hasSnarkWork: true },
    { weight: 2, hasSnarkWork: true },
  ];
  const shares = (of: Partial<CorpusPlan>) => {
    const counts = [0, 0, 0];
    for (const { template } of entriesOf(plan({ count: 20_000, templates, ...of })))
      counts[template]++;
    return counts.map((count) => count / 20_000);
  };
  const close = (found: number[], expected: number[]) =>
    expected.forEach((share, i) => assert.ok(Math.abs(found[i] - share) < 0.02, `${found}`));
  close(shares({}), [0.25, 0.25, 0.5]);
  close(shares({ snarkWorkShare: 0.1 }), [0.9, 0.1 / 3, 0.2 / 3]);
  assert.deepEqual(shares({ snarkWorkShare: 0 }), [1, 0, 0]);
  assert.equal(shares({ snarkWorkShare: 1 })[0], 0);
});

test('created_at grows by the planned rate and never runs ahead of it', () => {
  for (const perSecond of [0.25, 1, 7, 183.3, 4000, Infinity]) {
    const rule = { startSeconds: 1_700_000_000, perSecond };
    const times = entriesOf(plan({ count: 500, createdAt: rule })).map((entry) => entry.createdAt);
    times.forEach((time, i) => {
      assert.equal(time, createdAtOf(rule, i));
      const sentAt = rule.startSeconds + i / perSecond;
      assert.ok(time <= sentAt && sentAt - time < 1, `${perSecond}: ${i}`);
    });
  }
});

test('random numbers below a limit are all likely, and a seed fixes them', () => {
  const counts = new Array<number>(7).fill(0);
  const random = new RandomStream('s', 'test');
  for (let i = 0; i < 70_000; i++) counts[random.below(7)]++;
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, `${counts}`);
  const four = (seed: string, purpose: string) => {
    const stream = new RandomStream(seed, purpose);
    return [stream.next(), stream.next(), stream.next(), stream.next()];
  };
  assert.deepEqual(four('s', 'a'), four('s', 'a'));
  assert.notDeepEqual(four('s', 'a'), four('s', 'b'));
  assert.notDeepEqual(four('s', 'a'), four('t', 'a'));
});

test('the default number of producers keeps clear of both limits', () => {
  const minute = { durationMs: 60_000, hourlyLimit: 120 };
  assert.equal(defaultProducers({ submissions: 10, peakRatePerSecond: 1, ...minute }), 1000);
  assert.equal(defaultProducers({ submissions: 11_000, peakRatePerSecond: 183, ...minute }), 1098);
  assert.equal(
    defaultProducers({ submissions: 240_000, peakRatePerSecond: null, ...minute }),
    24_000,
  );
  // Checked against the order itself, at several sizes and limits.
  for (const [rate, seconds, hourlyLimit] of [
    [5, 7200, 120],
    [20, 4000, 10],
    [2, 5000, 1],
    [300, 60, 120],
  ]) {
    const count = rate * seconds;
    const producers = defaultProducers({
      submissions: count,
      peakRatePerSecond: rate,
      durationMs: seconds * 1000,
      hourlyLimit,
    });
    const sent = new Map<number, number[]>();
    entriesOf(plan({ count, producers })).forEach(({ producer }, i) => {
      const times = sent.get(producer) ?? [];
      times.push(i / rate);
      sent.set(producer, times);
    });
    for (const times of sent.values())
      times.forEach((time, i) => {
        if (i > 0) assert.ok(time - times[i - 1] >= 3, `${rate}: ${time - times[i - 1]} s apart`);
        const inHour = times.slice(0, i + 1).filter((other) => other > time - 3600).length;
        assert.ok(inHour <= hourlyLimit, `${rate}: ${inHour} in an hour`);
      });
  }
});
