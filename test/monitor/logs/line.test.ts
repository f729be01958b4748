import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayBeError, parseLine, parseTime } from '../../../monitor/logs/line.ts';
import { hideSecrets, printable, shapeOf } from '../../../monitor/logs/shape.ts';

const T = Date.UTC(2026, 0, 2, 3, 4, 5, 123);

const LINES: [
  what: string,
  line: string,
  level: string | null,
  t: number | null,
  message: string,
][] = [
  [
    'the embedded backend',
    '{"level":"error","ts":"2026-01-02T03:04:05.123Z","logger":"delegation backend","msg":"not kept","error":"disk full"}',
    'error',
    T,
    'not kept: disk full',
  ],
  [
    'info that speaks of errors',
    '{"level":"info","ts":1,"msg":"0 Errors"}',
    null,
    null,
    '0 Errors',
  ],
  ['pino, error', '{"level":50,"time":1767323045123,"msg":"no"}', 'error', T, 'no'],
  ['pino, fatal', '{"level":60,"time":1767323045123,"err":{"message":"gone"}}', 'fatal', T, 'gone'],
  ['pino, warning', '{"level":40,"msg":"Error budget"}', null, null, 'Error budget'],
  [
    'seconds with a fraction',
    '{"severity":"ERROR","timestamp":1767323045.123,"message":"x"}',
    'error',
    T,
    'x',
  ],
  ['nanoseconds as text', '{"lvl":"crit","time":"1767323045123000000","msg":"x"}', 'crit', T, 'x'],
  ['JSON without a level', '{"message":"Error: no route"}', 'error', null, 'Error: no route'],
  ['JSON that is cut', '{"level":"error","msg":"ha', 'error', null, '{"level":"error","msg":"ha'],
  [
    'zap console',
    '2026-01-02T03:04:05.123Z\tERROR\tbackend/x.go:12\tno bucket',
    'error',
    T,
    'backend/x.go:12\tno bucket',
  ],
  [
    'zap console, info',
    '2026-01-02T03:04:05.123Z\tINFO\tx.go:1\tError count 0',
    null,
    T,
    'x.go:1\tError count 0',
  ],
  [
    'Python logging',
    '2026-01-02 03:04:05,123 - root - CRITICAL - gone',
    'critical',
    T,
    'root - - gone',
  ],
  [
    'logfmt',
    'time="2026-01-02T03:04:05.123Z" level=fatal msg="no"',
    'fatal',
    T,
    'time="" level=fatal msg="no"',
  ],
  [
    'klog',
    'E0102 03:04:05.123456 1 x.go:3] lost',
    'error',
    null,
    'E0102 03:04:05.123456 1 x.go:3] lost',
  ],
  [
    'klog, warning',
    'W0102 03:04:05.123456 1 x.go:3] Error lost',
    null,
    null,
    'W0102 03:04:05.123456 1 x.go:3] Error lost',
  ],
  [
    'PostgreSQL',
    '2026-01-02 03:04:05.123 UTC [99] ERROR:  duplicate key',
    'error',
    T,
    '[99]:  duplicate key',
  ],
  [
    'PostgreSQL, log',
    '2026-01-02 03:04:05.123 UTC [99] LOG:  Error rate',
    null,
    T,
    '[99]:  Error rate',
  ],
  [
    'a Go panic',
    'panic: runtime error: index out of range',
    'panic',
    null,
    'panic: runtime error: index out of range',
  ],
  ['a Node exception', 'TypeError: x is no function', 'error', null, 'TypeError: x is no function'],
  ['a stack frame', '    at new Error (x.js:1:2)', null, null, 'at new Error (x.js:1:2)'],
  ['no error', 'listening, terror of the seas', null, null, 'listening, terror of the seas'],
  ['nothing', '', null, null, ''],
];

for (const [what, line, level, t, message] of LINES)
  test(`a line of ${what}`, () => {
    const parsed = parseLine(line);
    assert.equal(parsed.errorLevel, level);
    assert.equal(parsed.t, t);
    assert.equal(parsed.message, message.trim());
    // The first look lets every error line through.
    if (level !== null) assert.ok(mayBeError(line));
  });

test('most lines are passed over at the first look', () => {
  for (const line of ['{"level":"info","msg":"accepted"}', 'GET / 200', '{"level":30}', ''])
    assert.ok(!mayBeError(line), line);
});

test('times with zones', () => {
  for (const text of [
    '2026-01-02T05:04:05.123+02:00',
    '2026-01-02 01:04:05,123456 -0200',
    '2026-01-02T03:04:05.123Z',
  ])
    assert.equal(parseTime(text), T, text);
  assert.equal(parseTime('2026-13-45T99:00:00Z'), null);
  assert.equal(parseTime('soon'), null);
});

test('lines that differ in numbers, keys, hashes and addresses only have one shape', () => {
  const key = `B62q${'k'.repeat(51)}`;
  const shapes = [
    [
      `submission of ${key} at 2026-01-02T03:04:05Z failed after 12.5 ms`,
      'submission of <key> at <time> failed after <n> ms',
    ],
    ['dial tcp 10.0.0.7:5432: connection refused', 'dial tcp <address>: connection refused'],
    ['dial tcp [::1]:5432: refused', 'dial tcp <address>: refused'],
    ['request 123e4567-e89b-12d3-a456-426614174000 lost', 'request <uuid> lost'],
    [`block 3NK${'a'.repeat(49)} of 12D3KooW${'b'.repeat(44)}`, 'block <hash> of <peer>'],
    [`bad signature 7mX${'c'.repeat(90)}`, 'bad signature <signature>'],
    ['hash 0x00ff12ab34', 'hash <hex>'],
    ['a deadbeef of letters', 'a deadbeef of letters'],
    [`body ${'QUJD'.repeat(20)}==`, 'body <data>'],
    ['a\tb\r\n\u001b[31mc', 'a b [<n>mc'],
  ];
  for (const [message, shape] of shapes) assert.equal(shapeOf(message), shape);
  assert.equal(shapeOf('word '.repeat(1000)).length, 160);
  assert.equal(printable('\u001b]0;title\u0007x'), ']0;title x');
});

test('secrets do not stay in what is kept', () => {
  const cases = [
    ['postgres://me:hunter2@db/x', 'postgres://***@db/x'],
    ['Authorization: Bearer abc.def-123', 'Authorization: ***'],
    ['got Basic dXNlcjpwYXNz', 'got Basic ***'],
    ['{"password":"hunter2","x":1}', '{"password":"***","x":1}'],
    ['api_key=abcdef&x=1', 'api_key=***&x=1'],
    ['id AKIAABCDEFGHIJKLMNOP', 'id ***'],
    ['no secret here', 'no secret here'],
  ];
  for (const [text, hidden] of cases) {
    const shown = hideSecrets(text);
    for (const secret of ['hunter2', 'abc.def-123', 'dXNlcjpwYXNz', 'abcdef', 'AKIAABC'])
      assert.ok(!shown.includes(secret), shown);
    if (!text.startsWith('Auth')) assert.equal(shown, hidden);
  }
});
