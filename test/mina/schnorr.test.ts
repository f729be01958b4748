import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blake2b } from '@noble/hashes/blake2.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { decode } from '../../mina/base58check.ts';
import { Fp, Fq, q } from '../../mina/field.ts';
import { poseidonLegacyParameters } from '../../mina/poseidon-legacy-parameters.ts';
import { createPoseidon } from '../../mina/poseidon.ts';
import {
  challenge,
  decodePrivateKey,
  decodePublicKey,
  decodeSignature,
  encodePrivateKey,
  encodeSignature,
  messageChunks,
  nonceBytes,
  publicKeyOf,
  sign,
  startState,
  verify,
} from '../../mina/schnorr.ts';
import { messageOf } from '../../mina/submission-text.ts';
import { schnorrSuite } from './schnorr-suite.ts';
import { messageOfVector, recordedSubmission, signingVectors } from './vectors.ts';

schnorrSuite(
  'reference (BigInt)',
  { sign, verify, publicKeyOf },
  { oracleCases: 10, propertyRuns: 5, textChanges: 12, bitChanges: 8 },
);

const vectors = signingVectors();

test('every step of the first signature vector', () => {
  const { steps } = vectors;
  const vector = vectors.signatures[Number(steps.of)];
  const key = decodePrivateKey(hexToBytes(vectors.keys[vector.key].hex));
  const message = messageOfVector(vector);
  const P = decodePublicKey(publicKeyOf(key));
  assert.deepEqual(P, { x: BigInt(steps.publicKeyX), y: BigInt(steps.publicKeyY) });

  const bytes = nonceBytes(key, P, message, vector.network);
  assert.equal(bytes.length, 129);
  assert.equal(bytesToHex(bytes), steps.nonceBytes);
  const digest = blake2b(bytes, { dkLen: 32 });
  assert.equal(bytesToHex(digest), steps.nonceHash);
  digest[31] &= 0x3f;
  assert.equal(Fq.fromBytesLE(digest), BigInt(steps.nonce));

  const { rx, s } = decodeSignature(sign(key, message, vector.network));
  assert.equal(rx, BigInt(steps.rx));
  assert.equal(s, BigInt(steps.s));
  const afterKey = createPoseidon(poseidonLegacyParameters).absorb(startState(vector.network), [
    P.x,
    P.y,
  ]);
  assert.equal(afterKey[0], BigInt(steps.stateAfterKey0));
  assert.deepEqual(messageChunks(message), [BigInt(steps.m0), BigInt(steps.m1)]);
  assert.equal(challenge(P, rx, message, vector.network), BigInt(steps.e));
});

test('R.y in step 2 has the parity that the vectors say', () => {
  for (const vector of vectors.signatures) {
    const key = decodePrivateKey(hexToBytes(vectors.keys[vector.key].hex));
    const message = messageOfVector(vector);
    const P = decodePublicKey(publicKeyOf(key));
    const digest = blake2b(nonceBytes(key, P, message, vector.network), { dkLen: 32 });
    digest[31] &= 0x3f;
    const { y } = decodePublicKey(publicKeyOf(Fq.fromBytesLE(digest)));
    assert.equal((y & 1n) === 1n, vector.oddR);
  }
});

test('the challenge of the recorded submissions', () => {
  for (const { file, network, e } of vectors.recorded) {
    const { text, signature, submitter } = recordedSubmission(file);
    const { rx } = decodeSignature(decode('signature', signature));
    const P = decodePublicKey(decode('publicKey', submitter));
    assert.equal(challenge(P, rx, messageOf(text), network), BigInt(e));
  }
});

test('a message is cut into chunks of 254 bits', () => {
  const lengths = [0, 1, 31, 32, 63, 64, 127, 128].map(
    (bytes) => messageChunks(new Uint8Array(bytes)).length,
  );
  assert.deepEqual(lengths, [0, 1, 1, 2, 2, 3, 4, 5]);
  const chunks = messageChunks(new Uint8Array(64).fill(0xff));
  assert.deepEqual(chunks, [(1n << 254n) - 1n, (1n << 254n) - 1n, (1n << 4n) - 1n]);
});

test('private keys: the range is exact, and no message holds the value', () => {
  assert.equal(decodePrivateKey(encodePrivateKey(q - 1n)), q - 1n);
  assert.equal(bytesToHex(encodePrivateKey(1n)), vectors.keys.A.hex);
  assert.throws(() => decodePrivateKey(new Uint8Array(32)), { message: 'private key is 0' });
  assert.throws(() => decodePrivateKey(new Uint8Array(32).fill(255)), {
    name: 'RangeError',
    message: 'private key is not below the modulus of Fq',
  });
  assert.throws(() => decodePrivateKey(new Uint8Array(31)), {
    message: 'private key has 32 bytes, not 31',
  });
  assert.throws(() => encodePrivateKey(q), /^RangeError: private key is not between/);
});

test('signatures: encode undoes decode, and refuses values outside their fields', () => {
  for (const { signature } of vectors.signatures) {
    const bytes = decode('signature', signature);
    assert.deepEqual(encodeSignature(decodeSignature(bytes)), bytes);
  }
  assert.throws(() => encodeSignature({ rx: Fp.modulus, s: 0n }), RangeError);
  assert.throws(() => encodeSignature({ rx: 0n, s: q }), RangeError);
});
