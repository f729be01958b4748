/** Whether a queue grew, from what was in flight. The targets are simulated request by request, so their capacity is known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { playLoad, type SimulatedTarget } from '../../bench/simulated-target.ts';
import { keepsUp } from '../../bench/breakpoint.ts';
import { randomOf } from '../../judge/random.ts';
import { queueGrowth, troubleBeganMs } from '../../judge/queue-growth.ts';

const TOKENS: SimulatedTarget = { capacity: 300, arrivals: 'D', service: 'D', servers: 1 };
const RANDOM: SimulatedTarget = { capacity: 300, arrivals: 'D', service: 'M', servers: 4 };
const play = (target: Partial<SimulatedTarget>, rate: number, durationMs = 10_000, seed = 1) =>
  playLoad({ ...TOKENS, ...target }, { rate, durationMs }, randomOf(seed));

test('a steady target: a rate a little below its capacity keeps up, one a little above is seen to grow', () => {
  fc.assert(
    fc.property(fc.double({ min: 30, max: 2000, noNaN: true }), (capacity) => {
      for (const share of [0.3, 0.9, 0.99, 1])
        assert.ok(keepsUp(play({ capacity }, capacity * share)), `${share} of ${capacity}`);
      for (const share of [1.012, 1.03, 1.2, 2, 10])
        assert.ok(!keepsUp(play({ capacity }, capacity * share)), `${share} of ${capacity}`);
    }),
    { numRuns: 15 },
  );
});

test('growth is the difference of the two rates', () => {
  // 15 more a second than it answers, over three quarters of some 9 s: the first ones are those of the first answers.
  const { requests, share, byChance } = queueGrowth(play({}, 315))!;
  assert.ok(requests > 90 && requests < 113, String(requests));
  assert.ok(Math.abs(share - 15 / 315) < 0.004, String(share));
  assert.ok(Math.abs(queueGrowth(play({}, 600))!.share - 0.5) < 0.02);
  assert.ok(Math.abs(byChance - 3.15) < 0.5, '10 ms of the rate');
});

test('a target whose answers take long, but no longer than before, keeps up', () => {
  // 300 servers that take a second each: at 200/s two thirds are busy.
  assert.ok(keepsUp(play({ servers: 300 }, 200)));
  assert.ok(!keepsUp(play({ servers: 300 }, 320)));
});

test('at the very capacity of a random target, where the queue wanders, half of the loads hold', () => {
  for (const target of [
    RANDOM,
    { ...RANDOM, servers: 1 },
    { ...TOKENS, arrivals: 'M' },
    { ...RANDOM, capacity: 60 },
  ] as SimulatedTarget[]) {
    const random = randomOf(2);
    const shareOf = (rate: number): number => {
      let held = 0;
      for (let i = 0; i < 300; i++)
        if (keepsUp(playLoad(target, { rate, durationMs: 10_000 }, random))) held++;
      return held / 300;
    };
    const { capacity } = target;
    const at = shareOf(capacity);
    assert.ok(at > 0.4 && at < 0.7, `${JSON.stringify(target)}: ${at}`);
    assert.ok(shareOf(0.75 * capacity) > 0.9);
    assert.ok(shareOf(1.35 * capacity) < 0.1);
  }
});

test('a hiccup in the middle is no growth, and one at the end is little of it', () => {
  const level = Array.from({ length: 40 }, () => 3);
  const stalled = level.map((count, i) => (i > 15 && i < 20 ? 150 : count));
  const growthOf = (inFlight: number[]) =>
    queueGrowth({ planned: 3000, queue: { overMs: 10_000, inFlight } })!;
  assert.equal(growthOf(stalled).share, 0);
  assert.equal(growthOf(level.map((count, i) => (i > 36 ? 150 : count))).share, 0);
  // The target is slower by 6 ms from the middle on: 1.8 requests more.
  assert.equal(growthOf(level.map((count, i) => (i > 20 ? count + 1.8 : count))).share, 0);
});

test('starts that were dropped wait outside: a pool of VUs at its end hides no queue', () => {
  const queue = { overMs: 10_000, inFlight: Array.from({ length: 40 }, (_, i) => 75 * i) };
  assert.ok(queueGrowth({ planned: 6000, queue })!.share > 0.4);
});

test('nothing planned, or an older folder: not known', () => {
  assert.equal(queueGrowth({ planned: 100 }), null);
  const inFlight = Array.from({ length: 40 }, () => 0);
  assert.equal(queueGrowth({ planned: 0, queue: { overMs: 1000, inFlight } }), null);
  assert.equal(troubleBeganMs({ planned: 100 }), null);
});

test('when a target began to throttle', () => {
  const throttled = play({ throttle: { afterMs: 30_000, share: 0.5 } }, 290, 90_000);
  assert.ok(!keepsUp(throttled));
  assert.ok(Math.abs(troubleBeganMs(throttled)! - 30_000) <= 2250, 'a fortieth of the load');
  // A bucket of 1,000 is empty after 1,000 / (150 - 100) = 20 s.
  const bucket = play({ capacity: 100, burst: 1000 }, 150, 90_000);
  assert.ok(Math.abs(troubleBeganMs(bucket)! - 20_000) <= 2250, String(troubleBeganMs(bucket)));
  // Too much from the beginning.
  assert.ok(troubleBeganMs(play({}, 330, 90_000))! < 4500);
  assert.equal(troubleBeganMs(play({}, 290, 90_000)), null);
});

test('a target that refuses from some time on throttles as well', () => {
  const inFlight = Array.from({ length: 40 }, () => 2);
  const errors = inFlight.map((_, i) => (i < 24 ? 0 : 150));
  const queue = { overMs: 80_000, inFlight, errors };
  assert.ok(Math.abs(troubleBeganMs({ planned: 16_000, queue })! - 48_000) <= 2000);
  // A handful of errors is no throttling.
  const few = { ...queue, errors: errors.map((count) => (count > 0 ? 1 : 0)) };
  assert.equal(troubleBeganMs({ planned: 16_000, queue: few }), null);
});
