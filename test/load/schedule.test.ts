/** When the starts of an open model are due: the rule of k6's executors, its edges, and its inverse. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { scheduleOf } from '../../load/schedule.ts';
import type { LoadShape, Stage } from '../../results/types.ts';
import { shape } from '../support/run-scenario.ts';

const constant = (starts: number, timeUnitMs: number, durationMs: number): LoadShape =>
  shape({
    executor: 'constant-arrival-rate', iterations: null, durationMs, rate: { starts, timeUnitMs },
  }); // prettier-ignore
const ramping = (starts: number, stages: Stage[], timeUnitMs = 1000): LoadShape =>
  shape({
    executor: 'ramping-arrival-rate', iterations: null, stages, rate: { starts, timeUnitMs },
    durationMs: stages.reduce((sum, { durationMs }) => sum + durationMs, 0),
  }); // prettier-ignore

test('a closed model has no schedule', () => {
  assert.equal(scheduleOf(shape({ executor: 'constant-vus', iterations: null })), null);
  assert.equal(scheduleOf(shape({ executor: 'ramping-vus', iterations: null, stages: [] })), null);
});

test('a constant rate: exact counts, the last start of a race with the end apart', () => {
  for (const [starts, unitMs, durationMs, planned] of [
    [500, 1000, 60_000, 30_000],
    [1, 1000, 10_000, 10],
    [3, 1000, 60_000, 180],
    [7, 1000, 10_500, 74],
    [90, 60_000, 60_000, 90],
    [25, 10_000, 60_000, 150],
    [1, 3_600_000, 60_000, 1],
  ] as const) {
    const schedule = scheduleOf(constant(starts, unitMs, durationMs))!;
    assert.equal(schedule.planned, planned, `${starts} per ${unitMs} ms for ${durationMs} ms`);
    assert.ok([0, 1].includes(schedule.atMost - planned));
    assert.equal(schedule.intendedMs(0), 0);
    assert.ok(Math.abs(schedule.intendedMs(1) - unitMs / starts) < 1e-6);
    assert.equal(schedule.dueBefore(0), 0);
  }
});

test('a ramp: starts where the area under the rate is whole', () => {
  // 0 to 10 a second in 2 s: 5 t^2 / 2 of them; start j at sqrt((j + 1) * 2 / 5).
  const up = scheduleOf(ramping(0, [{ durationMs: 2000, target: 10 }]))!;
  for (let j = 0; j < 9; j++)
    assert.ok(Math.abs(up.intendedMs(j) - 1000 * Math.sqrt(((j + 1) * 2) / 5)) < 1e-6, `${j}`);
  assert.equal(up.planned, 9); // the tenth is due at the very end
  assert.equal(up.atMost, 10);
  assert.equal(up.intendedMs(10), Infinity);
  // Down again: the mirror image.
  const down = scheduleOf(ramping(10, [{ durationMs: 2000, target: 0 }]))!;
  assert.ok(Math.abs(down.intendedMs(0) - (2000 - up.intendedMs(8))) < 1e-6);
  // What is left of one stage is carried into the next: 9.8 + 0.2.
  const carried = scheduleOf(
    ramping(2, [
      { durationMs: 4900, target: 2 },
      { durationMs: 5000, target: 2 },
    ]),
  )!;
  assert.ok(Math.abs(carried.intendedMs(9) - 5000) < 1e-6);
});

test('a spike: the jump takes no time and no start', () => {
  const schedule = scheduleOf(
    ramping(10, [
      { durationMs: 1000, target: 10 },
      { durationMs: 0, target: 100 },
      { durationMs: 1000, target: 100 },
      { durationMs: 0, target: 10 },
      { durationMs: 1000, target: 10 },
    ]),
  )!;
  assert.equal(schedule.peakRatePerSecond, 100);
  assert.equal(schedule.dueBefore(1001), 10);
  assert.equal(schedule.dueBefore(2001), 110);
  assert.equal(schedule.atMost, 120);
});

test('a ramp that ends at rest has its last start in its count', () => {
  const stages = [
    { durationMs: 30_000, target: 100 },
    { durationMs: 30_000, target: 0 },
    { durationMs: 10_000, target: 0 },
  ];
  const schedule = scheduleOf(ramping(0, stages))!;
  assert.equal(schedule.atMost, 3000);
  assert.ok(Number.isFinite(schedule.intendedMs(2999)));
});

test('times rise, counts are their inverse, whatever the stages are', () => {
  const stage = fc.record({
    durationMs: fc.integer({ min: 0, max: 5000 }),
    target: fc.integer({ min: 0, max: 200 }),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 200 }),
      fc.array(stage, { minLength: 1, maxLength: 6 }),
      (starts, stages) => {
        const load = ramping(starts, stages);
        const schedule = scheduleOf(load)!;
        const times = Array.from({ length: schedule.atMost }, (_, j) => schedule.intendedMs(j));
        let area = 0;
        let from = starts;
        for (const { durationMs, target } of stages) {
          area += (durationMs * (from + target)) / 2000;
          from = target;
        }
        assert.equal(times.length, Math.floor(area + 1e-6));
        assert.ok(schedule.planned <= schedule.atMost);
        for (const [j, ms] of times.entries()) {
          assert.ok(ms >= (times[j - 1] ?? 0) - 1e-6 && ms <= load.durationMs + 1e-6, `${ms}`);
          assert.ok(schedule.dueBefore(ms + 0.01) >= j + 1);
          assert.ok(schedule.dueBefore(ms - 0.01) <= j);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('the tolerance: 10 ms, or a twentieth of the interval where starts are rare', () => {
  assert.equal(scheduleOf(constant(500, 1000, 60_000))!.toleranceMs, 10);
  assert.equal(scheduleOf(constant(6, 60_000, 60_000))!.toleranceMs, 500);
});
