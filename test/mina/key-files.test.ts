import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import bs58check from 'bs58check';
import fc from 'fast-check';
import nacl from 'tweetnacl';
import { argon2i } from '@noble/hashes/argon2.js';
import { decode, encode } from '../../mina/base58check.ts';
import { q } from '../../mina/field.ts';
import {
  DAEMON_COST,
  type EncryptOptions,
  KeyFileError,
  decryptLibp2pKeyPair,
  decryptWallet,
  deriveKey,
  encryptLibp2pKeyPair,
  encryptWallet,
  inspectKeyFile,
  keyFileForm,
  parsePrivateKey,
} from '../../mina/key-files.ts';
import { decodePeerId } from '../../mina/peer-id.ts';
import { publicKeyOf, sign } from '../../mina/schnorr.ts';
import { messageOf } from '../../mina/submission-text.ts';
import { readVector, recordedSubmission } from './vectors.ts';

const PASSPHRASE = 'correct horse / Pässword';
const CHEAP = { memoryBytes: 8192, passes: 3 };
const options = (change: Partial<EncryptOptions> = {}): EncryptOptions => ({
  passphrase: PASSPHRASE,
  nonce: new Uint8Array(24).fill(1),
  salt: new Uint8Array(16).fill(2),
  cost: CHEAP,
  ...change,
});
const KEY = 0x1234567890abcdef1234567890abcdefn;
const SEED = Uint8Array.from({ length: 32 }, (_, i) => 100 + i);

type FileFields = Record<string, unknown>;
const changed = (text: string, change: FileFields): string =>
  JSON.stringify({ ...(JSON.parse(text) as FileFields), ...change });
const boxBytes = (bytes: Uint8Array): string => bs58check.encode(Uint8Array.of(2, ...bytes));
const bytesOf = (text: string, field: string): Uint8Array =>
  bs58check.decode((JSON.parse(text) as Record<string, string>)[field]).slice(1);

/** A file that decrypts to any plaintext. */
function sealed(plaintext: Uint8Array): string {
  const { nonce, salt } = options();
  const key = argon2i(utf8ToBytes(PASSPHRASE), salt, { t: 3, m: 8, p: 1, dkLen: 32 });
  return JSON.stringify({
    box_primitive: 'xsalsa20poly1305',
    pw_primitive: 'argon2i',
    nonce: boxBytes(nonce),
    pwsalt: boxBytes(salt),
    pwdiff: [8192, 3],
    ciphertext: boxBytes(nacl.secretbox(plaintext, nonce, key)),
  });
}

/** Checks fault and problems, and that nothing of the error repeats a secret. */
const refusal =
  (fault: KeyFileError['fault'], problems: readonly string[], secrets: readonly string[] = []) =>
  (error: unknown): true => {
    assert.ok(error instanceof KeyFileError, String(error));
    assert.deepEqual({ fault: error.fault, problems: error.problems }, { fault, problems });
    const shown = `${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`;
    for (const secret of [PASSPHRASE, ...secrets])
      for (let at = 0; at + 8 <= secret.length; at++)
        assert.ok(!shown.includes(secret.slice(at, at + 8)), 'a secret is in the error');
    return true;
  };

describe('files of a real daemon', () => {
  const passphrase = 'naughty blue worm'; // published beside them: test/vectors/README.md

  test('the wallet gives the private key that signed a recorded submission, bit for bit', async () => {
    const { privateKey, publicKey } = await decryptWallet(
      readVector('wallet-node-a.json'),
      passphrase,
    );
    assert.deepEqual(parsePrivateKey('EKF83r3ibZ8eCC1PwcgrTAVLVoA3dKXt2iSGxb6vDnofs9nKUY3V'), {
      privateKey,
      publicKey,
    });
    const { text, submitter, signature } = recordedSubmission('submission-with-snark-work.json');
    assert.equal(publicKey, submitter);
    assert.deepEqual(encode('signature', sign(privateKey, messageOf(text), 'testnet')), signature);
  });

  test('they have the default cost', () => {
    for (const name of ['wallet-node-a.json', 'libp2p-node-a.json'])
      assert.deepEqual((JSON.parse(readVector(name)) as FileFields).pwdiff, [
        DAEMON_COST.memoryBytes,
        DAEMON_COST.passes,
      ]);
  });
});

