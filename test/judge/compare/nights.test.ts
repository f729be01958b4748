import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { alarmsOf, detectableOf, nightsOf as nightsOfSimulation } from '../../../bench/compare.ts';
import { normalOf, randomOf } from '../../../judge/random.ts';
import { changePoint, changePoints } from '../../../judge/compare/change-point.ts';
import {
  isBeyondLevel,
  levelBegin,
  nightsOfLevel,
  suspicionOf,
  type Night,
} from '../../../judge/compare/nights.ts';
import type { ComparedFigure } from '../../../judge/compare/rounds.ts';

const p95: ComparedFigure = {
  name: 'p95',
  what: 'p95, ms',
  worse: 'higher',
  minimumEffect: 0.05,
  gates: true,
};
const rate: ComparedFigure = { ...p95, name: 'rate', worse: 'lower' };

const series = (levels: [count: number, level: number][], noise = 0.03, seed = 4): number[] => {
  const normal = normalOf(randomOf(seed));
  return levels.flatMap(([count, level]) =>
    Array.from({ length: count }, () => level * Math.exp(noise * normal())),
  );
};
const nights = (values: readonly number[]): Night[] => values.map((value) => ({ value }));
const suspicion = (values: readonly Night[], figure = p95) =>
  suspicionOf(figure, values, randomOf(9));

/** The statistic of Matteson and James straight from its definition. */
function slowSplit(values: readonly number[]): number {
  const mean = (pairs: number[]): number => pairs.reduce((a, b) => a + b, 0) / pairs.length;
  const within = (part: readonly number[]): number[] =>
    part.flatMap((a, i) => part.slice(i + 1).map((b) => Math.abs(a - b)));
  let best = { at: 0, gain: -Infinity };
  for (let at = 3; at <= values.length - 3; at++) {
    const [left, right] = [values.slice(0, at), values.slice(at)];
    const across = left.flatMap((a) => right.map((b) => Math.abs(a - b)));
    const gain =
      ((left.length * right.length) / values.length) *
      (2 * mean(across) - mean(within(left)) - mean(within(right)));
    if (gain > best.gain + 1e-12) best = { at, gain };
  }
  return best.at;
}

test('the split is the one of the definition', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e6 }),
      fc.integer({ min: 3, max: 12 }),
      (seed, before) => {
        const values = series(
          [
            [before, 10],
            [5, 30],
          ],
          0.05,
          seed,
        );
        const found = changePoint(values, 1, randomOf(1));
        assert.equal(found!.at, slowSplit(values));
        assert.equal(found!.at, before);
      },
    ),
    { numRuns: 40 },
  );
});

test('one level has no change, two have one, three have two', () => {
  assert.equal(changePoint(series([[30, 100]]), 0.05, randomOf(2)), null);
  assert.equal(changePoint([1, 2, 9, 9, 9], 0.05, randomOf(2)), null, 'too short');
  assert.deepEqual(
    changePoints(
      series([
        [12, 100],
        [10, 130],
        [12, 90],
      ]),
      0.05,
      randomOf(2),
    ).map(({ at }) => at),
    [12, 22],
  );
});

test('a night far out, a change of level, and neither', () => {
  assert.equal(suspicion(nights(series([[20, 100]]))), null);
  const far = suspicion([...nights(series([[20, 100]])), { value: 140 }]);
  assert.deepEqual([far?.kind, far?.at], ['far out', 20]);
  const change = suspicion(
    nights(
      series(
        [
          [10, 100],
          [4, 112],
        ],
        0.05,
      ),
    ),
  );
  assert.equal(change?.kind, 'change point');
  assert.ok(Math.abs(change.at - 10) <= 1);
  assert.ok(Math.abs(change.ratio - 1.12) < 0.1);
});

test('a change for the better, or one too small to matter, is none', () => {
  assert.equal(suspicion([...nights(series([[20, 100]])), { value: 60 }]), null);
  assert.equal(suspicion([...nights(series([[20, 100]], 0.002)), { value: 104 }]), null);
  assert.equal(suspicion([...nights(series([[20, 100]])), { value: 60 }], rate)?.kind, 'far out');
});

test('a confirmed change opens a new level, a cleared one is not asked about each night', () => {
  const values = nights(
    series([
      [10, 100],
      [5, 120],
    ]),
  );
  const at = suspicion(values)!.at;
  values[at].opensLevel = true;
  const next = [...values, ...nights(series([[4, 120]], 0.03, 6))];
  assert.equal(levelBegin(next), at);
  assert.equal(suspicion(next), null, 'the new level is as it is');
  const far: Night[] = [...next, { value: 190 }];
  assert.deepEqual(
    nightsOfLevel(far, suspicion(far)!),
    next.slice(at).map(({ value }) => value),
  );

  const cleared = nights(
    series(
      [
        [10, 100],
        [4, 112],
      ],
      0.05,
    ),
  );
  assert.equal(suspicion(cleared)?.kind, 'change point');
  cleared[12].cleared = true;
  assert.equal(suspicion(cleared), null);
  assert.equal(suspicion([...cleared, { value: 150 }])?.kind, 'far out');
});

test('without the last good version: rounds together are one more night', () => {
  const level = series([[10, 100]]);
  assert.equal(isBeyondLevel(p95, level, series([[8, 130]], 0.03, 8)), true);
  assert.equal(isBeyondLevel(p95, level, series([[8, 100]], 0.03, 8)), false);
  assert.equal(isBeyondLevel(p95, level, series([[8, 70]], 0.03, 8)), false);
  assert.equal(isBeyondLevel(rate, level, series([[8, 70]], 0.03, 8)), true);
  assert.equal(isBeyondLevel(p95, [100, 101], [130, 131, 130]), null);
  assert.equal(isBeyondLevel(p95, level, [130, 131]), null);
  // Many quiet rounds of one unlucky night are no proof: 8 % is within what such nights differ by.
  const wide = series([[8, 100]], 0.06, 3);
  assert.equal(isBeyondLevel(p95, wide, new Array<number>(20).fill(108)), false);
});

test('the claimed figures hold on a smaller table: no wolf, no miss', () => {
  const still = alarmsOf(8, 0.08, 1, 300);
  assert.ok(still.ours < 0.02);
  assert.ok(still.oneRunEach > 0.1, 'one run each does cry wolf');
  assert.ok(alarmsOf(8, 0.04, 1.2, 300).ours > 0.95);
  const { falseNights, found } = nightsOfSimulation('ours', {
    noise: 0.04,
    change: 1.2,
    histories: 15,
    roundsOfANight: 10,
  });
  assert.ok(falseNights < 1);
  assert.ok(found > 0.9);
  const simple = nightsOfSimulation('previous + 10 %', {
    noise: 0.08,
    change: 1.2,
    histories: 15,
    roundsOfANight: 10,
  });
  assert.ok(simple.falseNights > 5, 'the rule that the table warns of does cry wolf');
});

test('the smallest effect that a comparison names is found in four of five', () => {
  const least = detectableOf(8, 0.04)!;
  // Other draws than those that it was found by.
  const found = alarmsOf(8, 0.04, 1 + least, 500, 2).ours;
  assert.ok(found > 0.72 && found < 0.88, `${found} of changes by ${least}`);
});
