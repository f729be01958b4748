import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { ProtocolState } from '../../mina/block.ts';
import type { EraName } from '../../mina/eras.ts';
import { parseBlock } from '../../mina/block.ts';
import { Fp, bytesToIntegerLE, integerToBytesLE, p } from '../../mina/field.ts';
import { poseidonKimchiParameters } from '../../mina/poseidon-kimchi-parameters.ts';
import { createPoseidon } from '../../mina/poseidon.ts';
import {
  type InputSink,
  feedBody,
  packToElements,
  referenceStateHash,
  stateHashText,
} from '../../mina/state-hash.ts';
import { createPacker, createStateHasher } from '../../mina/state-hasher.ts';
import { loadMinaWasm } from '../../paths.ts';
import {
  hashWithPrefix,
  packToFields,
} from '../../node_modules/mina-signer/dist/node/mina-signer/src/poseidon-bigint.js';
import { blockVectors, protocolStates, recordedBlock } from './block-fixtures.ts';
import { stateHashSuite } from './state-hash-suite.ts';
import { readVector } from './vectors.ts';

const wasm = loadMinaWasm();
const hasher = createStateHasher(wasm);
stateHashSuite('readable', () => referenceStateHash);
stateHashSuite('WebAssembly', () => hasher);
stateHashSuite('WebAssembly, cached', () => hasher.cached());

const text = (hash: Uint8Array): string => stateHashText(hash);

// --- packing -------------------------------------------------------------------------------------------------------

/** The bytes of the fast packer as integers. */
function packFast(feed: (sink: InputSink) => void): bigint[] {
  const room = new Uint8Array(64 * 32).fill(0xaa); // whatever stood there goes away
  const count = createPacker(() => room)(feed);
  return Array.from({ length: count }, (_, i) =>
    bytesToIntegerLE(room.subarray(32 * i, 32 * (i + 1))),
  );
}

type Item =
  | { kind: 'whole'; value: bigint }
  | { kind: 'number'; value: bigint; width: 32 | 64 }
  | { kind: 'flag'; value: boolean }
  | { kind: 'bits'; bytes: Uint8Array; count: number };

const feedItems =
  (items: readonly Item[]) =>
  (sink: InputSink): void => {
    for (const item of items)
      if (item.kind === 'whole') sink.whole(integerToBytesLE(item.value, 32));
      else if (item.kind === 'number')
        sink.number(item.width === 32 ? Number(item.value) : item.value, item.width);
      else if (item.kind === 'flag') sink.flag(item.value);
      else sink.bits(item.bytes, item.count);
  };

/** The same items as mina-signer takes them. */
function oraclePack(items: readonly Item[]): bigint[] {
  const fields = items.flatMap((item) => (item.kind === 'whole' ? [item.value] : []));
  const packed = items.flatMap((item): [bigint, number][] => {
    if (item.kind === 'whole') return [];
    if (item.kind === 'number') return [[item.value, item.width]];
    if (item.kind === 'flag') return [[item.value ? 1n : 0n, 1]];
    return Array.from({ length: item.count }, (_, i) => [
      BigInt((item.bytes[i >> 3] >> (i & 7)) & 1),
      1,
    ]);
  });
  return packToFields({ fields, packed });
}

const element = fc.bigInt({ min: 0n, max: p - 1n });
const item: fc.Arbitrary<Item> = fc.oneof(
  fc.record({ kind: fc.constant('whole' as const), value: element }),
  fc.record({
    kind: fc.constant('number' as const),
    value: fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }),
    width: fc.constant(32 as const),
  }),
  fc.record({
    kind: fc.constant('number' as const),
    value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    width: fc.constant(64 as const),
  }),
  fc.record({ kind: fc.constant('flag' as const), value: fc.boolean() }),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 32 }), fc.nat({ max: 7 }))
    .map(([bytes, short]) => ({ kind: 'bits' as const, bytes, count: 8 * bytes.length - short })),
);

