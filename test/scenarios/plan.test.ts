/** The pure parts of the scenarios: leases, think times, order of payloads, memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { k6Memory, makeK6Plan } from '../../load/k6/plan.ts';
import { makeFleet } from '../../producers/fleet.ts';
import { addressOf, KEY_END } from '../../scenarios/lib/forwarded.ts';
import {
  leaseOf,
  payloadOf,
  staggerMs,
  targetOf,
  thinkMs,
  uniform,
  type K6Plan,
} from '../../scenarios/lib/plan.ts';
import { redact, secretsOf } from '../../scenarios/lib/secrets.ts';
import { shape } from '../support/run-scenario.ts';

const constant = { executor: 'constant-vus', iterations: null } as const;
const payloads = [{ offset: 0, bytes: 46_000 }];
const source = { kind: 'payloads', bodiesPath: '/x', payloads, order: 'random' } as const;

const planOf = (change: Parameters<typeof shape>[0], seed = 'a'): K6Plan =>
  makeK6Plan({
    url: 'http://127.0.0.1/',
    load: shape(change),
    source: { ...source, payloads: [...payloads] },
    seed,
  });

test('a lease only without think time, and never too many at once', () => {
  assert.equal(leaseOf(shape({ ...constant, vus: 1 })), 32);
  assert.equal(leaseOf(shape({ ...constant, vus: 500 })), 16);
  assert.equal(leaseOf(shape({ ...constant, vus: 8000 })), 1);
  assert.equal(leaseOf(shape({ ...constant, vus: 100_000 })), 1);
  assert.equal(leaseOf(shape({ ...constant, think: { minMs: 0, maxMs: 1 } })), 1);
  assert.equal(leaseOf(shape({ executor: 'shared-iterations' })), 1);
});

test('think times are uniform between the two ends, and fixed by seed and index', () => {
  const plan = planOf({ ...constant, think: { minMs: 1000, maxMs: 5000 } });
  const n = 20_000;
  const times = Array.from({ length: n }, (_, i) => thinkMs(plan, i));
  assert.ok(times.every((ms) => ms >= 1000 && ms < 5000));
  const mean = times.reduce((sum, ms) => sum + ms, 0) / n;
  // Five standard errors of a uniform distribution of width 4000.
  assert.ok(Math.abs(mean - 3000) < (5 * 4000) / Math.sqrt(12 * n), `mean ${mean}`);
  const tenths = Array<number>(10).fill(0);
  for (const ms of times) tenths[Math.floor((ms - 1000) / 400)]++;
  for (const count of tenths) assert.ok(Math.abs(count - n / 10) < 5 * Math.sqrt(n / 10));
  // Neighbours do not go together.
  let together = 0;
  for (let i = 1; i < n; i++) together += (times[i] - 3000) * (times[i - 1] - 3000);
  assert.ok(Math.abs(together / n / (4000 ** 2 / 12)) < 5 / Math.sqrt(n));
  assert.deepEqual(
    times.slice(0, 50),
    Array.from({ length: 50 }, (_, i) => thinkMs(plan, i)),
  );
  const other = planOf({ ...constant, think: { minMs: 1000, maxMs: 5000 } }, 'b');
  assert.notEqual(thinkMs(plan, 0), thinkMs(other, 0));
  const fixed = planOf({ ...constant, think: { minMs: 700, maxMs: 700 } });
  assert.equal(thinkMs(fixed, 3), 700);
});

test('indices beyond 32 bits have numbers of their own, and purposes differ', () => {
  assert.notEqual(uniform(1, 'think', 5), uniform(1, 'think', 5 + 2 ** 32));
  assert.notEqual(uniform(1, 'think', 5), uniform(1, 'order', 5));
  assert.notEqual(uniform(1, 'think', 5), uniform(2, 'think', 5));
});

test('the first submissions spread evenly over the mean think time', () => {
  const plan = planOf({ ...constant, vus: 500, think: { minMs: 1000, maxMs: 5000 } });
  assert.equal(staggerMs(plan, 0), 0);
  assert.equal(staggerMs(plan, 250), 1500);
  assert.equal(staggerMs(plan, 499), 2994);
});

test('payloads in order come round; at random each comes', () => {
  const many = { ...source, payloads: Array.from({ length: 7 }, () => payloads[0]) };
  const inOrder = { ...many, order: 'in order' } as const;
  assert.deepEqual(
    Array.from({ length: 9 }, (_, i) => payloadOf({ seed: 3 }, inOrder, i)),
    [0, 1, 2, 3, 4, 5, 6, 0, 1],
  );
  const chosen = Array.from({ length: 200 }, (_, i) => payloadOf({ seed: 3 }, many, i));
  assert.deepEqual([...new Set(chosen)].sort(), [0, 1, 2, 3, 4, 5, 6]);
});

test('k6 stays below 1.6 MB per VU at 500 VUs and 46 KB, and the limit leaves room for what lives', () => {
  const corpusBytes = 11_000 * 272 + 2 * 46_000;
  const { residentBytes, limitBytes } = k6Memory(planOf({ ...constant, vus: 500 }), corpusBytes);
  assert.ok(residentBytes <= 500 * 1.6e6, `${residentBytes}`);
  assert.ok(limitBytes < residentBytes);
  // Large bodies need more, and get it.
  const large = makeK6Plan({
    url: 'http://127.0.0.1/',
    load: shape({ ...constant, vus: 500 }),
    source: { ...source, payloads: [{ offset: 0, bytes: 4e6 }] },
    seed: '',
  });
  assert.ok(large.bodyCacheBytes >= 4e6);
  assert.ok(k6Memory(large, 4e6).limitBytes > 500 * 2 * 4e6);
});

test('targets get their shares, and the same submission always the same target', () => {
  const targets = [1, 3, 0.5].map((weight, i) => ({ url: `http://${i}`, weight }));
  const n = 20_000;
  const of = targetOf({ seed: 7, targets });
  const counts = [0, 0, 0];
  for (let i = 0; i < n; i++) counts[of(i)]++;
  for (const [i, { weight }] of targets.entries()) {
    const share = weight / 4.5;
    // Five standard deviations of a binomial distribution.
    assert.ok(
      Math.abs(counts[i] - n * share) < 5 * Math.sqrt(n * share * (1 - share)),
      `${counts}`,
    );
  }
  const first = Array.from({ length: 100 }, (_, i) => of(i));
  const again = targetOf({ seed: 7, targets });
  const other = targetOf({ seed: 8, targets });
  assert.deepEqual(
    first,
    Array.from(first, (_, i) => again(i)),
  );
  assert.notDeepEqual(
    first,
    Array.from(first, (_, i) => other(i)),
  );
  assert.equal(targetOf({ seed: 7, targets: targets.slice(0, 1) })(5), 0);
});

test('a producer has one address; hardly two have the same', () => {
  const { producers } = makeFleet({ seed: 'addresses', count: 1000 });
  const addressesIn = (first: number, size: number) =>
    producers.map(({ publicKey }) =>
      addressOf({ first, size }, Buffer.from(publicKey), 55 - KEY_END),
    );
  const large = addressesIn(10 * 2 ** 24, 2 ** 24);
  // 1000²/2 pairs, each the same with probability 2⁻²⁴: 0.03 expected.
  assert.ok(new Set(large).size >= 998);
  for (const address of large) assert.match(address, /^10(\.(\d{1,3})){3}$/);
  const small = new Set(addressesIn(0xc0000200, 256));
  // 254 addresses, 1000 keys: 5 expected to stay free.
  assert.ok(small.size > 230, String(small.size));
  assert.ok(!small.has('192.0.2.0') && !small.has('192.0.2.255'));
  assert.deepEqual(new Set(addressesIn(0xcb007107, 1)), new Set(['203.0.113.7']));
  assert.ok(addressesIn(0, 2 ** 32).every((address) => !/-|NaN/.test(address)));
});

test('secrets are taken out, also a token without its scheme, and the longer first', () => {
  const secrets = secretsOf({ authorization: 'Bearer abc', 'x-key': 'abcdef', 'x-space': 'a$& b' });
  assert.equal(redact('Bearer abc, abc, abcdef; a$& b; ab', secrets), '***, ***, ***; ***; ab');
  assert.equal(redact('nothing', secretsOf({})), 'nothing');
});
