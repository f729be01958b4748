/** Where a record begins and ends: pauses, mixed streams, bounds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogReader } from '../../../monitor/logs/reader.ts';
import { MOST_RECORD_LINES, RECORD_IDLE_MS, type LogRecord } from '../../../monitor/logs/record.ts';

function reading() {
  const state = { now: 0, lines: 0, records: [] as LogRecord[] };
  const reader = new LogReader({
    onLine: () => state.lines++,
    onRecord: (record) => state.records.push(record),
    now: () => state.now,
  });
  return { state, reader };
}

test('a record ends when nothing came for a while, and not before', () => {
  const { state, reader } = reading();
  reader.add('panic: over');
  state.now = RECORD_IDLE_MS - 1;
  reader.tick();
  assert.equal(state.records.length, 0);
  reader.add('goroutine 1 [running]:');
  state.now += RECORD_IDLE_MS - 1;
  reader.tick();
  assert.equal(state.records.length, 0);
  state.now++;
  reader.tick();
  assert.deepEqual(
    state.records.map(({ message, lines, readAt }) => [message, lines, readAt]),
    [['panic: over', 2, 0]],
  );
  // What comes later of the dump is no record of its own, and no error.
  reader.add('main.Error(0x1)');
  reader.add('\t/srv/main.go:3');
  reader.end();
  assert.deepEqual([state.records.length, state.lines], [1, 4]);
});

test('half a line that its carrier cut comes out when nothing follows', () => {
  const { state, reader } = reading();
  reader.add('2026-01-02T03:04:05.1Z stderr P {"level":"error","msg":"the last words"}');
  reader.tick();
  assert.equal(state.lines, 0);
  state.now = 2 * RECORD_IDLE_MS;
  reader.tick();
  reader.end();
  assert.deepEqual([state.lines, state.records[0].level], [1, 'error']);
});

test('memory is bounded: streams, parts, lines and text of a record', () => {
  const { state, reader } = reading();
  for (let i = 0; i < 1000; i++) {
    reader.add(`web-${i}  | panic: over`);
    reader.add(`x-${i} | 2026-01-02T03:04:05.1Z stderr P ${'y'.repeat(100)}`);
  }
  // All but the streams that are still open.
  assert.ok(state.records.length >= 900);
  for (let i = 0; i < 100; i++) reader.add(`2026-01-02T03:04:05.1Z stderr P ${'y'.repeat(60_000)}`);
  reader.add('2026-01-02T03:04:05.1Z stderr F end');
  reader.end();
  assert.ok(state.records.every(({ text }) => text.length <= 4096));
  const { state: long, reader: other } = reading();
  other.add('panic: over');
  for (let i = 0; i < MOST_RECORD_LINES + 10; i++) other.add('\t/srv/main.go:3');
  other.end();
  assert.deepEqual(
    long.records.map(({ lines }) => lines),
    [MOST_RECORD_LINES],
  );
});

test('a format may change within a source', () => {
  const { state, reader } = reading();
  const lines = [
    '{"level":"info","msg":"up"}',
    'Error: from a script',
    'all is well',
    '2026-01-02 03:04:05 UTC [Error] of another program',
    '\tpid: 7',
    'level=warn msg=third',
    'E0102 03:04:05.123456 1 x.go:3] fourth',
  ];
  for (const line of lines) reader.add(line);
  reader.end();
  assert.deepEqual(
    state.records.map(({ level, lines: count }) => [level, count]),
    [
      ['info', 1],
      ['error', 1],
      [null, 1],
      ['error', 2],
      ['warning', 1],
      ['error', 1],
    ],
  );
});
