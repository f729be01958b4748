/** Field, permutation and curve of mina/wasm by themselves, through its exports, against the BigInt reference. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { GENERATOR, INFINITY, multiply } from '../../mina/curve.ts';
import { Fp, Fq, bytesToIntegerLE, integerToBytesLE, p, q } from '../../mina/field.ts';
import { poseidonLegacyParameters } from '../../mina/poseidon-legacy-parameters.ts';
import { createPoseidon } from '../../mina/poseidon.ts';
import { scalePoseidon } from '../../mina/poseidon-scaled.ts';
import { instantiate } from '../../mina/signer.ts';
import { loadMinaWasm } from '../../paths.ts';

type Address = number;
type Binary = (out: Address, a: Address, b: Address) => void;
type Unary = (out: Address, a: Address) => void;
type Exports = {
  memory: WebAssembly.Memory;
  LANES: WebAssembly.Global;
  laneDigits: WebAssembly.Global;
  lanePoints: WebAssembly.Global;
  laneInfinity: WebAssembly.Global;
  reserveInput: (bytes: number) => Address;
  fpMul: Binary;
  addLimbs: Binary;
  fpSub: Binary;
  fpSubReduced: Binary;
  fpSquare: Unary;
  fpInvert: Unary;
  fpSqrt: (out: Address, a: Address) => number;
  fpFromInteger: Unary;
  fpToInteger: Unary;
  integerFromBytes: Unary;
  integerToBytes: Unary;
  fqMulAdd: (out: Address, a: Address, b: Address, c: Address) => void;
  permute: (state: Address) => void;
  setInfinity: (point: Address) => void;
  recode8: (digits: Address, bytes: Address) => void;
  addGeneratorMultiple: (point: Address, digits: Address) => void;
  jacobianToAffine: (out: Address, point: Address) => number;
  generatorMultiples: (lanes: number) => void;
  halfDigits0: WebAssembly.Global;
  halfDigits1: WebAssembly.Global;
  splitScalar: (k: Address, isNegated: boolean) => void;
  multiplyPoint: (out: Address, point: Address) => void;
  fillPointTable: (table: Address, point: Address) => void;
  addTableMultiple: (sum: Address, table: Address) => void;
};

const wasm = instantiate(loadMinaWasm()) as unknown as Exports;
const ELEMENT = 36;
const R = 1n << 261n;
const base = wasm.reserveInput(65536);
const [A, B, C, OUT] = [0, 1, 2, 3].map((i) => base + ELEMENT * i);
const BYTES = base + 1024;
const POINT = base + 2048;

const memory = (): Uint8Array => new Uint8Array(wasm.memory.buffer);
const limbs = (address: Address): Uint32Array => new Uint32Array(wasm.memory.buffer, address, 9);
/** Any integer below 2^261, limb by limb. */
const put = (address: Address, value: bigint): void =>
  limbs(address).forEach((_, i, all) => (all[i] = Number((value >> BigInt(29 * i)) & 0x1fffffffn)));
const get = (address: Address): bigint =>
  limbs(address).reduceRight((sum, limb) => {
    assert.ok(limb < 2 ** 29, 'a limb is not carried');
    return (sum << 29n) | BigInt(limb);
  }, 0n);
const putBytes = (address: Address, value: bigint): void =>
  memory().set(integerToBytesLE(value, 32), address);
const getElement = (address: Address): bigint => {
  wasm.fpToInteger(OUT, address);
  return get(OUT);
};
const putElement = (address: Address, value: bigint): void => {
  put(address, value);
  wasm.fpFromInteger(address, address);
};

