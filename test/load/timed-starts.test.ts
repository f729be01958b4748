/** Loads in which each start has a time of its own: from requests to offsets, lateness, retries and what is refused. */
import assert from 'node:assert/strict';
import { NO_OTHER_EVIDENCE } from '../support/generator-facts.ts';
import { test } from 'node:test';
import fc from 'fast-check';
import { allowedMisses, generatorLimit } from '../../judge/generator-limit.ts';
import { gateRules } from '../../judge/gates.ts';
import type { LoadRequest } from '../../load/request.ts';
import { definitionOf } from '../../load/scenarios/index.ts';
import { describeShape } from '../../load/shape.ts';
import { fleetProblems, offsetsFile, type TimedLoad } from '../../load/timed-starts.ts';
import { volumeOf } from '../../load/volume.ts';
import { loadShape } from '../support/scenario.ts';
import { figuresOf } from '../../load/k6/figures.ts';
import { endOf } from '../support/load-end.ts';
import { SampleAggregator } from '../../load/k6/samples.ts';
import { mostWithin, timedSchedule } from '../../load/schedule.ts';
import { ScheduleWatch } from '../../load/k6/schedule-watch.ts';
import { leastGapMs } from '../../producers/network-plan.ts';
import type { EraName } from '../../mina/eras.ts';
import type { Payload } from '../../producers/payloads.ts';
import { answerCode, CODE, packReport } from '../../scenarios/lib/reports.ts';
import type { UserError } from '../../user-error.ts';

const request = (change: Partial<LoadRequest> = {}): LoadRequest => ({
  scenario: 'fleet',
  vus: 100,
  durationMs: 30_000,
  think: { minMs: 1000, maxMs: 5000 },
  requestTimeoutMs: 60_000,
  seed: 'mina',
  network: 'testnet',
  producers: 15,
  ...change,
});
const quiet = { forkShare: 0, lateShare: 0, laggingShare: 0 };
const startsOf = (
  request: LoadRequest,
  known: { producers: number | null; payloads: readonly Payload[] | null; era?: EraName | null },
): TimedLoad | null => {
  const { timed } = definitionOf(request.scenario);
  return timed?.isTimed(request) ? timed.starts(request, { era: 'berkeley', ...known }) : null;
};
const fleet = (speedup: number, change: Partial<LoadRequest> = {}): TimedLoad =>
  startsOf(request({ fleet: { speedup, ...quiet }, ...change }), {
    producers: null,
    payloads: null,
  })!;

test('a fleet: network time over speedup, a VU for each of few producers, retries as often as nodes', () => {
  const { shape, offsetsMs, network } = fleet(30);
  assert.equal(offsetsMs.length, 15);
  assert.equal(offsetsMs[0], Math.floor(network!.submissions.atMs[0] / 30));
  assert.ok(offsetsMs.at(-1)! < 30_000);
  assert.equal(shape.executor, 'shared-iterations');
  assert.equal(shape.iterations, 15);
  assert.equal(shape.vus, 15);
  assert.equal(shape.durationMs, 30_000);
  assert.deepEqual(shape.timed!.retry, {
    everyMs: 64_000 / 30,
    withinMs: leastGapMs('berkeley') / 30,
  });
  assert.equal(
    describeShape(shape),
    "open model, 15 submissions in 30 s at the network's times, 30 times as fast, 15 VUs at most",
  );
  assert.deepEqual(volumeOf(shape), {
    submissions: 15,
    ratePerSecond: 0.5,
    highestRatePerSecond: shape.timed!.peakPerSecond,
    peakRatePerSecond: shape.timed!.peakPerSecond,
  });
  assert.equal(fleet(30, { vus: 4, vusChosen: true }).shape.vus, 4);
});

test('a fleet of 1,000 for a day: far fewer VUs than producers', () => {
  const { shape } = fleet(60, { producers: 1000, durationMs: 1_440_000 });
  assert.equal(shape.iterations, 96_000);
  assert.ok(shape.vus >= 200 && shape.vus < 400, `${shape.vus} VUs`);
});