test('the key is that of the readable reference, at every cost, the empty passphrase included', async () => {
  const salt = Uint8Array.from({ length: 16 }, (_, i) => 7 * i);
  for (const [kib, passes] of [
    [8, 3],
    [9, 4],
    [31, 3],
    [64, 5],
    [257, 3],
    [1024, 6],
  ] as const)
    for (const passphrase of ['', 'x', 'Pässword 🔑', 'long'.repeat(50)]) {
      const cost = { memoryBytes: kib * 1024 + 1023, passes };
      const expected = argon2i(utf8ToBytes(passphrase), salt, { t: passes, m: kib, p: 1, dkLen: 32 }); // prettier-ignore
      assert.deepEqual(
        Buffer.from(await deriveKey(passphrase, salt, cost)).toString('hex'),
        Buffer.from(expected).toString('hex'),
        `${kib} KiB, ${passes} passes, "${passphrase}"`,
      );
    }
});

test('what a file holds and costs shows without its passphrase', async () => {
  assert.deepEqual(inspectKeyFile(readVector('wallet-node-a.json')), {
    holds: 'wallet',
    cost: DAEMON_COST,
  });
  assert.equal(inspectKeyFile(readVector('libp2p-node-a.json')).holds, 'libp2p');
  assert.deepEqual(inspectKeyFile(await encryptWallet(KEY, options())).cost, CHEAP);
  assert.equal(inspectKeyFile(await encryptLibp2pKeyPair(SEED, options())).holds, 'libp2p');
  assert.throws(
    () => inspectKeyFile('{}'),
    (error) => error instanceof KeyFileError && error.problems.length === 6,
  );
});

test('wallets: decrypt undoes encrypt', async () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  await fc.assert(
    fc.asyncProperty(
      fc.bigInt({ min: 1n, max: q - 1n }),
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      bytes(24),
      bytes(16),
      async (privateKey, passphrase, nonce, salt) => {
        const text = await encryptWallet(privateKey, { passphrase, nonce, salt, cost: CHEAP });
        assert.deepEqual(Object.keys(JSON.parse(text) as FileFields), [
          'box_primitive',
          'pw_primitive',
          'nonce',
          'pwsalt',
          'pwdiff',
          'ciphertext',
        ]);
        const publicKey = encode('publicKey', publicKeyOf(privateKey));
        assert.deepEqual(await decryptWallet(text, passphrase), { privateKey, publicKey });
      },
    ),
    { numRuns: 20 },
  );
});

test('libp2p key pairs: decrypt undoes encrypt', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), async (seed) => {
      const text = await encryptLibp2pKeyPair(seed, options());
      const pair = await decryptLibp2pKeyPair(text, PASSPHRASE);
      assert.deepEqual(pair.seed, seed);
      assert.deepEqual(pair.publicKey, nacl.sign.keyPair.fromSeed(seed).publicKey);
      assert.deepEqual(decodePeerId(pair.peerId), pair.publicKey);
    }),
    { numRuns: 10 },
  );
});