const edges = [0n, 1n, 2n, p - 1n, p, p + 1n, 2n * p - 1n, (1n << 254n) - 1n, 1n << 254n];
/** Values up to a multiple of p: products take factors up to 11 p. */
const upTo = (multiple: bigint): fc.Arbitrary<bigint> =>
  fc.oneof(
    fc.constantFrom(
      ...edges.filter((value) => value < multiple * p),
      multiple * p - 1n,
      (multiple - 1n) * p,
    ),
    fc.bigInt({ min: 0n, max: multiple * p - 1n }),
    // Many limbs of all ones: the largest columns.
    fc
      .array(fc.constantFrom(0n, 1n, (1n << 29n) - 1n), { minLength: 8, maxLength: 8 })
      .map((values) => values.reduce((sum, limb) => (sum << 29n) | limb, 0n)),
  );
const elements = fc.oneof(fc.constantFrom(0n, 1n, 2n, p - 1n), fc.bigInt({ min: 0n, max: p - 1n }));
const RUNS = { numRuns: 500 };

describe('field of mina/wasm', () => {
  test('product and square: congruent, and below 2 p for factors below 11 p', () => {
    fc.assert(
      fc.property(upTo(11n), upTo(11n), (a, b) => {
        put(A, a);
        put(B, b);
        wasm.fpMul(OUT, A, B);
        assert.equal((get(OUT) * R - a * b) % p, 0n);
        assert.ok(get(OUT) < 2n * p);
        wasm.fpSquare(OUT, A);
        assert.equal((get(OUT) * R - a * a) % p, 0n);
        assert.ok(get(OUT) < 2n * p);
        wasm.fpMul(A, A, B); // in place
        assert.equal((get(A) * R - a * b) % p, 0n);
      }),
      RUNS,
    );
  });

  test('sum, difference and reduced difference within their bounds', () => {
    fc.assert(
      fc.property(upTo(100n), upTo(8n), upTo(16n), (a, b, larger) => {
        put(A, a);
        put(B, b);
        wasm.addLimbs(OUT, A, B);
        assert.equal(get(OUT), a + b);
        wasm.fpSub(OUT, A, B);
        assert.equal(get(OUT), a - b + 8n * p);
        put(B, larger);
        wasm.fpSubReduced(OUT, A, B);
        assert.equal((get(OUT) - a + larger) % p, 0n);
        assert.ok(get(OUT) < 2n * p + (1n << 134n));
      }),
      RUNS,
    );
  });

  test('to Montgomery form and back; the result is canonical', () => {
    fc.assert(
      fc.property(upTo(11n), (a) => {
        put(A, a);
        wasm.fpFromInteger(B, A);
        assert.equal(getElement(B), a % p);
      }),
      RUNS,
    );
  });

  test('inverse and square root agree with BigInt', () => {
    fc.assert(
      fc.property(elements, (a) => {
        putElement(A, a);
        wasm.fpInvert(B, A);
        assert.equal(getElement(B), a === 0n ? 0n : Fp.invert(a));
        const isSquare = wasm.fpSqrt(B, A) === 1;
        assert.equal(isSquare, Fp.sqrt(a) !== undefined);
        if (isSquare) assert.equal(Fp.square(getElement(B)), a);
        wasm.fpSquare(A, A);
        assert.equal(wasm.fpSqrt(B, A), 1);
        assert.ok([a, Fp.negate(a)].includes(getElement(B)));
      }),
      { numRuns: 100 },
    );
  });

  test('square roots of the roots of unity: every order of the 2-part', () => {
    let root = Fp.power(5n, (p - 1n) >> 32n);
    for (let order = 32; order >= 0; order--, root = Fp.square(root)) {
      putElement(A, root);
      assert.equal(wasm.fpSqrt(B, A), order === 32 ? 0 : 1, `order 2^${order}`);
      if (order < 32) assert.equal(Fp.square(getElement(B)), root);
    }
  });

  test('integers from and to 32 bytes, any value', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }), (value) => {
        putBytes(BYTES, value);
        wasm.integerFromBytes(A, BYTES);
        assert.equal(get(A), value);
        wasm.integerToBytes(BYTES + 32, A);
        assert.equal(bytesToIntegerLE(memory().slice(BYTES + 32, BYTES + 64)), value);
      }),
      RUNS,
    );
  });

  test('scalars: a·b + c mod q', () => {
    const scalars = fc.oneof(fc.constantFrom(0n, 1n, q - 1n), fc.bigInt({ min: 0n, max: q - 1n }));
    fc.assert(
      fc.property(scalars, scalars, scalars, (a, b, c) => {
        put(A, a);
        put(B, Fq.reduce(b * R));
        put(C, c);
        wasm.fqMulAdd(OUT, A, B, C);
        assert.equal(get(OUT), (a * b + c) % q);
      }),
      RUNS,
    );
  });
});

