/** Lateness, drops and time since the intended start, from starts as k6 reports them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scheduleOf } from '../../../load/schedule.ts';
import { ScheduleWatch } from '../../../load/k6/schedule-watch.ts';
import type { LoadShape } from '../../../results/types.ts';
import { shape } from '../../support/run-scenario.ts';

const T0 = 1_767_323_045_000;
const arrival = shape({
  executor: 'constant-arrival-rate', iterations: null, durationMs: 1000,
  rate: { starts: 100, timeUnitMs: 1000 },
}); // prettier-ignore
const watchOf = (load: LoadShape = arrival, vus = 10) => {
  const watch = new ScheduleWatch(scheduleOf(load)!, vus);
  watch.begins(T0);
  return watch;
};

test('all on time: answers count from the intended start', () => {
  const watch = watchOf();
  for (let i = 0; i < 100; i++) {
    assert.equal(watch.begun(i, T0 + 0.5 + i * 10 + (i % 2)), false);
    watch.ended(i, T0 + 0.5 + i * 10 + 5, i !== 7);
  }
  const { latenessP99Ms, queue, ...figures } = watch.figures(null);
  assert.deepEqual(figures, {
    planned: 100,
    started: 100,
    late: 0,
    dropped: 0,
    droppedWhileFree: 0,
    onTimeShare: 1,
    keepingUpShare: 1,
    toleranceMs: 10,
  });
  // Half of the time one is under way.
  assert.equal(queue!.overMs, 1000);
  assert.ok(
    queue!.inFlight.every((count) => Math.abs(count - 0.5) < 0.2),
    String(queue!.inFlight),
  );
  assert.deepEqual(
    queue!.errors!.filter((count) => count > 0),
    [1],
  );
  // k6 rounds its beginning down to a millisecond: the first start shows that it was half of one later.
  assert.ok(Math.abs(latenessP99Ms! - 1) < 0.01, String(latenessP99Ms));
  assert.equal(watch.sinceIntended!.count, 99);
  assert.ok(Math.abs(watch.sinceIntended!.p50Ms - 5) < 0.01);
});

test('a target that keeps up answers what is begun, however long it takes; one that does not, falls behind', () => {
  const slow = watchOf();
  for (let i = 0; i < 100; i++) slow.begun(i, T0 + i * 10);
  // Each answer 300 ms after its start: those begun from 200 to 700 ms are answered in the second half.
  for (let i = 0; i < 100; i++) slow.ended(i, T0 + i * 10 + 300, true);
  assert.equal(slow.figures(null).keepingUpShare, 1);

  const behind = watchOf();
  for (let i = 0; i < 100; i++) behind.begun(i, T0 + i * 10);
  // One answer in 20 ms: 25 in the second half, where 50 starts were due.
  for (let i = 0; i < 100; i++) behind.ended(i, T0 + (i + 1) * 20, true);
  assert.equal(behind.figures(null).keepingUpShare, 0.5);

  // A queue of the first half that is worked off in the second: no more than keeping up.
  const hiccup = watchOf();
  for (let i = 0; i < 100; i++) hiccup.begun(i, T0 + i * 10);
  for (let i = 0; i < 100; i++) hiccup.ended(i, T0 + Math.max(600, i * 10), true);
  assert.equal(hiccup.figures(null).keepingUpShare, 1);
  // Of a load that was cut before its second half nothing is known.
  assert.equal(behind.figures(T0 + 300).keepingUpShare, undefined);

  const wrong = watchOf();
  for (let i = 0; i < 100; i++) wrong.begun(i, T0 + i * 10);
  for (let i = 0; i < 100; i++) wrong.ended(i, T0 + i * 10 + 5, i % 2 === 0);
  assert.equal(wrong.figures(null).keepingUpShare, 0.5);
});

test('late starts: more than the tolerance, and the answer is later by it', () => {
  const watch = watchOf();
  assert.equal(watch.begun(0, T0), false);
  assert.equal(watch.begun(1, T0 + 20), false); // 10 ms late: within
  assert.equal(watch.begun(2, T0 + 31), true);
  watch.ended(2, T0 + 33, true);
  const { late, started, planned, onTimeShare } = watch.figures(null);
  assert.deepEqual([late, started, planned, onTimeShare], [1, 3, 100, 0.02]);
  assert.equal(watch.sinceIntended!.maxMs, 13);
});

test('a dropped start takes no index: the next submission has the place after it', () => {
  const watch = watchOf();
  watch.begun(0, T0);
  for (let i = 0; i < 50; i++) watch.dropped();
  assert.equal(watch.begun(1, T0 + 510), false);
  assert.equal(watch.begun(2, T0 + 535), true);
  const { started, dropped, late, queue } = watch.figures(null);
  assert.deepEqual([started, dropped, late], [3, 50, 1]);
  // The dropped ones wait from when they were due.
  assert.ok(Math.abs(queue!.inFlight[10] - 26.5) < 1, String(queue!.inFlight));
  assert.equal(queue!.inFlight[39], 53);
});

test('dropped while VUs were free, or while all waited', () => {
  const watch = watchOf(arrival, 10);
  watch.dropped(); // nobody at work
  for (let i = 0; i < 9; i++) watch.begun(i, T0 + 10 + i * 10);
  watch.dropped(); // nine of ten
  watch.begun(9, T0 + 110);
  watch.dropped(); // all
  watch.ended(0, T0 + 120, true);
  watch.ended(1, T0 + 120, false);
  watch.dropped(); // two have answers
  assert.equal(watch.figures(null).dropped, 4);
  assert.equal(watch.figures(null).droppedWhileFree, 3);
});

test('what was due after a cut is not missed, what was due before it is', () => {
  const watch = watchOf();
  for (let i = 0; i < 20; i++) watch.begun(i, T0 + i * 10);
  assert.equal(watch.figures(T0 + 199).planned, 20);
  assert.equal(watch.figures(T0 + 300).planned, 30);
  assert.equal(watch.figures(null).planned, 100);
  assert.equal(watch.figures(0).planned, 20);
});

test('a ramp sets out once its VUs are at work: that is no lateness, and what it cuts off at the end is not planned', () => {
  const ramp = shape({
    executor: 'ramping-arrival-rate', iterations: null, durationMs: 1000,
    rate: { starts: 100, timeUnitMs: 1000 }, stages: [{ durationMs: 1000, target: 100 }],
  }); // prettier-ignore
  const watch = watchOf(ramp);
  for (let i = 0; i < 94; i++) assert.equal(watch.begun(i, T0 + 50 + 10 + i * 10), false);
  const { planned, late, onTimeShare } = watch.figures(null);
  assert.deepEqual([planned, late, onTimeShare], [94, 0, 1]);
});

test('a beginning that is told after the first starts, or never', () => {
  const schedule = scheduleOf(arrival)!;
  const watch = new ScheduleWatch(schedule, 10);
  assert.equal(watch.begun(1, T0 + 11), false);
  watch.begins(T0);
  assert.equal(watch.begun(0, T0 + 12), true);
  assert.equal(watch.begun(2, T0 + 20), false);
  const untold = new ScheduleWatch(schedule, 10);
  assert.equal(untold.begun(0, T0), false);
  assert.equal(untold.begun(1, T0 + 30), true);
  untold.ended(1, T0 + 35, true);
  assert.equal(untold.sinceIntended!.maxMs, 25);
  const { planned, late } = untold.figures(null);
  assert.deepEqual([planned, late], [100, 1]);
});

test('nothing came: planned, and no share of it on time', () => {
  const { planned, started, onTimeShare, latenessP99Ms } = watchOf().figures(null);
  assert.deepEqual([planned, started, onTimeShare, latenessP99Ms], [100, 0, 0, null]);
  assert.equal(watchOf().sinceIntended, null);
});
