/** Figures of a run for other programs, against the public descriptions of their formats. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { report } from '../../cli/commands/report.ts';
import { bencher, benchmarkAction, hgrm, measuredOf, otava } from '../../report/exports.ts';
import { runCommand } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';
import { SYNTHETIC_RUNS, syntheticRun, writeRun } from '../../bench/synthetic-run.ts';

const run = syntheticRun({ seconds: 20 });
const { latency, acceptedPerSecond } = run.summary!.figures;

test('github-action-benchmark: a list of name, unit and value for each direction', () => {
  const smaller = JSON.parse(benchmarkAction([measuredOf(run)], 'smaller')) as Record<string, unknown>[]; // prettier-ignore
  const bigger = JSON.parse(benchmarkAction([measuredOf(run)], 'bigger')) as Record<string, unknown>[]; // prettier-ignore
  for (const entry of [...smaller, ...bigger]) {
    assert.deepEqual(Object.keys(entry), ['name', 'unit', 'value', 'extra']);
    assert.equal(typeof entry.value, 'number');
  }
  assert.equal(smaller.find(({ name }) => name === 'load: p95')!.value, latency!.p95Ms);
  assert.deepEqual(
    bigger.map(({ name, value }) => [name, value]),
    [['load: throughput', acceptedPerSecond]],
  );
  assert.equal(benchmarkAction([measuredOf(SYNTHETIC_RUNS.empty())], 'smaller'), '[]\n');
});

test('Bencher Metric Format: benchmark, measure, value', () => {
  const content = JSON.parse(bencher([measuredOf(run)])) as Record<string, Record<string, object>>;
  assert.deepEqual(Object.keys(content), ['load']);
  for (const [slug, metric] of Object.entries(content.load)) {
    assert.match(slug, /^[a-z0-9]+(-[a-z0-9]+)*$/);
    assert.ok(slug.length <= 64);
    assert.deepEqual(Object.keys(metric), ['value']);
  }
  assert.deepEqual(content.load['p95-ms'], { value: latency!.p95Ms });
});

test('Otava: a head, and a row without empty cells', () => {
  const measured = { ...measuredOf(run), commit: 'c0ffee', id: 'a,b"c' };
  const [head, row, rest] = otava([measured], ['p95', 'throughput', 'none']).split('\n');
  assert.equal(head, 'time,commit,run,p95,throughput');
  assert.equal(
    row,
    `2026-01-02 03:04:05 +0000,c0ffee,a_b_c,${latency!.p95Ms},${acceptedPerSecond}`,
  );
  assert.equal(rest, '');
});

test('hgrm: as HdrHistogram prints it, in milliseconds', () => {
  const lines = hgrm(run).trimEnd().split('\n');
  assert.equal(lines[0], '       Value     Percentile TotalCount 1/(1-Percentile)');
  assert.equal(lines[1], '');
  const rows = lines.slice(2, -3).map((line) => line.trim().split(/ +/).map(Number));
  assert.ok(rows.length > 20);
  const histogram = decodeFromCompressedBase64(latency!.hdr);
  rows.forEach(([value, percentile, count, last], i) => {
    const [before] = rows[i - 1] ?? [0];
    assert.ok(value >= before && percentile >= 0 && percentile <= 1);
    if (i === rows.length - 1)
      assert.deepEqual([percentile, count, last], [1, latency!.count, undefined]); // prettier-ignore
    else assert.ok(Math.abs(last - 1 / (1 - percentile)) < 0.01 * last);
    assert.ok(Math.abs(histogram.getValueAtPercentile(100 * percentile) / 1000 - value) <= 0.0011);
  });
  assert.match(lines.at(-3)!, /^#\[Mean {4}= +[\d.]+, StdDeviation {3}= +[\d.]+\]$/);
  assert.match(lines.at(-2)!, /^#\[Max {5}= +[\d.]+, Total count {4}= +\d+\]$/);
  assert.match(lines.at(-1)!, /^#\[Buckets = +\d+, SubBuckets {5}= +\d+\]$/);
  assert.equal(hgrm(SYNTHETIC_RUNS.empty()), '');
});

test('npm run report writes them as forms', async () => {
  const folder = join(scratchFolder(), 'run');
  writeRun(folder, run);
  const forms = 'hgrm,benchmark-smaller,benchmark-bigger,bencher,otava';
  const { exitCode, stderr } = await runCommand(report, [folder, '--form', forms]);
  assert.equal(exitCode, 0, stderr);
  assert.equal(readFileSync(join(folder, 'latency.hgrm'), 'utf8'), hgrm(run));
  for (const file of ['benchmark-smaller.json', 'benchmark-bigger.json', 'bencher.json'])
    JSON.parse(readFileSync(join(folder, file), 'utf8'));
  assert.match(readFileSync(join(folder, 'otava.csv'), 'utf8'), /^time,commit,run,p50,/);
});
