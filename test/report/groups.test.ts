/** The tables of sizes and kinds in the report. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markdownReport } from '../../report/describe.ts';
import type { PartFigures, Summary } from '../../results/types.ts';
import { SYNTHETIC_RUNS } from '../../bench/synthetic-run.ts';

const latency = { count: 8, meanMs: 12, p50Ms: 10, p95Ms: 30, maxMs: 31 };
const group = (change: Partial<PartFigures>): PartFigures => ({
  name: '1MB',
  sent: 8,
  accepted: 8,
  expected: 8,
  answers: { '200': 8 },
  bytesSent: 8e6,
  latency,
  bytesPerSecond: 83.3e6,
  ...change,
});

/** The rows of a section's table, their cells trimmed. */
function rowsOf(change: Partial<Summary>, title: string): string[][] {
  const run = SYNTHETIC_RUNS.usual();
  const page = markdownReport({ ...run, summary: { ...run.summary!, ...change } }, []);
  const [, section] = page.split(`## ${title}\n`);
  assert.ok(section !== undefined, 'no such section');
  const lines = section.split('\n## ')[0].split('\n').filter((line) => line.startsWith('|'));
  return lines.map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
} // prettier-ignore

test('sizes: counts, latencies and the speed of one body; a refused one has none', () => {
  const sizes = [
    group({ bodyBytes: 1e6 }),
    group({ name: 'over', bodyBytes: 50_000_001, accepted: 0, answers: { '413': 8 }, bytesSent: 0, bytesPerSecond: null }),
    group({ name: '4MB', bodyBytes: 4e6, sent: 0, accepted: 0, expected: 0, answers: {}, latency: null, bytesPerSecond: null }),
  ]; // prettier-ignore
  const [, , first, over, unsent] = rowsOf({ sizes }, 'Sizes');
  assert.deepEqual(first, ['1MB', '1 MB', '8', '8', '8', '10 ms', '30 ms', '31 ms', '83.3 MB/s', '']); // prettier-ignore
  assert.deepEqual(over.slice(2, 5), ['8', '0', '8']);
  assert.deepEqual(over.slice(8), ['', '8 × 413 too large']);
  assert.deepEqual(unsent.slice(5, 8), ['no data', 'no data', 'no data']);
});

test('kinds: planned and sent shares; hostile requests are judged in their own table', () => {
  const kinds = [
    group({ name: 'load', weight: 3 }),
    group({ name: 'hostile', weight: 1, sent: 2, expected: null, accepted: 1, answers: { '200': 1, '400': 1 }, latency: null, bytesPerSecond: null }),
  ]; // prettier-ignore
  const [, , load, hostile] = rowsOf({ kinds }, 'Kinds');
  assert.deepEqual(load.slice(0, 6), ['load', '75 %', '80 %', '8', '8', '8']);
  assert.deepEqual(hostile, ['hostile', '25 %', '20 %', '2', '1', 'see below', '', '', '', '1 × 400 bad request']); // prettier-ignore
});

test('other runs have neither table', () => {
  const run = SYNTHETIC_RUNS.usual();
  assert.doesNotMatch(markdownReport(run, []), /## (Sizes|Kinds)/);
});