for (const [name, pack] of [
  ['readable', packToElements],
  ['fast', packFast],
] as const)
  describe(`packing, ${name}`, () => {
    test('the first item is the highest, bytes go in from their lowest bit', () => {
      const result = pack((sink) => {
        sink.number(1, 32);
        sink.bits(Uint8Array.of(0x01, 0x80));
      });
      assert.deepEqual(result, [98305n]);
    });

    test('eight numbers of 32 bits take two elements', () => {
      const result = pack((sink) => {
        for (let i = 1; i <= 8; i++) sink.number(i, 32);
      });
      assert.deepEqual(result, [
        [1n, 2n, 3n, 4n, 5n, 6n, 7n].reduce((sum, value) => (sum << 32n) | value),
        8n,
      ]);
    });

    test('254 bits fill an element, the 255th starts another', () => {
      const ones = new Uint8Array(32).fill(0xff);
      const all = (1n << 254n) - 1n;
      assert.deepEqual(
        pack((sink) => sink.bits(ones, 254)),
        [all],
      );
      assert.deepEqual(
        pack((sink) => sink.bits(ones, 255)),
        [all, 1n],
      );
      const flagged = pack((sink) => {
        sink.bits(ones, 254);
        sink.flag(false);
      });
      assert.deepEqual(flagged, [all, 0n]);
    });

    test('whole elements go first; nothing gives nothing', () => {
      const result = pack((sink) => {
        sink.flag(true);
        sink.whole(integerToBytesLE(p - 1n, 32));
      });
      assert.deepEqual(result, [p - 1n, 1n]);
      assert.deepEqual(
        pack(() => undefined),
        [],
      );
      assert.throws(() => pack((sink) => sink.whole(integerToBytesLE(p, 32))), RangeError);
    });

    test('any items as mina-signer packs them', () => {
      fc.assert(
        fc.property(fc.array(item, { maxLength: 40 }), (items) => {
          assert.deepEqual(pack(feedItems(items)), oraclePack(items));
        }),
        { numRuns: 200 },
      );
    });

    test('a recorded block: 38 whole elements and 11 packed ones', () => {
      const [{ file, first_packed, last_packed }] = blockVectors().recorded;
      const { body } = parseBlock(recordedBlock(file)).protocol_state;
      for (const rule of ['rc1', 'berkeley'] as const) {
        const elements = pack((sink) => feedBody(sink, body, rule));
        assert.equal(elements.length, 49);
        assert.equal(elements[0], bytesToIntegerLE(body.genesis_state_hash));
        assert.equal(elements[38], BigInt(first_packed![rule]));
        assert.equal(elements[48], BigInt(last_packed!));
      }
    });
  });

test('more elements than a hash takes are refused, not cut off', () => {
  const many = (sink: InputSink): void => {
    for (let i = 0; i < 65; i++) sink.whole(new Uint8Array(32));
  };
  assert.throws(() => packFast(many), /at most 64 elements/);
  const bits = (sink: InputSink): void => sink.bits(new Uint8Array(32 * 64));
  assert.throws(() => packFast(bits), /at most 64 elements/);
});

// --- hash ----------------------------------------------------------------------------------------------------------

