import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { test } from 'node:test';
import nacl from 'tweetnacl';
import { decode, encode } from '../../mina/base58check.ts';
import { bytesToIntegerLE, q } from '../../mina/field.ts';
import { decodePeerId } from '../../mina/peer-id.ts';
import { publicKeyOf } from '../../mina/schnorr.ts';
import {
  ed25519IsNative,
  ed25519PublicKey,
  formatFleet,
  makeFleet,
} from '../../producers/fleet.ts';

const keyOf = (privateKeys: Uint8Array, i: number) =>
  bytesToIntegerLE(privateKeys.subarray(32 * i, 32 * i + 32));

test('the keys of a seed never change: whitelists have been written from them', () => {
  assert.deepEqual(makeFleet({ seed: 'mina', count: 3 }).producers, [
    {
      publicKey: 'B62qr11DBPZwTvKacB1TmHVb7ahXys5Cdvnpwwbm42U4DdSTHfW53qa',
      peerId: '12D3KooWQGMWmzEYmGg2eeZaE2f4HxdsmAwLwuS1ws1GGBk64M9x',
    },
    {
      publicKey: 'B62qmzL51AsgFJkcrKdc9AsPe7CXam7wCP5fTxnWAjwPVwsjTL9Dy9k',
      peerId: '12D3KooWPASjUT4F76tmXMCAzGRefV5RN3yqYXxDmAo9mWDC15JG',
    },
    {
      publicKey: 'B62qoofL6cedYScp2SMrC6tQgJRXuoKXxByr7egG1U4YUCoHVgh3PDY',
      peerId: '12D3KooWGvVK4q7q5dKA22gh54MQEf8e8RbipnKY6w5hK918Lomq',
    },
  ]);
});

test('a fleet follows the documented derivation, by other means than its own', () => {
  const { producers, privateKeys } = makeFleet({ seed: 'ü', count: 12 });
  const hash = (purpose: string, i: number) =>
    createHash('sha512').update(`mina-delegation-load-test/${purpose}\0ü\0${i}`).digest();
  for (const [i, { publicKey, peerId }] of producers.entries()) {
    const wide = BigInt(`0x${Buffer.from(hash('private-key/1', i)).reverse().toString('hex')}`);
    const privateKey = keyOf(privateKeys, i);
    assert.equal(privateKey, (wide % (q - 1n)) + 1n);
    assert.equal(publicKey, encode('publicKey', publicKeyOf(privateKey)));
    const identity = nacl.sign.keyPair.fromSeed(hash('libp2p-identity/1', i).subarray(0, 32));
    assert.deepEqual(decodePeerId(peerId), identity.publicKey);
  }
});

test('a larger fleet begins with the smaller one; other seeds share nothing', () => {
  const small = makeFleet({ seed: 's', count: 5 });
  const large = makeFleet({ seed: 's', count: 40 });
  assert.deepEqual(large.producers.slice(0, 5), small.producers);
  assert.deepEqual(large.privateKeys.slice(0, 160), small.privateKeys);
  const other = makeFleet({ seed: 's\0', count: 40 });
  const all = [...large.producers, ...other.producers];
  assert.equal(new Set(all.map(({ publicKey }) => publicKey)).size, 80);
  assert.equal(new Set(all.map(({ peerId }) => peerId)).size, 80);
  for (const count of [0, -1, 1.5, NaN])
    assert.throws(() => makeFleet({ seed: 's', count }), RangeError);
});

test('Ed25519 public keys are those of tweetnacl, and made by OpenSSL on each Node that is supported', () => {
  for (let i = 0; i < 20; i++) {
    const seed = createHash('sha256').update(String(i)).digest();
    assert.deepEqual(
      Buffer.from(ed25519PublicKey(seed)),
      Buffer.from(nacl.sign.keyPair.fromSeed(seed).publicKey),
    );
  }
  assert.ok(ed25519IsNative());
});

test('what is printed or exported of a fleet holds no private key', () => {
  const fleet = makeFleet({ seed: 'mina', count: 2 });
  const shown = [JSON.stringify(fleet), inspect(fleet, { depth: 9 })];
  for (const format of ['text', 'csv', 'json'] as const) shown.push(formatFleet(fleet, format));
  for (const text of shown) {
    assert.ok(!text.includes('privateKeys'), text);
    assert.ok(!text.includes(encode('privateKey', fleet.privateKeys.subarray(0, 32))), text);
    assert.ok(!text.includes(Buffer.from(fleet.privateKeys.subarray(0, 32)).toString('hex')));
  }
});

test('the three exports say the same', () => {
  const fleet = makeFleet({ seed: 'mina', count: 3 });
  const keys = fleet.producers.map(({ publicKey }) => publicKey);
  assert.equal(formatFleet(fleet, 'text'), `${keys.join('\n')}\n`);
  for (const key of keys) assert.equal(decode('publicKey', key).length, 33);
  const rows = fleet.producers.map(({ publicKey, peerId }, index) => ({
    index,
    public_key: publicKey,
    peer_id: peerId,
  }));
  assert.deepEqual(JSON.parse(formatFleet(fleet, 'json')), rows);
  const csv = rows.map((row) => Object.values(row).join(','));
  assert.equal(formatFleet(fleet, 'csv'), `index,public_key,peer_id\n${csv.join('\n')}\n`);
});
