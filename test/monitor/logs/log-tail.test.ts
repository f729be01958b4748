/** The last records of a log, as they came: bounded, without secrets, and only where something is new. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogTail, MOST_TAIL_LINES } from '../../../monitor/logs/log-tail.ts';
import type { LogRecord } from '../../../monitor/logs/record.ts';

const T0 = Date.UTC(2026, 0, 1);
const record = (text: string, change: Partial<LogRecord> = {}): LogRecord => ({ t: null, level: null, message: text, text, lines: 1, readAt: T0, ...change }); // prettier-ignore

test('the last ones in their order, each once numbered, however many come between two looks', () => {
  const tail = new LogTail((text) => text);
  assert.equal(tail.take(), null);
  let count = 0;
  for (const more of [3, 1, 150, 199, 200, 201, 5000]) {
    for (let i = 0; i < more; i++) tail.add('a.log', record(`line ${++count}`));
    const lines = tail.take()!;
    const from = Math.max(1, count - MOST_TAIL_LINES + 1);
    assert.deepEqual(lines.map(({ n }) => n), Array.from({ length: Math.min(count, MOST_TAIL_LINES) }, (_, i) => from + i)); // prettier-ignore
    assert.equal(lines.at(-1)!.text, `line ${count}`);
    assert.equal(tail.take(), null);
  }
});

test('severity, source and time ride along; secrets and what moves a cursor do not', () => {
  const tail = new LogTail((text) => text.replaceAll('of the run', '***'));
  tail.add('journal:x', record('secret of the run\u001b[2J at postgres://me:pass@host', { level: 'warning', t: T0 - 5 })); // prettier-ignore
  tail.add('a.log', record('x'.repeat(5000)));
  const [first, second] = tail.take()!;
  assert.deepEqual(first, { n: 1, t: T0 - 5, source: 'journal:x', level: 'warning', text: 'secret *** [2J at postgres://***@host' }); // prettier-ignore
  assert.deepEqual([second.text.length, second.t, second.level], [300, T0, undefined]);
});
