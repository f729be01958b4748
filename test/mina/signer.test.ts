import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { blake2b } from '@noble/hashes/blake2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { encode } from '../../mina/base58check.ts';
import { ENVELOPE, ENVELOPE_JOINTS, RECORD } from '../../mina/envelope.ts';
import { q } from '../../mina/field.ts';
import { NETWORKS, type Network } from '../../mina/network.ts';
import * as reference from '../../mina/schnorr.ts';
import { createSigner } from '../../mina/signer.ts';
import { messageOf, signedText } from '../../mina/submission-text.ts';
import { loadMinaWasm } from '../../paths.ts';
import { slowOnly } from '../support/thorough.ts';
import { fastImplementation } from './fast-implementation.ts';
import { schnorrSuite } from './schnorr-suite.ts';

schnorrSuite('mina/signer.ts (WebAssembly)', fastImplementation(), {
  oracleCases: 20,
  propertyRuns: 25,
  textChanges: 100,
  bitChanges: Infinity,
});

const module = loadMinaWasm();
const PEER_ID = '12D3KooWGFjBhvkwj6jGTfhQxWMq4rTvw22vgbgnc2KPF4xhNhAv';
const privateKeys = fc.bigInt({ min: 1n, max: q - 1n });
const networks = fc.constantFrom<Network>(...NETWORKS);
/** Bytes that differ along their length, without a generator's cost for long inputs. */
const pattern = (length: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (Math.imul(i + seed, 2654435761) >>> 13) & 255);

describe('signatures equal the reference', () => {
  const signer = createSigner(module);

  test('messages of every length around chunks of 254 bits and blocks of 128 bytes', () => {
    const key = 123456789n ** 8n % q;
    const handle = signer.addKey(reference.encodePrivateKey(key), 'testnet');
    const publicKey = signer.publicKey(handle);
    for (const length of [
      0, 1, 30, 31, 32, 33, 62, 63, 64, 94, 95, 96, 127, 128, 158, 159, 160, 300,
    ]) {
      const message = pattern(length);
      const signature = signer.sign(handle, message);
      assert.deepEqual(signature, reference.sign(key, message, 'testnet'), `${length} bytes`);
      assert.equal(signer.verify(publicKey, signature, message, 'testnet'), true);
    }
  });

  test('a long message, and then a short one, in the same memory', slowOnly, () => {
    const key = 42n;
    const handle = signer.addKey(reference.encodePrivateKey(key), 'mainnet');
    for (const message of [pattern(200_000), pattern(5)]) {
      const signature = signer.sign(handle, message);
      assert.deepEqual(signature, reference.sign(key, message, 'mainnet'));
    }
  });

  test('random keys, messages and networks', () => {
    fc.assert(
      fc.property(
        privateKeys,
        fc.uint8Array({ maxLength: 300 }),
        networks,
        (key, message, network) => {
          const handle = signer.addKey(reference.encodePrivateKey(key), network);
          assert.deepEqual(signer.sign(handle, message), reference.sign(key, message, network));
        },
      ),
      { numRuns: 25 },
    );
  });

  test('a batch gives what single signatures give, at every size around its parts', () => {
    const handles = [1n, q - 1n, 99n].flatMap((key) =>
      NETWORKS.map((network) => signer.addKey(reference.encodePrivateKey(key), network)),
    );
    for (const count of [0, 1, 19, 20, 21, 255, 256, 257, 600]) {
      const keys = Uint32Array.from({ length: count }, (_, i) => handles[i % handles.length]);
      const messages = pattern(32 * count);
      const out = new Uint8Array(64 * count);
      signer.signBatch(keys, messages, out);
      for (let i = 0; i < count; i += count > 50 ? 37 : 1)
        assert.deepEqual(
          out.slice(64 * i, 64 * i + 64),
          signer.sign(keys[i], messages.subarray(32 * i, 32 * i + 32)),
        );
    }
  });

  test('a batch from views into larger arrays', () => {
    const handle = signer.addKey(reference.encodePrivateKey(7n), 'testnet');
    const keys = new Uint32Array([9999, handle, handle, 9999]).subarray(1, 3);
    const messages = pattern(100).subarray(3, 67);
    const out = new Uint8Array(130);
    signer.signBatch(keys, messages, out.subarray(1, 129));
    assert.deepEqual(out.slice(65, 129), signer.sign(handle, messages.subarray(32)));
    assert.deepEqual([out[0], out[129]], [0, 0]);
  });
});

