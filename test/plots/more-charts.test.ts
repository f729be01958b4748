/** What the charts draw beyond lines over time, and what is said of them: on the drawn data. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { askedOf } from '../../plots/asked.ts';
import { courseOf } from '../../plots/captions.ts';
import { chartsOf } from '../../plots/charts.ts';
import { chartData } from '../../plots/data.ts';
import { heatMap, levelsUpTo } from '../../plots/heatmap.ts';
import { limitsOf } from '../../plots/limits.ts';
import type { ControlLine } from '../../results/types.ts';
import { barRows, faultMarks, linesToDraw, placeLabels } from '../../plots/marks.ts';
import { ratePoints } from '../../plots/more-charts.ts';
import { LOOKS } from '../../plots/theme.ts';
import type { LatencyStep } from '../../results/steps.ts';
import { SYNTHETIC_RUNS, syntheticRun } from '../../bench/synthetic-run.ts';

const dataOf = (name: keyof typeof SYNTHETIC_RUNS) => chartData(SYNTHETIC_RUNS[name]());
const usual = dataOf('usual');
const marked = dataOf('marked');
const chartOf = (data: typeof usual, name: string) => chartsOf(data).find((one) => one.name === name)!; // prettier-ignore
type Drawn = {
  label: string;
  yAxisID: string;
  data: { x: number; y: number }[];
  borderColor: string;
};
const drawn = (data: typeof usual, name: string, theme?: 'dark') =>
  chartOf(data, name).config(theme).data.datasets as unknown as Drawn[];

const stepsOf = (rows: number[][]): LatencyStep[] =>
  rows.map((counts, i) => ({
    startS: i,
    endS: i + 1,
    count: counts.reduce((sum, one) => sum + one, 0),
    ...{ p50: 1, p90: 1, p95: 1, p99: 1, max: 1 },
    rows: { lowest: 40, counts },
  }));

test('the rows of a heat map hold every answer', () => {
  for (const { count, rows } of usual.latencies)
    assert.equal(rows!.counts.reduce((sum, one) => sum + one, 0), count); // prettier-ignore
});

test('cells: level by count, neighbours of one level joined, many seconds in few columns', () => {
  const map = heatMap(stepsOf([[1, 1, 100], [0, 3, 0], [1, 0, 1]]), 1)!; // prettier-ignore
  assert.equal(map.levels[0], 1);
  assert.deepEqual([map.fromRow, map.toRow, map.columnS], [40, 43, 1]);
  const top = map.levels.length - 1;
  assert.deepEqual(
    map.columns.map(({ cells }) =>
      cells.map(({ fromRow, toRow, level }) => [fromRow, toRow, level]),
    ),
    [
      [[40, 42, 0], [42, 43, top]], // prettier-ignore
      [[41, 42, map.levels.findLastIndex((from) => from <= 3)]],
      [[40, 41, 0], [42, 43, 0]], // prettier-ignore
    ],
  );
  const long = heatMap(stepsOf(Array.from({ length: 601 }, () => [2])), 1)!;
  assert.deepEqual([long.columnS, long.columns.length, long.levels.length > 1], [3, 201, true]);
  assert.equal(heatMap([], 1), null);
  for (const max of [1, 2, 3, 9, 1000, 1e7]) {
    const levels = levelsUpTo(max);
    assert.equal(levels[0], 1);
    assert.ok(levels.at(-1)! <= max && levels.every((from, i) => i === 0 || from > levels[i - 1]));
  }
});

test('a point a second: the rate that was begun, without warm-up and cut seconds', () => {
  const points = ratePoints(marked);
  // The first is warm-up, the last is cut.
  assert.deepEqual(points.map(({ rate }) => rate), [40, 60, 80, 100, 120, 140, 160, 180]); // prettier-ignore
  assert.ok(points.every(({ p50, p95 }) => p50 <= p95));
});

test('what was asked for: constant, stages in their own unit, rounds, changed while it ran', () => {
  const { load } = syntheticRun({ seconds: 10 }).plan!;
  const at = { beganS: 1, startT: 0 };
  assert.deepEqual(askedOf(load, at), { of: 'vus', points: [{ x: 1, y: 500 }, { x: 11, y: 500 }] }); // prettier-ignore
  const ramping = { ...load, executor: 'ramping-arrival-rate' as const, rate: { starts: 60, timeUnitMs: 60_000 }, stages: [{ durationMs: 4000, target: 120 }, { durationMs: 0, target: 0 }, { durationMs: 6000, target: 0 }] }; // prettier-ignore
  assert.deepEqual(askedOf(ramping, at)!.points, [{ x: 1, y: 1 }, { x: 5, y: 2 }, { x: 5, y: 0 }, { x: 11, y: 0 }]); // prettier-ignore
  const control: ControlLine[] = [{ t: 1000, action: 'begin', toPerSecond: 5, by: 'load' }, { t: 4000, action: 'rate', toPerSecond: 9, by: 'console' }]; // prettier-ignore
  assert.deepEqual(askedOf(ramping, { ...at, control })!.points, [{ x: 1, y: 5 }, { x: 4, y: 5 }, { x: 4, y: 9 }, { x: 11, y: 9 }]); // prettier-ignore
  const times = [{ fromMs: 0, stressFromMs: 2000, pauseFromMs: 3000, untilMs: 4000, stopped: 0 }];
  const rounds = { of: 'rounds' as const, speedup: 1, peakPerSecond: 9, rounds: { basePerSecond: 3, stressPerSecond: 9, times } }; // prettier-ignore
  assert.deepEqual(askedOf({ ...load, timed: rounds }, at)!.points.map(({ y }) => y), [0, 3, 3, 9, 9, 0, 0]); // prettier-ignore
  assert.equal(askedOf({ ...load, executor: 'shared-iterations' }, at), null);
});

test('gates are lines in the panels of their figures, and corners on the axis of percentiles', () => {
  const lines = (name: string) =>
    drawn(marked, name)
      .filter(({ label }) => label.startsWith('gate '))
      .map(({ label, yAxisID, data }) => [label, yAxisID, data.map(({ y }) => y)]);
  const latency = [
    ['gate p95<60ms (failed)', 'latency', [60, 60]],
    // So far above that a line would press all else flat.
    ['gate p99<500s: far above', 'latency', []],
  ];
  assert.deepEqual(lines('latency'), latency);
  assert.deepEqual(lines('heatmap'), latency);
  assert.deepEqual(lines('rate-latency'), latency);
  assert.deepEqual(lines('throughput'), [['gate rate>=150/s (failed)', 'rate', [150, 150]]]);
  assert.deepEqual(lines('resources'), [['gate backend-cpu<1', 'cpu', [1, 1]]]);
  const corner = drawn(marked, 'distribution').find(({ label }) => label.startsWith('gate p95'))!;
  assert.deepEqual(corner.data.slice(1).map(({ x }) => x), [60, 60]); // prettier-ignore
  assert.ok(Math.abs(corner.data[0].y - Math.log10(20)) < 1e-9, '95 % lies at -log10(1 - 0.95)');
  assert.deepEqual(limitsOf([{ name: 'error rate at most 1 %', state: 'pass', value: 0, limit: 1, unit: '%' }]), []); // prettier-ignore
});

test('all that happened is marked in each chart over time: phases, changes, events', () => {
  assert.deepEqual(
    marked.marks!.map(({ atS, text, kind }) => [atS, text, kind]),
    [
      [1, 'warm-up ends', 'phase'],
      [0, 'to 100/s', 'phase'],
      [3, 'hold 100/s', 'phase'],
      [7, 'to 220/s', 'phase'],
      [5, 'asked for 180/s', 'change'],
      [5.2, 'paused', 'change'],
      [5.3, 'resumed: 180/s', 'change'],
      [4.3, 'storage refuses writes', 'fault'],
      [6, 'network +200 ms', 'fault'],
      [9.2, 'backend stopped', 'fault'],
    ],
  );
  assert.deepEqual(marked.events.map(({ text }) => text), ['postgres: ended with signal SIGKILL']); // prettier-ignore
  assert.equal(marked.logErrors!.count, 3);
});

test('faults are bands from their beginning to their end, cut at the axis; those that overlap lie below each other', () => {
  const bands = marked.marks!.filter(({ kind }) => kind === 'fault');
  assert.deepEqual(
    bands.map(({ atS, untilS }) => [atS, untilS]),
    [[4.3, 6.5], [6, 6.9], [9.2, 10]], // prettier-ignore
  );
  const fault = (id: string, fromMs: number, toMs?: number) => ({ id, kind: 'fault' as const, label: id, fromMs, ...(toMs !== undefined && { toMs }) }); // prettier-ignore
  const lines = [fault('before', 0, 900), fault('across', 500, 3000), fault('after', 70_000), fault('last', 60_000, 90_000)]; // prettier-ignore
  assert.deepEqual(
    faultMarks(lines, { startT: 1000, seconds: 60 }).map(({ text, atS, untilS }) => [
      text,
      atS,
      untilS,
    ]),
    [['across', 0, 2], ['last', 59, 60]], // prettier-ignore
  );
  const spans = [{ from: 0, to: 9 }, { from: 1, to: 3 }, { from: 3, to: 4 }, { from: 3.5, to: 5 }, { from: 9, to: 10 }]; // prettier-ignore
  assert.deepEqual(barRows(spans, 4), { rows: 3, rowOf: [0, 1, 1, 2, 0] });
  assert.deepEqual(barRows(spans, 2), { rows: 2, rowOf: [0, 1, 1, 1, 0] });
  // Drawn: the tint below the data, the bar and its edges above.
  for (const name of ['throughput', 'latency', 'heatmap', 'resources', 'asked', 'io', 'stored']) {
    const plugins = chartOf(marked, name)
      .config()
      .plugins!.map(({ id }) => id);
    assert.ok(plugins.includes('bandTints') && plugins.includes('markers'), name);
  }
  assert.ok(
    !chartOf(usual, 'latency')
      .config()
      .plugins!.some(({ id }) => id === 'bandTints'),
  );
});

test('labels never meet and stay inside, however many marks there are; the weightiest have theirs', () => {
  const mark = fc.record({ at: fc.double({ min: 50, max: 1150, noNaN: true }), width: fc.integer({ min: 10, max: 400 }), rank: fc.integer({ min: 0, max: 2 }) }); // prettier-ignore
  fc.assert(
    fc.property(fc.array(mark, { maxLength: 300 }), (all) => {
      const lines = linesToDraw(all.map((one, i) => ({ ...one, text: String(i) })));
      assert.ok(lines.length <= 60);
      const placed = placeLabels(lines, { left: 50, right: 1150, top: 0 });
      placed.forEach((one, i) => {
        assert.ok(one.left >= 50 && one.left + one.width <= 1150 && one.top <= 40);
        for (const other of placed.slice(i + 1))
          assert.ok(one.top !== other.top || one.left + one.width < other.left || other.left + other.width < one.left); // prettier-ignore
      });
      const first = lines.filter(({ rank }) => rank === Math.min(...lines.map((one) => one.rank)));
      if (first.length > 0) assert.ok(placed.some(({ text }) => first.some((one) => one.text === text))); // prettier-ignore
    }),
    { numRuns: 40 },
  );
});

test('dark: every colour of ink and paper has its counterpart, data stay as they are', () => {
  for (const { name } of chartsOf(marked)) {
    const [light, dark] = [drawn(marked, name), drawn(marked, name, 'dark')];
    assert.deepEqual(dark.map(({ data }) => data), light.map(({ data }) => data)); // prettier-ignore
    const text = JSON.stringify([dark.map(({ borderColor }) => borderColor), chartOf(marked, name).config('dark').options!.plugins!.title]); // prettier-ignore
    for (const colour of [LOOKS.light.ink, LOOKS.light.inkSoft, '#000000'])
      if (colour !== LOOKS.dark.paper) assert.ok(!text.includes(colour), `${name}: ${colour}`);
    assert.ok(text.includes(LOOKS.dark.ink), name);
  }
});

test('a caption says what the figures show', () => {
  const caption = (data: typeof usual, name: string) => chartOf(data, name).caption;
  assert.match(caption(usual, 'latency'), /^p95 rose from 2\d(\.\d)? ms to 10\d ms \(00:2\d\) at 1\d\d submissions\/s, and was 2\d(\.\d)? ms at the end; the slowest answer took 178 ms, at 00:26\.$/); // prettier-ignore
  assert.match(caption(usual, 'heatmap'), /four in five of the \d+ slower ones lie between 00:2\d and 00:2\d\.$/); // prettier-ignore
  assert.match(caption(usual, 'throughput'), /364 \(4\.02 %\) had another answer than 200, between 00:02 and 00:56: 503 unavailable most often \(235\)\.$/); // prettier-ignore
  assert.match(caption(usual, 'rate-latency'), /^The rate hardly changed/);
  assert.match(caption(marked, 'latency'), /when the backend reached \d/);
  assert.equal(caption(marked, 'stored'), 'At 00:07 25 accepted submissions were missing, the most of all looks; at the end 1,181 were stored and 0 missing.'.replace('1,181', marked.storedAtEnd!.stored.toLocaleString('en-US'))); // prettier-ignore
  assert.match(caption(marked, 'asked'), /; 8 were begun too late, 2 were never begun\.$/);
  // Flat: its level, and no change.
  const flat = chartData(syntheticRun({ seconds: 40 }));
  assert.match(
    caption(flat, 'latency'),
    /^p95 stayed around 2\d(\.\d)? ms and the median around 12/,
  );
  assert.match(
    caption(flat, 'throughput'),
    /^1\d\d\/s were answered on average; all were accepted\.$/,
  );
  for (const { caption: words } of chartsOf(dataOf('empty')))
    assert.equal(words, 'There is nothing to see: no data.');
});

test('the course of a figure: one outlier is none', () => {
  const kind = (values: number[]) => courseOf(values)?.kind ?? null;
  const of = (...parts: [number, number][]) => parts.flatMap(([value, times]) => Array<number>(times).fill(value)); // prettier-ignore
  assert.equal(kind(of([10, 30])), 'flat');
  assert.equal(kind(of([10, 15], [900, 1], [10, 15])), 'flat');
  assert.equal(kind(of([10, 15], [90, 15])), 'rise');
  assert.equal(kind(of([90, 15], [10, 15])), 'fall');
  assert.equal(kind(of([10, 12], [90, 6], [10, 12])), 'hump');
  assert.equal(kind([1, 2, 3]), null);
});
