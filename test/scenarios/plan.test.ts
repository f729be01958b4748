/** The pure parts of the scenarios: leases, think times, order of payloads, memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { k6Memory, makeK6Plan } from '../../load/k6/plan.ts';
import { makeFleet } from '../../producers/fleet.ts';
import { addressOf, KEY_END } from '../../scenarios/lib/forwarded.ts';
import { apartOf, fewProducersNotes, wholeRounds } from '../../load/producers-apart.ts';
import { volumeOf } from '../../load/volume.ts';
import { planSubmissions } from '../../producers/corpus-plan.ts';
import {
  leaseOf,
  leaseSpreadOf,
  payloadOf,
  staggerMs,
  submissionsOf,
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

test('leases are smaller where producers are few, and the usual fleet has room for them', () => {
  const lease = (vus: number, producers: number) => {
    const load = shape({ ...constant, vus });
    return leaseOf(load, apartOf({ shape: load, volume: volumeOf(load), producers }));
  };
  assert.equal(lease(10, 1000), 1);
  assert.equal(lease(10, 24_000), 32);
  assert.equal(lease(100, 24_000), 26);
  assert.equal(lease(500, 24_000), 5);
  // Nobody submits twice before the corpus begins anew.
  assert.equal(lease(10, 1e6), 32);
});

/** When each submission of `producers` begins, where VUs take leases one after another and each has its own speed. */
function sendTimes(call: {
  vus: number;
  seconds: number;
  load: K6Plan['load'];
  answerMs: (vu: number, n: number) => number;
}): { index: number; atMs: number }[] {
  const { vus, seconds, load, answerMs } = call;
  const { lease, leaseSpread } = load;
  const sends: { index: number; atMs: number }[] = [];
  let taken = 0;
  let completed = 0;
  const state = Array.from({ length: vus }, () => ({ freeMs: 0, first: -1, next: lease, n: 0 }));
  for (;;) {
    const vu = state.reduce((a, b) => (b.freeMs < a.freeMs ? b : a));
    if (vu.freeMs >= seconds * 1000) return sends;
    const isOver =
      vu.next >= lease ||
      (vu.next > 0 && (completed + vus) * lease - (vu.first + vu.next) > (leaseSpread ?? Infinity));
    if (isOver) {
      if (vu.first >= 0) completed++;
      vu.first = taken++ * lease;
      vu.next = 0;
    }
    sends.push({ index: vu.first + vu.next++, atMs: vu.freeMs });
    vu.freeMs += answerMs(state.indexOf(vu), vu.n++);
  }
}

test('two submissions of a producer begin a second apart or more, whatever the lease and however VUs differ', () => {
  for (const [vus, producers, answer] of [
    [50, 24_000, () => 12.5], // 4,000/s, as fast as is planned for
    [50, 24_000, (vu, n) => (vu === 3 && n === 40 ? 8000 : 12.5)], // one request hangs
    [50, 24_000, (vu) => 13 + (vu % 7) * 40],
    [200, 24_000, (vu, n) => (n % 50 === 7 ? 3000 : 50 + vu)],
    [60, 1000, () => 370], // 160/s of few producers
    [20, 1000, (vu, n) => (vu === 0 && n === 2 ? 9000 : 100)],
    [20, 7000, (vu, n) => (vu < 3 && n % 30 === 2 ? 6000 : 10)],
  ] as [number, number, (vu: number, n: number) => number][]) {
    const load = shape({ ...constant, vus, durationMs: 20_000 });
    const volume = wholeRounds({ shape: load, volume: volumeOf(load), producers });
    const apart = apartOf({ shape: load, volume, producers });
    const seconds = 20;
    const sends = sendTimes({
      vus,
      seconds,
      load: { ...load, lease: leaseOf(load, apart), leaseSpread: leaseSpreadOf(apart) },
      answerMs: answer,
    });
    const count = volume.submissions;
    const [plan] = [...planSubmissions({ count, producers, templates: [{ weight: 1, hasSnarkWork: false }], seed: 'x', createdAt: { startSeconds: 0, perSecond: 1 } }, count)]; // prettier-ignore
    const last = new Map<number, number>();
    const what = `${vus} VUs, ${producers} producers, lease ${leaseOf(load, apart)}`;
    assert.ok(sends.length > 500, what);
    for (const { index, atMs } of sends) {
      const producer = plan.producers[index % count];
      const before = last.get(producer) ?? -Infinity;
      assert.ok(atMs - before >= 1000, `${what}: ${atMs - before} ms at ${index}`);
      last.set(producer, atMs);
    }
  }
});

