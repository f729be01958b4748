/** Heads of lines: of which level, when, what; what carriers put around them. Whatever the bytes, nothing throws. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cleanLine } from '../../../monitor/logs/clean.ts';
import { jsonHead } from '../../../monitor/logs/json-head.ts';
import { LEVELS, levelByWords, levelOfWord } from '../../../monitor/logs/level.ts';
import { shapeOf } from '../../../monitor/logs/shape.ts';
import { textHead } from '../../../monitor/logs/text-head.ts';
import { parseTime } from '../../../monitor/logs/time.ts';
import { unwrap } from '../../../monitor/logs/unwrap.ts';
import { recordsOf } from './read.ts';

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
  ['info that speaks of errors', '{"level":"info","ts":1,"msg":"0 Errors"}', 'info', null, ''],
  ['pino, error', '{"level":50,"time":1767323045123,"msg":"no"}', 'error', T, 'no'],
  ['pino, fatal', '{"level":60,"time":1767323045123,"err":{"message":"gone"}}', 'fatal', T, 'gone'],
  ['pino, warning', '{"level":40,"time":1767323045123,"msg":"x"}', 'warning', T, 'x'],
  [
    'seconds with a fraction',
    '{"severity":"ERROR","timestamp":1767323045.123,"message":"x"}',
    'error',
    T,
    'x',
  ],
  [
    'nanoseconds as text',
    '{"lvl":"crit","time":"1767323045123000000","msg":"x"}',
    'critical',
    T,
    'x',
  ],
  ['JSON without a level', '{"message":"Error: no route"}', 'error', null, 'Error: no route'],
  ['JSON that is cut', '{"level":"error","msg":"ha', 'error', null, 'ha'],
  ['JSON whose level comes after its text', '{"msg":"x","level":"error"}', 'error', null, 'x'],
  [
    'JSON without anything to say',
    '{"level":"error","x":1}',
    'error',
    null,
    '{"level":"error","x":1}',
  ],
  [
    'zap console',
    '2026-01-02T03:04:05.123Z\tERROR\tbackend/x.go:12\tno bucket',
    'error',
    T,
    'backend/x.go:12\tno bucket',
  ],
  ['zap console, info', '2026-01-02T03:04:05.123Z\tINFO\tx.go:1\tError 0', 'info', T, ''],
  ['Python logging', '2026-01-02 03:04:05,123 - root - CRITICAL - gone', 'critical', T, 'gone'],
  ['logfmt', 'time="2026-01-02T03:04:05.123Z" level=fatal msg="no"', 'fatal', T, 'no'],
  ['logfmt with quotes', 'level=error msg="a \\"b\\"" err=c', 'error', null, 'a "b": c'],
  ['klog', 'E0102 03:04:05.123456 1 x.go:3] lost', 'error', null, 'lost'],
  ['klog, warning', 'W0102 03:04:05.123456 1 x.go:3] Error', 'warning', null, 'Error'],
  [
    'PostgreSQL',
    '2026-01-02 03:04:05.123 UTC [99] ERROR:  duplicate key',
    'error',
    T,
    'duplicate key',
  ],
  ['PostgreSQL, log', '2026-01-02 03:04:05.123 UTC [99] LOG:  Error rate', 'info', T, ''],
  [
    'a Go panic',
    'panic: runtime error: index out of range',
    'panic',
    null,
    'panic: runtime error: index out of range',
  ],
  ['a Node exception', 'TypeError: x is no function', 'error', null, 'TypeError: x is no function'],
  ['a stack frame', '    at new Error (x.js:1:2)', null, null, ''],
  ['no error', 'listening, terror of the seas', null, null, ''],
  [
    'words before a level',
    '2026-01-02T03:04:05.123Z got an INFO, then Error',
    'error',
    T,
    'got an INFO, then Error',
  ],
  ['a word that is no level', 'LOG of Errors', 'error', null, 'LOG of Errors'],
  ['a time with a comma', '[2026-01-02 03:04:05,123] {x.py:3} ERROR - lost', 'error', T, 'lost'],
  ['nothing', '', null, null, ''],
];

for (const [what, line, level, t, message] of LINES)
  test(`a line of ${what}`, () => {
    const [record] = recordsOf([line]);
    assert.equal(record?.level ?? null, level);
    if (level === 'info' || level === 'debug' || level === null) return;
    assert.equal(record.t, t);
    assert.equal(record.message, message.trim());
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

test('levels in all their spellings', () => {
  const same = {
    debug: ['DBG', 'dbug', 'Trace', 'TRC', 'DEBUG5', 'Spam', 'DEBUG-4'],
    info: ['Inf', 'NOTICE', 'information', 'INFO+2'],
    warning: ['WRN', 'warn', 'WARNING', 'Faulty_peer', 'WARN+1'],
    error: ['ERR', 'erro', 'EROR', 'Severe', 'fail', 'ERROR+4'],
    critical: ['Crit'],
    alert: ['ALERT'],
    emergency: ['emerg'],
    fatal: ['FTL', 'Fata'],
    panic: ['PNC', 'dpanic', 'pani'],
  };
  for (const [level, words] of Object.entries(same))
    for (const word of words) assert.equal(levelOfWord(word), level, word);
  for (const level of LEVELS) assert.equal(levelOfWord(level.toUpperCase()), level);
  for (const word of ['', 'errors', 'constructor', '__proto__', 'x'.repeat(1e6)])
    assert.equal(levelOfWord(word), null);
});

test('words make a line without a level an error', () => {
  for (const text of [
    'an Error',
    'FATAL',
    'kernel panic',
    'x.c:3:7: error: y',
    'fatal: not a repository',
  ])
    assert.notEqual(levelByWords(text), null, text);
  for (const text of ['all is well', 'error budget', 'terror', 'panicky'])
    assert.equal(levelByWords(text), null, text);
});

test('escape sequences, zero bytes and byte order marks are taken out', () => {
  const cases = [
    ['\u001b[1;31mERR\u001b[0m', 'ERR'],
    ['\u001b]0;title\u0007x', 'x'],
    ['\u001b]8;;http://h\u001b\\link\u001b]8;;\u001b\\', 'link'],
    ['\u009b31mERR', 'ERR'],
    ['\u001b(Bx\u001b[2K\u001b[?25l', 'x'],
    ['\ufeffx\r\r', 'x'],
    [`${'\u0000'.repeat(9)}x\u0000\u0000y`, 'x y'],
    ['\u001b', '\u001b'],
  ];
  for (const [line, clean] of cases) assert.equal(cleanLine(line), clean);
});

test('carriers are taken off, one around another', () => {
  const cases: [line: string, text: string | null, level: string | null, stream: string][] = [
    ['<12>Jan  2 03:04:05 h p[7]: x', 'x', 'warning', 'p[7]'],
    ['<14>Jan  2 03:04:05 h p: x', 'x', null, 'p[]'],
    ['<131>1 2026-01-02T03:04:05Z h p 7 - - x', 'x', 'error', 'p[7]'],
    ['2026-01-02T03:04:05Z h p[7]: x', 'x', null, 'p[7]'],
    ['web-1  | 2026-01-02T03:04:05.123456789Z x', 'x', null, 'web-1'],
    [
      'web_1 | {"log":"x\\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}',
      'x',
      null,
      'web_1 stdout',
    ],
    ['{"MESSAGE":null,"PRIORITY":"3","__CURSOR":"s"}', null, 'error', ''],
    ['{"MESSAGE":["a","b"],"PRIORITY":"4","__CURSOR":"s","_PID":"9"}', 'a\nb', 'warning', '9'],
    ['ERROR | x', 'ERROR | x', null, ''],
    ['{"log":{"level":"error"}}', '{"log":{"level":"error"}}', null, ''],
    ['{"LEVEL":"ERROR","MESSAGE":"x"}', '{"LEVEL":"ERROR","MESSAGE":"x"}', null, ''],
  ];
  for (const [line, text, level, stream] of cases) {
    const found = unwrap(line);
    assert.deepEqual([found.text, found.level, found.stream], [text, level, stream], line);
  }
  assert.equal(unwrap('2026-01-02T03:04:05.123Z stdout P half').isPart, true);
  assert.equal(unwrap('2026-01-02T03:04:05.123Z stdout F').text, '');
});

const PIECES = [
  '{"level":"',
  'error',
  '"}',
  '{"log":"',
  '\\n","stream":"stderr"',
  '{"MESSAGE":',
  'null',
  '[1,2]',
  '2026-01-02T03:04:05Z',
  ' stdout P ',
  '<11>1 ',
  'Jan  2 03:04:05 h p[1]: ',
  'x-1 | ',
  'ERROR',
  '[',
  ']',
  '(',
  ' - ',
  ': ',
  'level=',
  '"',
  '\\',
  '\u001b[31m',
  '\u001b]',
  '\u0000',
  'panic: ',
  'Traceback (most recent call last):',
  'Caused by: ',
  '\t',
  ' ',
  '\ud800',
  '\ufeff',
  'E0102 03:04:05.1 1 x:1] ',
  '\n',
  '0',
  '-1e999',
  '{}',
  'goroutine 1 [running]:',
  'During handling of the above',
  'Error: x',
  '/srv/x.js:1',
  'runtime: ',
  '#',
  '|',
];
const line = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.array(fc.constantFrom(...PIECES), { maxLength: 25 }).map((parts) => parts.join('')),
  fc.json({ maxDepth: 4 }),
  fc
    .dictionary(
      fc.constantFrom(
        'level',
        'msg',
        'log',
        'stream',
        'MESSAGE',
        'PRIORITY',
        '__CURSOR',
        't',
        's',
        'record',
        'error',
        '__proto__',
      ),
      fc.jsonValue({ maxDepth: 2 }),
    )
    .map((fields) => JSON.stringify(fields)),
);

test('whatever a line holds, nothing throws, and what comes out is bounded', () => {
  fc.assert(
    fc.property(line, (text) => {
      const clean = cleanLine(text);
      unwrap(clean);
      for (const head of [jsonHead(clean), textHead(clean)])
        if (head !== null && head.level !== null) assert.ok(LEVELS.includes(head.level));
      assert.ok(shapeOf(clean).length <= 160);
    }),
    { numRuns: 3000 },
  );
});

test('whatever a log holds, each of its lines is in at most one record', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
      const records = recordsOf(lines);
      assert.ok(records.length <= lines.length);
      for (const { lines: count, text } of records) {
        assert.ok(count >= 1);
        assert.ok(text.length <= 4096);
      }
    }),
    { numRuns: 1000 },
  );
});

test('a line of megabytes is looked at in an instant, whatever it repeats', () => {
  for (const piece of [
    '{"',
    '[',
    'a.',
    '1',
    ' ',
    '- ',
    'x=',
    '"level":',
    '\\',
    '(',
    'ERROR',
    'A',
    'error: ',
    '\u001b[',
    '<1>1 - - - - [',
    'a1:',
    '-',
  ]) {
    const text = piece.repeat(65_536 / piece.length);
    const before = process.cpuUsage().user;
    recordsOf([
      text,
      `2026-01-02T03:04:05Z ${text}`,
      `{"level":"error","msg":"${text}`,
      `x-1 | ${text}`,
    ]);
    // Microseconds; what is quadratic in 65,536 characters takes many seconds.
    assert.ok(process.cpuUsage().user - before < 3_000_000, JSON.stringify(piece));
  }
});
