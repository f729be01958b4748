import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hexToBytes } from '@noble/hashes/utils.js';
import bs58check from 'bs58check';
import fc from 'fast-check';
import { type Kind, decode, encode } from '../../mina/base58check.ts';
import { recordedSubmission, signingVectors } from './vectors.ts';

const SHAPES: Record<Kind, { bytes: number; title: string; start: RegExp; characters?: number }> = {
  publicKey: { bytes: 33, title: 'public key', start: /^B62/, characters: 55 },
  signature: { bytes: 64, title: 'signature', start: /^7m[WX]/, characters: 96 },
  privateKey: { bytes: 32, title: 'private key', start: /^EK/, characters: 52 },
  stateHash: { bytes: 32, title: 'state hash', start: /^3N/, characters: 52 },
  blockHash: { bytes: 32, title: 'block hash', start: /^[XYZa]/ },
  ledgerHash: { bytes: 32, title: 'ledger hash', start: /^j/ },
};
const kinds = Object.keys(SHAPES) as Kind[];
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const refusal = (message: RegExp): { name: string; message: RegExp } => ({
  name: 'RangeError',
  message,
});

for (const kind of kinds) {
  const { bytes, title, start, characters } = SHAPES[kind];
  const payload = fc.uint8Array({ minLength: bytes, maxLength: bytes });

  test(`${kind}: decode undoes encode, and the text has its form`, () => {
    fc.assert(
      fc.property(payload, (value) => {
        const text = encode(kind, value);
        assert.deepEqual(decode(kind, text), value);
        assert.match(text, start);
        if (characters !== undefined) assert.equal(text.length, characters);
      }),
    );
    // The extremes bound the leading characters.
    for (const fill of [0, 255])
      assert.match(encode(kind, new Uint8Array(bytes).fill(fill)), start);
  });

  test(`${kind}: another length is refused by encode`, () => {
    for (const length of [0, bytes - 1, bytes + 1])
      assert.throws(() => encode(kind, new Uint8Array(length)), {
        name: 'RangeError',
        message: `a ${title} has ${bytes} bytes, not ${length}`,
      });
  });

  test(`${kind}: every change of one character is refused`, () => {
    const text = encode(kind, new Uint8Array(bytes).fill(7));
    for (let at = 0; at < text.length; at++) {
      const other = ALPHABET[(ALPHABET.indexOf(text[at]) + 1 + (at % 56)) % 58];
      assert.throws(() => decode(kind, text.slice(0, at) + other + text.slice(at + 1)), RangeError);
    }
  });

  test(`${kind}: forms that are not canonical are refused`, () => {
    const text = encode(kind, new Uint8Array(bytes).fill(7));
    for (const other of [`1${text}`, `11${text}`, `${text}1`, ` ${text}`, `${text} `, `${text}\n`])
      assert.throws(() => decode(kind, other), RangeError);
  });

  test(`${kind}: text of another kind is refused by name`, () => {
    for (const other of kinds.filter((name) => name !== kind))
      assert.throws(
        () => decode(kind, encode(other, new Uint8Array(SHAPES[other].bytes).fill(9))),
        refusal(new RegExp(`^not a Mina ${title}: it is a ${SHAPES[other].title}`)),
      );
  });

  test(`${kind}: a right checksum over a wrong content is refused with both lengths`, () => {
    const foreign = bs58check.encode(Uint8Array.of(99, 1, 2));
    assert.throws(
      () => decode(kind, foreign),
      refusal(/it holds 3 bytes that start with 99, not \d+ that start with \d+/),
    );
  });

  test(`${kind}: empty, overlong and foreign characters`, () => {
    assert.throws(() => decode(kind, ''), refusal(/it is empty/));
    assert.throws(
      () => decode(kind, 'B'.repeat(10_000_000)),
      refusal(/it has 10000000 characters/),
    );
    for (const character of ['0', 'O', 'I', 'l', '/', 'é', '漢', '\0'])
      assert.throws(() => decode(kind, `abc${character}`), refusal(/a character outside base58/));
    assert.throws(() => decode(kind, '1111'), refusal(/checksum/));
  });
}

test('arbitrary text never decodes, and gives nothing but a RangeError', () => {
  fc.assert(
    fc.property(fc.constantFrom(...kinds), fc.string({ maxLength: 140 }), (kind, text) => {
      assert.throws(() => decode(kind, text), RangeError);
    }),
    { numRuns: 300 },
  );
});

test('an error about a private key never repeats the text', () => {
  const secret = encode('privateKey', new Uint8Array(32).fill(3));
  const damaged = `${secret.slice(0, -1)}${secret.endsWith('1') ? '2' : '1'}`;
  for (const text of [damaged, `${secret}1`, secret.slice(2), `${secret}0`])
    assert.throws(
      () => decode('privateKey', text),
      (error: Error) => {
        for (let at = 0; at + 6 <= text.length; at++)
          assert.ok(!error.message.includes(text.slice(at, at + 6)));
        return error instanceof RangeError;
      },
    );
});

test('an error about other kinds repeats the text, cut if it is long', () => {
  assert.throws(() => decode('publicKey', 'B62nonsense'), refusal(/: "B62nonsense"$/));
  assert.throws(() => decode('publicKey', 'B'.repeat(500)), refusal(/: "B{16}…"$/));
});

test('known texts survive decode and encode', () => {
  const { keys, signatures, recorded } = signingVectors();
  for (const { hex, privateKey, publicKey } of Object.values(keys)) {
    assert.equal(encode('publicKey', decode('publicKey', publicKey)), publicKey);
    assert.equal(encode('privateKey', hexToBytes(hex)), privateKey);
  }
  for (const { signature } of signatures)
    assert.equal(encode('signature', decode('signature', signature)), signature);
  for (const { file } of recorded) {
    const { submitter, signature } = recordedSubmission(file);
    assert.equal(encode('publicKey', decode('publicKey', submitter)), submitter);
    assert.equal(encode('signature', decode('signature', signature)), signature);
  }
  assert.equal(
    encode('stateHash', new Uint8Array(32)),
    '3NK2tkzqqK5spR2sZ7tujjqPksL45M3UUrcA4WhCkeiPtnugyE2x', // MinaProtocol/mina: the hash of field 0
  );
});
