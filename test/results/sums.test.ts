/** A run that is summed while it is read has the sums of one whose lines are in memory. */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { chartData } from '../../plots/data.ts';
import { LatencyCounts } from '../../results/latency-counts.ts';
import { LatencyHistogram } from '../../results/histogram.ts';
import { looksLikeReading, looksLikeSample } from '../../results/quick-check.ts';
import { readRun } from '../../results/reader.ts';
import { SampleSums } from '../../results/sample-sums.ts';
import * as shapes from '../../results/schema.ts';
import { readSummed, sumSamples } from '../../results/sum-reader.ts';
import { figuresOf } from '../../results/sums.ts';
import { projectRoot } from '../../paths.ts';
import type { UserError } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { syntheticRun, writeRun } from '../../bench/synthetic-run.ts';

const scratch = scratchFolder();
const folder = join(scratch, 'run');
const run = syntheticRun({ seconds: 1300, rate: 6, missing: (second) => second % 400 === 7 });
writeRun(folder, run);
const { plan, resources, samples } = run;
writeRun(join(scratch, 'killed'), { ...run, plan, resources, samples, summary: null });

test('read at once and read line by line give the same charts and figures', async () => {
  for (const path of [
    folder,
    join(scratch, 'killed'),
    join(projectRoot, 'test/fixtures/runs/killed'),
  ]) {
    const [whole, summed] = [await readRun(path), await readSummed(path)];
    assert.deepEqual(chartData(summed), chartData(whole));
    assert.deepEqual(figuresOf(summed), figuresOf(whole));
    assert.deepEqual(summed.notes, whole.notes);
  }
});

test('parts of a file, summed apart and sent from thread to thread, add up to the whole', async () => {
  const file = join(folder, 'samples.ndjson');
  const options = { stepS: 5, wholeAfterMs: 0 };
  const span = { stepS: 5, seconds: 1300 };
  const { size } = statSync(file);
  const edges = [0, 1, Math.floor(size / 3), Math.floor(size / 2), size - 1, Infinity];
  const whole = await sumSamples({ file, from: 0, to: Infinity, options }, []);
  const sums = new SampleSums(options);
  for (const [i, from] of edges.slice(0, -1).entries()) {
    const part = await sumSamples({ file, from, to: edges[i + 1], options }, []);
    sums.addSums(SampleSums.fromMessage(structuredClone(part.toMessage()), options));
  }
  assert.deepEqual(sums.totals, whole.totals);
  assert.deepEqual([sums.first, sums.last], [whole.first, whole.last]);
  assert.deepEqual(sums.latencies(span), whole.latencies(span));
  const rates = ({ rates: of }: { rates: unknown }) => of;
  assert.equal(rates(sums), rates(whole));
  assert.deepEqual(sums.rates(span).map(({ perSecond, ...step }) => ({ ...step, max: perSecond.max })), whole.rates(span).map(({ perSecond, ...step }) => ({ ...step, max: perSecond.max }))); // prettier-ignore
  assert.deepEqual(sums.latency.buckets(), whole.latency.buckets());
});

test('merged counts have the percentiles of a histogram', () => {
  const [counts, histogram] = [new LatencyCounts(), new LatencyHistogram()];
  for (const { latency } of samples.filter((line) => line.latency !== null)) {
    counts.addEncoded(latency!.hdr, latency!.max);
    histogram.addEncoded(latency!.hdr, latency!.max);
  }
  assert.equal(counts.count, histogram.count);
  const percentiles = [0, 0.1, 50, 90, 99.99, 100] as const;
  assert.deepEqual(counts.percentilesMs(percentiles), percentiles.map((one) => histogram.percentileMs(one))); // prettier-ignore
});

test('what the quick check lets pass, the schema lets pass too; right lines do pass', () => {
  const wrongs: unknown[] = [null, -1, 0.5, 'x', [], {}, NaN, Infinity, true];
  for (const [looksRight, schema, line] of [
    [looksLikeSample, shapes.sampleLine, { ...samples[3], late: 1, retries: 2 }],
    [looksLikeReading, shapes.resourceLine, resources.find(({ kind }) => kind === 'process')!],
    [looksLikeReading, shapes.resourceLine, resources.find(({ kind }) => kind === 'host')!],
  ] as const) {
    assert.ok(looksRight(line));
    const changed = (of: object, field: string, value: unknown) => ({ ...of, [field]: value });
    const cases = Object.keys(line).flatMap((field) => [
      ...wrongs.map((wrong) => changed(line, field, wrong)),
      Object.fromEntries(Object.entries(line).filter(([name]) => name !== field)),
    ]);
    const deep = 'latency' in line ? Object.keys(line.latency!).flatMap((field) => wrongs.map((wrong) => changed(line, 'latency', changed(line.latency!, field, wrong)))) : []; // prettier-ignore
    let refused = 0;
    for (const one of [...cases, ...deep, ...wrongs]) {
      if (looksRight(one)) assert.ok(schema.safeParse(one).success, JSON.stringify(one));
      else refused++;
    }
    assert.ok(refused >= 30, `${refused} refused`);
  }
});

test('a line that is broken is named by its number, also deep in a file', async () => {
  const lines = readFileSync(join(folder, 'samples.ndjson'), 'utf8').split('\n');
  const path = join(scratch, 'broken');
  writeRun(path, run);
  for (const [wrong, why] of [
    ['{"t":1', /line 900, cannot be read/],
    [`${lines[899]},${lines[899]}`, /line 900, cannot be read/],
    [lines[899].replace('"sent":', '"sent":-'), /line 900, cannot be read: sent/],
    [lines[899].replace(/HIST\w{6}/, 'HISTFAAAAC'), /histogram of second \d+ is broken/],
  ] as const) {
    writeFileSync(join(path, 'samples.ndjson'), lines.with(899, wrong).join('\n'));
    await assert.rejects(readSummed(path), (error: UserError) => {
      assert.match(error.message, why);
      assert.match(error.hint, /damaged after the run/);
      return true;
    });
  }
});
