import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDuration } from '../../system/duration.ts';
import { parseRate, parseStages, parseThink } from '../../load/pace.ts';
import type { LoadRequest } from '../../load/request.ts';
import { describeShape, poolVus } from '../../load/shape.ts';
import { volumeOf } from '../../load/volume.ts';
import { loadShape } from '../support/scenario.ts';

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

test('think times that ask for more than k6 can send are no pace: no more is signed than could be sent', () => {
  const of = (vus: number, thinkMs: number, seconds: number) =>
    volumeOf(
      loadShape({
        ...request,
        vus,
        durationMs: seconds * 1000,
        think: { minMs: thinkMs, maxMs: thinkMs },
      }),
    );
  // 400,040 by the think times.
  assert.deepEqual(of(40, 1, 10), {
    submissions: 40_000,
    ratePerSecond: null,
    highestRatePerSecond: null,
    peakRatePerSecond: 4000,
  });
  assert.equal(of(40, 1, 3600).submissions, 240_000);
  // Just below what k6 can send it is a pace as any other.
  assert.ok(Math.abs(of(40, 11, 10).ratePerSecond! - 40_000 / 11) < 0.001);
  assert.ok(of(40, 11, 10).submissions > 36_363);
  // Many that begin at once, and think for long, are no high rate.
  const many = of(20_000, 60_000, 2);
  assert.ok(many.submissions >= 20_000 && many.ratePerSecond! < 400);
});

test('rates, and what is none', () => {
  for (const [text, starts, timeUnitMs, scale] of [
    ['500/s', 500, 1000, 1],
    ['500', 500, 1000, 1],
    [' 90 / min ', 90, 60_000, 1],
    ['2.5/s', 25, 10_000, 10],
    ['0.125/h', 125, 3_600_000_000, 1000],
    ['0/s', 0, 1000, 1],
  ] as const)
    assert.deepEqual(parseRate(text), { starts, timeUnitMs, scale }, text);
  for (const [text, problem] of [
    ['', /must be a rate such as 500\/s/],
    ['-5/s', /must be a rate/],
    ['5/x', /but is "5\/x"/],
    ['1.2345/s', /must be a rate/],
    ['100001/s', /must be at most 100000\/s/],
  ] as const) {
    const rate = parseRate(text);
    assert.ok('problem' in rate, text);
    assert.match(rate.problem, problem);
  }
});

test('stages, and all that is wrong with them at once', () => {
  assert.deepEqual(parseStages('30s:100, 1m:100,0:7', parseDuration, false), [
    { durationMs: 30_000, target: 100 },
    { durationMs: 60_000, target: 100 },
    { durationMs: 0, target: 7 },
  ]);
  const wrong = parseStages('10x:5,5s,3s:-1,1s:2:3,1s:20001', parseDuration, false);
  assert.ok('problems' in wrong);
  assert.deepEqual(
    wrong.problems.map((problem) => /stage (\d)/.exec(problem)?.[1]),
    ['1', '2', '3', '4', '5'],
  );
  for (const [text, problem] of [
    ['', /stage 1 \(""\)/],
    ['500ms:5', /must last from 1 s to 7 days in all, but "500ms:5" lasts 0.5 s/],
    ['8d:5', /7 days/],
    ['10s:0', /at least one VU/],
  ] as const) {
    const stages = parseStages(text, parseDuration, false);
    assert.ok('problems' in stages, text);
    assert.match(stages.problems.join(), problem);
  }
  assert.ok(Array.isArray(parseStages('10s:0', parseDuration, true)));
});

const stages = [
  { durationMs: 30_000, target: 100 },
  { durationMs: 60_000, target: 100 },
  { durationMs: 30_000, target: 0 },
];
const rate = { starts: 500, timeUnitMs: 1000 };
const burst = { factor: 10, fromMs: 20_000, lengthMs: 20_000 };

