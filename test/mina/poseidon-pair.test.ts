/** Two hashes side by side (mina/wasm/paired.mjs, kimchi-pair.ts): field by itself, numbers, sponge, and state hashes against the other implementations. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseBlock } from '../../mina/block.ts';
import { bytesToIntegerLE, integerToBytesLE, p } from '../../mina/field.ts';
import { poseidonKimchiParameters } from '../../mina/poseidon-kimchi-parameters.ts';
import {
  balancedLimbs,
  createPairHasher,
  MAX_PAIR_ELEMENTS,
  pairParameters,
} from '../../mina/poseidon-pair.ts';
import { createPoseidon } from '../../mina/poseidon.ts';
import { BODY_PREFIX, type StateHash } from '../../mina/state-hash.ts';
import { createStateHashPairs } from '../../mina/state-hash-pair.ts';
import { distFile, loadMinaPairWasm } from '../../paths.ts';
import { recordedBlock } from './block-fixtures.ts';
import { stateHashSuite } from './state-hash-suite.ts';

const module = loadMinaPairWasm();
assert.ok(module !== null, 'every Node from 20.19 on has relaxed SIMD');
const hasher = createPairHasher(module);
assert.ok(hasher !== null, 'this machine fuses');

const R = 1n << 255n;
const HALF = 2 ** 50;
const ELEMENT = 80;

type Field = {
  memory: WebAssembly.Memory;
  startState: WebAssembly.Global;
  state: WebAssembly.Global;
  multiply(out: number, a: number, b: number): void;
  multiplyThree(out: number, a: number, b: number): void;
  knownRows(out: number, s: number, row: number): void;
  lastRows(out: number, s: number, row: number): void;
  parameters: WebAssembly.Global;
  squareThree(out: number, a: number): void;
};
const field = new WebAssembly.Instance(module).exports as unknown as Field;
const IN = field.startState.value as number;
const OUT = field.state.value as number;
const limbsAt = (address: number): Float64Array =>
  new Float64Array(field.memory.buffer, address, 10);
const put = (address: number, lane: number, limbs: readonly number[]): void =>
  limbs.forEach((limb, i) => (limbsAt(address)[2 * i + lane] = limb));
const valueOf = (limbs: readonly number[]): bigint =>
  limbs.reduceRight((sum, limb) => (sum << 51n) + BigInt(limb), 0n);
function get(address: number, lane: number): bigint {
  const limbs = Array.from({ length: 5 }, (_, i) => limbsAt(address)[2 * i + lane]);
  for (const limb of limbs) assert.ok(Math.abs(limb) <= HALF, `a limb of ${limb} is not balanced`);
  return valueOf(limbs);
}
const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);

/** Limbs up to ±2^50, with the ends and the lone ones that make a digit a tie. */
const limbs = fc.array(
  fc.oneof(
    fc.constantFrom(0, 1, -1, HALF, -HALF, HALF - 1, 1 - HALF),
    fc.integer({ min: -HALF, max: HALF }),
  ),
  { minLength: 5, maxLength: 5 },
);

describe('field of two lanes', () => {
  test('products and squares: congruent, balanced, and as small as is said', () => {
    fc.assert(
      fc.property(fc.array(limbs, { minLength: 6, maxLength: 6 }), (values) => {
        values.forEach((each, i) => put(IN + ELEMENT * (i >> 1), i & 1, each));
        const expect = (address: number, lane: number, a: bigint, b: bigint): void => {
          const found = get(address, lane);
          assert.equal((found * R - a * b) % p, 0n);
          assert.ok(magnitude(found) <= magnitude(a * b) / R + p / 2n + (1n << 205n));
        };
        const integers = values.map(valueOf);
        field.multiplyThree(OUT, IN, IN);
        for (let i = 0; i < 6; i++)
          expect(OUT + ELEMENT * (i >> 1), i & 1, integers[i], integers[i]);
        field.squareThree(OUT, IN);
        for (let i = 0; i < 6; i++)
          expect(OUT + ELEMENT * (i >> 1), i & 1, integers[i], integers[i]);
        field.multiply(OUT, IN, IN + ELEMENT);
        for (const lane of [0, 1]) expect(OUT, lane, integers[lane], integers[2 + lane]);
      }),
      { numRuns: 2000 },
    );
  });

  test('a digit that lies half-way between two', () => {
    for (const [a, b] of [
      [-HALF, 1],
      [HALF, 1],
      [-HALF, -1],
      [HALF, HALF],
      [-HALF, HALF - 1],
    ])
      for (let at = 0; at < 5; at++) {
        const low = Array.from({ length: 5 }, (_, i) => (i === at ? a : 0));
        for (const lane of [0, 1]) {
          put(IN, lane, low);
          put(IN + ELEMENT, lane, [b, 0, 0, 0, 0]);
        }
        field.multiply(OUT, IN, IN + ELEMENT);
        for (const lane of [0, 1])
          assert.equal((get(OUT, lane) * R - valueOf(low) * BigInt(b)) % p, 0n);
      }
  });

  test('limbs of any integer', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -p, max: p }), (value) => {
        const found = balancedLimbs(value);
        assert.equal(valueOf(found), value);
        assert.ok(found.slice(0, 4).every((limb) => limb >= -HALF && limb < HALF));
      }),
    );
  });
});