test('what was said to be too near, is: leases of 32 with a thousand producers', () => {
  const load = { ...shape({ ...constant, vus: 60, durationMs: 8000 }), lease: 32 };
  const producers = 1000;
  const sends = sendTimes({ vus: 60, seconds: 8, load, answerMs: () => 370 });
  const count = 32_000;
  const [plan] = [...planSubmissions({ count, producers, templates: [{ weight: 1, hasSnarkWork: false }], seed: 'x', createdAt: { startSeconds: 0, perSecond: 1 } }, count)]; // prettier-ignore
  const last = new Map<number, number>();
  let near = 0;
  for (const { index, atMs } of sends) {
    const producer = plan.producers[index % count];
    if (atMs - (last.get(producer) ?? -Infinity) < 1000) near++;
    last.set(producer, atMs);
  }
  assert.ok(near > 20, `${near}`);
});

test('a corpus that is sent again holds whole rounds of its producers', () => {
  const load = shape({ ...constant, vus: 10, durationMs: 20_000 });
  const volume = volumeOf(load);
  assert.equal(volume.submissions, 80_000);
  const rounds = (producers: number, change = load) =>
    wholeRounds({ shape: change, volume, producers }).submissions;
  assert.deepEqual([rounds(1000), rounds(7000), rounds(100_000), rounds(0)], [80_000, 84_000, 80_000, 80_000]); // prettier-ignore
  // With a pace nothing is sent again.
  assert.equal(rounds(7000, shape({ ...constant, think: { minMs: 1, maxMs: 2 } })), 80_000);
});

test('what a plan has to send; beyond it nothing is sent but where only the target limits how much that is', () => {
  const corpus = { kind: 'corpus', count: 7 } as K6Plan['source'];
  const of = (change: Parameters<typeof shape>[0], from: K6Plan['source']) =>
    submissionsOf({ load: { ...shape(change), lease: 1 }, source: from });
  const rate = { starts: 5, timeUnitMs: 1000 };
  assert.equal(of(constant, corpus), Infinity);
  assert.equal(of({ ...constant, think: { minMs: 0, maxMs: 5 } }, corpus), 7);
  assert.equal(of({ executor: 'constant-arrival-rate', iterations: null, rate }, corpus), 7);
  assert.equal(of({}, corpus), 7);
  assert.equal(of({}, planOf({}).source), Infinity);
  assert.equal(of(constant, { kind: 'feeder', count: 9 } as K6Plan['source']), 9);
});

test('too few producers are named with how many are enough', () => {
  const notes = (
    change: Parameters<typeof shape>[0],
    producers: number,
    more: { hourlyLimit?: number; isListed?: boolean } = {},
  ) => {
    const load = shape(change);
    return fewProducersNotes({ shape: load, volume: volumeOf(load), producers, hourlyLimit: 120, isListed: false, ...more }); // prettier-ignore
  };
  const open = (starts: number, durationMs = 20_000) =>
    ({ executor: 'constant-arrival-rate', iterations: null, durationMs, rate: { starts, timeUnitMs: 1000 } }) as const; // prettier-ignore
  assert.deepEqual(notes(open(100), 200), []);
  const [few] = notes(open(100), 150);
  assert.match(few, /^150 producers are few for 100 submissions\/s: .* a backend keeps one; --producers 200 keep them apart$/); // prettier-ignore
  assert.match(notes(open(100), 150, { isListed: true })[0], /; 200 keys keep them apart$/);
  // Without think time nobody knows the rate.
  assert.match(
    notes({ ...constant, vus: 10 }, 1000)[0],
    /^1,000 producers are enough for 501 submissions\/s: where the target answers faster, .*--producers 8000 keep/,
  );
  assert.deepEqual(notes({ ...constant, vus: 10 }, 24_000), []);
  // One VU that rests for more than a second needs one producer only.
  assert.deepEqual(notes({ vus: 1, iterations: 10, think: { minMs: 1100, maxMs: 1100 } }, 1), []);
  assert.match(notes(open(100, 3_600_000), 1000)[0], /^1,000 producers are few .* up to 361 times in an hour, of which the backend takes 120$/); // prettier-ignore
  assert.deepEqual(notes(open(100, 3_600_000), 1000, { hourlyLimit: 400 }), []);
  assert.deepEqual(notes(open(100), 0), []);
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
