/** What the page and the pictures say of an open model and of a warm-up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chartData } from '../../plots/data.ts';
import { markdownReport } from '../../report/describe.ts';
import type { Run } from '../../results/reader.ts';
import { LatencyHistogram } from '../../results/histogram.ts';
import { paceInWords } from '../../results/pace.ts';
import { syntheticRun } from '../../bench/synthetic-run.ts';

const rate = { starts: 25, timeUnitMs: 10_000 };

function openRun(): Run {
  const run = syntheticRun({ seconds: 20 });
  const { figures } = run.summary!;
  run.plan!.load = { ...run.plan!.load, executor: 'constant-arrival-rate', rate, warmUpMs: 5000 };
  figures.schedule = {
    planned: 4000,
    started: 3900,
    late: 40,
    dropped: 90,
    droppedWhileFree: 7,
    onTimeShare: 0.965,
    latenessP99Ms: 14,
    toleranceMs: 10,
  };
  figures.sinceIntended = { ...figures.latency!, p95Ms: 4321 };
  figures.warmUpAnswers = 12;
  return run;
}

test('the schedule, and the time since the intended start beside the plain latency', () => {
  const page = markdownReport(openRun(), []);
  for (const row of [
    /^scenario load · 2\.5 starts\/s · 20 s · /m,
    /^\| Starts planned +\| +4,000 \|$/m,
    /^\| Starts on time +\| +96\.5 % \|$/m,
    /^\| Starts late, by more than 10 ms +\| +40 \|$/m,
    /^\| Starts dropped: no VU took them +\| +90 \(7 with VUs free\) \|$/m,
    /^\| since the intended start +\|.* 4\.32 s \|/m,
    /Without the 12 answers of the warm-up\.$/m,
    /2\.5 starts\/s \(constant-arrival-rate\), open model with 500 VUs ready, request timeout/,
  ])
    assert.match(page, row);
});

test('a pace that was changed: a row for each change with what began, and marks in the pictures', () => {
  const run = openRun();
  const began = run.samples[0].t;
  Object.assign(run.summary!, { loadBeganMs: began, loadEndedMs: began + 20_000 });
  run.plan!.load = { ...run.plan!.load, executor: 'constant-vus', steered: { mostPerSecond: 10 } };
  const by = 'terminal';
  run.control = [
    { t: began - 300, action: 'begin', fromPerSecond: 0, toPerSecond: 2.5, by: 'load' },
    { t: began + 5000, action: 'rate', fromPerSecond: 2.5, toPerSecond: 10, by },
    { t: began + 12_000, action: 'pause', fromPerSecond: 10, toPerSecond: 0, by },
    { t: began + 15_500, action: 'resume', fromPerSecond: 0, toPerSecond: 10, by },
    { t: began + 20_000, action: 'stop', by },
  ];
  for (const [i, line] of run.samples.entries()) line.started = i < 5 ? 3 : i < 12 ? 9 : 0;
  const page = markdownReport(run, []);
  assert.match(page, /^4 changes while the load ran\. Planned starts, lateness/m);
  for (const row of [
    /^\| +0:00 \| +5 s \| begin +\| +2\.5\/s \| +3 \| load +\|$/m,
    /^\| +5 s \| +7 s \| rate +\| +10\/s \| +9 \| terminal \|$/m,
    /^\| +12 s \| +4 s \| pause +\| +none \| +0 \| terminal \|$/m,
    /^\| +20 s \| +0 ms \| stop +\| +- \| +- \| terminal \|$/m,
  ])
    assert.match(page, row);
  assert.match(page, /2\.5 starts\/s at first, steered/);
  const changesOf = (one: typeof run) =>
    (chartData(one).marks ?? []).filter(({ kind }) => kind === 'change');
  const marks = changesOf(run).map(({ atS, text }) => `${Math.round(atS)} ${text}`);
  assert.deepEqual(marks.slice(0, 3), ['5 asked for 10/s', '12 paused', '16 resumed: 10/s']);
  // None was asked for, and none could be.
  const without = { ...run };
  delete without.control;
  assert.doesNotMatch(markdownReport(without, []), /Pace asked for/);
  assert.deepEqual(changesOf(without), []);
});

test('who was dropped has waited in vain: the row of all planned starts says so', () => {
  const run = openRun();
  const histogram = new LatencyHistogram();
  // Of 3,988 planned starts without the warm-up 3,888 were answered: p90 of all is p92.3 of those.
  for (let i = 1; i <= 3888; i++) histogram.record(i * 1000);
  run.summary!.figures.sinceIntended = histogram.figures();
  const page = markdownReport(run, []);
  const cellsOf = (name: string) =>
    page
      .split('\n')
      .find((line) => line.startsWith(`| ${name} `))!
      .split('|')
      .slice(2, -1)
      .map((cell) => cell.trim());
  assert.deepEqual(cellsOf('since the intended start').slice(0, 4), ['3,888', '1.94 s', '1.94 s', '3.5 s']); // prettier-ignore
  assert.deepEqual(cellsOf('since the intended start, all planned'), ['3,988', 'never', '1.99 s', '3.59 s', '3.79 s', 'never', 'never', 'never']); // prettier-ignore
  assert.match(page, /Of the 3,988 planned starts 100 are not in it, .* \(90 were dropped\)/);
  run.summary!.figures.schedule!.planned = 3900;
  assert.doesNotMatch(markdownReport(run, []), /all planned/);
});

test('a closed model has none of it', () => {
  const page = markdownReport(syntheticRun({ seconds: 3 }), []);
  assert.doesNotMatch(page, /Starts|intended|warm-up|open model/);
});

test('the end of the warm-up is marked, and a killed run leaves its latencies out', () => {
  const run = openRun();
  assert.deepEqual(chartData(run).marks, [{ atS: 5, text: 'warm-up ends', kind: 'phase' }]);
  const killed = { ...run, summary: null };
  const early = run.samples.slice(0, 5).reduce((sum, { latency }) => sum + latency!.count, 0);
  const all = run.samples.reduce((sum, { latency }) => sum + latency!.count, 0);
  assert.equal(chartData(killed).latency!.count, all - early);
});

test('a pace in words', () => {
  const { load } = syntheticRun({ seconds: 1 }).plan!;
  const stages = [
    { durationMs: 1000, target: 1000 },
    { durationMs: 0, target: 0 },
  ];
  assert.equal(paceInWords({ ...load, vus: 1 }), '1 VU');
  assert.equal(paceInWords({ ...load, vus: 1500 }), '1,500 VUs');
  assert.equal(paceInWords({ ...load, vus: 20, stages }), 'up to 20 VUs');
  assert.equal(paceInWords({ ...load, rate, stages }), 'up to 100 starts/s');
});