describe('the numbers of the rows', () => {
  // In paired.mjs: a column is read as an integer of ±2^51, and what is folded times a limb must stay below 2^102. Both hang on the numbers.
  test('no state can make a column or a fold too large', () => {
    const numbers = pairParameters();
    const rows = [...Array<number>(54 * 3).fill(2), ...Array<number>(3).fill(3)];
    assert.equal(
      numbers.length,
      rows.reduce((sum, factors) => sum + 25 * factors + 5, 0),
    );
    // After x^7 of a state of at most p / 2: |x^2| <= 0.625 p, |x^3| <= 0.657 p, |x^6| <= 0.716 p, |x^7| <= 0.68 p, of which the highest limb is 2^50.
    const most = [1, 1, 1, 1, 0.69].map((part) => part * HALF);
    let at = 0;
    for (const factors of rows) {
      let high = 0; // column 5, in units of 2^255
      for (let factor = 0; factor < factors; factor++)
        for (let i = 0; i < 5; i++)
          high += (Math.abs(numbers[at + 25 * factor + 5 * i + 4]) * most[i]) / 2 ** 51 + 1;
      assert.ok(high < 2 ** 51, `column 5 reaches ${high / 2 ** 51} of 2^51`);
      const fold = 2 * high + 64;
      const largest = Math.max(...balancedLimbs(p).slice(0, 3).map(Math.abs));
      assert.ok(fold * largest < 2 ** 102, `fold ${fold}`);
      at += 25 * factors + 5;
    }
  });

  test('every row of every round, also for states whose limbs are as large as they can be', () => {
    const numbers = pairParameters();
    const parameters = field.parameters.value as number;
    new Float64Array(field.memory.buffer, parameters, numbers.length).set(numbers);
    const top = Math.floor(0.68 * HALF);
    const sign = (limb: number): number => (limb < 0 ? -1 : 1);
    for (let row = 0; row < 165; row++) {
      const isLast = row >= 162;
      const factors = isLast ? 3 : 2;
      const size = 25 * factors + 5;
      const at = isLast ? 55 * 162 + 80 * (row - 162) : 55 * row;
      const known = Array.from({ length: factors }, (_, i) => [
        ...numbers.subarray(at + 25 * i, at + 25 * i + 25),
      ]);
      const constant = [...numbers.subarray(at + size - 5, at + size)];
      // Lane 0: each product of the highest column with the same sign. Lane 1: any.
      for (let element = 0; element < 3; element++) {
        const copies = known[element - (3 - factors)];
        const worst = [0, 1, 2, 3, 4].map(
          (i) => (i === 4 ? top : HALF) * (copies ? sign(copies[5 * i + 4]) : 1),
        );
        put(IN + ELEMENT * element, 0, worst);
        put(IN + ELEMENT * element, 1, balancedLimbs((p / 3n) * BigInt(1 - element) - 5n));
      }
      // Three rows are computed at once; `row` is one of them.
      const first = at - size * (row % 3);
      if (isLast) field.lastRows(OUT, IN, parameters + 8 * first);
      else field.knownRows(OUT, IN, parameters + 8 * first);
      for (const lane of [0, 1]) {
        const s = [0, 1, 2].map((element) =>
          valueOf([0, 1, 2, 3, 4].map((i) => limbsAt(IN + ELEMENT * element)[2 * i + lane])),
        );
        let expected = valueOf(constant.map((limb) => limb - 1.5 * 2 ** 52));
        if (!isLast) expected += s[0];
        known.forEach((copies, i) => {
          expected += valueOf(copies.slice(0, 5)) * s[i + 3 - factors];
        });
        const found = get(OUT + ELEMENT * (row % 3), lane);
        assert.equal((found - expected) % p, 0n, `row ${row}, lane ${lane}`);
        assert.ok(magnitude(found) <= p / 2n + (1n << 210n), `row ${row} gives ${found}`);
      }
    }
  });
});