test('encrypt refuses wrong lengths, costs and keys, all at once and without the key', async () => {
  const wrong = options({ nonce: new Uint8Array(12), salt: new Uint8Array(8) });
  await assert.rejects(encryptWallet(KEY, { ...wrong, cost: { memoryBytes: 1, passes: 0 } }), {
    name: 'RangeError',
    message:
      'memory must be an integer from 8192 to 1073741824 bytes, but is 1; ' +
      'passes must be an integer from 3 to 64, but is 0; ' +
      'a nonce has 24 bytes, not 12; a salt has 16 bytes, not 8',
  });
  assert.throws(() => void encryptWallet(q, options()), {
    name: 'RangeError',
    message: 'private key is not between 0 and the modulus of Fq',
  });
  await assert.rejects(encryptLibp2pKeyPair(new Uint8Array(31), options()), {
    name: 'RangeError',
    message: 'an Ed25519 seed has 32 bytes, not 31',
  });
});

describe('what is refused', () => {
  const WRONG = ['the passphrase is wrong, or the key file is damaged'];

  test('a wrong passphrase', async () => {
    const text = await encryptWallet(KEY, options());
    for (const passphrase of ['', 'correct horse / Passwor', `${PASSPHRASE} `, 'CORRECT HORSE'])
      await assert.rejects(
        decryptWallet(text, passphrase),
        refusal('passphrase', WRONG, [passphrase]),
      );
  });

  test('a change of any byte of nonce, salt or ciphertext, or of the cost', async () => {
    const text = await encryptWallet(KEY, options());
    for (const field of ['nonce', 'pwsalt', 'ciphertext']) {
      const bytes = bytesOf(text, field);
      for (let at = 0; at < bytes.length; at++) {
        const damaged = bytes.slice();
        damaged[at] ^= 1 << (at % 8);
        await assert.rejects(
          decryptWallet(changed(text, { [field]: boxBytes(damaged) }), PASSPHRASE),
          refusal('passphrase', WRONG),
          `${field}, byte ${at}`,
        );
      }
    }
    for (const pwdiff of [
      [16384, 3],
      [8192, 4],
    ])
      await assert.rejects(
        decryptWallet(changed(text, { pwdiff }), PASSPHRASE),
        refusal('passphrase', WRONG),
      );
  });

  test('each field missing, and all of them in one error', async () => {
    const text = await encryptWallet(KEY, options());
    const fields = ['box_primitive', 'pw_primitive', 'nonce', 'pwsalt', 'pwdiff', 'ciphertext'];
    for (const field of fields)
      for (const read of [decryptWallet, decryptLibp2pKeyPair])
        await assert.rejects(
          read(changed(text, { [field]: undefined }), PASSPHRASE),
          refusal('malformed', [`${field} is missing`]),
        );
    await assert.rejects(
      decryptWallet('{}', PASSPHRASE),
      refusal(
        'malformed',
        fields.map((field) => `${field} is missing`),
      ),
    );
  });

  test('each field of a wrong form, in one error and without its value', async () => {
    const text = await encryptWallet(KEY, options());
    const ciphertext = bytesOf(text, 'ciphertext');
    const foreign = bs58check.encode(Uint8Array.of(3, ...ciphertext));
    const file = {
      box_primitive: 'secretvalue1',
      pw_primitive: 17,
      nonce: boxBytes(new Uint8Array(23)),
      pwsalt: { secretvalue: 2 },
      pwdiff: [2 ** 40, 2.5],
      ciphertext: foreign,
    };
    await assert.rejects(
      decryptWallet(JSON.stringify(file), PASSPHRASE),
      refusal(
        'malformed',
        [
          'box_primitive is of another kind, but only "xsalsa20poly1305" is read here',
          'pw_primitive is of another kind, but only "argon2i" is read here',
          'nonce has 23 bytes, not 24',
          'pwsalt is not a string',
          'pwdiff: memory must be an integer from 8192 to 1073741824 bytes, but is 1099511627776',
          'pwdiff: passes must be an integer from 3 to 64, but is 2.5',
          'ciphertext is not base58check of version 2',
        ],
        ['secretvalue', foreign],
      ),
    );
    for (const [change, problem] of [
      [{ pwdiff: '8192,3' }, 'pwdiff is not a pair of bytes of memory and passes'],
      [{ pwdiff: [8192] }, 'pwdiff is not a pair of bytes of memory and passes'],
      [{ pwdiff: [8191, 3] }, 'pwdiff: memory must be an integer from 8192 to 1073741824 bytes, but is 8191'], // prettier-ignore
      [{ pwdiff: ['8192', 3] }, 'pwdiff: memory must be an integer from 8192 to 1073741824 bytes'],
      [{ pwdiff: [8192, 65] }, 'pwdiff: passes must be an integer from 3 to 64, but is 65'],
      [{ pw_primitive: 'argon2id' }, 'pw_primitive is "argon2id", but only "argon2i" is read here'],
      [{ box_primitive: 'aes-256-gcm' }, 'box_primitive is "aes-256-gcm", but only "xsalsa20poly1305" is read here'], // prettier-ignore
      [{ nonce: 'z'.repeat(1_000_000) }, 'nonce is not base58check of version 2'],
      [{ nonce: '' }, 'nonce is not base58check of version 2'],
      [{ ciphertext: boxBytes(new Uint8Array(16)) }, 'ciphertext has 16 bytes, not more than 16'],
    ] as const)
      await assert.rejects(
        decryptWallet(changed(text, change), PASSPHRASE),
        refusal('malformed', [problem]),
      );
  });

  test('text that is no JSON object, without quoting it', async () => {
    const secret = encode('privateKey', new Uint8Array(32).fill(3));
    for (const text of ['', secret, `{"x": ${secret}`, '{"box_primitive"'])
      await assert.rejects(
        decryptWallet(text, PASSPHRASE),
        refusal('malformed', ['the key file is not JSON'], [secret]),
      );
    for (const text of ['[]', 'null', '"x"', '5'])
      await assert.rejects(
        decryptWallet(text, PASSPHRASE),
        refusal('malformed', ['the key file is not a JSON object']),
      );
  });

  test('a key pair where a wallet is asked for, and the other way round', async () => {
    await assert.rejects(
      decryptWallet(await encryptLibp2pKeyPair(SEED, options()), PASSPHRASE),
      refusal('content', [
        'the file holds a libp2p key pair, not the private key of a block producer',
      ]),
    );
    await assert.rejects(
      decryptLibp2pKeyPair(await encryptWallet(KEY, options()), PASSPHRASE),
      refusal('content', ['the file does not hold a libp2p key pair']),
    );
  });

  test('a wallet whose content is no private key', async () => {
    const one = new Uint8Array(33).fill(1);
    for (const [plaintext, problem] of [
      [
        one.subarray(0, 32),
        'the file holds 32 bytes, not a version byte 1 and a private key of 32',
      ],
      [
        Uint8Array.of(2, ...one.subarray(1)),
        'the file holds 33 bytes, not a version byte 1 and a private key of 32',
      ],
      [Uint8Array.of(1, ...new Uint8Array(32)), 'private key is 0'],
      [new Uint8Array(33).fill(255).fill(1, 0, 1), 'private key is not below the modulus of Fq'],
    ] as const)
      await assert.rejects(
        decryptWallet(sealed(plaintext), PASSPHRASE),
        refusal('content', [problem]),
      );
  });

  test('a libp2p key pair whose parts are damaged or do not belong together', async () => {
    const base64 = (...bytes: (Uint8Array | number[])[]): string =>
      Buffer.concat(bytes.map((part) => Buffer.from(part))).toString('base64');
    const { publicKey } = nacl.sign.keyPair.fromSeed(SEED);
    const other = nacl.sign.keyPair.fromSeed(new Uint8Array(32)).publicKey;
    const secret = base64([8, 1, 18, 64], SEED, publicKey);
    const known = base64([8, 1, 18, 32], publicKey);
    const { peerId } = await decryptLibp2pKeyPair(
      await encryptLibp2pKeyPair(SEED, options()),
      PASSPHRASE,
    );
    const otherId = (
      await decryptLibp2pKeyPair(
        await encryptLibp2pKeyPair(new Uint8Array(32), options()),
        PASSPHRASE,
      )
    ).peerId;
    const read = (parts: readonly string[], separator = ',') =>
      decryptLibp2pKeyPair(sealed(utf8ToBytes(parts.join(separator))), PASSPHRASE);

    // What old programs wrote is read too.
    for (const separator of [',', ';'])
      for (const text of [secret, base64([8, 1, 18, 96], SEED, publicKey, publicKey)])
        assert.equal((await read([text, known, peerId], separator)).peerId, peerId);

    const BAD_SECRET = 'the libp2p secret is not base64 of an Ed25519 private key';
    const BAD_PUBLIC = 'the libp2p public key is not base64 of an Ed25519 public key';
    const cases: [readonly string[], readonly string[]][] = [
      [[secret, known], ['the libp2p key pair has 2 parts, not 3 (secret, public key, peer id)']],
      [
        ['*', '*', peerId],
        [BAD_SECRET, BAD_PUBLIC],
      ],
      [[base64([8, 0, 18, 64], SEED, publicKey), known, peerId], [BAD_SECRET]], // an RSA key
      [[secret.slice(4), known, peerId], [BAD_SECRET]],
      [[base64([8, 1, 18, 96], SEED, publicKey), known, peerId], [BAD_SECRET]],
      [[secret, base64([8, 1, 18, 33], publicKey), peerId], [BAD_PUBLIC]],
      [
        [base64([8, 1, 18, 64], SEED, other), known, peerId],
        ['the public key inside the libp2p secret is not the one of its seed'],
      ],
      [
        [secret, base64([8, 1, 18, 32], other), otherId],
        [
          'the libp2p public key does not belong to the secret',
          'the peer id does not belong to the libp2p secret',
        ],
      ],
    ];
    for (const [parts, problems] of cases)
      await assert.rejects(read(parts), refusal('content', problems, [secret, peerId]));
  });
});