test('public keys as bytes and text; more keys than one chunk of memory holds', () => {
  const signer = createSigner(module);
  for (let i = 1; i <= 1030; i++) signer.addKey(reference.encodePrivateKey(BigInt(i)), 'testnet');
  for (const handle of [0, 1, 1022, 1023, 1024, 1029]) {
    const expected = reference.publicKeyOf(BigInt(handle + 1));
    assert.deepEqual(signer.publicKey(handle), expected);
    assert.equal(signer.publicKeyText(handle), encode('publicKey', expected));
  }
});

describe('keys seen before', () => {
  test('any number of verifications of one key gives the same answers', () => {
    const signer = createSigner(module);
    const publicKey = reference.publicKeyOf(31337n);
    for (let i = 0; i < 20; i++) {
      const message = pattern(32, i);
      const network = NETWORKS[i % 2];
      const signature = reference.sign(31337n, message, network);
      assert.equal(signer.verify(publicKey, signature, message, network), true);
      signature[40] ^= 1;
      assert.equal(signer.verify(publicKey, signature, message, network), false);
    }
  });

  test('more keys than are kept: nothing is mixed up', () => {
    const signer = createSigner(module, { seenKeys: 3, tables: 2 });
    const cases = [1n, 2n, 3n, 4n, 5n].map((key) => ({
      publicKey: reference.publicKeyOf(key),
      signature: reference.sign(key, pattern(32), 'testnet'),
    }));
    for (let i = 0; i < 200; i++) {
      const { publicKey } = cases[(i * i) % 5];
      const { signature } = cases[(i * 3) % 5];
      assert.equal(
        signer.verify(publicKey, signature, pattern(32), 'testnet'),
        (i * i) % 5 === (i * 3) % 5,
      );
    }
  });

  for (const tables of [0, 1, 2])
    test(`more keys in steady use than ${tables} tables`, () => {
      const signer = createSigner(module, { tables });
      for (let i = 0; i < 120; i++) {
        const key = BigInt(1 + (i < 60 ? i % 3 : i % 2));
        const message = pattern(32, i);
        const signature = reference.sign(key, message, 'testnet');
        const publicKey = reference.publicKeyOf(key);
        assert.equal(signer.verify(publicKey, signature, message, 'testnet'), true, `${i}`);
        message[0] ^= 1;
        assert.equal(signer.verify(publicKey, signature, message, 'testnet'), false, `${i}`);
      }
    });

  test('a key that only the lax check takes stays refused by the strict one', () => {
    const signer = createSigner(module);
    const odd = [1n, q - 1n].find((key) => reference.publicKeyOf(key)[32] === 1)!;
    const publicKey = reference.publicKeyOf(odd);
    publicKey[32] = 3;
    const signature = reference.sign(odd, pattern(32), 'testnet');
    for (let i = 0; i < 4; i++) {
      assert.equal(signer.verifyLax(publicKey, signature, pattern(32), 'testnet'), true);
      assert.throws(
        () => signer.verify(publicKey, signature, pattern(32), 'testnet'),
        /parity byte is 3/,
      );
    }
  });
});

