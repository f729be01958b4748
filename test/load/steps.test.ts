/** Steps with their undo: the order, what a failure leaves, and steps that do not end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { type Made, type Step, Steps } from '../../load/steps.ts';

const running = () => new AbortController().signal;

/** Steps that note what happens to them. */
function noting() {
  const log: string[] = [];
  const step =
    <Name extends string>(name: Name): Step<object, Record<Name, true>> =>
    () => {
      log.push(name);
      return Promise.resolve({
        made: { [name]: true } as Record<Name, true>,
        undo: () => Promise.resolve(log.push(`-${name}`)),
        discard: () => Promise.resolve(log.push(`--${name}`)),
      });
    };
  return { log, step };
}
const fails: Step<object, object> = () => Promise.reject(new Error('no room'));

test('all goes well: each step gets what those before it made; release undoes in reverse and discards nothing', async () => {
  const { log, step } = noting();
  const steps = Steps.from<{ start: number }>()
    .step(step('a'))
    .step(({ a, start }) => Promise.resolve({ made: { sum: a ? start + 1 : 0 } }))
    .together(step('b'), step('c'));
  const { made, release } = await steps.run({ start: 1 }, running());
  assert.deepEqual(made, { start: 1, a: true, sum: 2, b: true, c: true });
  assert.deepEqual(log, ['a', 'b', 'c']);
  assert.deepEqual(await release(), []);
  assert.deepEqual(log.slice(3), ['-c', '-b', '-a']);
  assert.deepEqual(await release(), []);
  assert.equal(log.length, 6);
});

test('a step that fails: those before it are undone, then discarded, each in reverse', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 6 }), async (before) => {
      const { log, step } = noting();
      let steps = Steps.from<object>();
      const names = Array.from({ length: before }, (_, i) => `s${i}`);
      for (const name of names) steps = steps.step(step(name));
      await assert.rejects(steps.step(fails).step(step('never')).run({}, running()), /no room/);
      const back = [...names].reverse();
      assert.deepEqual(log, [...names, ...back.map((name) => `-${name}`), ...back.map((name) => `--${name}`)]); // prettier-ignore
    }),
  );
});

test('of two at once the one that is made is undone, and the other aborted, when one fails', async () => {
  const { log, step } = noting();
  let reason: unknown;
  const waits: Step<object, object> = (_, signal) =>
    new Promise((_resolve, reject) =>
      signal.addEventListener('abort', () => {
        reason = signal.reason;
        reject(signal.reason as Error);
      }),
    );
  await assert.rejects(Steps.from<object>().together(waits, fails).run({}, running()), /no room/);
  assert.match(String(reason), /no room/);
  await assert.rejects(Steps.from<object>().together(step('a'), fails).run({}, running()), /no room/); // prettier-ignore
  assert.deepEqual(log, ['a', '-a', '--a']);
});

test('an abort ends the steps between two, and one that never ends is left alone; what it makes later is undone', async () => {
  const { log, step } = noting();
  const stop = new AbortController();
  const done = Steps.from<object>()
    .step(step('a'))
    .step(() => {
      stop.abort(new Error('interrupted'));
      return Promise.resolve({ made: {} });
    })
    .step(step('b'))
    .run({}, stop.signal);
  await assert.rejects(done, /interrupted/);
  assert.deepEqual(log, ['a', '-a', '--a']);

  const late = new AbortController();
  let finish: (made: Made<object>) => void = () => undefined;
  const never = Steps.from<object>(10)
    .step(step('c'))
    .step(() => new Promise<Made<object>>((resolve) => (finish = resolve)))
    .run({}, late.signal);
  setTimeout(() => late.abort(new Error('enough')), 5);
  await assert.rejects(never, /enough/);
  assert.deepEqual(log.slice(3), ['c', '-c', '--c']);
  finish({ made: {}, undo: () => Promise.resolve(log.push('-late')), discard: () => Promise.resolve(log.push('--late')) }); // prettier-ignore
  await sleep(5);
  assert.deepEqual(log.slice(6), ['-late', '--late']);
});

test('what cannot be undone is reported, and the rest is undone nevertheless', async () => {
  const { log, step } = noting();
  const { release } = await Steps.from<object>()
    .step(step('a'))
    .step(() =>
      Promise.resolve({ made: {}, undo: () => Promise.reject(new Error('the folder is busy')) }),
    )
    .run({}, running());
  assert.deepEqual(await release(), ['cleaning up failed: the folder is busy']);
  assert.deepEqual(log, ['a', '-a']);
});
