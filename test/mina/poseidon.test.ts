import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Fp, p } from '../../mina/field.ts';
import { poseidonKimchiParameters } from '../../mina/poseidon-kimchi-parameters.ts';
import { poseidonLegacyParameters } from '../../mina/poseidon-legacy-parameters.ts';
import {
  type PoseidonParameters,
  ZERO_STATE,
  createPoseidon,
  prefixToField,
} from '../../mina/poseidon.ts';
import { startState } from '../../mina/schnorr.ts';
import { packageParameters } from './mina-signer-oracle.ts';
import { readVector } from './vectors.ts';

type Hashes = { prefix?: string; input: string[]; hash: string }[];
const vectors = JSON.parse(readVector('poseidon.json')) as {
  legacy: {
    parametersSha256: string;
    hashes: Hashes;
    startStates: Record<'testnet' | 'mainnet', string[]>;
  };
  kimchi: { hashes: Hashes; prefixStates0: Record<string, string> };
};

function sha256Of({ roundConstants, mds }: PoseidonParameters): string {
  const hash = createHash('sha256');
  for (const row of [...roundConstants, ...mds])
    for (const value of row) hash.update(Fp.toBytesLE(value));
  return hash.digest('hex');
}

test('the legacy numbers have the SHA-256 of the vectors, and a changed one has not', () => {
  assert.equal(sha256Of(poseidonLegacyParameters), vectors.legacy.parametersSha256);
  const changed = structuredClone(poseidonLegacyParameters) as {
    mds: bigint[][];
  } & PoseidonParameters;
  changed.mds[2][2] += 1n;
  assert.notEqual(sha256Of(changed), vectors.legacy.parametersSha256);
});

for (const [name, parameters, rows] of [
  ['legacy', poseidonLegacyParameters, 64],
  ['kimchi', poseidonKimchiParameters, 55],
] as const) {
  test(`the ${name} numbers equal mina-signer's`, () => {
    const { mds, roundConstants } = packageParameters[name];
    assert.equal(parameters.roundConstants.length, rows);
    assert.deepEqual(
      parameters.roundConstants,
      roundConstants.slice(0, rows).map((row) => row.map(BigInt)),
    );
    assert.deepEqual(
      parameters.mds,
      mds.map((row) => row.map(BigInt)),
    );
  });

  describe(`Poseidon, ${name}`, () => {
    const poseidon = createPoseidon(parameters);
    const input = fc.array(fc.bigInt({ min: 0n, max: p - 1n }), { maxLength: 7 });

    test('hashes of the vectors', () => {
      for (const { prefix, input: values, hash } of vectors[name].hashes) {
        const elements = values.map(BigInt);
        const result =
          prefix === undefined
            ? poseidon.hash(elements)
            : poseidon.hashWithPrefix(prefix, elements);
        assert.equal(result, BigInt(hash));
      }
    });

    test('absorbing in parts of even length equals absorbing at once', () => {
      fc.assert(
        fc.property(input, input, (first, rest) => {
          const even = first.slice(0, first.length & ~1);
          if (even.length === 0 || rest.length === 0) return;
          assert.deepEqual(
            poseidon.absorb(poseidon.absorb(ZERO_STATE, even), rest),
            poseidon.absorb(ZERO_STATE, [...even, ...rest]),
          );
        }),
        { numRuns: 20 },
      );
    });

    test('an odd input is padded with one 0, and a changed element changes the hash', () => {
      fc.assert(
        fc.property(input, (values) => {
          const odd = [1n, ...values.slice(0, values.length & ~1)];
          assert.equal(poseidon.hash(odd), poseidon.hash([...odd, 0n]));
          assert.notEqual(poseidon.hash(odd), poseidon.hash([2n, ...odd.slice(1)]));
        }),
        { numRuns: 20 },
      );
    });

    test('an input outside the field is refused by its place', () => {
      for (const bad of [p, -1n])
        assert.throws(() => poseidon.hash([0n, bad]), {
          name: 'RangeError',
          message: 'input 1 of the hash is no element of Fp',
        });
    });
  });
}

test('start states of the two networks', () => {
  for (const network of ['testnet', 'mainnet'] as const)
    assert.deepEqual(startState(network), vectors.legacy.startStates[network].map(BigInt));
});

test('states after the prefixes of state hashes', () => {
  const kimchi = createPoseidon(poseidonKimchiParameters);
  for (const [prefix, element0] of Object.entries(vectors.kimchi.prefixStates0))
    assert.equal(kimchi.prefixState(prefix)[0], BigInt(element0));
});

test('a prefix is 20 ASCII characters at most, padded with *', () => {
  assert.equal(prefixToField('CodaSignature'), prefixToField('CodaSignature*******'));
  assert.equal(prefixToField('A') & 0xffffn, 0x2a41n); // 'A', then '*'
  assert.throws(() => prefixToField('x'.repeat(21)), RangeError);
  assert.throws(() => prefixToField('é'), RangeError);
});

test('a wrong number of rows is refused', () => {
  assert.throws(
    () => createPoseidon({ ...poseidonLegacyParameters, hasInitialRoundConstant: false }),
    /64 rows of constants for 63 rounds/,
  );
});
