import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type KnownMessage,
  LINES_OF_A_SECOND,
  LOOKED_AT_PER_SECOND,
  LogWatch,
  MOST_GROUPS,
  OTHER_SHAPES,
  TOO_MANY,
} from '../../../monitor/logs/log-watch.ts';
import type { Carried } from '../../../monitor/logs/reader.ts';
import { knownMessages } from '../../../load/target/known-messages.ts';
import type { LogSecond } from '../../../results/types.ts';

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);

/** What is added is a record by the next line, or by a look at the counts. */
function watchOf(
  options: { allow?: RegExp[]; known?: KnownMessage[]; redact?: (text: string) => string } = {},
) {
  const clock = { ms: T0 };
  const counts = new LogWatch({ ...options, now: () => clock.ms });
  const reader = counts.reader();
  const watch = {
    add: (line: string, carried: Carried = {}) => reader.add(line, carried),
    takeLines(isEnd = false) {
      reader.end();
      return counts.takeLines(isEnd);
    },
    figures(sources: string[]) {
      reader.end();
      return counts.figures(sources);
    },
  };
  return { clock, watch };
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
    records: 6,
    errors: 4,
    allowed: 0,
    caused: 0,
    warnings: 0,
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
    warningGroups: [],
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

test('what its carrier knows to be an error is one, unless the line has a level of its own', () => {
  const { watch } = watchOf();
  watch.add('segmentation fault', { level: 'error' });
  watch.add('all is well', { level: null });
  watch.add('2026-01-02T03:04:05Z INFO Error', { level: 'error' });
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
  const lines: LogSecond[] = [];
  for (let second = 0; second < 14_000; second++) {
    clock.ms += 1000;
    for (let i = 0; i < LINES_OF_A_SECOND; i++) watch.add(`ERROR ${word(i)}`);
    for (const line of watch.takeLines()) lines.push(line);
  }
  assert.equal(lines.length, 200_000);
  assert.equal(watch.figures([]).errors, 14_000 * LINES_OF_A_SECOND);
});

test('secrets of the run and of a log are not kept', () => {
  const redact = (text: string) => text.replaceAll('tell-nobody', '***');
  const { watch } = watchOf({ redact });
  watch.add('ERROR header x-key tell-nobody of postgres://u:pw@db');
  const kept = JSON.stringify([watch.figures([]), watch.takeLines(true)]);
  assert.ok(!kept.includes('tell-nobody') && !kept.includes('u:pw'), kept);
  assert.match(kept, /header x-key \*\*\*/);
});

test('warnings have counts and shapes of their own, and lines of their own', () => {
  const { watch } = watchOf({ allow: [/known/] });
  for (const line of ['WARN slow 1', 'ERROR lost', 'WARN slow 2', 'WARN a known one', 'INFO x'])
    watch.add(line);
  const { errors, warnings, groups, warningGroups } = watch.figures([]);
  assert.deepEqual([errors, warnings, groups.length], [1, 3, 1]);
  assert.deepEqual(
    warningGroups!.map(({ shape, level, count, allowed }) => [shape, level, count, allowed]),
    [
      ['slow <n>', 'warning', 2, false],
      ['a known one', 'warning', 1, true],
    ],
  );
  assert.deepEqual(
    watch.takeLines(true).map(({ shape, count, level }) => [shape, count, level]),
    [
      ['slow <n>', 2, 'warning'],
      ['lost', 1, undefined],
      ['a known one', 1, 'warning'],
    ],
  );
});

test('many warnings hide no error of their second', () => {
  const { watch } = watchOf();
  for (let i = 0; i < 500; i++) watch.add(`WARN kind ${word(i)}`);
  watch.add('ERROR lost');
  const lines = watch.takeLines(true);
  assert.ok(lines.length <= LINES_OF_A_SECOND);
  assert.deepEqual(
    lines.filter(({ level }) => level === undefined).map(({ shape }) => shape),
    ['lost'],
  );
  assert.equal(watch.figures([]).warningGroups!.length, MOST_GROUPS + 1);
});

/** As o1-labs/uptime-service-backend at a358915 writes them (go-log's JSON). */
const backendLine = (level: string, msg: string): string =>
  JSON.stringify({ level, ts: '2026-01-02T03:04:05.000Z', logger: 'delegation backend', msg });
const LOG_OF_THE_BACKEND: [level: string, message: string][] = [
  [
    'info',
    'Received request: method=POST path=/v1/submit remote_addr=127.0.0.1:5 content_length=9',
  ],
  ['warn', 'S3Save: Error while saving metadata: operation error S3: PutObject, 503 SlowDown'],
  [
    'warn',
    'Error writing to file /data/blocks/3Na.dat: write /data/blocks/3Na.dat: no space left on device',
  ],
  ['warn', 'Error writing to file /data/submissions/x.json: write: no space left on device'],
  [
    'error',
    'LocalFileSystemSave: Error creating directories for /data/blocks/x: no space left on device',
  ],
  [
    'error',
    'PostgreSQLSave: Error saving submission to PostgreSQL: sorry, too many clients already',
  ],
  [
    'warn',
    'S3Save: Error when checking if block exists, but will continue with block save: blocks/x, error: y',
  ],
  ['warn', 'LocalFileSystemSave: file already exists: /data/blocks/3Na.dat'],
  ['warn', 'LocalFileSystemSave: file already exists: /data/submissions/2026-01-02/x.json'],
  [
    'error',
    "Error while unmarshaling JSON of /submit request's body: unexpected end, body preview: {",
  ],
  ['warn', 'Request missing Content-Length header'],
  ['warn', 'Request payload too large: 50000001 bytes (max: 50000000)'],
  ['warn', 'Required fields validation failed for submitter: B62'],
  ['warn', 'Submitter not in whitelist: B62'],
  ['error', 'Error while making sign payload: x'],
];

for (const isHostile of [true, false])
  test(`losses of the uptime backend are errors; what hostile requests bring about is not (${isHostile ? 'sent' : 'not sent'})`, () => {
    const { watch } = watchOf({ known: knownMessages(isHostile) });
    for (const [level, message] of LOG_OF_THE_BACKEND) watch.add(backendLine(level, message));
    const { errors, caused, allowed, warnings, groups, warningGroups } = watch.figures([]);
    assert.deepEqual(
      { errors, caused, allowed, warnings },
      isHostile
        ? { errors: 6, caused: 1, allowed: 0, warnings: 7 }
        : { errors: 7, caused: 0, allowed: 0, warnings: 7 },
    );
    const meansOf = (list: typeof groups, start: string) =>
      list.find(({ shape }) => shape.startsWith(start))?.means;
    const loss = groups.find(({ shape }) => shape.startsWith('Error writing'))!;
    assert.deepEqual([loss.level, loss.means, loss.allowed], ['warning', 'loss', false]);
    assert.equal(meansOf(groups, 'S<n>Save: Error while saving'), 'loss');
    assert.equal(meansOf(groups, 'Error while making sign payload'), undefined);
    const caused1 = isHostile ? 'caused by the run' : undefined;
    assert.equal(meansOf(groups, 'Error while unmarshaling'), caused1);
    assert.equal(meansOf(warningGroups!, 'Submitter not in whitelist'), caused1);
    assert.equal(
      meansOf(warningGroups!, 'LocalFileSystemSave: file already exists: /data/blocks'),
      'caused by the run',
    );
    assert.equal(
      meansOf(warningGroups!, 'LocalFileSystemSave: file already exists: /data/submissions'),
      undefined,
    );
    assert.equal(meansOf(warningGroups!, 'S<n>Save: Error when checking'), undefined);
    // The plots mark what is no fault of the target.
    const marks = watch.takeLines(true).filter((line) => line.level === undefined && !line.allowed);
    assert.equal(sum(marks), errors);
  });

test('the allow-list comes before what is known of a program', () => {
  const { watch } = watchOf({ allow: [/no space left/], known: knownMessages(true) });
  watch.add(backendLine('warn', 'Error writing to file x: no space left on device'));
  const { errors, allowed, warnings } = watch.figures([]);
  assert.deepEqual([errors, allowed, warnings], [0, 1, 0]);
});

test('the allow-list sees the first lines of a record', () => {
  const { watch } = watchOf({ allow: [/ZeroDivisionError/] });
  for (const line of [
    'ERROR batch',
    'Traceback (most recent call last):',
    '  File "x"',
    'ZeroDivisionError: x',
  ])
    watch.add(line);
  const { errors, allowed, records } = watch.figures([]);
  assert.deepEqual([errors, allowed, records], [0, 1, 1]);
});

test('a record is of the second in which its first line was read', () => {
  const { clock, watch } = watchOf();
  watch.add('panic: over');
  clock.ms += 900;
  watch.add('goroutine 1 [running]:');
  clock.ms += 3000;
  assert.deepEqual(watch.takeLines(true), [{ t: T0, shape: 'panic: over', count: 1 }]);
});