describe('plain private keys', () => {
  const text = encode(
    'privateKey',
    Uint8Array.from({ length: 32 }, (_, i) => i),
  );

  test('are read, white space around them skipped', () => {
    const { privateKey, publicKey } = parsePrivateKey(` ${text}\r\n`);
    assert.equal(decode('privateKey', text)[1], Number((privateKey >> 8n) & 0xffn));
    assert.equal(publicKey, encode('publicKey', publicKeyOf(privateKey)));
  });

  test('are refused when damaged or out of range, without being repeated', () => {
    const zero = encode('privateKey', new Uint8Array(32));
    const large = encode('privateKey', new Uint8Array(32).fill(255));
    const middle = `${text.slice(0, 20)}${text[20] === 'x' ? 'y' : 'x'}${text.slice(21)}`;
    const publicKey = encode('publicKey', publicKeyOf(5n));
    for (const [bad, problem] of [
      [middle, 'not a Mina private key: its checksum does not match'],
      [`${text}0`, 'not a Mina private key: it has a character outside base58'],
      ['', 'not a Mina private key: it is empty'],
      [publicKey, 'not a Mina private key: it is a public key'],
      [zero, 'private key is 0'],
      [large, 'private key is not below the modulus of Fq'],
    ] as const)
      assert.throws(() => parsePrivateKey(bad), refusal('malformed', [problem], [bad, text]));
  });
});

test('the form of a key file is told from its start', () => {
  assert.equal(keyFileForm('\n {"box_primitive":'), 'encrypted');
  assert.equal(keyFileForm('EKF83r3'), 'plain');
  assert.throws(() => keyFileForm('  \n'), refusal('malformed', ['the key file is empty']));
  assert.throws(
    () => keyFileForm('secret-value-1234'),
    refusal(
      'malformed',
      ['a key file starts with { (encrypted) or EK (a plain private key), this one does not'],
      ['secret-value-1234'],
    ),
  );
});
