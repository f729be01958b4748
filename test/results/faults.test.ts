/** What faults did to a load, from marks and seconds whose truth is known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaultMeter } from '../../results/faults.ts';
import { LatencyHistogram } from '../../results/histogram.ts';
import type { MarkLine, PlannedFault, SampleLine } from '../../results/types.ts';

const T0 = 1_700_000_000_000;

/** 100 answers a second, `errors` of them wrong, the others after `ms`. */
function second(s: number, errors = 0, ms = 20): SampleLine {
  const histogram = new LatencyHistogram();
  for (let i = errors; i < 100; i++) histogram.record(ms * 1000);
  const latency =
    errors === 100
      ? null
      : {
          count: 100 - errors,
          p50: ms,
          p90: ms,
          p95: ms,
          p99: ms,
          max: ms,
          hdr: histogram.encode(),
        };
  return { t: T0 + s * 1000, elapsedS: s, vus: 1, sent: 100, answers: { 200: 100 - errors, ...(errors > 0 && { 503: errors }) }, bytesSent: 0, bytesReceived: 0, latency, felt: null }; // prettier-ignore
}
const planned: PlannedFault[] = [{ fault: 'refuse@20s+10s', fromMs: 20_000, untilMs: 30_000 }];
const mark = (turn: number, from: number, to?: number, more: Partial<MarkLine> = {}): MarkLine => ({
  id: `fault-${turn}`,
  kind: 'fault',
  label: planned[turn]?.fault ?? `stall-${turn}`,
  fromMs: T0 + from * 1000,
  ...(to !== undefined && { toMs: T0 + to * 1000 }),
  ...more,
});

function meterOf(plan: PlannedFault[], marks: MarkLine[], seconds: SampleLine[]): FaultMeter {
  const meter = new FaultMeter(plan);
  for (const one of marks) meter.mark(one);
  for (const one of seconds) meter.second(one);
  return meter;
}
/** 40 errors a second from 20 to 30, then slow until 34. */
const run = (length = 60): SampleLine[] =>
  Array.from({ length }, (_, s) =>
    s >= 20 && s < 30 ? second(s, 40) : s >= 30 && s < 34 ? second(s, 0, 400) : second(s),
  );

test('before, within, after, and the time until it was as before', () => {
  const meter = meterOf(planned, [mark(0, 20), mark(0, 20, 30, { struck: 400 })], run());
  const [one] = meter.figures(T0);
  assert.deepEqual([one.state, one.fromMs, one.untilMs, one.recoveryMs, one.struck], ['done', 20_000, 30_000, 4000, 400]); // prettier-ignore
  const { before, within, after } = one;
  assert.deepEqual([before!.seconds, before!.sent, before!.errors], [20, 2000, 0]);
  assert.deepEqual([within!.seconds, within!.errors, within!.accepted], [10, 400, 600]);
  assert.deepEqual([after!.seconds, after!.errors], [26, 0]);
  assert.ok(Math.abs(before!.p95Ms! - 20) < 0.1 && Math.abs(after!.p95Ms! - 20) < 0.1);
  assert.deepEqual(meter.errorsIn([one], T0), { errors: 400, of: 400 });
});

test('errors outside the faults are not theirs', () => {
  const seconds = run().map((line, s) => (s === 5 || s === 50 ? second(s, 10) : line));
  const meter = meterOf(planned, [mark(0, 20, 30)], seconds);
  const figures = meter.figures(T0);
  assert.deepEqual(meter.errorsIn(figures, T0), { errors: 400, of: 420 });
  // 10 % was seen before, too.
  assert.equal(figures[0].recoveryMs, 4000);
});

test('a recovery that nobody saw, a fault without anything before it, one that never was on, one that failed', () => {
  const plan = [...planned, { fault: 'stall@55s', fromMs: 55_000, untilMs: 60_000 }];
  const [cut, never] = meterOf(plan, [mark(0, 20, 30)], run(36)).figures(T0);
  assert.deepEqual([cut.recoveryMs, cut.unrecovered], [null, 'not seen']);
  assert.deepEqual([never.state, never.fromMs, never.unrecovered], ['skipped', null, 'never on']);
  const [first] = meterOf(planned, [mark(0, 0, 10)], run()).figures(T0);
  assert.deepEqual([first.before, first.unrecovered], [null, 'no seconds before']);
  const [failed] = meterOf(planned, [mark(0, 20, undefined, { problem: 'gone' })], run()).figures(T0); // prettier-ignore
  assert.deepEqual([failed.state, failed.problem, failed.untilMs], ['failed', 'gone', null]);
});

test('a fault is compared with what lies between it and the one before; one that is on all the time is no neighbour', () => {
  const plan = [...planned, { fault: 'stall@40s+2s', fromMs: 40_000, untilMs: 42_000 }];
  const marks = [mark(0, 20, 30), mark(1, 40, 42)];
  const [, alone] = meterOf(plan, marks, run()).figures(T0);
  // From the recovery of the first, at 34.
  assert.equal(alone.before!.seconds, 6);
  const whole = [...plan, { fault: 'latency=1s', fromMs: 0, untilMs: 60_000 }];
  const [, beside, always] = meterOf(whole, [...marks, mark(2, -0.2, 60)], run()).figures(T0);
  assert.deepEqual(beside.before, alone.before);
  assert.deepEqual([always.within!.seconds, always.unrecovered], [60, 'no seconds before']);
});

test('a long run: histograms are let go, and the figures are the same', () => {
  const long = Array.from({ length: 1000 }, (_, s) => second(s, s >= 300 && s < 700 ? 30 : 0, s >= 300 && s < 700 ? 200 : 20)); // prettier-ignore
  const plan = [{ fault: 'stall@300s+400s', fromMs: 300_000, untilMs: 700_000 }];
  const live = new FaultMeter(plan);
  for (const [s, line] of long.entries()) {
    if (s === 300) live.mark(mark(0, 300));
    if (s === 700) live.mark(mark(0, 300, 700));
    live.second(line);
  }
  const [now] = live.figures(T0);
  assert.deepEqual([now.within!.seconds, now.within!.errors], [400, 12_000]);
  assert.ok(Math.abs(now.within!.p95Ms! - 200) < 1 && Math.abs(now.before!.p95Ms! - 20) < 0.1);
  assert.equal(now.recoveryMs, 0);
  assert.ok(Math.abs(now.after!.p95Ms! - 20) < 0.1);
});