test('the scaled permutation equals the plain one', () => {
  const plain = createPoseidon(poseidonLegacyParameters);
  fc.assert(
    fc.property(elements, elements, elements, (a, b, c) => {
      [a, b, c].forEach((value, i) => putElement(POINT + ELEMENT * i, value));
      wasm.permute(POINT);
      const state = [0, 1, 2].map((i) => getElement(POINT + ELEMENT * i));
      assert.deepEqual(state, plain.permute([a, b, c]));
    }),
    { numRuns: 50 },
  );
});

test('a first column with a zero cannot be scaled', () => {
  const mds = poseidonLegacyParameters.mds.map((row, i) => (i === 1 ? [0n, ...row.slice(1)] : row));
  assert.throws(() => scalePoseidon({ ...poseidonLegacyParameters, mds }), RangeError);
});

describe('multiples of the generator', () => {
  // 2^255 - q is the one scalar whose signed windows end in a doubling.
  const scalars = [
    0n,
    1n,
    2n,
    q - 1n,
    q - 2n,
    1n << 254n,
    (1n << 255n) - q,
    127n,
    128n,
    129n,
    255n,
    256n,
  ];
  scalars.push((1n << 254n) - 1n, (1n << 254n) + 1n, (1n << 255n) - q - 1n, (1n << 255n) - q + 1n);
  for (let w = 1; w < 32; w++) scalars.push(1n << BigInt(8 * w), 128n << BigInt(8 * w - 8));

  const pointAt = (address: Address) => ({
    x: getElement(address),
    y: getElement(address + ELEMENT),
  });

  test('one scalar, Jacobian', () => {
    for (const scalar of scalars) {
      putBytes(BYTES, scalar);
      wasm.recode8(BYTES + 32, BYTES);
      wasm.setInfinity(POINT);
      wasm.addGeneratorMultiple(POINT, BYTES + 32);
      const isFinite = wasm.jacobianToAffine(POINT + 256, POINT) === 1;
      const expected = multiply(GENERATOR, scalar);
      assert.equal(isFinite, expected !== INFINITY, `${scalar}`);
      if (isFinite) assert.deepEqual(pointAt(POINT + 256), expected, `${scalar}`);
    }
  });

  test('many scalars with shared inversions, edges among random ones', () => {
    const lanes = wasm.LANES.value as number;
    const [random] = fc.sample(
      fc.array(fc.bigInt({ min: 0n, max: q - 1n }), { minLength: lanes, maxLength: lanes }),
      { numRuns: 1, seed: 1 },
    );
    for (const count of [1, 2, scalars.length, lanes]) {
      const all = [...scalars, ...random].slice(0, count);
      all.forEach((scalar, i) => {
        putBytes(BYTES, scalar);
        wasm.recode8((wasm.laneDigits.value as number) + 32 * i, BYTES);
      });
      wasm.generatorMultiples(count);
      all.forEach((scalar, i) => {
        const expected = multiply(GENERATOR, scalar);
        const isInfinite = memory()[(wasm.laneInfinity.value as number) + i] === 1;
        assert.equal(isInfinite, expected === INFINITY, `${scalar}`);
        if (!isInfinite)
          assert.deepEqual(pointAt((wasm.lanePoints.value as number) + 72 * i), expected);
      });
    }
  });
});

