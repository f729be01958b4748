/** Signatures over 32 bytes on one core, as many keys as a fleet has. */
import assert from 'node:assert/strict';
import { encodePrivateKey } from '../mina/schnorr.ts';
import { createSigner } from '../mina/signer.ts';
import { loadMinaWasm } from '../paths.ts';
import { type BenchLine, compareRates, rateLine } from './measure.ts';
import { loadMinaSigner } from './mina-signer.ts';
import { KEYS, messagesOf, privateKeyOf } from './signing-inputs.ts';

const COUNT = 2048;
const PEER_COUNT = 40;

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  const signer = createSigner(loadMinaWasm());
  const peer = await loadMinaSigner();
  for (let i = 0; i < KEYS; i++) signer.addKey(encodePrivateKey(privateKeyOf(i)), 'testnet');
  const handles = Uint32Array.from({ length: COUNT }, (_, i) => i % KEYS);
  const messages = messagesOf(COUNT);
  const message = (i: number): Uint8Array => messages.subarray(32 * i, 32 * i + 32);
  const signatures = new Uint8Array(64 * COUNT);

  signer.signBatch(handles, messages, signatures);
  for (let i = 0; i < 5; i++) {
    const signature = signatures.slice(64 * i, 64 * i + 64);
    assert.deepEqual(signer.sign(handles[i], message(i)), signature);
    if (peer) assert.deepEqual(peer.sign(privateKeyOf(i), message(i), 'testnet'), signature);
  }

  let next = 0;
  const byPeer =
    peer &&
    (() => {
      for (let i = 0; i < PEER_COUNT; i++, next = (next + 1) % COUNT)
        peer.sign(privateKeyOf(next % KEYS), message(next), 'testnet');
      return PEER_COUNT;
    });
  const names = { bench: 'sign', unit: 'signatures/s', peer: peer?.name ?? null };
  const inBatches = (): number => {
    signer.signBatch(handles, messages, signatures);
    return COUNT;
  };
  const oneByOne = (): number => {
    for (let i = 0; i < COUNT; i++) signer.sign(handles[i], message(i));
    return COUNT;
  };
  report(rateLine({ ...names, case: 'one core, in batches' }, compareRates(inBatches, byPeer)));
  report(rateLine({ ...names, case: 'one core, one by one' }, compareRates(oneByOne, byPeer)));
}