describe('two hashes', () => {
  const poseidon = createPoseidon(poseidonKimchiParameters);
  const element = fc.oneof(
    fc.constantFrom(0n, 1n, p - 1n, (1n << 254n) - 1n),
    fc.bigInt({ min: 0n, max: p - 1n }),
  );

  test('equal to the readable ones, in both lanes, from 1 to 64 elements', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(element, element), { minLength: 1, maxLength: MAX_PAIR_ELEMENTS }),
        fc.constantFrom('', 'MinaProtoState', 'x'),
        (pairs, prefix) => {
          for (const lane of [0, 1])
            pairs.forEach((both, i) =>
              hasher.inputs[lane].set(integerToBytesLE(both[lane], 32), 32 * i),
            );
          const found = hasher.hash(prefix, pairs.length).map(bytesToIntegerLE);
          for (const lane of [0, 1])
            assert.equal(
              found[lane],
              poseidon.hashWithPrefix(
                prefix,
                pairs.map((both) => both[lane]),
              ),
            );
        },
      ),
      { numRuns: 40 },
    );
  });

  test('another number of elements is refused', () => {
    for (const count of [0, 65]) assert.throws(() => hasher.hash('', count), RangeError);
  });

  test('an engine whose arithmetic is another one is noticed', () => {
    // a·b + c becomes c - a·b; engines that round twice are as far off.
    const bytes = readFileSync(distFile('mina-pair.wasm'));
    const fused = Buffer.from([0xfd, 0x87, 0x02]);
    let changed = 0;
    for (let at = bytes.indexOf(fused); at !== -1; at = bytes.indexOf(fused, at + 1)) {
      bytes[at + 1] = 0x88;
      changed++;
    }
    assert.ok(changed > 300);
    assert.equal(createPairHasher(new WebAssembly.Module(bytes)), null);
  });
});

// --- states --------------------------------------------------------------------------------------------------------

const pairs = createStateHashPairs(hasher);
const ZERO = new Uint8Array(32);

/** One lane, beside a block that is hashed by another rule's elements. */
const oneLane = (lane: 0 | 1): StateHash => {
  const beside = <T>(own: T, other: T): [T, T] => (lane === 0 ? [own, other] : [other, own]);
  return {
    stateHash(state, rule) {
      const own = pairs.pack(state, rule);
      const other = { elements: own.elements.map((byte) => byte & 0x0f), previous: ZERO };
      return pairs.hash(...beside(own, other))[lane];
    },
    bodyHash(body, rule) {
      const { elements } = pairs.pack({ previous_state_hash: ZERO, body }, rule);
      hasher.inputs[lane].set(elements);
      hasher.inputs[1 - lane].fill(0);
      return hasher.hash(BODY_PREFIX, elements.length / 32)[lane];
    },
  };
};
stateHashSuite('two lanes, the first', () => oneLane(0));
stateHashSuite('two lanes, the second', () => oneLane(1));

describe('two states', () => {
  test('bodies of other lengths are no pair', () => {
    const { protocol_state } = parseBlock(recordedBlock());
    const own = pairs.pack(protocol_state, 'rc1');
    const shorter = { ...own, elements: own.elements.slice(64) };
    assert.ok(!pairs.fits(own, shorter));
    assert.throws(() => pairs.hash(own, shorter), RangeError);
  });
});