test('BLAKE2b-256 equals @noble/hashes: lengths 0 to 300, around blocks and pieces', () => {
  const signer = createSigner(module);
  const lengths = Array.from({ length: 301 }, (_, i) => i);
  for (const edge of [384, 1024, 65536, 65536 + 128, 131072])
    for (let d = -2; d <= 2; d++) lengths.push(edge + d);
  const data = pattern(131072 + 2);
  for (const length of lengths) {
    const part = data.subarray(0, length);
    assert.deepEqual(signer.blake2b256(part), blake2b(part, { dkLen: 32 }), `${length} bytes`);
  }
});

test('a hash goes on after a beginning that was hashed before, wherever it is cut, in any instance', () => {
  const [signer, other] = [createSigner(module), createSigner(module)];
  const data = pattern(66_000);
  for (const [length, cuts] of [
    [0, [0]],
    [300, [0, 1, 127, 128, 129, 255, 256, 257, 299, 300]],
    [66_000, [127, 128, 65_536, 65_537, 65_664, 65_665, 65_999, 66_000]],
  ] as const)
    for (const cut of cuts) {
      const whole = signer.blake2b256(data.subarray(0, length));
      const start = signer.hashedStart(data.subarray(0, cut));
      // In between another hash, as there would be.
      other.blake2b256(data.subarray(7));
      for (const one of [signer, other, signer])
        assert.deepEqual(
          one.blake2b256(data.subarray(cut, length), start),
          whole,
          `${length}, ${cut}`,
        );
    }
});

