/**
 * One suite for every implementation of Mina's legacy Schnorr signature: the readable reference and the fast signer
 * run exactly these tests. Origin of the vectors: test/vectors/README.md.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import Client from 'mina-signer';
import { decode, encode } from '../../mina/base58check.ts';
import { bytesToIntegerLE, integerToBytesLE, p, q } from '../../mina/field.ts';
import { NETWORKS, type Network } from '../../mina/network.ts';
import {
  type DecodeOptions,
  challenge,
  decodePrivateKey,
  decodePublicKey,
  decodeSignature,
} from '../../mina/schnorr.ts';
import { messageOf, signedText } from '../../mina/submission-text.ts';
import { oracle } from './mina-signer-oracle.ts';
import { messageOfVector, recordedSubmission, signingVectors } from './vectors.ts';

/** As in mina/schnorr.ts. */
export type SchnorrImplementation = {
  sign: (privateKey: bigint, message: Uint8Array, network: Network) => Uint8Array;
  verify: (
    publicKey: Uint8Array,
    signature: Uint8Array,
    message: Uint8Array,
    network: Network,
    options?: DecodeOptions,
  ) => boolean;
  publicKeyOf: (privateKey: bigint) => Uint8Array;
};

export type SuiteSize = {
  /** Random keys and messages compared with mina-signer, each way. */
  oracleCases: number;
  /** Runs of each property. */
  propertyRuns: number;
  /** Single-byte changes of the text tried per recorded submission, spread evenly; Infinity: every byte. */
  textChanges: number;
  /** As many bytes of key, signature and message each in which a bit is changed, spread evenly; Infinity: every byte. */
  bitChanges: number;
};

const privateKeys = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(1n, 2n, q - 1n, 1n << 254n, (q - 1n) / 2n) },
  { weight: 4, arbitrary: fc.bigInt({ min: 1n, max: q - 1n }) },
);
const networks = fc.constantFrom<Network>(...NETWORKS);
const messages = fc.oneof(
  { weight: 3, arbitrary: fc.uint8Array({ minLength: 32, maxLength: 32 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 0, maxLength: 300 }) },
);

