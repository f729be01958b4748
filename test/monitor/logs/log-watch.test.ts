import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  LINES_OF_A_SECOND,
  LOOKED_AT_PER_SECOND,
  LogWatch,
  MOST_GROUPS,
  OTHER_SHAPES,
  TOO_MANY,
} from '../../../monitor/logs/log-watch.ts';
import type { LogLine } from '../../../results/types.ts';

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);

function watchOf(options: { allow?: RegExp[]; redact?: (text: string) => string } = {}) {
  const clock = { ms: T0 };
  return { clock, watch: new LogWatch({ ...options, now: () => clock.ms }) };
}
const sum = (lines: readonly { count: number }[]) =>
  lines.reduce((total, { count }) => total + count, 0);

test('error lines are counted, grouped by shape, and told second by second', () => {
  const { clock, watch } = watchOf();
  watch.add('{"level":"info","msg":"hello"}');
  watch.add('plain');
  for (const [i, at] of [0, 400, 1200].entries())
    watch.add(
      JSON.stringify({ level: 'error', ts: new Date(T0 + at).toISOString(), msg: `lost ${i}` }),
    );
  watch.add('panic: over');
  assert.deepEqual(watch.takeLines(), [], 'a straggler may still come');
  clock.ms = T0 + 4000;
  assert.deepEqual(watch.takeLines(), [
    { t: T0, shape: 'lost <n>', count: 2 },
    { t: T0, shape: 'panic: over', count: 1 },
    { t: T0 + 1000, shape: 'lost <n>', count: 1 },
  ]);
  assert.deepEqual(watch.takeLines(true), [], 'each once');
  assert.deepEqual(watch.figures(['x.log']), {
    sources: ['x.log'],
    lines: 6,
    errors: 4,
    allowed: 0,
    groups: [
      {
        shape: 'lost <n>',
        level: 'error',
        allowed: false,
        example: '{"level":"error","ts":"2026-01-02T03:04:05.000Z","msg":"lost 0"}',
        count: 3,
        firstAt: '2026-01-02T03:04:05.000Z',
        lastAt: '2026-01-02T03:04:06.200Z',
      },
      {
        shape: 'panic: over',
        level: 'panic',
        allowed: false,
        example: 'panic: over',
        count: 1,
        firstAt: '2026-01-02T03:04:05.000Z',
        lastAt: '2026-01-02T03:04:05.000Z',
      },
    ],
  });
});

test('what the allow-list knows is counted apart, line by line', () => {
  const { watch } = watchOf({ allow: [/code 7\b/, /^expected/i] });
  for (const line of ['ERROR code 7', 'ERROR code 8', 'Expected Error', 'ERROR code 7'])
    watch.add(line);
  const { errors, allowed, groups } = watch.figures([]);
  assert.deepEqual([errors, allowed], [1, 3]);
  assert.deepEqual(
    groups.map(({ shape, allowed: known, count }) => [shape, known, count]),
    [
      ['code <n>', false, 1],
      ['code <n>', true, 2],
      ['Expected Error', true, 1],
    ],
  );
  const lines = watch.takeLines(true);
  assert.deepEqual(
    lines.filter((line) => line.allowed).map(({ count }) => count),
    [2, 1],
  );
});

test('the time of a line counts only near to when it was read', () => {
  const { watch } = watchOf();
  const at = (ms: number) =>
    watch.add(`${new Date(T0 + ms).toISOString()} ERROR x${'y'.repeat(-ms / 1000 > 90 ? 1 : 0)}`);
  at(-50_000);
  at(-7_200_000); // a zone that is not told
  at(9_000_000);
  assert.deepEqual(
    watch.takeLines(true).map(({ t }) => t),
    [T0 - 50_000, T0, T0],
  );
  watch.add('ERROR z', { t: T0 - 3000 });
  assert.equal(watch.takeLines(true)[0].t, T0 - 3000);
});

test('what the source knows to be an error is one, whatever it says', () => {
  const { watch } = watchOf();
  watch.add('segmentation fault', { isError: true });
  watch.add('all is well', { isError: false });
  const { errors, groups } = watch.figures([]);
  assert.equal(errors, 1);
  assert.deepEqual([groups[0].shape, groups[0].level], ['segmentation fault', 'error']);
});

const word = (i: number) => [...String(i)].map((digit) => 'abcdefghij'[Number(digit)]).join('');

test('memory is bounded: shapes, lines of a second, lines looked at', () => {
  const { clock, watch } = watchOf();
  for (let i = 0; i < 1000; i++) watch.add(`ERROR kind ${word(i)}`);
  const { groups, errors } = watch.figures([]);
  assert.equal(errors, 1000);
  assert.equal(groups.length, MOST_GROUPS + 1);
  assert.equal(sum(groups), 1000);
  assert.equal(groups[0].shape, OTHER_SHAPES);
  const lines = watch.takeLines(true);
  assert.ok(lines.length <= LINES_OF_A_SECOND);
  assert.equal(sum(lines), 1000);
  clock.ms += 1000;
  for (let i = 0; i < 2 * LOOKED_AT_PER_SECOND; i++) watch.add('ERROR again');
  const after = watch.figures([]);
  assert.equal(after.errors, 1000 + 2 * LOOKED_AT_PER_SECOND);
  assert.equal(
    after.groups.find(({ shape }) => shape === TOO_MANY),
    undefined,
    'no room left',
  );
  assert.equal(sum(after.groups), after.errors);
  const few = watchOf().watch;
  for (let i = 0; i < LOOKED_AT_PER_SECOND + 3; i++) few.add('ERROR x');
  assert.deepEqual(
    few.figures([]).groups.map(({ shape, count }) => [shape, count]),
    [
      ['x', LOOKED_AT_PER_SECOND],
      [TOO_MANY, 3],
    ],
  );
});

test('the file of lines is bounded over a long flood', () => {
  const { clock, watch } = watchOf();
  const lines: LogLine[] = [];
  for (let second = 0; second < 12_000; second++) {
    clock.ms += 1000;
    for (let i = 0; i < LINES_OF_A_SECOND; i++) watch.add(`ERROR ${word(i)}`);
    for (const line of watch.takeLines()) lines.push(line);
  }
  assert.equal(lines.length, 200_000);
  assert.equal(watch.figures([]).errors, 12_000 * LINES_OF_A_SECOND);
});

test('secrets of the run and of a log are not kept', () => {
  const redact = (text: string) => text.replaceAll('tell-nobody', '***');
  const { watch } = watchOf({ redact });
  watch.add('ERROR header x-key tell-nobody of postgres://u:pw@db');
  const kept = JSON.stringify([watch.figures([]), watch.takeLines(true)]);
  assert.ok(!kept.includes('tell-nobody') && !kept.includes('u:pw'), kept);
  assert.match(kept, /header x-key \*\*\*/);
});
