import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PNG } from 'pngjs';
import type { ChartDefinition } from '../../plots/charts.ts';
import { logBins, logRange } from '../../plots/distribution.ts';
import { placeLabels } from '../../plots/marks.ts';
import { definitionsOf, renderPng, renderRun, renderSvg } from '../../plots/render.ts';
import { decodeBuckets } from '../../results/histogram.ts';
import { UserError } from '../../user-error.ts';
import { USUAL_CHARTS } from '../support/charts.ts';
import {
  differences,
  matchesGolden,
  overlap,
  raster,
  shown,
  textBoxes,
  textsApart,
  TOLERANCE,
} from '../support/pictures.ts';
import { SYNTHETIC_RUNS, syntheticRun, writeRun } from '../../bench/synthetic-run.ts';
import { thorough } from '../support/thorough.ts';
import { scratchFolder } from '../support/scratch.ts';

const scratch = scratchFolder();

/** Drawn again in `npm run test:slow` alone: beside the others they are more of the same, and an hour takes seconds to make. */
const IN_SLOW = ['second', 'outlier', 'logged', 'hour'];

const made = new Map<string, ChartDefinition[]>();
/** Made once: each case is looked at by several tests. */
function chartsOf(run: string): ChartDefinition[] {
  const charts =
    made.get(run) ?? definitionsOf(SYNTHETIC_RUNS[run as keyof typeof SYNTHETIC_RUNS]());
  made.set(run, charts);
  return charts;
}
const chartOf = (run: string, name: string): ChartDefinition =>
  chartsOf(run).find((definition) => definition.name === name)!;

/** In dark colours; all others are light. */
const DARK = ['marked'];

for (const name of Object.keys(SYNTHETIC_RUNS).filter((one) => thorough || !IN_SLOW.includes(one)))
  // Charts for a closer look are drawn where they have something to show.
  for (const definition of chartsOf(name).filter(
    ({ isUsual }) => isUsual || name.startsWith('marked'),
  ))
    test(`all text is inside the picture and apart: ${name}, ${definition.name}`, () =>
      textsApart(definition));

test('the check of text places sees a title that is cut and labels that meet', () => {
  const definition = chartOf('second', 'throughput');
  const narrow = { ...definition, width: 300 };
  assert.ok(textBoxes(narrow).some((box) => box.right > narrow.width));
  assert.ok(
    overlap(
      { text: 'a', left: 0, right: 9, top: 0, bottom: 9 },
      { text: 'b', left: 8, right: 12, top: 8, bottom: 12 },
    ),
  );
});

test('a run without data gives pictures that say so', () => {
  for (const definition of chartsOf('empty')) {
    const words = textBoxes(definition).filter(({ text }) => text === 'no data');
    assert.ok(words.length >= 1, definition.name);
  }
  assert.ok(!textBoxes(chartOf('usual', 'throughput')).some(({ text }) => text === 'no data'));
});

test('axes name their units, the legend each class with its count', () => {
  const texts = (run: string, name: string) =>
    textBoxes(chartOf(run, name)).map(({ text }) => text);
  const throughput = texts('usual', 'throughput');
  for (const text of ['Submissions per second', 'VUs', 'Time since the start (mm:ss)', '00:30'])
    assert.ok(throughput.includes(text), text);
  assert.ok(throughput.some((text) => /^503 unavailable: \d+$/.test(text)));
  const resources = texts('usual', 'resources');
  for (const text of ['CPU (cores, of 4)', 'Memory (RSS, MB)', 'VUs', 'backend', 'k6', 'toolkit'])
    assert.equal(resources.filter((other) => other === text).length, 1, text);
  assert.ok(texts('outlier', 'latency').includes('Latency (ms, logarithmic)'));
  if (!thorough) return;
  assert.ok(
    texts('hour', 'throughput').includes('Time since the start (h:mm:ss, one step = 10 s)'),
  );
});

const GOLDEN: readonly [run: string, chart: string][] = [
  ...USUAL_CHARTS.map((name): [string, string] => ['usual', name]),
  ['breakpoint', 'breakpoint'],
  ['empty', 'throughput'],
  ['failed', 'throughput'],
  ['hour', 'resources'],
  ['outlier', 'latency'],
  ['marked', 'rate-latency'],
  ['marked', 'stored'],
  ['marked', 'asked'],
  ['marked', 'io'],
];

for (const [run, name] of GOLDEN.filter(
  ([run]) => thorough || process.env.UPDATE_GOLDEN || run !== 'hour',
))
  test(`golden picture: ${run}, ${name}`, () =>
    matchesGolden(chartOf(run, name), `${run}-${name}`, DARK.includes(run) ? 'dark' : 'light'));

test('the comparison sees one process missing', () => {
  const [one, other] = [[0.7, 0.35], [0.7]].map(([backend, k6]) =>
    raster(
      definitionsOf(
        syntheticRun({ processes: k6 === undefined ? { backend } : { backend, k6 } }),
      ).find(({ name }) => name === 'resources')!,
    ),
  );
  const different = differences(one, other, 0.2);
  assert.ok(different > TOLERANCE * one.width * one.height, `only ${different} pixels differ`);
});

