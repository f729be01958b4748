/** The pace of a steerable load, by clocks of the test: what is due, who is next, what is missed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Pacer } from '../../../load/feeder/pacer.ts';
import { Turns } from '../../../load/feeder/turns.ts';
import { settle } from '../../support/clock.ts';

/** Takes all that is due, asked each `everyMs`. @returns when each was taken, and was due */
function takeAll(pacer: Pacer, fromMs: number, untilMs: number, everyMs = 1): [number, number][] {
  const taken: [number, number][] = [];
  for (let nowMs = fromMs; nowMs < untilMs; nowMs += everyMs)
    for (let due = pacer.take(nowMs); due !== null; due = pacer.take(nowMs))
      taken.push([nowMs, due]);
  return taken;
}

test('an open model: start k is due at k periods, whoever asks', () => {
  for (const perSecond of [0.5, 3, 40, 333, 2000]) {
    const pacer = new Pacer(perSecond, true);
    const taken = takeAll(pacer, 0, 4000);
    // The last time that somebody asks is 3,999 ms.
    assert.equal(taken.length, Math.floor(3.999 * perSecond + 1e-9) + 1, `${perSecond}/s`);
    assert.equal(pacer.dueBefore(4000), Math.ceil(4 * perSecond - 1e-9));
    taken.forEach(([, due], k) => assert.ok(Math.abs(due - (k * 1000) / perSecond) < 1e-3));
    assert.equal(pacer.missed, 0);
  }
});

test('changes, pauses and the same rate again: planned, taken and missed make one sum, nothing is early, and nothing is owed from before', () => {
  const step = fc.record({ afterMs: fc.integer({ min: 0, max: 3000 }), perSecond: fc.constantFrom(0, 1, 7, 50, 400) }); // prettier-ignore
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), fc.constantFrom(1, 7, 90), (steps, everyMs) => {
      const pacer = new Pacer(20, true);
      let nowMs = 0;
      let taken = 0;
      for (const { afterMs, perSecond } of [...steps, { afterMs: 500, perSecond: 0 }]) {
        const some = takeAll(pacer, nowMs, nowMs + afterMs, everyMs);
        for (const [at, due] of some) assert.ok(due <= at && at - due <= 1000 + everyMs);
        taken += some.length;
        nowMs += afterMs;
        pacer.change(nowMs, perSecond);
        // Of the pace before nothing is owed.
        assert.equal(pacer.dueBefore(nowMs), taken + pacer.missed);
      }
    }),
  );
});

test('an open model without a free VU: what nobody takes within a second never comes', () => {
  const pacer = new Pacer(100, true);
  assert.equal(takeAll(pacer, 0, 1000).length, 100);
  const taken = takeAll(pacer, 6000, 6001);
  assert.deepEqual([taken.length, pacer.missed], [101, 400]);
  pacer.change(6001, 10);
  assert.equal(takeAll(pacer, 6001, 8001).length, 20);
  assert.equal(pacer.dueBefore(8001), 100 + 101 + 20 + pacer.missed);
});

test('a pause: nothing is due in it, and nothing of it is made up for', () => {
  for (const isOpen of [true, false]) {
    const pacer = new Pacer(100, isOpen);
    takeAll(pacer, 0, 1000);
    pacer.change(1000, 0);
    assert.deepEqual([takeAll(pacer, 1000, 9000), pacer.nextMs()], [[], Infinity]);
    pacer.change(9000, 100);
    const taken = takeAll(pacer, 9000, 10_000);
    assert.ok(taken.length >= 99 && taken.length <= 101, `${taken.length}`);
    assert.equal(pacer.missed, 0);
  }
});

test('a bound: VUs that come seldom have it all, a moment without them is not made up for, and their own pace has none', () => {
  const pacer = new Pacer(50, false);
  assert.equal(takeAll(pacer, 0, 2000, 100).length, 20 * 3 - 2);
  assert.ok(takeAll(pacer, 60_000, 60_001).length <= 4);
  pacer.change(61_000, null);
  assert.equal(pacer.nextMs(), -Infinity);
  for (let i = 0; i < 1000; i++) assert.equal(pacer.take(61_001), 61_001);
  pacer.change(62_000, 10);
  assert.ok(Math.abs(takeAll(pacer, 62_000, 64_000).length - 20) <= 2);
});

function turnsOf(perSecond: number | null, isOpen = true) {
  const clock = { nowMs: 500 };
  const turns = new Turns({ perSecond, isOpen, clock: () => clock.nowMs, now: () => 1e12 + clock.nowMs }); // prettier-ignore
  const served: [number, number | null][] = [];
  const ask = (index: number, waitMs = 1e6) =>
    void turns.turn(index, waitMs).then((due) => served.push([index, due]));
  return { clock, turns, served, ask };
}

test('turns: the lowest index first, from the first one asked on, and whoever has waited long enough is sent away', async (t) => {
  const { clock, turns, served, ask } = turnsOf(10);
  t.after(() => turns.end());
  assert.equal(turns.beganMs, null);
  for (const index of [7, 5, 9, 6]) ask(index);
  ask(8, 150);
  await settle();
  assert.deepEqual(served, [[7, 0]]);
  assert.equal(turns.beganMs, 1e12 + 500);
  clock.nowMs += 160;
  ask(4);
  await settle();
  assert.deepEqual(new Map(served.slice(1)), new Map([[8, null], [4, 100]])); // prettier-ignore
  clock.nowMs += 140;
  // A change looks anew.
  assert.equal(turns.change(100), 10);
  await settle();
  assert.deepEqual(served.slice(3).map(([index]) => index), [5, 6]); // prettier-ignore
  turns.end();
  await settle();
  assert.deepEqual(served.slice(5), [[9, null]]);
  ask(10);
  await settle();
  assert.deepEqual(served.at(-1), [10, null]);
});

test('turns: a change before anybody asks holds from the beginning; what was missed while VUs waited is told apart', async (t) => {
  const { clock, turns, served, ask } = turnsOf(10);
  t.after(() => turns.end());
  turns.change(0);
  assert.equal(turns.perSecond, 0);
  ask(0);
  await settle();
  assert.deepEqual([served, turns.dueBefore(5000)], [[], 0]);
  turns.change(100);
  await settle();
  assert.equal(served.length, 1);
  // Nobody waits for two seconds: the target's doing. Then one waits, and this program stands still.
  clock.nowMs += 2000;
  ask(1);
  await settle();
  assert.ok(turns.missed >= 98 && turns.missedWhileFree === 0, `${turns.missed}`);
  // Some wait, and this program stands still for three seconds.
  turns.change(10);
  for (let index = 2; index < 12; index++) ask(index);
  await settle();
  const before = turns.missed;
  clock.nowMs += 3000;
  ask(99);
  await settle();
  assert.ok(turns.missedWhileFree >= 18 && turns.missedWhileFree === turns.missed - before, `${turns.missedWhileFree}`); // prettier-ignore
});