describe('multiples of any point, by the endomorphism', () => {
  const LAMBDA = 26005156700822196841419187675678338661165322343552424574062261873906994770353n;
  const a = 98231058071100081932162823354453065728n;
  const b = 98231058071186745657228807397848383489n;
  const edgeScalars = [
    0n,
    1n,
    2n,
    31n,
    32n,
    LAMBDA,
    q - LAMBDA,
    LAMBDA + 1n,
    q - 1n,
    q - 2n,
    p - 1n,
  ];
  edgeScalars.push(
    1n << 254n,
    a,
    b,
    a + b,
    q - a,
    (a * LAMBDA) % q,
    (b * LAMBDA + a) % q,
    q / 2n,
    q / 3n,
  );
  const scalars = fc.oneof(fc.constantFrom(...edgeScalars), fc.bigInt({ min: 0n, max: q - 1n }));
  const digitsAt = (address: WebAssembly.Global): number[] =>
    Array.from(new Int8Array(wasm.memory.buffer, address.value as number, 26));

  test('the digits of both halves make up the scalar', () => {
    fc.assert(
      fc.property(scalars, fc.boolean(), (k, isNegated) => {
        put(A, k);
        wasm.splitScalar(A, isNegated);
        const halves = [wasm.halfDigits0, wasm.halfDigits1].map((address) => {
          const digits = digitsAt(address);
          assert.ok(digits.every((digit) => Math.abs(digit) <= 16));
          return digits.reduceRight((sum, digit) => 32n * sum + BigInt(digit), 0n);
        });
        const sum = halves[0] + halves[1] * LAMBDA;
        assert.equal(Fq.reduce(sum), Fq.reduce(isNegated ? -k : k));
        for (const half of halves) assert.ok(half < 1n << 127n && half > -(1n << 127n));
      }),
      { numRuns: 2000, examples: edgeScalars.map((k) => [k, false]) },
    );
  });

  const putPoint = (address: Address, { x, y }: { x: bigint; y: bigint }): void => {
    putElement(address, x);
    putElement(address + ELEMENT, y);
  };
  const SUM = base + 4096;
  const TABLE = base + 8192;

  /** Multiples of P, and sums with s·G that meet every case: equal, opposite, infinite. */
  test('with a table and without, alone and before s·G is added', () => {
    const keys = fc.constantFrom(1n, 2n, q - 1n, LAMBDA, 12345678901234567890n);
    fc.assert(
      fc.property(keys, scalars, fc.constantFrom(0n, 1n, 2n, -1n), (key, k, offset) => {
        const P = multiply(GENERATOR, key)!;
        // s·G = ±k·P + offset·G: the last sum is a doubling, infinity, or next to it.
        const s = Fq.reduce((k & 1n ? 1n : -1n) * k * key + offset);
        put(A, k);
        wasm.splitScalar(A, false);
        putPoint(POINT, P);
        wasm.fillPointTable(TABLE, POINT);
        for (const withTable of [false, true])
          for (const addend of [0n, s]) {
            if (withTable) {
              wasm.setInfinity(SUM);
              wasm.addTableMultiple(SUM, TABLE);
            } else wasm.multiplyPoint(SUM, POINT);
            putBytes(BYTES, addend);
            wasm.recode8(BYTES + 32, BYTES);
            wasm.addGeneratorMultiple(SUM, BYTES + 32);
            const expected = multiply(GENERATOR, k * key + addend);
            const isFinite = wasm.jacobianToAffine(SUM + 256, SUM) === 1;
            assert.equal(isFinite, expected !== INFINITY);
            if (isFinite)
              assert.deepEqual(
                { x: getElement(SUM + 256), y: getElement(SUM + 256 + ELEMENT) },
                expected,
              );
          }
      }),
      { numRuns: 60, examples: edgeScalars.map((k) => [1n, k, 0n]) },
    );
  });
});