describe('kimchi Poseidon in WebAssembly', () => {
  const poseidon = createPoseidon(poseidonKimchiParameters);
  const bytes = (value: bigint): Uint8Array => Fp.toBytesLE(value);
  const hash = (values: bigint[], prefix?: string): bigint =>
    bytesToIntegerLE(hasher.hash(values.map(bytes), prefix));

  test('hashes of the vectors', () => {
    type Hashes = { prefix?: string; input: string[]; hash: string }[];
    const { kimchi } = JSON.parse(readVector('poseidon.json')) as { kimchi: { hashes: Hashes } };
    let checked = 0;
    for (const { prefix, input, hash: expected } of kimchi.hashes) {
      if (input.length === 0) continue; // no hash of nothing here
      assert.equal(hash(input.map(BigInt), prefix), BigInt(expected));
      checked++;
    }
    assert.ok(checked >= 3);
  });

  test('any input as the readable one and mina-signer', () => {
    const edges = fc.oneof(fc.constantFrom(0n, 1n, p - 1n), element);
    fc.assert(
      fc.property(
        fc.array(edges, { minLength: 1, maxLength: 9 }),
        fc.option(fc.constantFrom('MinaProtoState', 'MinaProtoStateBody', 'x', '')),
        (values, prefix) => {
          if (prefix === null) assert.equal(hash(values), poseidon.hash(values));
          else {
            const found = hash(values, prefix);
            assert.equal(found, poseidon.hashWithPrefix(prefix, values));
            assert.equal(found, hashWithPrefix(prefix.padEnd(20, '*'), values));
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('64 elements at once, and not one more or less than one', () => {
    const values = Array.from({ length: 64 }, (_, i) => p - 1n - BigInt(i));
    assert.equal(hash(values), poseidon.hash(values));
    assert.throws(() => hasher.hash([]), /1 to 64 elements/);
    assert.throws(() => hasher.hash([...values, 0n].map(bytes)), /1 to 64 elements/);
    assert.throws(() => hasher.hash([new Uint8Array(32).fill(0xff)]), RangeError);
    assert.throws(() => hasher.hash([new Uint8Array(31)]), RangeError);
  });
});

const rules: EraName[] = ['rampup', 'rc1', 'berkeley', 'mesa'];
const ruleFor = (state: ProtocolState, index: number): EraName =>
  rules[state.body.constants.grace_period_slots === null ? index % 2 : index % 4];

test('any state: the fast hash equals the readable one', () => {
  fc.assert(
    fc.property(protocolStates, fc.nat({ max: 5 }), (state, index) => {
      const rule = ruleFor(state, index);
      assert.equal(
        text(hasher.stateHash(state, rule)),
        text(referenceStateHash.stateHash(state, rule)),
      );
    }),
    { numRuns: 30 },
  );
});

test('cached: whatever changed since the last state, the hash is right', () => {
  const cached = [hasher.cached(), hasher.cached()];
  const [start] = fc.sample(protocolStates, { numRuns: 1, seed: 5 });
  let state = start;
  fc.assert(
    fc.property(protocolStates, fc.nat({ max: 5 }), fc.nat({ max: 7 }), (other, index, part) => {
      // Parts of another state, so that the first difference lies early, late or nowhere.
      const { body } = state;
      const from = other.body;
      const consensus = body.consensus_state;
      const changes: Partial<ProtocolState['body']>[] = [
        {},
        { genesis_state_hash: from.genesis_state_hash },
        { blockchain_state: from.blockchain_state },
        { constants: from.constants },
        { consensus_state: { ...consensus, block_creator: from.consensus_state.block_creator } },
        {
          consensus_state: { ...consensus, last_vrf_output: from.consensus_state.last_vrf_output },
        },
        { consensus_state: { ...consensus, sub_window_densities: [1, 2, 3] } }, // a shorter input
        from,
      ];
      state = {
        previous_state_hash: part % 2 ? other.previous_state_hash : state.previous_state_hash,
        body: { ...body, ...changes[part] },
      };
      const rule = ruleFor(state, index);
      const expected = text(hasher.stateHash(state, rule));
      assert.equal(text(cached[index % 2].stateHash(state, rule)), expected);
    }),
    { numRuns: 300 },
  );
});

test('a change anywhere changes the hash', () => {
  const state = parseBlock(recordedBlock()).protocol_state;
  const before = text(hasher.stateHash(state, 'berkeley'));
  let leaves = 0;
  /** Copies of `value`, each with one leaf changed. */
  function* changed(value: unknown, path: string): Generator<[string, unknown]> {
    if (value instanceof Uint8Array) {
      const copy = value.slice();
      copy[0] ^= 1;
      yield [path, copy];
    } else if (typeof value === 'number') yield [path, value + 1];
    else if (typeof value === 'bigint') yield [path, value + 1n];
    else if (typeof value === 'boolean') yield [path, !value];
    else if (value === 'Pos') yield [path, 'Neg'];
    else if (Array.isArray(value)) yield [path, [...(value as number[]).slice(1), 9]];
    else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value))
        for (const [where, other] of changed(inner, `${path}.${key}`))
          yield [where, { ...value, [key]: other }];
  }
  for (const [path, other] of changed(state, 'state')) {
    assert.notEqual(text(hasher.stateHash(other as ProtocolState, 'berkeley')), before, path);
    leaves++;
  }
  assert.equal(leaves, 88); // all fields of the state, but for the two that hold nothing and are not hashed
});

test('hashing leaves the block as it was, also one in a Buffer, whose slice() is no copy', () => {
  const bytes = Buffer.from(recordedBlock());
  const before = Buffer.from(bytes);
  const { protocol_state } = parseBlock(bytes);
  const first = text(referenceStateHash.stateHash(protocol_state, 'rc1'));
  assert.deepEqual(bytes, before);
  assert.equal(text(hasher.stateHash(protocol_state, 'rc1')), first);
  assert.deepEqual(bytes, before);
});