export function schnorrSuite(
  name: string,
  implementation: SchnorrImplementation,
  { oracleCases, propertyRuns, textChanges, bitChanges }: SuiteSize,
): void {
  const { sign, verify, publicKeyOf } = implementation;
  const vectors = signingVectors();
  const privateKeyOf = (key: string): bigint => decodePrivateKey(hexToBytes(vectors.keys[key].hex));

  /** Whether a changed input is turned away: not accepted, or refused as malformed. Any other error is a defect. */
  function isTurnedAway(...args: Parameters<SchnorrImplementation['verify']>): boolean {
    try {
      return !verify(...args);
    } catch (error) {
      assert.ok(error instanceof RangeError, `${String(error)} is no RangeError`);
      return true;
    }
  }

  describe(`Schnorr: ${name}`, () => {
    test('public keys of the vectors', () => {
      for (const { hex, publicKey } of Object.values(vectors.keys))
        assert.equal(
          encode('publicKey', publicKeyOf(decodePrivateKey(hexToBytes(hex)))),
          publicKey,
        );
    });

    for (const [index, vector] of vectors.signatures.entries())
      test(`signature vector ${index}: key ${vector.key}, ${vector.network}, ${vector.bytes} bytes`, () => {
        const key = privateKeyOf(vector.key);
        const message = messageOfVector(vector);
        const signature = sign(key, message, vector.network);
        assert.equal(encode('signature', signature), vector.signature);
        for (const network of NETWORKS)
          assert.equal(
            verify(publicKeyOf(key), signature, message, network),
            network === vector.network,
          );
      });

    for (const [index, vector] of vectors.submissions.entries())
      test(`submission vector ${index}`, () => {
        const message = messageOf(signedText(vector.fields));
        const signature = sign(privateKeyOf(vector.key), message, vector.network);
        assert.equal(encode('signature', signature), vector.signature);
      });

    for (const { file, network } of vectors.recorded)
      describe(`recorded ${file}`, () => {
        const { text, signature, submitter } = recordedSubmission(file);
        const publicKey = decode('publicKey', submitter);
        const signatureBytes = decode('signature', signature);

        test('is valid, under its own network only', () => {
          for (const other of NETWORKS)
            assert.equal(
              verify(publicKey, signatureBytes, messageOf(text), other),
              other === network,
            );
        });

        test('is refused after a change of one byte of the text', () => {
          const changed = text.slice();
          const count = Math.min(textChanges, text.length);
          for (let i = 0; i < count; i++) {
            const at = Math.floor((i * text.length) / count);
            changed[at] ^= 1 << (i % 8);
            assert.equal(
              verify(publicKey, signatureBytes, messageOf(changed), network),
              false,
              `byte ${at}`,
            );
            changed[at] = text[at];
          }
          assert.equal(verify(publicKey, signatureBytes, messageOf(changed), network), true);
        });

        test('is refused after a change of one bit in a byte of signature, key or message', () => {
          const inputs = [publicKey, signatureBytes, messageOf(text)] as const;
          for (const [which, input] of inputs.entries()) {
            const count = Math.min(bitChanges, input.length);
            for (let i = 0; i < count; i++) {
              const at = Math.floor((i * input.length) / count);
              const changed = input.slice();
              changed[at] ^= 1 << (at % 8);
              const [key, sig, message] = inputs.map((own, i) => (i === which ? changed : own));
              assert.ok(isTurnedAway(key, sig, message, network), `input ${which}, byte ${at}`);
            }
          }
        });
      });

    test(`${oracleCases} random signatures equal mina-signer's, and each side takes the other's`, () => {
      fc.assert(
        fc.property(privateKeys, messages, networks, (key, message, network) => {
          const theirs = oracle.publicKeyOf(key);
          const publicKey = publicKeyOf(key);
          assert.equal(bytesToIntegerLE(publicKey.subarray(0, 32)), theirs.x);
          assert.equal(publicKey[32], theirs.isOdd ? 1 : 0);

          const signature = sign(key, message, network);
          const expected = oracle.sign(key, message, network);
          const { rx, s } = decodeSignature(signature);
          assert.deepEqual({ rx, s }, expected);
          assert.equal(oracle.verify(theirs, { rx, s }, message, network), true);
          const theirBytes = Uint8Array.of(
            ...integerToBytesLE(expected.rx, 32),
            ...integerToBytesLE(expected.s, 32),
          );
          assert.equal(verify(publicKey, theirBytes, message, network), true);
        }),
        { numRuns: oracleCases },
      );
    });

    test('a signature is good for its key, message and network only', () => {
      fc.assert(
        fc.property(
          privateKeys,
          privateKeys,
          messages,
          messages,
          networks,
          (key, otherKey, message, otherMessage, network) => {
            const publicKey = publicKeyOf(key);
            const signature = sign(key, message, network);
            const otherNetwork = network === 'testnet' ? 'mainnet' : 'testnet';
            assert.equal(verify(publicKey, signature, message, network), true);
            assert.equal(verify(publicKey, signature, message, otherNetwork), false);
            assert.equal(
              verify(publicKeyOf(otherKey), signature, message, network),
              otherKey === key,
            );
            assert.equal(
              verify(publicKey, signature, otherMessage, network),
              bytesToHex(otherMessage) === bytesToHex(message),
            );
          },
        ),
        { numRuns: propertyRuns },
      );
    });

    test('the negated key has the same x and the other parity', () => {
      fc.assert(
        fc.property(privateKeys, (key) => {
          const [one, other] = [publicKeyOf(key), publicKeyOf(q - key)];
          assert.equal(one[32] ^ other[32], 1);
          assert.deepEqual(one.subarray(0, 32), other.subarray(0, 32));
        }),
        { numRuns: propertyRuns },
      );
    });

    test("mina-signer's public signMessage passes only with the bits of every byte reversed", () => {
      const text = 'not a palindrome in bits';
      const { C } = vectors.keys;
      const { signature } = new Client({ network: 'testnet' }).signMessage(text, C.privateKey);
      const bytes = Uint8Array.of(
        ...integerToBytesLE(BigInt(signature.field), 32),
        ...integerToBytesLE(BigInt(signature.scalar), 32),
      );
      const publicKey = decode('publicKey', C.publicKey);
      const message = utf8ToBytes(text);
      const reversed = message.map((byte) =>
        Number.parseInt(byte.toString(2).padStart(8, '0').split('').reverse().join(''), 2),
      );
      assert.equal(verify(publicKey, bytes, message, 'testnet'), false);
      assert.equal(verify(publicKey, bytes, reversed, 'testnet'), true);
    });

    describe('malformed input', () => {
      const key = privateKeyOf('C');
      const publicKey = publicKeyOf(key);
      const message = Uint8Array.from({ length: 32 }, (_, i) => i);
      const signature = sign(key, message, 'testnet');
      const x = bytesToIntegerLE(publicKey.subarray(0, 32));
      const { rx, s } = decodeSignature(signature);
      const keyWith = (value: bigint, parity = publicKey[32]): Uint8Array =>
        Uint8Array.of(...integerToBytesLE(value, 32), parity);
      const signatureWith = (rxValue: bigint, sValue: bigint): Uint8Array =>
        Uint8Array.of(...integerToBytesLE(rxValue, 32), ...integerToBytesLE(sValue, 32));
      const check = (keyBytes: Uint8Array, signatureBytes: Uint8Array, lax: boolean): boolean =>
        verify(keyBytes, signatureBytes, message, 'testnet', { lax });

      test('the untouched input passes, strict and lax', () => {
        assert.equal(check(publicKey, signature, false), true);
        assert.equal(check(publicKey, signature, true), true);
      });

      const TOO_LARGE = [
        ['x', keyWith(x + p), signature, /^public key: x is not below the modulus of Fp$/],
        [
          'rx',
          publicKey,
          signatureWith(rx + p, s),
          /^signature: rx is not below the modulus of Fp$/,
        ],
        ['s', publicKey, signatureWith(rx, s + q), /^signature: s is not below the modulus of Fq$/],
      ] as const;
      for (const [field, keyBytes, signatureBytes, message] of TOO_LARGE)
        test(`${field} plus its modulus: refused, or reduced when lax`, () => {
          assert.throws(() => check(keyBytes, signatureBytes, false), {
            name: 'RangeError',
            message,
          });
          assert.equal(check(keyBytes, signatureBytes, true), true);
        });

      test('x, rx and s equal to the modulus are refused', () => {
        for (const [keyBytes, signatureBytes, field] of [
          [keyWith(p), signature, /x is not below/],
          [publicKey, signatureWith(p, s), /rx is not below/],
          [publicKey, signatureWith(rx, q), /s is not below/],
        ] as const)
          assert.throws(() => check(keyBytes, signatureBytes, false), field);
      });

      test('the largest rx and s are read, and do not fit', () => {
        assert.equal(check(publicKey, signatureWith(p - 1n, q - 1n), false), false);
        assert.equal(check(publicKey, signatureWith(0n, 0n), false), false);
      });

      test('a parity byte above 1: refused, or odd when lax', () => {
        // Of a key and its negative, one is odd.
        const odd = publicKey[32] === 1 ? key : q - key;
        const oddSignature = sign(odd, message, 'testnet');
        for (const parity of [2, 128, 255]) {
          assert.throws(() => check(keyWith(x, parity), oddSignature, false), {
            name: 'RangeError',
            message: `public key: parity byte is ${parity}, not 0 or 1`,
          });
          assert.equal(check(keyWith(x, parity), oddSignature, true), true);
        }
      });

      test('an x on no point is refused, strict and lax', () => {
        for (const lax of [false, true])
          for (const none of [0n, 2n])
            for (const parity of [0, 1])
              assert.throws(() => check(keyWith(none, parity), signature, lax), {
                name: 'RangeError',
                message: 'public key: x is on no point of the curve',
              });
      });

      test('R = infinity: refused, or passes for rx = 0 when lax', () => {
        const infinite = (value: bigint): Uint8Array => {
          const e = challenge(decodePublicKey(publicKey), value, message, 'testnet');
          return signatureWith(value, (e * key) % q);
        };
        assert.equal(check(publicKey, infinite(0n), false), false);
        assert.equal(check(publicKey, infinite(0n), true), true);
        assert.equal(check(publicKey, infinite(rx), true), false);
      });

      test('R with the right x but an odd y is refused, strict and lax', () => {
        const e = challenge(decodePublicKey(publicKey), rx, message, 'testnet');
        const mirrored = (((2n * e * key - s) % q) + q) % q; // from k·G to −k·G
        assert.equal(check(publicKey, signatureWith(rx, mirrored), false), false);
        assert.equal(check(publicKey, signatureWith(rx, mirrored), true), false);
      });

      test('wrong lengths are refused, strict and lax', () => {
        for (const lax of [false, true]) {
          for (const length of [0, 32, 34])
            assert.throws(() => check(new Uint8Array(length), signature, lax), {
              name: 'RangeError',
              message: `public key has 33 bytes, not ${length}`,
            });
          for (const length of [0, 63, 65])
            assert.throws(() => check(publicKey, new Uint8Array(length), lax), {
              name: 'RangeError',
              message: `signature has 64 bytes, not ${length}`,
            });
        }
      });

      test('a private key of 0, q or more, or less than 0 is refused without its value', () => {
        for (const bad of [0n, q, q + 12345n, -1n, 1n << 256n])
          for (const use of [() => sign(bad, message, 'testnet'), () => publicKeyOf(bad)])
            assert.throws(use, (error: Error) => {
              assert.ok(error instanceof RangeError);
              assert.match(error.message, /^private key is not between 0 and the modulus of Fq$/);
              return true;
            });
      });
    });
  });
}
