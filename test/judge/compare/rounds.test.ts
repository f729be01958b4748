import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { COMPARED_FIGURES, figuresWith, pairsOf } from '../../../judge/compare/figures.ts';
import {
  abbaOrder,
  compareRounds,
  comparisonState,
  type ComparedFigure,
  type PairedFigure,
} from '../../../judge/compare/rounds.ts';
import { smallestEffect } from '../../../judge/compare/detectable.ts';
import { normalOf, randomOf } from '../../../judge/random.ts';
import type { Summary } from '../../../results/types.ts';

const p95: ComparedFigure = {
  name: 'p95',
  what: 'p95, ms',
  worse: 'higher',
  minimumEffect: 0.05,
  gates: true,
};
const rate: ComparedFigure = {
  name: 'rate',
  what: 'submissions/s',
  worse: 'lower',
  minimumEffect: 0.03,
  gates: true,
};
const pairs = (base: number[], factor: number): PairedFigure[] =>
  base.map((value, i) => ({ base: value, now: value * factor * (1 + 0.001 * i) }));
const EIGHT = [100, 104, 98, 101, 97, 103, 99, 102];
const stateOf = (factor: number, of = p95, base = EIGHT): string =>
  compareRounds([of], { [of.name]: pairs(base, factor) })[0].state;

test('worse only beyond the minimum effect, in the direction that is worse', () => {
  assert.equal(stateOf(1), 'no change shown');
  assert.equal(stateOf(1.04), 'no change shown', 'certain, but too small to matter');
  assert.equal(stateOf(1.2), 'worse');
  assert.equal(stateOf(0.8), 'better');
  assert.equal(stateOf(0.9, rate), 'worse');
  assert.equal(stateOf(1.1, rate), 'better');
  assert.equal(stateOf(0.98, rate), 'no change shown');
});

test('5 % of a latency and 3 % of the throughput count, and two figures gate, unless the caller says otherwise', () => {
  const shown = (figures: readonly ComparedFigure[]) =>
    figures.map(({ name, minimumEffect, gates }) => [name, minimumEffect, gates]);
  assert.deepEqual(shown(figuresWith({})), [
    ['p50', 0.05, false],
    ['p95', 0.05, true],
    ['p99', 0.05, false],
    ['throughput', 0.03, true],
    ['cpu-per-submission', 0.05, false],
  ]);
  assert.deepEqual(shown(figuresWith({ gates: ['p50'], effects: { p50: 0, throughput: 0.2 } })), [
    ['p50', 0, true],
    ['p95', 0.05, false],
    ['p99', 0.05, false],
    ['throughput', 0.2, false],
    ['cpu-per-submission', 0.05, false],
  ]);
});

/** Rounds whose change passes 5 % by these logarithms. */
const beyond = (logs: readonly number[]): PairedFigure[] =>
  logs.map((log) => ({ base: 100, now: 105 * Math.exp(log) }));
/** One round of eight speaks against it, the fifth by size: p = 10 / 256; with the sixth: p = 14 / 256. */
const [FIFTH, SIXTH] = [5, 6].map((minus) => [1, 2, 3, 4, 5, 6, 7, 8].map((i) => (i === minus ? -i : i) / 100)); // prettier-ignore

test('each figure that gates makes the level of the others stricter, one that is only shown does not', () => {
  const alone = compareRounds([p95], { p95: beyond(FIFTH) })[0];
  assert.deepEqual([alone.state, alone.probability], ['worse', 10 / 256]);
  const beside = (other: ComparedFigure) =>
    compareRounds([p95, other], { p95: beyond(FIFTH), rate: pairs(EIGHT, 1) })[0];
  assert.deepEqual([beside(rate).state, beside(rate).probability], ['no change shown', 20 / 256]);
  const shown = beside({ ...rate, gates: false });
  assert.deepEqual([shown.state, shown.probability], ['worse', 10 / 256]);
});

test('worse only if the bound passes the minimum effect, not the estimate alone', () => {
  const [{ state, ratio, probability }] = compareRounds([p95], { p95: beyond(SIXTH) });
  assert.deepEqual([state, probability], ['no change shown', 14 / 256]);
  assert.ok(ratio!.estimate > 1.05 && ratio!.low! < 1.05, JSON.stringify(ratio));
  // In both directions, for any rounds: that the state is worse and that the bound is beyond is one and the same.
  let worse = 0;
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 6, max: 9 }), (seed, rounds) => {
      const normal = normalOf(randomOf(seed));
      const logs = Array.from({ length: rounds }, () => 0.03 + 0.04 * normal());
      const [slower] = compareRounds([p95], { p95: beyond(logs) });
      assert.equal(slower.state === 'worse', slower.ratio!.low! > 1.05);
      const less = logs.map((log) => ({ base: 100, now: 97 * Math.exp(-log) }));
      const [fewer] = compareRounds([rate], { rate: less });
      assert.equal(fewer.state === 'worse', fewer.ratio!.high! < 0.97);
      if (slower.state === 'worse') worse++;
    }),
  );
  assert.ok(worse > 10 && worse < 90, `${worse} of 100`);
});