test("the shape of each scenario, in k6's own words", () => {
  const arrival = loadShape({ ...request, scenario: 'arrival', rate });
  assert.equal(arrival.executor, 'constant-arrival-rate');
  assert.deepEqual([arrival.vus, arrival.think.maxMs], [625, 0]);
  assert.equal(loadShape({ ...request, rate, vusChosen: true }).vus, 500);

  const ramp = loadShape({ ...request, scenario: 'ramp', stages });
  assert.deepEqual([ramp.executor, ramp.vus, ramp.durationMs], ['ramping-vus', 100, 120_000]);
  assert.equal(
    describeShape(ramp),
    '0 -> 30 s: 100 -> 60 s: 100 -> 30 s: 0 VUs, think time 1 to 5 s',
  );
  const rates = loadShape({ ...request, scenario: 'ramp', stages, rate: { ...rate, starts: 0 } });
  assert.deepEqual([rates.executor, rates.vus], ['ramping-arrival-rate', 125]);

  const spike = loadShape({ ...request, scenario: 'spike', vus: 20, burst });
  assert.deepEqual([spike.executor, spike.vus, spike.startVus], ['ramping-vus', 200, 20]);
  assert.equal(spike.durationMs, 60_000);
  assert.equal(loadShape({ ...request, rate, burst }).executor, 'ramping-arrival-rate');
});

test('an open model sends exactly what its rate says', () => {
  const { submissions, ratePerSecond, peakRatePerSecond } = volumeOf(
    loadShape({ ...request, rate }),
  );
  // One more is due in the very moment of the end.
  assert.deepEqual([submissions, ratePerSecond, peakRatePerSecond], [30_001, 500, 500]);
  const ramp = volumeOf(loadShape({ ...request, stages, rate: { ...rate, starts: 0 } }));
  assert.equal(ramp.submissions, 1500 + 6000 + 1500);
  assert.equal(ramp.highestRatePerSecond, 100);
  const spike = volumeOf(loadShape({ ...request, rate: { ...rate, starts: 10 }, burst }));
  assert.equal(spike.submissions, 200 + 2000 + 200);
});

test('the VUs of an open model follow from rate and time, within bounds', () => {
  assert.equal(poolVus(500, 60_000), 625);
  assert.equal(poolVus(500, 100), 63); // an answer takes no longer than its time-out
  assert.equal(poolVus(0.1, 60_000), 10);
  assert.equal(poolVus(1e6, 60_000), 20_000);
});

test('the corpus of ramping VUs covers any think times, by simulation with instant answers', () => {
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state / 0x80000000;
  };
  const level = fc.record({
    durationMs: fc.integer({ min: 0, max: 20_000 }),
    target: fc.integer({ min: 0, max: 60 }),
  });
  fc.assert(
    fc.property(
      fc.array(level, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 50, max: 3000 }),
      fc.integer({ min: 0, max: 4000 }),
      (levels, minMs, spreadMs) => {
        const think = { minMs, maxMs: minMs + spreadMs };
        const shape = loadShape({ ...request, scenario: 'ramp', stages: levels, think });
        // k6 rounds the line down on its way up, and up on its way down; a VU ends its think time first.
        let sent = 0;
        const nextMs = Array<number>(60).fill(0);
        let [startMs, from] = [0, 0];
        for (const { durationMs, target } of levels) {
          for (let t = startMs; t < startMs + durationMs; t += 10) {
            const line = from + ((target - from) * (t - startMs)) / durationMs;
            const vus = target > from ? Math.floor(line) : line;
            for (let vu = 0; vu < vus; vu++)
              for (
                ;
                nextMs[vu] <= t;
                nextMs[vu] = Math.max(nextMs[vu], t - 10) + minMs + uniform() * spreadMs
              )
                sent++;
          }
          [startMs, from] = [startMs + durationMs, target];
        }
        const { submissions } = volumeOf(shape);
        assert.ok(submissions >= sent, `${submissions} planned, ${sent} sent`);
      },
    ),
    { numRuns: 60 },
  );
});