test('what a fleet cannot do is told in sentences', () => {
  const problems = (speedup: number, producers: number, durationMs = 30_000) =>
    fleetProblems(
      { durationMs, seed: '', era: 'berkeley', fleet: { speedup, ...quiet } },
      producers,
    );
  assert.deepEqual(problems(761, 15), []);
  assert.match(problems(762, 15)[0], /--speedup must be at most 761, but is 762: .* each 1\.10 s/);
  assert.match(problems(30, 1_000_000, 86_400_000)[0], /2880000000 times .* 2000000 is the most/);
  assert.equal(problems(2000, 1_000_000, 86_400_000).length, 2);
  assert.throws(
    () => fleet(1, { producers: 1, durationMs: 1000 }),
    (error: UserError) =>
      error.exitCode === 2 && /a fleet of 1 submits nothing in the first 1 s/.test(error.message),
  );
});

const payload = (createdAtMs: number): Payload => ({ createdAtMs, name: String(createdAtMs) }) as Payload; // prettier-ignore
const recorded = (timeFactor: number, times: readonly number[]): TimedLoad =>
  startsOf(request({ scenario: 'replay', timeFactor }), {
    producers: null,
    payloads: times.map(payload),
  })!;

test('a recording: sorted by its times, which are divided; bursts get VUs', () => {
  const { offsetsMs, payloads, shape } = recorded(2, [9000, 1000, 5000, 5000]);
  assert.deepEqual([...offsetsMs], [0, 2000, 2000, 4000]);
  assert.deepEqual(
    payloads!.map(({ createdAtMs }) => createdAtMs),
    [1000, 5000, 5000, 9000],
  );
  assert.equal(shape.durationMs, 4001);
  assert.equal(shape.vus, 4);
  assert.equal(shape.timed!.retry, undefined);
  assert.equal(recorded(0.5, [1000, 2000]).offsetsMs[1], 2000);
  const burst = recorded(1, Array<number>(400).fill(7));
  assert.deepEqual([burst.shape.vus, burst.shape.durationMs], [400, 1000]);
  assert.equal(burst.shape.timed!.peakPerSecond, 400);
  assert.throws(() => recorded(1, [0, 30 * 86_400_000]), (error: UserError) =>
    /span 30\.0 days, 30\.0 with --time-factor 1/.test(error.message) && /--time-factor 720 /.test(error.hint)); // prettier-ignore
  assert.equal(startsOf(request({ scenario: 'load' }), { producers: null, payloads: null }), null);
});

test('the file of times is u32 LE', () => {
  assert.deepEqual([...offsetsFile(Uint32Array.of(1, 0x01020304))], [1, 0, 0, 0, 4, 3, 2, 1]);
});

test('a timed schedule agrees with its offsets', () => {
  const offsets = fc.array(fc.nat(2000), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(offsets, fc.nat(2100), fc.integer({ min: 1, max: 500 }), (list, ms, window) => {
      const sorted = Uint32Array.from(list).sort();
      const schedule = timedSchedule(sorted, 2100);
      assert.equal(schedule.dueBefore(ms), list.filter((at) => at < ms).length);
      assert.equal(schedule.planned, list.length);
      assert.equal(schedule.intendedMs(0), Math.min(...list));
      assert.equal(schedule.intendedMs(list.length), Infinity);
      const most = Math.max(...list.map((from) => list.filter((at) => at >= from && at < from + window).length)); // prettier-ignore
      assert.equal(mostWithin(sorted, window), most);
    }),
  );
});

const T0 = 1_767_323_045_000;