test('fewer than six rounds are no data, however far apart', () => {
  const [figure] = compareRounds([p95], { p95: pairs(EIGHT.slice(0, 5), 3) });
  assert.equal(figure.state, 'no data');
  assert.equal(figure.ratio, null);
  assert.equal(comparisonState([figure]), 'no data');
  assert.equal(stateOf(3, p95, EIGHT.slice(0, 6)), 'worse');
  // With ten figures six rounds cannot reach the level that Holm leaves each.
  const ten = Array.from({ length: 10 }, (_, i) => ({ ...p95, name: `f${i}` }));
  const six = Object.fromEntries(ten.map(({ name }) => [name, pairs(EIGHT.slice(0, 6), 3)]));
  assert.ok(compareRounds(ten, six).every(({ state }) => state === 'no data'));
});

test('a round in which one side has no figure does not count', () => {
  const eight = pairs(EIGHT, 1.2);
  const gaps = eight.map((pair, i) => (i < 3 ? { ...pair, now: null } : pair));
  const [figure] = compareRounds([p95], { p95: gaps });
  assert.equal(figure.rounds, 5);
  assert.equal(figure.state, 'no data');
  assert.equal(compareRounds([p95], {})[0].state, 'no data');
  assert.equal(compareRounds([p95], { p95: [{ base: 0, now: 5 }] })[0].rounds, 0);
});

test('the ratio has its bounds the right way round', () => {
  for (const [figure, factor] of [
    [p95, 1.2],
    [rate, 0.9],
  ] as const) {
    const [{ ratio }] = compareRounds([figure], { [figure.name]: pairs(EIGHT, factor) });
    assert.ok(ratio!.low! <= ratio!.estimate && ratio!.estimate <= ratio!.high!);
    assert.ok(Math.abs(ratio!.estimate / factor - 1) < 0.01);
  }
});

test('one figure worse fails, one without data leaves it open', () => {
  const good = compareRounds([p95, rate], { p95: pairs(EIGHT, 1), rate: pairs(EIGHT, 1) });
  assert.equal(comparisonState(good), 'not worse');
  const bad = compareRounds([p95, rate], { p95: pairs(EIGHT, 1.3), rate: [] });
  assert.equal(comparisonState(bad), 'worse');
  const open = compareRounds([p95, rate], { p95: pairs(EIGHT, 1), rate: [] });
  assert.equal(comparisonState(open), 'no data');
  const shown = compareRounds([{ ...p95, gates: false }], { p95: pairs(EIGHT, 1.3) });
  assert.equal(shown[0].state, 'worse');
  assert.equal(comparisonState(shown), 'no data');
});

test('the order is ABBA', () => {
  assert.deepEqual(abbaOrder(4), ['base', 'now', 'base', 'now']);
});

test('by default 5 % of a latency and 3 % of throughput count, and p95 and throughput gate', () => {
  assert.deepEqual(COMPARED_FIGURES.map(({ name, minimumEffect, gates, worse }) => [name, minimumEffect, gates, worse]), [
    ['p50', 0.05, false, 'higher'],
    ['p95', 0.05, true, 'higher'],
    ['p99', 0.05, false, 'higher'],
    ['throughput', 0.03, true, 'lower'],
    ['cpu-per-submission', 0.05, false, 'higher'],
  ]); // prettier-ignore
});

test('figures of a run: a latency of nothing expected is no figure', () => {
  const figures = {
    latency: { p50Ms: 5, p95Ms: 10, p99Ms: 20 },
    accepted: 100,
    expected: 100,
    acceptedPerSecond: 50,
    processes: { backend: { cpuCoresMean: 0.5 } },
  } as unknown as Summary['figures'];
  const nothing = { ...figures, accepted: 0, expected: 0, acceptedPerSecond: 0 };
  const read = pairsOf(COMPARED_FIGURES, [{ base: figures, now: nothing }]);
  assert.deepEqual(read.p95, [{ base: 10, now: null }]);
  assert.deepEqual(read['cpu-per-submission'], [{ base: 10, now: null }]);
  assert.deepEqual(read.throughput, [{ base: 50, now: 0 }]);
});

test('the smallest effect: more noise or fewer rounds need a larger one', () => {
  const of = (rounds: number, deviation: number): number | null =>
    smallestEffect({ figure: p95, rounds, figuresThatGate: 1, deviation, random: randomOf(5) });
  const [quiet, noisy, fewer] = [of(8, 0.04), of(8, 0.08), of(6, 0.04)];
  assert.ok(quiet! > 0.05 && quiet! < noisy! && quiet! < fewer!, `${quiet} ${noisy} ${fewer}`);
  assert.equal(of(5, 0.04), null);
  assert.equal(of(8, 5), null);
  assert.ok(of(8, 0)! - 0.05 < 1e-3);
});
