/** The sections of cost and log, and the marks of a log's errors in the pictures. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chartData } from '../../plots/data.ts';
import { markdownReport } from '../../report/describe.ts';
import type { CostFigures, LogFigures } from '../../results/types.ts';
import { SYNTHETIC_RUNS, syntheticRun } from '../../bench/synthetic-run.ts';

const COST: CostFigures = {
  target: 'backend',
  seconds: 58,
  submissions: 9000,
  readings: 58,
  cpuMsPerSubmission: 4.5,
  fixedCores: { value: 0.05, low: 0.04, high: 0.06 },
  cpuMsPerFurtherSubmission: { value: 4.1, low: 4, high: 4.2 },
  r2: 0.987,
  stretchSeconds: 2,
  bytesInPerSubmission: 46_200,
  bytesOutPerSubmission: 180,
  bytesWrittenPerSubmission: 50_000,
  bytesStoredPerSubmission: null,
  writeAmplification: 1.0823,
  memoryBytesPerSubmission: { value: 130, low: -10, high: 270 },
  memoryBytesPerVu: null,
  unknown: {
    bytesStoredPerSubmission: "the size of the target's storage is not known",
    memoryBytesPerVu: 'the number of VUs did not change',
  },
};
const LOGS: LogFigures = {
  sources: ['journal:uptime'],
  lines: 12_000,
  errors: 3,
  allowed: 2,
  groups: [
    {
      shape: 'lost <n> | x',
      level: 'error',
      count: 3,
      allowed: false,
      firstAt: '2026-01-02T03:04:06.000Z',
      lastAt: '2026-01-02T03:04:09.000Z',
      example: '<script>lost 7 | x',
    },
    {
      shape: 'known',
      level: 'fatal',
      count: 2,
      allowed: true,
      firstAt: '2026-01-02T03:04:06.000Z',
      lastAt: '2026-01-02T03:04:07.000Z',
      example: 'known',
    },
  ],
};

function pageOf(more: { cost?: CostFigures; logs?: LogFigures }): string {
  const run = syntheticRun({ seconds: 5 });
  return markdownReport({ ...run, summary: { ...run.summary!, ...more } }, []);
}
const rowOf = (page: string, begin: string): string =>
  page.split('\n').find((line) => line.startsWith(`| ${begin} `)) ?? assert.fail(`no ${begin}`);

test('what a submission costs: figures with their intervals, or why there is none', () => {
  const page = pageOf({ cost: COST });
  assert.match(page, /## What a submission costs/);
  assert.match(
    page,
    /over 9,000 submissions in 58 s with 58 readings\..*stretches of 2 s explains 98\.7 %/,
  );
  assert.match(rowOf(page, 'CPU that each submission adds'), /\| 4\.1 ms \(4 ms to 4\.2 ms\)/);
  assert.match(rowOf(page, 'CPU at no load'), /0\.05 cores \(0\.04 cores to 0\.06 cores\)/);
  // An interval around zero is no figure.
  assert.match(rowOf(page, 'Memory that each'), /not known: it may as well be nothing/);
  const grows = pageOf({
    cost: { ...COST, memoryBytesPerSubmission: { value: 130, low: 10, high: 250 } },
  });
  assert.match(rowOf(grows, 'Memory that each'), /130 B \(10 B to 250 B\)/);
  assert.match(rowOf(page, 'Stored  '), /not known: the size of the target's storage/);
  assert.match(rowOf(page, 'Memory per VU'), /not known: the number of VUs did not change/);
  assert.doesNotMatch(pageOf({}), /submission costs/);
  const constant = pageOf({ cost: { ...COST, fixedCores: null, r2: null, stretchSeconds: null } });
  assert.doesNotMatch(constant, /regression/);
  assert.match(rowOf(constant, 'CPU at no load'), /not known: no reason given/);
});

test("the target's log: each shape a row; what it wrote is no markup", () => {
  const page = pageOf({ logs: LOGS });
  assert.match(page, /journal:uptime: 12,000 lines, 3 errors, and 2 that --log-allow knows\./);
  const row = rowOf(page, '    3');
  assert.match(row, /lost \\<n\\> \\\| x/);
  assert.match(row, /03:04:06 +\| 03:04:09/);
  assert.doesNotMatch(page, /<script>/);
  assert.match(rowOf(page, '    2'), /fatal, allowed/);
  const clean = pageOf({ logs: { ...LOGS, errors: 0, allowed: 0, groups: [] } });
  assert.match(clean, /12,000 lines, no errors\./);
  const silent = pageOf({ logs: { ...LOGS, lines: 0, errors: 0, allowed: 0, groups: [] } });
  assert.match(silent, /0 lines, no errors\. Not one line came, so this says nothing/);
  const one = pageOf({ logs: { ...LOGS, lines: 1, errors: 1 } });
  assert.match(one, /journal:uptime: 1 line, 1 error, and 2/);
  const flooded = pageOf({ logs: { ...LOGS, skippedBytes: 5e9 } });
  assert.match(flooded, /5 GB came faster than they could be read/);
  assert.doesNotMatch(pageOf({}), /The target's log/);
  const many = Array.from({ length: 30 }, () => LOGS.groups[0]);
  assert.match(pageOf({ logs: { ...LOGS, groups: many } }), /10 more kinds of lines/);
});

test('errors that nobody expected stand at their second in the pictures', () => {
  const run = SYNTHETIC_RUNS.logged();
  assert.deepEqual(chartData(run).logErrors, {
    count: 14,
    atS: [5.5, 6.5, 7.5, 8.5, 30.5, 31.5, 55.5],
  });
  assert.equal(
    chartData({ ...run, logs: run.logs.filter((line) => line.allowed) }).logErrors,
    null,
  );
  const outside = [{ t: run.samples[0].t - 60_000, shape: 'x', count: 2 }];
  assert.deepEqual(chartData({ ...run, logs: outside }).logErrors, { count: 2, atS: [] });
});