describe('submissions', () => {
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  /** The record's bytes, built from the reference alone. */
  function expectedRecord(
    fields: { block: string; createdAt: string; peerId: string; snarkWork?: string },
    key: bigint,
    network: Network,
    index: number,
  ): Uint8Array {
    const signature = reference.sign(key, messageOf(signedText(fields)), network);
    const envelope =
      fields.createdAt +
      ENVELOPE_JOINTS[0] +
      fields.peerId +
      ENVELOPE_JOINTS[1] +
      encode('signature', signature) +
      ENVELOPE_JOINTS[2] +
      encode('publicKey', reference.publicKeyOf(key));
    assert.equal(envelope.length, ENVELOPE.bytes);
    const record = new Uint8Array(RECORD.bytes);
    new DataView(record.buffer).setUint32(RECORD.templateOffset, index, true);
    record.set(utf8ToBytes(envelope), RECORD.envelopeOffset);
    return record;
  }
  const OTHER_PEER_ID = PEER_ID.replace('GFj', 'HGk');

  test('records equal those of the reference, whatever the lengths of block and snark work', () => {
    const signer = createSigner(module);
    const keys = [5n, q - 5n].flatMap((key) =>
      NETWORKS.map((network) => {
        const peerId = network === 'mainnet' ? PEER_ID : OTHER_PEER_ID;
        return {
          key,
          network,
          peerId,
          handle: signer.addKey(reference.encodePrivateKey(key), network, peerId),
        };
      }),
    );
    // The prefix is `{"block":` + token: these lengths lie around blocks of 128 bytes, and beyond one piece.
    const templates = [2, 100, 118, 119, 120, 246, 247, 248, 17_000, 66_000].flatMap((length, i) =>
      [undefined, i * 37, 16_384].map((snark) => {
        const block = `"${'A'.repeat(length - 2)}"`;
        const snarkWork = snark === undefined ? undefined : `"${'B'.repeat(snark)}"`;
        const suffix = snarkWork === undefined ? '}' : `,"snark_work":${snarkWork}}`;
        const handle = signer.addTemplate(utf8ToBytes(`{"block":${block}`), utf8ToBytes(suffix));
        return { block, handle, ...(snarkWork === undefined ? {} : { snarkWork }) };
      }),
    );
    const count = 2 * templates.length;
    const batch = {
      templates: Uint32Array.from(
        { length: count },
        (_, i) => templates[i % templates.length].handle,
      ),
      keys: Uint32Array.from({ length: count }, (_, i) => keys[i % keys.length].handle),
      createdAt: Uint32Array.from({ length: count }, (_, i) => 1_767_323_045 + i * 86_399),
    };
    const out = new Uint8Array(RECORD.bytes * count);
    signer.signEnvelopes(batch, out);
    for (let i = 0; i < count; i += 1) {
      const { block, snarkWork } = templates[i % templates.length] as {
        block: string;
        snarkWork?: string;
      };
      const { key, network, peerId } = keys[i % keys.length];
      const createdAt = `${new Date(batch.createdAt[i] * 1000).toISOString().slice(0, 19)}Z`;
      const fields = {
        block,
        createdAt,
        peerId,
        ...(snarkWork === undefined ? {} : { snarkWork }),
      };
      const expected = expectedRecord(fields, key, network, i % templates.length);
      assert.equal(
        text(out.slice(RECORD.bytes * i, RECORD.bytes * (i + 1))),
        text(expected),
        `record ${i}`,
      );
    }
  });

  test('times: leap days, ends of years and centuries, first and last second', () => {
    const signer = createSigner(module);
    const handle = signer.addKey(reference.encodePrivateKey(1n), 'testnet', PEER_ID);
    const template = signer.addTemplate(utf8ToBytes('{"block":""'), utf8ToBytes('}'));
    const moments = [0, 59, 86_399, 86_400, 4_294_967_295];
    for (const day of [
      '1972-02-29',
      '1999-12-31',
      '2000-02-28',
      '2000-02-29',
      '2000-03-01',
      '2024-02-29',
      '2026-01-02',
      '2026-10-31',
      '2100-02-28',
      '2100-03-01',
    ])
      moments.push(Date.parse(`${day}T00:00:00Z`) / 1000, Date.parse(`${day}T23:59:59Z`) / 1000);
    fc.assert(
      fc.property(
        fc.oneof(fc.constantFrom(...moments), fc.nat({ max: 4_294_967_295 })),
        (seconds) => {
          const out = new Uint8Array(RECORD.bytes);
          const batch = { templates: [template], keys: [handle], createdAt: [seconds] };
          signer.signEnvelopes(
            {
              templates: Uint32Array.from(batch.templates),
              keys: Uint32Array.from(batch.keys),
              createdAt: Uint32Array.from(batch.createdAt),
            },
            out,
          );
          const expected = `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
          assert.equal(
            text(out.slice(RECORD.envelopeOffset, RECORD.envelopeOffset + 20)),
            expected,
          );
        },
      ),
      { numRuns: 300, examples: moments.map((seconds) => [seconds]) },
    );
  });

  test('more records than one call of the WebAssembly takes', () => {
    const signer = createSigner(module);
    const handles = [11n, 12n, 13n].map((key) =>
      signer.addKey(reference.encodePrivateKey(key), 'testnet', PEER_ID),
    );
    const template = signer.addTemplate(utf8ToBytes('{"block":"QUJD"'), utf8ToBytes('}'));
    const count = 600;
    const batch = {
      templates: new Uint32Array(count).fill(template),
      keys: Uint32Array.from({ length: count }, (_, i) => handles[i % 3]),
      createdAt: Uint32Array.from({ length: count }, (_, i) => 1_800_000_000 + i),
    };
    const whole = new Uint8Array(RECORD.bytes * count);
    signer.signEnvelopes(batch, whole);
    for (let i = 0; i < count; i += 17) {
      const one = new Uint8Array(RECORD.bytes);
      signer.signEnvelopes(
        {
          templates: batch.templates.subarray(i, i + 1),
          keys: batch.keys.subarray(i, i + 1),
          createdAt: batch.createdAt.subarray(i, i + 1),
        },
        one,
      );
      assert.deepEqual(whole.slice(RECORD.bytes * i, RECORD.bytes * (i + 1)), one, `record ${i}`);
    }
  });

  test('templates: an index of the caller, and a fresh start in used memory', () => {
    const signer = createSigner(module);
    const handle = signer.addKey(reference.encodePrivateKey(3n), 'testnet', PEER_ID);
    for (const length of [5000, 10, 300, 9000]) {
      signer.clearTemplates();
      const block = `"${'C'.repeat(length)}"`;
      const template = signer.addTemplate(
        utf8ToBytes(`{"block":${block}`),
        utf8ToBytes('}'),
        70_000 + length,
      );
      assert.equal(template, 0);
      const out = new Uint8Array(RECORD.bytes);
      signer.signEnvelopes(
        {
          templates: Uint32Array.of(template),
          keys: Uint32Array.of(handle),
          createdAt: Uint32Array.of(1_800_000_000),
        },
        out,
      );
      const fields = { block, createdAt: '2027-01-15T08:00:00Z', peerId: PEER_ID };
      assert.deepEqual(out, expectedRecord(fields, 3n, 'testnet', 70_000 + length));
    }
  });
});

describe('wrong arguments are named', () => {
  const signer = createSigner(module);
  const handle = signer.addKey(reference.encodePrivateKey(8n), 'testnet');
  const withPeer = signer.addKey(reference.encodePrivateKey(8n), 'testnet', PEER_ID);
  const template = signer.addTemplate(utf8ToBytes('{"block":""'), utf8ToBytes('}'));

  test('private keys: length and range, without the value', () => {
    for (const bad of [new Uint8Array(32), new Uint8Array(32).fill(255)])
      assert.throws(() => signer.addKey(bad, 'testnet'), {
        name: 'RangeError',
        message: 'private key is not between 0 and the modulus of Fq',
      });
    assert.throws(
      () => signer.addKey(new Uint8Array(31), 'testnet'),
      /private key has 32 bytes, not 31/,
    );
    assert.throws(
      () => signer.addKey(reference.encodePrivateKey(1n), 'testnet', 'Qm'),
      /a peer id has 52 letters and digits, not "Qm"/,
    );
  });

  test('handles that were never given', () => {
    for (const bad of [2, -1, 0.5, Number.NaN])
      for (const use of [
        () => signer.sign(bad, new Uint8Array(32)),
        () => signer.publicKey(bad),
        () => signer.publicKeyText(bad),
      ])
        assert.throws(use, /key handle .* is not below the 2 keys/);
    assert.throws(
      () => signer.signBatch(Uint32Array.of(2), new Uint8Array(32), new Uint8Array(64)),
      /key handle 2/,
    );
  });

  test('batches whose lengths do not fit', () => {
    const keys = Uint32Array.of(handle);
    assert.throws(
      () => signer.signBatch(keys, new Uint8Array(31), new Uint8Array(64)),
      /do not fit/,
    );
    assert.throws(
      () => signer.signBatch(keys, new Uint8Array(32), new Uint8Array(63)),
      /do not fit/,
    );
    const batch = {
      templates: Uint32Array.of(template),
      keys: Uint32Array.of(withPeer),
      createdAt: Uint32Array.of(0),
    };
    const out = new Uint8Array(RECORD.bytes);
    signer.signEnvelopes(batch, out);
    for (const change of [{ templates: new Uint32Array(2) }, { createdAt: new Uint32Array(0) }])
      assert.throws(() => signer.signEnvelopes({ ...batch, ...change }, out), /do not fit/);
    assert.throws(() => signer.signEnvelopes(batch, new Uint8Array(271)), /do not fit/);
    assert.throws(
      () => signer.signEnvelopes({ ...batch, templates: Uint32Array.of(1) }, out),
      /template 1 is not below the 1 templates/,
    );
    assert.throws(
      () => signer.signEnvelopes({ ...batch, keys: Uint32Array.of(handle) }, out),
      /key 0 has no peer id/,
    );
    signer.clearTemplates();
    assert.throws(
      () => signer.signEnvelopes(batch, out),
      /template 0 is not below the 0 templates/,
    );
  });
});
