/** What the page says of memory that grows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markdownReport } from '../../report/describe.ts';
import { syntheticRun } from '../../bench/synthetic-run.ts';

test('slopes stand beside the peaks, with the time over which they were taken', () => {
  const run = syntheticRun({ seconds: 20 });
  const { processes } = run.summary!.figures;
  assert.doesNotMatch(markdownReport(run, []), /Memory growth/);
  processes.k6.rssGrowth = { bytesPerMinute: -1_860_000, overMs: 479_000 };
  const page = markdownReport(run, []);
  assert.match(page, /^\| Process +\|.* Memory growth \| +Readings \|$/m);
  assert.match(page, /^\| k6 +\|.* -1\.86 MB\/min \| +\d+ \|$/m);
  // Of the others it is not known.
  assert.match(page, /^\| toolkit +\|.* no data \| +\d+ \|$/m);
  assert.match(page, /median slope over 7 min 59 s; the first 2 min/);
});