test('late starts for which no VU was free are the target’s, others the generator’s', () => {
  const offsets = Uint32Array.from({ length: 100 }, (_, i) => i * 10);
  const watch = new ScheduleWatch(timedSchedule(offsets, 1000), 10);
  watch.begins(T0);
  for (let i = 0; i < 10; i++) assert.equal(watch.begun(i, T0 + i * 10), false);
  // All ten wait; submission 10, due after 100 ms, has to wait for the first of them.
  watch.ended(0, T0 + 400, true);
  assert.equal(watch.begun(10, T0 + 400), true);
  for (let i = 1; i <= 10; i++) watch.ended(i, T0 + 410, true);
  // Nobody is busy when it is due, and it is late nevertheless.
  assert.equal(watch.begun(45, T0 + 500), true);
  watch.dropped(88);
  const figures = watch.figures(null);
  assert.deepEqual(
    [figures.planned, figures.started, figures.late, figures.lateWhileBusy, figures.dropped],
    [100, 12, 2, 1, 88],
  );
  const verdict = (late: number, lateWhileBusy: number) =>
    generatorLimit({
      schedule: { planned: 100, started: 100, late, lateWhileBusy, dropped: 0, droppedWhileFree: 0, onTimeShare: 0, latenessP99Ms: 0, toleranceMs: 10 },
      allowedMisses: allowedMisses(gateRules([], ['on-time>=99%'])),
      ...NO_OTHER_EVIDENCE,
    })?.sentence ?? null; // prettier-ignore
  assert.equal(verdict(50, 50), null);
  assert.equal(verdict(50, 30), null);
  assert.match(verdict(50, 10)!, /of 100 starts 40 began late/);
});

const row = (metric: string, t: number, value: number): string =>
  `${metric},${Math.round(t * 1000)},${value.toFixed(6)},,,\n`;
const report = (t: number, index: number, code: number) => row('submission', t, packReport(index, code)); // prettier-ignore
const retry = (t: number, index: number, code: number) => row('submission_retry', t, packReport(index, code)); // prettier-ignore

test('retries: the last answer counts, failures before it are counted apart, also at a stop', () => {
  const aggregator = new SampleAggregator({
    lease: 1,
    count: 4,
    expectedStatus: 200,
    bodyBytesOf: () => 1000,
    schedule: { schedule: timedSchedule(Uint32Array.of(0, 10, 20, 30), 5000), vus: 4 },
  });
  const accepted = answerCode(200, 0, true);
  aggregator.push(
    Buffer.from(
      'metric_name,timestamp,metric_value,status,extra_tags,metadata\n' +
        row('load_start', T0, T0) +
        [0, 1, 2, 3].map((i) => report(T0 + i * 10, i, CODE.begun)).join('') +
        retry(T0 + 100, 0, 503) +
        retry(T0 + 110, 1, 503) +
        retry(T0 + 120, 2, 1050) +
        retry(T0 + 2100, 0, CODE.begun) +
        retry(T0 + 2110, 1, CODE.begun) +
        report(T0 + 2200, 0, accepted) +
        // Fails again, and the run is stopped before it is sent a third time.
        retry(T0 + 2210, 1, 429) +
        retry(T0 + 2220, 2, CODE.begun) +
        // The stop comes while 2 is on its way again; 3 has no answer at all.
        '',
    ),
  );
  aggregator.end();
  const { totals, table } = aggregator;
  assert.deepEqual(totals.answers, { '200': 1, '429': 1 });
  assert.deepEqual(totals.retries, { '503': 2, 'error:1050': 1 });
  assert.equal(totals.sent, 2);
  assert.equal(totals.accepted, 1);
  assert.equal(totals.faultyLines, 0);
  assert.equal(totals.bytesSent, 5000);
  assert.deepEqual(aggregator.inFlight(), [2, 3]);
  assert.deepEqual(
    [0, 1, 2, 3].map((i) => table.retriesOf(i)),
    [1, 1, 1, 0],
  );
  const lines = aggregator.takeSeconds();
  assert.equal(
    lines.reduce((sum, { retries = 0 }) => sum + retries, 0),
    3,
  );
  assert.equal(
    lines.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
    5000,
  );
  const figures = figuresOf(aggregator, endOf(aggregator, true));
  assert.deepEqual(figures.retries, totals.retries);
  // From the start that was due to the answer that counts.
  assert.ok(Math.abs(figures.sinceIntended!.maxMs - 2200) < 5);
});

test('a load without times of its own is as before', () => {
  const shape = loadShape(request({ scenario: 'load' }));
  assert.equal(shape.timed, undefined);
  assert.equal(shape.executor, 'constant-vus');
});
