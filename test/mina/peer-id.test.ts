import assert from 'node:assert/strict';
import { test } from 'node:test';
import bs58 from 'bs58';
import fc from 'fast-check';
import { decodePeerId, encodePeerId } from '../../mina/peer-id.ts';
import { recordedSubmission, signingVectors } from './vectors.ts';

test('peer ids of recorded submissions survive decode and encode', () => {
  for (const { file } of signingVectors().recorded) {
    const { peer_id } = recordedSubmission(file).data;
    assert.equal(encodePeerId(decodePeerId(peer_id)), peer_id);
  }
});

test('every key has an id of 52 characters, 12D3KooW…, that gives the key back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
      const text = encodePeerId(key);
      assert.match(text, /^12D3KooW[1-9A-Za-z]{44}$/);
      assert.deepEqual(decodePeerId(text), key);
    }),
  );
});

test('a known pair', () => {
  // MinaFoundation/mina-delegation-program-tech, e2e_test/topology/libp2p_keys/node-a.json: base64 of protobuf.
  const protobuf = Buffer.from('CAESINNXF0JUP1PDNaoYYJbH7FSdRxhx5KIXq0Q490cohpWq', 'base64');
  assert.equal(
    encodePeerId(protobuf.subarray(4)),
    '12D3KooWQ3MDX1EadqGje3kCaVGm534Wx38A3VKA41s5w1JJ2fGM',
  );
});

test('anything else is refused', () => {
  const id = encodePeerId(new Uint8Array(32).fill(5));
  const rsa = bs58.encode(Uint8Array.of(0x12, 0x20, ...new Uint8Array(32))); // Qm…: a hash of a key
  for (const text of [
    '',
    id.slice(0, -1),
    `${id}1`,
    `1${id}`,
    ` ${id}`,
    `${id}0`,
    rsa,
    'é',
    'z'.repeat(1e6),
  ])
    assert.throws(() => decodePeerId(text), {
      name: 'RangeError',
      message: /^not the peer id of an Ed25519 key: "/,
    });
  // The right length, but another hash, key type or field.
  const raw = bs58.decode(id);
  for (let at = 0; at < 6; at++) {
    const foreign = raw.slice();
    foreign[at] ^= 3;
    assert.throws(() => decodePeerId(bs58.encode(foreign)), RangeError, `byte ${at}`);
  }
  for (const length of [0, 31, 33])
    assert.throws(() => encodePeerId(new Uint8Array(length)), {
      name: 'RangeError',
      message: `an Ed25519 public key has 32 bytes, not ${length}`,
    });
});
