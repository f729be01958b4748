import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  GENERATOR,
  INFINITY,
  type Point,
  add,
  decompress,
  double,
  isEqual,
  isOnCurve,
  multiply,
  negate,
} from '../../mina/curve.ts';
import { Fp, Fq, p, q } from '../../mina/field.ts';

// MinaProtocol/c-reference-signer and zcash/pasta: the endomorphism of Pallas.
const LAMBDA = 26005156700822196841419187675678338661165322343552424574062261873906994770353n;
const BETA = 20444556541222657078399132219657928148671392403212669005631716460534733845831n;

const scalar = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.constantFrom(0n, 1n, 2n, 3n, q - 1n, q - 2n, 1n << 254n, (q + 1n) / 2n),
  },
  { weight: 3, arbitrary: fc.bigInt({ min: 0n, max: q - 1n }) },
);
const point: fc.Arbitrary<Point> = scalar.map((k) => multiply(GENERATOR, k));
const runs = (numRuns: number): { numRuns: number } => ({ numRuns });
const assertEqual = (a: Point, b: Point): void => assert.ok(isEqual(a, b), 'points differ');

describe('group laws of Pallas', () => {
  test('the generator is on the curve and has order q', () => {
    assert.ok(isOnCurve(GENERATOR));
    assert.equal(multiply(GENERATOR, q), INFINITY);
    assertEqual(multiply(GENERATOR, q + 1n), GENERATOR);
    assertEqual(multiply(GENERATOR, q - 1n), negate(GENERATOR));
  });

  test('addition is commutative and associative, and stays on the curve', () => {
    fc.assert(
      fc.property(point, point, point, (a, b, c) => {
        assertEqual(add(a, b), add(b, a));
        assertEqual(add(add(a, b), c), add(a, add(b, c)));
        assert.ok(isOnCurve(add(a, b)));
      }),
      runs(40),
    );
  });

  test('infinity is neutral, the negative is inverse, a point and itself are its double', () => {
    fc.assert(
      fc.property(point, (a) => {
        assertEqual(add(a, INFINITY), a);
        assertEqual(add(INFINITY, a), a);
        assert.equal(add(a, negate(a)), INFINITY);
        assertEqual(add(a, a), double(a));
        assertEqual(double(a), multiply(a, 2n));
        assert.ok(isOnCurve(negate(a)));
      }),
      runs(40),
    );
  });

  test('multiplication: distributes over scalars and points, and nests', () => {
    fc.assert(
      fc.property(point, point, scalar, scalar, (a, b, k, l) => {
        assertEqual(add(multiply(a, k), multiply(a, l)), multiply(a, k + l));
        assertEqual(multiply(add(a, b), k), add(multiply(a, k), multiply(b, k)));
        assertEqual(multiply(multiply(a, k), l), multiply(a, Fq.mul(k, l)));
      }),
      runs(20),
    );
  });

  test('multiplication equals repeated affine addition', () => {
    let sum: Point = INFINITY;
    for (let k = 0n; k < 130n; k++) {
      assertEqual(multiply(GENERATOR, k), sum);
      assertEqual(multiply(GENERATOR, -k), negate(sum));
      sum = add(sum, GENERATOR);
    }
    assert.equal(multiply(INFINITY, 5n), INFINITY);
  });

  test('the endomorphism: λ·(x, y) = (β·x, y)', () => {
    assert.equal((LAMBDA * LAMBDA + LAMBDA + 1n) % q, 0n);
    assert.equal((BETA * BETA + BETA + 1n) % p, 0n);
    fc.assert(
      fc.property(point, (a) => {
        const image = a === INFINITY ? INFINITY : { x: Fp.mul(BETA, a.x), y: a.y };
        assertEqual(multiply(a, LAMBDA), image);
      }),
      runs(20),
    );
  });
});

describe('decompress', () => {
  test('gives back every point from x and the parity of y', () => {
    fc.assert(
      fc.property(point, (a) => {
        if (a === INFINITY) return;
        const isOdd = (a.y & 1n) === 1n;
        assertEqual(decompress(a.x, isOdd), a);
        assertEqual(decompress(a.x, !isOdd), negate(a));
      }),
      runs(40),
    );
  });

  test('accepts an x exactly when x³ + 5 is a square', () => {
    let none = 0;
    for (let x = 0n; x < 60n; x++) {
      const isSquare = Fp.power(Fp.add(x ** 3n, 5n), (p - 1n) / 2n) === 1n;
      if (isSquare) assert.ok(isOnCurve(decompress(x, false)));
      else {
        none++;
        assert.throws(() => decompress(x, false), {
          name: 'RangeError',
          message: 'x is on no point of the curve',
        });
      }
    }
    assert.ok(none > 10 && none < 50, `${none} of 60 refused`);
    for (const x of [0n, 2n]) assert.throws(() => decompress(x, true), /on no point/);
  });

  test('refuses an x outside the field', () => {
    for (const x of [-1n, p, p + 1n])
      assert.throws(() => decompress(x, false), {
        name: 'RangeError',
        message: 'x is not below the modulus of Fp',
      });
  });
});

test('isOnCurve refuses a changed coordinate and one outside the field', () => {
  const { x, y } = GENERATOR;
  assert.equal(isOnCurve({ x, y: y + 1n }), false);
  assert.equal(isOnCurve({ x: x + 1n, y }), false);
  assert.equal(isOnCurve({ x: x + p, y }), false);
  assert.equal(isOnCurve({ x, y: y + p }), false);
  assert.equal(isOnCurve({ x, y: y - p }), false);
  assert.equal(isOnCurve({ x: -1n, y: 2n }), false); // the generator of other Pallas libraries, not reduced
  assert.equal(isOnCurve({ x: p - 1n, y: 2n }), true);
  assert.equal(isOnCurve(INFINITY), true);
});
