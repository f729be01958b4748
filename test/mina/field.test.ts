import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Field, Fp, Fq, bytesToIntegerLE, integerToBytesLE, p, q } from '../../mina/field.ts';

const ARITHMETIC_RUNS = 200;

for (const field of [Fp, Fq]) {
  const m = field.modulus;
  const element = fc.oneof(
    {
      weight: 1,
      arbitrary: fc.constantFrom(0n, 1n, 2n, 5n, m - 1n, m - 2n, (m - 1n) / 2n, 1n << 254n),
    },
    { weight: 4, arbitrary: fc.bigInt({ min: 0n, max: m - 1n }) },
  );
  const nonZero = element.filter((a) => a !== 0n);
  const law = (check: (a: bigint, b: bigint, c: bigint) => void): void =>
    fc.assert(fc.property(element, element, element, check), { numRuns: ARITHMETIC_RUNS });

  describe(`laws of ${field.name}`, () => {
    test('addition and multiplication: commutative, associative, distributive, closed', () => {
      law((a, b, c) => {
        const { add, mul } = field;
        assert.equal(add(a, b), add(b, a));
        assert.equal(mul(a, b), mul(b, a));
        assert.equal(add(add(a, b), c), add(a, add(b, c)));
        assert.equal(mul(mul(a, b), c), mul(a, mul(b, c)));
        assert.equal(mul(a, add(b, c)), add(mul(a, b), mul(a, c)));
        for (const value of [add(a, b), mul(a, b), field.sub(a, b)])
          assert.ok(value >= 0n && value < m);
      });
    });

    test('neutral and inverse elements', () => {
      law((a, b) => {
        assert.equal(field.add(a, 0n), a);
        assert.equal(field.mul(a, 1n), a);
        assert.equal(field.add(a, field.negate(a)), 0n);
        assert.equal(field.add(field.sub(a, b), b), a);
        assert.equal(field.square(a), field.mul(a, a));
      });
      fc.assert(fc.property(nonZero, (a) => field.mul(a, field.invert(a)) === 1n));
      assert.throws(() => field.invert(0n), {
        name: 'RangeError',
        message: `0 has no inverse in ${field.name}`,
      });
    });

    test('powers: exponents add up, and a^(m-1) is 1', () => {
      const exponent = fc.bigInt({ min: 0n, max: 1n << 64n });
      fc.assert(
        fc.property(nonZero, exponent, exponent, (a, e, f) => {
          assert.equal(field.power(a, e + f), field.mul(field.power(a, e), field.power(a, f)));
          assert.equal(field.power(a, m - 1n), 1n);
          assert.equal(field.power(a, m - 2n), field.invert(a));
        }),
        { numRuns: 20 },
      );
      assert.equal(field.power(0n, 0n), 1n);
      assert.throws(() => field.power(2n, -1n), RangeError);
    });

    test('square roots: of every square, and of nothing else', () => {
      fc.assert(
        fc.property(element, (a) => {
          const root = field.sqrt(field.square(a));
          assert.ok(root === a || root === field.negate(a));
          const isSquare = a === 0n || field.power(a, (m - 1n) / 2n) === 1n; // Euler
          const rootOfA = field.sqrt(a);
          assert.equal(rootOfA !== undefined, isSquare);
          if (rootOfA !== undefined) assert.equal(field.square(rootOfA), a);
        }),
        { numRuns: 50 },
      );
      assert.equal(field.sqrt(5n), undefined); // 5 is the non-residue that Tonelli–Shanks starts from
      // Elements of order 2^1 … 2^31 are squares, the one of order 2^32 is not.
      const generator = field.power(5n, (m - 1n) >> 32n);
      assert.equal(field.sqrt(generator), undefined);
      for (let power = field.square(generator); power !== 1n; power = field.square(power))
        assert.equal(field.square(field.sqrt(power)!), power);
    });

    test('reduce takes any integer', () => {
      fc.assert(
        fc.property(fc.bigInt({ min: -(1n << 600n), max: 1n << 600n }), (value) => {
          const reduced = field.reduce(value);
          assert.ok(reduced >= 0n && reduced < m);
          assert.equal((value - reduced) % m, 0n);
        }),
      );
    });

    test('bytes: inverse functions, least significant byte first', () => {
      fc.assert(fc.property(element, (a) => field.fromBytesLE(field.toBytesLE(a)) === a));
      assert.deepEqual(field.toBytesLE(0x0201n).subarray(0, 3), Uint8Array.of(1, 2, 0));
      assert.equal(field.toBytesLE(m - 1n)[31], 0x40);
    });

    test('bytes: the modulus, more than it and other lengths are refused by name', () => {
      const bytes = (value: bigint): Uint8Array => integerToBytesLE(value, 32);
      assert.equal(field.fromBytesLE(bytes(m - 1n)), m - 1n);
      for (const value of [m, m + 1n, (1n << 256n) - 1n])
        assert.throws(() => field.fromBytesLE(bytes(value), 'some value'), {
          name: 'RangeError',
          message: `some value is not below the modulus of ${field.name}`,
        });
      for (const length of [0, 31, 33])
        assert.throws(() => field.fromBytesLE(new Uint8Array(length), 'some value'), {
          name: 'RangeError',
          message: `some value has 32 bytes, not ${length}`,
        });
      for (const value of [-1n, m]) assert.throws(() => field.toBytesLE(value), RangeError);
    });
  });
}

test('the two moduli: 255 bits, p below q, 2^32 divides both less 1, and they are prime', () => {
  for (const m of [p, q]) {
    assert.equal(m.toString(2).length, 255);
    assert.equal((m - 1n) & ((1n << 32n) - 1n), 0n);
    assert.equal(((m - 1n) >> 32n) & 1n, 1n);
    assert.ok(isProbablePrime(m === p ? Fp : Fq));
  }
  assert.ok(p < q && q - p < 1n << 87n);
});

/** Miller–Rabin to the first 12 prime bases. */
function isProbablePrime({ modulus, power, square }: Field): boolean {
  const odd = (modulus - 1n) >> 32n;
  return [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n].every((base) => {
    let value = power(base, odd);
    if (value === 1n) return true;
    for (let i = 0; i < 32; i++, value = square(value)) if (value === modulus - 1n) return true;
    return false;
  });
}

test('integers and bytes: inverse functions at every length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 150 }), (bytes) => {
      assert.deepEqual(integerToBytesLE(bytesToIntegerLE(bytes), bytes.length), bytes);
    }),
  );
  assert.equal(bytesToIntegerLE(new Uint8Array()), 0n);
  assert.throws(() => integerToBytesLE(256n, 1), RangeError);
  assert.throws(() => integerToBytesLE(-1n, 1), RangeError);
});
