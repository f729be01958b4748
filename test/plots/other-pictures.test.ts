/** Pictures that are not of one run: a comparison, a series of nights, the lags of a chain, a fleet. On the drawn data, and as golden files. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparisonChart, type ComparisonPicture } from '../../plots/comparison.ts';
import { describeRuns, keyOfRuns, runsChart, type RunsPicture } from '../../plots/runs.ts';
import { SYNTHETIC_RUNS, syntheticRun } from '../../bench/synthetic-run.ts';
import { chartsOf } from '../../plots/charts.ts';
import { chartData } from '../../plots/data.ts';
import { type StageLags, stageLagsChart } from '../../plots/stage-lags.ts';
import { LOOKS } from '../../plots/theme.ts';
import { type Trend, trendChart } from '../../plots/trend.ts';
import type { Drawable } from '../../plots/render.ts';
import { chainFigures } from '../support/chain-figures.ts';
import { matchesGolden, textsApart } from '../support/pictures.ts';

type Drawn = { label: string; yAxisID: string; data: { x: number; y: number }[] };
const drawn = ({ config }: Drawable) => config().data.datasets as unknown as Drawn[];
const known = (points: readonly { x: number; y: number }[]) =>
  points.filter(({ y }) => Number.isFinite(y)).map(({ x, y }) => [x, Number(y.toFixed(3))]);

const rounds = 8;
const changes = [1.12, 1.08, 1.15, 1.02, 1.1, 1.09, 1.13, 1.11];
const comparison = (count: number): ComparisonPicture => ({
  title: 'WORSE: p95 by 10 %, throughput is not worse.',
  subtitle: 'base http://127.0.0.1:8081  ·  now http://127.0.0.1:8080',
  first: Array.from({ length: count }, (_, i) => ([0, 3].includes(i % 4) ? 'base' : 'now')),
  figures: [
    { name: 'p95', what: '95th percentile, ms', worse: 'higher', gates: true, minimumEffect: 0.05, state: 'worse', rounds: Array.from({ length: count }, (_, i) => changes[i % rounds]), ratio: { estimate: 1.1, low: 1.07, high: 1.13 } },
    { name: 'throughput', what: 'submissions per second', worse: 'lower', gates: true, minimumEffect: 0.03, state: 'not worse', rounds: Array.from({ length: count }, (_, i) => (i === 2 ? null : 1 + 0.002 * (i % 3))), ratio: { estimate: 1.001, low: 0.998, high: null } },
    { name: 'p99', what: '99th percentile, ms', worse: 'higher', gates: false, minimumEffect: 0.05, state: 'no data', rounds: Array.from({ length: count }, () => null), ratio: null },
  ],
}); // prettier-ignore

test('a comparison: a point a round by who ran first, the ratio with its interval, the least change that counts', async () => {
  const picture = comparisonChart(comparison(rounds));
  const sets = drawn(picture);
  const of = (label: string) => known(sets.find((set) => set.label === label)!.data);
  assert.deepEqual(of('a round, base first').map(([x]) => x), [1, 4, 5, 8]); // prettier-ignore
  assert.deepEqual(of('a round, now first'), [[2, 8], [3, 15], [6, 9], [7, 13]]); // prettier-ignore
  assert.deepEqual(of('all rounds: ratio and its 90 % interval'), [[9, 10]]); // prettier-ignore
  assert.deepEqual(of('a change counts from here').map(([, y]) => y), [5, 5]); // prettier-ignore
  // Of throughput less is worse; a bound that is not known is the estimate itself; a round without data is no point.
  const throughput = sets.filter(({ yAxisID }) => yAxisID === 'throughput');
  assert.deepEqual(throughput.at(-1)!.data.map(({ y }) => y), [-3, -3]); // prettier-ignore
  assert.deepEqual(throughput.slice(0, 2).reduce((sum, { data }) => sum + known(data).length, 0), rounds - 1); // prettier-ignore
  assert.ok(!sets.some(({ yAxisID }) => yAxisID === 'p99'), 'no panel without data');
  for (const count of [1, rounds, 60]) textsApart(comparisonChart(comparison(count)));
  await matchesGolden(picture, 'comparison', 'light');
});

const runsBeside = (count: number): RunsPicture => ({
  base: '2026-01-01T03-04-05Z-load',
  runs: Array.from({ length: count }, (_, i) => `2026-01-02T03-04-${10 + i}Z-load`),
  figures: [
    { name: 'p95', worse: 'higher', gates: true, minimumEffect: 0.05, changes: Array.from({ length: count }, (_, i) => (i % 5 === 1 ? { ratio: 1.2, low: null, high: null } : { ratio: 1.1, low: 1.05, high: 1.16 })) },
    { name: 'throughput', worse: 'lower', gates: true, minimumEffect: 0.03, changes: Array.from({ length: count }, (_, i) => (i === 0 ? null : { ratio: 0.98, low: 0.97, high: 0.99 })) },
    { name: 'cpu-per-submission', worse: 'higher', gates: false, minimumEffect: 0.05, changes: Array.from({ length: count }, () => null) },
  ],
}); // prettier-ignore

test('single runs beside a base: a point a run, its range from the noise within, the change that would count', () => {
  const picture = runsBeside(2);
  const sets = drawn(runsChart(picture));
  const of = (label: string) => known(sets.find((set) => set.label === label)!.data);
  assert.deepEqual(of('a run against the base'), [[1, 10], [2, 20]]); // prettier-ignore
  assert.deepEqual(of('90 % by the noise within both runs'), [[1, 5], [1, 16]]); // prettier-ignore
  const throughput = sets.filter(({ yAxisID }) => yAxisID === 'throughput');
  assert.deepEqual(known(throughput[0].data), [[2, -2]]);
  assert.deepEqual(throughput.at(-1)!.data.map(({ y }) => y), [-3, -3]); // prettier-ignore
  assert.ok(!sets.some(({ yAxisID }) => yAxisID === 'cpu-per-submission'), 'no panel without data');
  assert.equal(describeRuns(picture), 'change of each figure against 2026-01-01T03-04-05Z-load: 2026-01-02T03-04-10Z-load p95 10.0 %, throughput no data; 2026-01-02T03-04-11Z-load p95 20.0 %, throughput -2.0 %'); // prettier-ignore
  // Ids of many runs would stand over each other: then the page says which number is which.
  assert.equal(keyOfRuns(picture), null);
  assert.match(
    keyOfRuns(runsBeside(5))!,
    /^1: 2026-01-02T03-04-10Z-load, .*5: 2026-01-02T03-04-14Z-load\.$/,
  );
  for (const count of [1, 4, 5, 40]) textsApart(runsChart(runsBeside(count)));
});

const trend = (count: number): Trend => ({
  title: 'arrival-100: 95th percentile of the latency of expected answers, ms',
  subtitle: '2026-01-01 to 2026-01-24',
  axis: 'p95 (ms)',
  nights: Array.from({ length: count }, (_, i) => ({
    t: new Date(Date.UTC(2026, 0, 1 + i, 4)).toISOString(),
    value: (i < 16 ? 40 : 60) + ((i * 7) % 5) + (i === 8 ? 14 : 0),
    mark: i === 8 ? 'cleared' : i === 16 ? 'confirmed' : i === 20 ? 'open' : null,
  })),
  levels: count > 16 ? [{ from: 0, to: 15, value: 42 }, { from: 16, to: count - 1, value: 62 }] : [{ from: 0, to: count - 1, value: 42 }],
}); // prettier-ignore

test('a trend: each night, its levels, and what became of a suspicion', async () => {
  const picture = trendChart(trend(24));
  const sets = drawn(picture);
  const of = (label: string) => known(sets.find((set) => set.label === label)!.data);
  assert.equal(of('a night').length, 24);
  assert.deepEqual(of('level (median)'), [[-0.5, 42], [15.5, 42], [15.5, 62], [23.5, 62]]); // prettier-ignore
  assert.deepEqual(of('suspicion cleared: 1'), [[8, 55]]); // prettier-ignore
  assert.deepEqual(of('regression confirmed: 1'), [[16, 62]]); // prettier-ignore
  assert.deepEqual(of('suspicion not decided: 1'), [[20, 60]]); // prettier-ignore
  for (const count of [1, 24, 400]) textsApart(trendChart(trend(count)));
  await matchesGolden(picture, 'trend', 'light');
  const dark = JSON.stringify(picture.config('dark').options!.plugins!.title);
  assert.ok(dark.includes(LOOKS.dark.ink));
});

const stepsOf = (p50S: (step: number) => number) =>
  Array.from({ length: 20 }, (_, i) => ({ startS: 3 * i, endS: 3 * i + 3, p50S: p50S(i), maxS: 2 * p50S(i) })); // prettier-ignore
const lags = (delays: readonly (number | null)[], change: Partial<StageLags> = {}): StageLags => ({
  seconds: 60,
  stepS: 3,
  batches: delays.map((countedAfterS, i) => ({ endS: 15 * (i + 1), countedAfterS })),
  stages: [
    { name: 'answered', steps: stepsOf(() => 0.012) },
    { name: 'verified', steps: stepsOf((i) => 20 - (i % 5) * 3) },
    { name: 'counted', steps: stepsOf((i) => 22 - (i % 5) * 3) },
    { name: 'shown', steps: [] },
  ],
  marks: [{ atS: 20, untilS: 29, text: 'coordinator stopped', kind: 'fault' }],
  ...change,
});

test('lags of a chain: stages over the time of sending, batches, faults; said whether the batches keep up', async () => {
  const picture = stageLagsChart('run', lags([1.5, 2, null, 2.5]));
  const sets = drawn(picture);
  assert.deepEqual(sets.filter(({ label }) => label !== '').map(({ label }) => label), ['answered (median)', 'verified (median)', 'counted (median)']); // prettier-ignore
  assert.deepEqual(known(sets.find(({ yAxisID }) => yAxisID === 'batches')!.data), [[15, 1.5], [30, 2], [60, 2.5]]); // prettier-ignore
  assert.ok(picture.config().plugins!.some(({ id }) => id === 'bandTints'));
  assert.equal(picture.caption, 'Half of the submissions were, after they were sent: answered 0.012 s, verified 14 s, counted 16 s; each batch was counted within 2.5 s of its end.'); // prettier-ignore
  assert.match(stageLagsChart('run', lags([2, 9, 31, 70])).caption, /; the batches came later and later: the first was counted 2 s after its end, the last 70 s\.$/); // prettier-ignore
  assert.match(stageLagsChart('run', lags([], { stages: [] })).caption, /nothing to see/);
  textsApart(picture);
  await matchesGolden(picture, 'stage-lags', 'dark');
});

test('lags of a load through the chain, from its results alone: on the axis of its other charts, with its faults', () => {
  const run = { ...syntheticRun({ seconds: 40 }), marks: SYNTHETIC_RUNS.marked().marks! };
  const began = run.samples[0].t + 3000;
  run.summary = { ...run.summary!, e2e: chainFigures(began, 34) };
  const data = chartData(run);
  const picture = chartsOf(data).find(({ name }) => name === 'stage-lags')!;
  const sets = drawn(picture);
  const [first] = known(sets.find(({ label }) => label === 'counted (median)')!.data);
  // In the middle of its step.
  assert.deepEqual(first, [3.5, 16]);
  assert.deepEqual(known(sets.find(({ yAxisID }) => yAxisID === 'batches')!.data), [[18, 2], [33, 2]]); // prettier-ignore
  assert.equal(data.stageLags!.seconds, data.span.seconds);
  assert.deepEqual(data.stageLags!.marks!.map(({ text }) => text), data.marks!.map(({ text }) => text)); // prettier-ignore
  assert.match(picture.caption, /^Half of the submissions were, after they were sent: verified 9 s, counted 10 s; each batch was counted within 2 s of its end\.$/); // prettier-ignore
  textsApart(picture);
  // Shorter than a batch: no panel of batches.
  const short = chartsOf(chartData({ ...run, summary: { ...run.summary, e2e: chainFigures(began, 9) } })).find(({ name }) => name === 'stage-lags')!; // prettier-ignore
  assert.ok(drawn(short).every(({ yAxisID }) => yAxisID === 'lag'));
  textsApart(short);
  // Only the backend was loaded, or it is a run from before it was kept.
  assert.ok(chartsOf(chartData(syntheticRun({ seconds: 4 }))).every(({ name }) => name !== 'stage-lags')); // prettier-ignore
});
