/** Exact values by SciPy 1.x `wilcoxon(method='exact')` and by trying every sign; Hollander and Wolfe's depression data (1973, table 3.1). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  fewestRounds,
  holm,
  probabilityOfNoIncrease,
  shiftOf,
} from '../../../judge/compare/signed-rank.ts';

const DEPRESSION = [0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01];

/** Every assignment of signs, one by one. */
function byTrying(differences: readonly number[]): number {
  const present = differences.filter((one) => one !== 0);
  const rank = (value: number): number =>
    present.filter((one) => Math.abs(one) < Math.abs(value)).length +
    (present.filter((one) => Math.abs(one) === Math.abs(value)).length + 1) / 2;
  const ranks = present.map(rank);
  const observed = ranks.reduce((sum, one, i) => (present[i] > 0 ? sum + one : sum), 0);
  let asHigh = 0;
  for (let signs = 0; signs < 2 ** ranks.length; signs++) {
    const sum = ranks.reduce((total, one, i) => ((signs >> i) & 1 ? total + one : total), 0);
    if (sum >= observed) asHigh++;
  }
  return asHigh / 2 ** ranks.length;
}

test('the exact probability: published data, ties, zeros', () => {
  assert.equal(probabilityOfNoIncrease(DEPRESSION), 0.01953125);
  assert.equal(probabilityOfNoIncrease([3, 3, -1, 2, 5, -2, 4, 1]), 0.0390625);
  assert.equal(probabilityOfNoIncrease([1, 2, 0, 3, -1, 0, 2.5]), 0.09375);
  assert.equal(probabilityOfNoIncrease([]), 1);
  assert.equal(probabilityOfNoIncrease([0, 0]), 1);
  assert.equal(probabilityOfNoIncrease([1, 2, 3, 4, 5, 6]), 1 / 64);
  assert.throws(() => probabilityOfNoIncrease([1, NaN]), RangeError);
  assert.throws(() => probabilityOfNoIncrease(new Array(201).fill(1)), RangeError);
});

test('the same as trying every sign', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -6, max: 6 }), { maxLength: 9 }), (differences) => {
      assert.ok(Math.abs(probabilityOfNoIncrease(differences) - byTrying(differences)) < 1e-12);
    }),
  );
});

test('estimate and bounds are those at which the test turns', () => {
  assert.ok(Math.abs(shiftOf(DEPRESSION, 0.05).estimate - 0.46) < 1e-9);
  fc.assert(
    fc.property(
      // Whole numbers: two pairwise means nearer to each other than the step below would be one bound.
      fc.uniqueArray(fc.integer({ min: -5000, max: 5000 }), { minLength: 5, maxLength: 10 }),
      (values) => {
        const { estimate, low, high } = shiftOf(values, 0.05);
        assert.ok(low <= estimate && estimate <= high);
        const beyond = (shift: number) => probabilityOfNoIncrease(values.map((one) => one - shift));
        const step = 1e-9;
        assert.ok(beyond(low - step) <= 0.05, 'just below the bound it is rejected');
        assert.ok(beyond(low + step) > 0.05, 'just above it is not');
        const mirrored = shiftOf(
          values.map((one) => -one),
          0.05,
        );
        assert.ok(Math.abs(mirrored.low + high) < 1e-12);
      },
    ),
    { numRuns: 200 },
  );
});

test('too few values give no bounds, none at all is refused', () => {
  assert.deepEqual(shiftOf([1, 2, 3, 4], 0.05), { estimate: 2.5, low: -Infinity, high: Infinity });
  assert.equal(shiftOf([1, 2, 3, 4, 5], 0.05).low, 1);
  assert.throws(() => shiftOf([], 0.05), RangeError);
  assert.equal(fewestRounds(0.05), 5);
  assert.equal(fewestRounds(1 / 64), 6);
  assert.equal(fewestRounds(0.05 / 3), 6);
});

test('Holm: the example of four tests', () => {
  assert.deepEqual(
    holm([0.01, 0.04, 0.03, 0.005]).map((one) => Number(one.toFixed(6))),
    [0.03, 0.06, 0.06, 0.02],
  );
  assert.deepEqual(holm([0.9, 0.8]), [1, 1]);
  assert.deepEqual(holm([]), []);
});