test('a PNG has two pixels for each CSS pixel', () => {
  const definition = chartOf('second', 'latency');
  const { width, height } = PNG.sync.read(renderPng(definition));
  assert.deepEqual([width, height], [2 * definition.width, 2 * definition.height]);
});

test('an SVG needs no font and shows what the PNG shows', async () => {
  for (const name of USUAL_CHARTS) {
    const definition = chartOf('usual', name);
    const { width, height } = definition;
    const svg = renderSvg(definition);
    assert.doesNotMatch(svg.toString('utf8'), /<text|font-family|<image/);
    assert.match(svg.toString('utf8'), new RegExp(`viewBox="0 0 ${width} ${height}"`));
    const different = differences(await shown(svg), raster(definition), 0.3);
    assert.ok(different <= 0.01 * width * height, `${name}: ${different} pixels differ`);
  }
});

test(
  'a run of a day is drawn, with every count in it',
  { skip: !thorough && 'part of npm run test:slow' },
  () => {
    const { samples, ...run } = syntheticRun({
      seconds: 600,
      rate: 3,
      processes: { backend: 0.1 },
    });
    const day = Array.from({ length: 86_400 }, (_, second) => ({
      ...samples[second % samples.length],
      t: samples[0].t + second * 1000,
      elapsedS: second,
    }));
    for (const definition of definitionsOf({ ...run, samples: day })) {
      const config = definition.config();
      for (const { data } of config.data.datasets)
        assert.ok(data.length <= 4 * 600 + 8, definition.name);
      assert.ok(renderSvg(definition).length > 1000);
    }
  },
);

test('the bins of the distribution hold every answer', () => {
  for (const make of [SYNTHETIC_RUNS.usual, SYNTHETIC_RUNS.outlier, SYNTHETIC_RUNS.second]) {
    const latency = make().summary!.figures.latency!;
    const buckets = decodeBuckets(latency.hdr);
    for (const bins of [1, 12, 120]) {
      const all = logBins(buckets, logRange(buckets), bins);
      assert.ok(all.length <= bins);
      assert.equal(
        all.reduce((sum, bin) => sum + bin.count, 0),
        latency.count,
      );
      assert.ok(Math.abs(all.reduce((sum, bin) => sum + bin.share, 0) - 1) < 1e-9);
    }
  }
});

test('labels of lines that are close stand in rows, and never outside', () => {
  const area = { left: 0, right: 300, top: 10 };
  const placed = placeLabels(
    [
      { text: 'p99', at: 298, width: 80 },
      { text: 'p50', at: 100, width: 80 },
      { text: 'p95', at: 296, width: 80 },
    ],
    area,
  );
  assert.deepEqual(
    placed.map(({ text }) => text),
    ['p50', 'p95', 'p99'],
  );
  for (const { left, width } of placed) assert.ok(left >= 0 && left + width <= 300);
  assert.equal(new Set(placed.map(({ left, top }) => `${left} ${top}`)).size, 3);
  assert.notEqual(placed[1].top, placed[2].top);
});

test('renderRun writes the pictures of a folder, and nothing else', async () => {
  const folder = join(scratch, 'run');
  writeRun(folder, SYNTHETIC_RUNS.second());
  const before = readdirSync(folder);
  const paths = await renderRun(folder);
  const expected = USUAL_CHARTS.flatMap((name) => [`${name}.png`, `${name}.svg`]);
  assert.deepEqual(
    paths,
    expected.map((file) => join(folder, file)),
  );
  assert.deepEqual(readdirSync(folder).sort(), [...before, ...expected].sort());

  const out = join(scratch, 'elsewhere', 'deep');
  await renderRun(folder, { out, formats: ['svg'] });
  assert.deepEqual(readdirSync(out).sort(), USUAL_CHARTS.map((name) => `${name}.svg`).sort());
});

test('pictures that cannot be drawn or written are an error that says what to do', async () => {
  const folder = join(scratch, 'damaged');
  const run = syntheticRun({ seconds: 1300, rate: 1 });
  const line = run.samples.find(({ latency, elapsedS }) => latency !== null && elapsedS > 700)!;
  line.latency!.hdr = 'HISTFAAAAC';
  writeRun(folder, run);
  await assert.rejects(renderRun(folder), (error: UserError) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, new RegExp(`second ${line.elapsedS} is broken`));
    assert.match(error.hint, /samples\.ndjson/);
    return true;
  });
  assert.ok(!existsSync(join(folder, 'throughput.png')), 'nothing half-written');

  const file = join(scratch, 'a-file');
  writeFileSync(file, '');
  const good = join(scratch, 'run-2');
  writeRun(good, SYNTHETIC_RUNS.second());
  await assert.rejects(renderRun(good, { out: join(file, 'x') }), (error: UserError) => {
    assert.ok(error instanceof UserError);
    assert.match(error.hint, /--out/);
    return true;
  });
});
