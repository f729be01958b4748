import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  polledSource,
  present,
  ratePerSecond,
  reasonOf,
  withLimit,
  type Poll,
} from '../../monitor/source.ts';
import type { ResourceLine } from '../../results/types.ts';
import { EPOCH, FakeClock } from '../support/clock.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

function setUp(read: (poll: Poll) => Promise<number>, close?: () => Promise<void>) {
  const clock = new FakeClock();
  const lines: ResourceLine[] = [];
  const running = polledSource({
    name: 'x',
    read: async (poll) => [
      { t: poll.t, kind: 'postgres', name: 'x', connections: await read(poll) },
    ],
    close,
  }).start({ intervalMs: 1000, clock, emit: (line) => lines.push(line) });
  const notes = () => lines.flatMap((line) => (line.kind === 'note' ? [line.text] : []));
  const times = () => lines.flatMap((line) => (line.kind === 'note' ? [] : [line.t - EPOCH]));
  return { clock, lines, running, notes, times };
}

test('read at once, then at whole intervals; a slow one leaves ticks out and never overlaps', async () => {
  let open: () => void = () => undefined;
  let reads = 0;
  const { clock, running, times } = setUp(() => {
    reads++;
    return reads === 2 ? new Promise((resolve) => (open = () => resolve(2))) : Promise.resolve(1);
  });
  await clock.step(1000);
  await clock.step(2500);
  assert.equal(reads, 2);
  open();
  await clock.step(1000);
  assert.deepEqual(times(), [0, 1000, 4000]);
  await clock.step(100);
  await running.stop();
  // The last one was long enough ago.
  assert.deepEqual(times(), [0, 1000, 4000, 4600]);
  await clock.step(5000);
  assert.equal(times().length, 4);
});

test('one note per trouble, one when it is over; a hung reading is dropped also when it ends later', async () => {
  let give: (value: number) => void = () => undefined;
  const answers: (() => Promise<number>)[] = [
    () => Promise.reject(new Error('refused')),
    () => Promise.reject(new Error('refused')),
    () => Promise.reject(new Error('other')),
    () => Promise.resolve(4),
    () => new Promise((resolve) => (give = resolve)),
    () => Promise.resolve(6),
  ];
  const signals: AbortSignal[] = [];
  const { clock, running, notes, lines } = setUp(({ signal }) => {
    signals.push(signal);
    return (answers.shift() ?? (() => Promise.resolve(7)))();
  });
  await clock.step(4000);
  assert.deepEqual(notes(), [
    'could not be read: refused',
    'could not be read: other',
    'can be read again',
  ]);
  await clock.step(5000);
  assert.equal(notes()[3], 'could not be read: no answer within 5 s');
  assert.ok(signals[4].aborted);
  give(5);
  await clock.step(1000);
  const values = lines.flatMap((line) => (line.kind === 'postgres' ? [line.connections] : []));
  assert.deepEqual(values.slice(0, 2), [4, 6]);
  await running.stop();
});

test('stop does not wait for a reading that hangs, nor for a close that does', async () => {
  const { clock, running, notes } = setUp(
    () => new Promise(() => undefined),
    () => new Promise(() => undefined),
  );
  await settle();
  const stopped = running.stop();
  await clock.step(1000);
  await stopped;
  assert.deepEqual(notes(), []);
});

test('withLimit: in time, too late, stopped from outside before and after', async () => {
  const clock = new FakeClock();
  assert.equal(await withLimit(5, () => Promise.resolve(3), clock.after), 3);
  const late = withLimit(5000, () => new Promise(() => undefined), clock.after);
  const [, error] = await Promise.all([clock.step(5000), late.catch((reason: unknown) => reason)]);
  assert.match(String(error), /no answer within 5 s/);
  const outer = new AbortController();
  const cut = withLimit(5, () => new Promise(() => undefined), clock.after, outer.signal);
  outer.abort();
  await assert.rejects(cut, /stopped/);
  await assert.rejects(
    withLimit(5, () => new Promise(() => undefined), clock.after, outer.signal),
    /stopped/,
  );
});

test('small things', () => {
  assert.deepEqual(present({ a: 1, b: undefined, c: 0 }), { a: 1, c: 0 });
  assert.equal(ratePerSecond(10, 30, 2000), 10);
  for (const [a, b, ms] of [
    [undefined, 1, 1],
    [1, undefined, 1],
    [2, 1, 1],
    [1, 2, 0],
  ] as const)
    assert.equal(ratePerSecond(a, b, ms), undefined);
  const cause = Object.assign(new Error(''), { code: 'ECONNREFUSED' });
  assert.equal(reasonOf(new TypeError('fetch failed', { cause })), 'ECONNREFUSED');
  assert.equal(
    reasonOf(new AggregateError([new Error('connect ECONNREFUSED ::1:1')])),
    'connect ECONNREFUSED ::1:1',
  );
  assert.equal(reasonOf('text'), 'text');
});
