import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDuration } from '../../cli/parse.ts';
import { loadShape, type LoadRequest, parseThink, volumeOf } from '../../load/plan.ts';

const request: LoadRequest = {
  scenario: 'load',
  vus: 500,
  durationMs: 60_000,
  think: { minMs: 1000, maxMs: 5000 },
  requestTimeoutMs: 60_000,
  seed: '1',
  network: 'testnet',
  producers: null,
};

test('think times', () => {
  assert.deepEqual(parseThink('1s-5s', parseDuration), { minMs: 1000, maxMs: 5000 });
  assert.deepEqual(parseThink('2s', parseDuration), { minMs: 2000, maxMs: 2000 });
  assert.deepEqual(parseThink('0', parseDuration), { minMs: 0, maxMs: 0 });
  for (const wrong of ['', '5s-1s', '1-5', '1s-2s-3s', 'x', '-', '1s-'])
    assert.equal(parseThink(wrong, parseDuration), null, wrong);
});

test('a stop waits longer than a request may take', () => {
  const shape = loadShape(request);
  assert.ok(shape.gracefulStopMs >= shape.requestTimeoutMs);
});

test('smoke sends ten submissions, no two of one second', () => {
  const shape = loadShape({ ...request, scenario: 'smoke' });
  assert.equal(shape.vus, 1);
  assert.equal(volumeOf(shape).submissions, 10);
  assert.ok(shape.think.minMs > 1000);
});

test('the corpus covers what think times can send, by simulation with instant answers', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 120 }),
      fc.integer({ min: 200, max: 3000 }),
      fc.integer({ min: 0, max: 4000 }),
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })),
      (vus, seconds, minMs, spreadMs, random) => {
        // fast-check's own numbers lean towards the ends; a plain generator seeded by it does not.
        let state = Math.floor((random.next().value as number) * 2 ** 31);
        const uniform = () => {
          state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
          return state / 0x80000000;
        };
        const think = { minMs, maxMs: minMs + spreadMs };
        const durationMs = seconds * 1000;
        let sent = 0;
        for (let vu = 0; vu < vus; vu++)
          for (let t = 0; t < durationMs; t += minMs + uniform() * spreadMs) sent++;
        const { submissions } = volumeOf(loadShape({ ...request, vus, durationMs, think }));
        assert.ok(submissions >= sent, `${submissions} planned, ${sent} sent`);
      },
    ),
    { numRuns: 100 },
  );
});

test('500 users of today cost a corpus of about 11,000, not of the 30,000 that their shortest pause allows', () => {
  const { submissions, ratePerSecond } = volumeOf(loadShape(request));
  assert.ok(submissions > 10_500 && submissions < 11_500, String(submissions));
  assert.ok(Math.abs(ratePerSecond! - 166.7) < 0.1);
});

test('without think time the corpus is bounded', () => {
  const hour = volumeOf(
    loadShape({ ...request, durationMs: 3_600_000, think: { minMs: 0, maxMs: 0 } }),
  );
  assert.equal(hour.ratePerSecond, null);
  assert.equal(hour.submissions, 240_000);
});
