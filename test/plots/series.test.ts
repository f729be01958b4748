import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chartData } from '../../plots/data.ts';
import {
  latencySteps,
  MAX_POINTS,
  rateSteps,
  readingPoints,
  stepSeconds,
  timeSpan,
} from '../../plots/series.ts';
import { sumAnswers } from '../../results/answers.ts';
import { LatencyHistogram } from '../../results/histogram.ts';
import type { ProcessReading } from '../../results/types.ts';
import { SYNTHETIC_RUNS, syntheticRun } from '../../bench/synthetic-run.ts';
import { slowOnly } from '../support/thorough.ts';

test('steps of a short run are its seconds; of a long one at most 600', () => {
  for (const [seconds, step] of [
    [0, 1],
    [1, 1],
    [600, 1],
    [601, 2],
    [3600, 10],
    [86_400, 300],
    [30 * 86_400, 7200],
  ]) {
    assert.equal(stepSeconds(seconds), step, `${seconds} s`);
    assert.ok(Math.ceil(seconds / stepSeconds(seconds)) <= MAX_POINTS);
  }
});

/** More than 600 s, and shorter than the hour, whose every second is dear to make. */
const third = () => syntheticRun({ seconds: 1300, rate: 1 });

for (const [name, make] of Object.entries({ ...SYNTHETIC_RUNS, 'a third of an hour': third }))
  test(
    `downsampling keeps all counts and the maximum: ${name}`,
    name === 'hour' ? slowOnly : {},
    () => {
      const { samples, resources } = make();
      const span = timeSpan(samples, resources);
      const steps = rateSteps(samples, span);
      assert.deepEqual(sumAnswers(steps), sumAnswers(samples));
      const sent = samples.reduce((sum, line) => sum + line.sent, 0);
      assert.equal(
        steps.reduce((sum, step) => sum + step.sent, 0),
        sent,
      );
      assert.equal(
        steps.reduce((sum, step) => sum + step.observedS, 0),
        samples.length,
      );
      const most = Math.max(0, ...samples.map((line) => line.sent));
      assert.equal(Math.max(0, ...steps.map((step) => step.perSecond.max)), most);

      const latencies = latencySteps(samples, span);
      const present = samples.flatMap((line) => (line.latency ? [line.latency] : []));
      const counts = present.reduce((sum, second) => sum + second.count, 0);
      assert.equal(
        latencies.reduce((sum, step) => sum + step.count, 0),
        counts,
      );
      const max = Math.max(0, ...present.map((second) => second.max));
      assert.equal(Math.max(0, ...latencies.map((step) => step.max)), max);
      for (const { p50, p90, p95, p99, max } of latencies)
        assert.ok(p50 <= p90 && p90 <= p95 && p95 <= p99 && p99 <= max);
    },
  );

test('percentiles of a step are those of its merged histograms, not means of percentiles', () => {
  const { samples } = syntheticRun({ seconds: 1201, rate: 5, processes: {} });
  const span = timeSpan(samples, []);
  const [first] = latencySteps(samples, span);
  const within = samples.filter((line) => line.elapsedS < span.stepS);
  assert.equal(within.length, span.stepS);
  assert.ok(span.stepS > 1);
  const merged = new LatencyHistogram();
  for (const { latency } of within) merged.addEncoded(latency!.hdr, latency!.max);
  assert.equal(first.p95, merged.percentileMs(95));
  const mean = within.reduce((sum, line) => sum + line.latency!.p95, 0) / within.length;
  assert.notEqual(first.p95, mean);
});

test('a step without samples is left out, never 0', () => {
  const run = syntheticRun({
    seconds: 1200,
    rate: 2,
    missing: (second) => second >= 600 && second < 640,
  });
  const span = timeSpan(run.samples, run.resources);
  assert.equal(span.stepS, 2);
  const starts = rateSteps(run.samples, span).map((step) => step.startS);
  assert.equal(starts.length, 600 - 20);
  assert.ok(!starts.some((start) => start >= 600 && start < 640));
});

const reading = (t: number, cpuCores?: number): ProcessReading => ({
  t,
  kind: 'process',
  name: 'backend',
  rootPid: 1,
  processes: 1,
  ...(cpuCores !== undefined && { cpuCores }),
});

const cpu = (line: ProcessReading) => line.cpuCores;

test('a failed reading and a hole break the line; jitter does not', () => {
  const span = { startT: 1000, seconds: 10, stepS: 1 };
  const lines = [
    reading(500, 9), // before the load
    reading(1000),
    reading(2300, 1),
    reading(2900, 2), // two in one second, none in the next
    reading(4050, 3),
    reading(5000),
    reading(6000, 4),
    reading(9000, 5), // two readings are missing
    reading(20_000, 9), // after the load
  ];
  const points = readingPoints(lines, cpu, span);
  assert.deepEqual(
    points.map(({ atS, value }) => [atS, value?.mean ?? null]),
    [
      [0, null],
      [1.3, 1],
      [1.9, 2],
      [3.05, 3],
      [4, null],
      [5, 4],
      [6.5, null],
      [8, 5],
    ],
  );
});

test('long runs join the readings of a step to mean, lowest and highest', () => {
  const span = { startT: 0, seconds: 1200, stepS: 2 };
  const lines = Array.from({ length: 1200 }, (_, second) =>
    reading(second * 1000, second === 100 ? 3 : second >= 500 && second < 510 ? undefined : 1),
  );
  const points = readingPoints(lines, cpu, span);
  assert.deepEqual(points.find(({ atS }) => atS === 101)?.value, { mean: 2, min: 1, max: 3 });
  assert.equal(points.find(({ atS }) => atS === 501)?.value, null);
  assert.equal(points.length, 600);
});

test('readings rarer than the steps are drawn as they are', () => {
  const span = { startT: 0, seconds: 1200, stepS: 2 };
  const lines = Array.from({ length: 120 }, (_, i) => reading(i * 10_000, 1));
  const points = readingPoints(lines, cpu, span);
  assert.equal(points.length, 120);
  assert.ok(points.every(({ value }) => value !== null));
});

test('rounds are marked where they begin in the load, not where readings begin', () => {
  const run = syntheticRun({ seconds: 30, rate: 5 });
  const round = { stopped: 3, untilMs: 12_000 };
  const times = [
    { fromMs: 0, stressFromMs: 6000, pauseFromMs: 10_000, ...round },
    { fromMs: 12_000, stressFromMs: 18_000, pauseFromMs: 22_000, ...round },
  ];
  const rounds = { basePerSecond: 5, stressPerSecond: 20, times };
  const load = { ...run.plan!.load, timed: { of: 'rounds' as const, speedup: 1, peakPerSecond: 20, rounds } }; // prettier-ignore
  const { startT } = timeSpan(run.samples, run.resources);
  const summary = run.summary && { ...run.summary, loadBeganMs: startT + 1500 };
  const data = chartData({ ...run, plan: { ...run.plan!, load }, summary });
  assert.deepEqual(
    data.rounds.map(({ atS, text }) => `${atS} ${text}`),
    [
      '1.5 round 1: 5/s, 3 stopped',
      '7.5 stress: 20/s',
      '11.5 pause',
      '13.5 round 2: 5/s, 3 stopped',
      '19.5 stress: 20/s',
    ],
  );
  assert.deepEqual(chartData(run).rounds, []);
});
