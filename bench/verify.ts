/** Verifications on one core, one answer a signature: of keys that were never seen, and of keys in use. */
import assert from 'node:assert/strict';
import { decodePublicKey, decodeSignature, encodePrivateKey } from '../mina/schnorr.ts';
import { createSigner } from '../mina/signer.ts';
import { loadMinaWasm } from '../paths.ts';
import { type BenchLine, compareRates, rateLine } from './measure.ts';
import { loadMinaSigner } from './mina-signer.ts';
import { KEYS, messagesOf, privateKeyOf } from './signing-inputs.ts';

const COUNT = 1000;
const PEER_COUNT = 40;
/** Keys in use: few enough that each has its table after a warm-up. */
const KEYS_IN_USE = 100;

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  const module = loadMinaWasm();
  const signer = createSigner(module);
  const peer = await loadMinaSigner();
  const messages = messagesOf(COUNT);
  const cases = Array.from({ length: COUNT }, (_, i) => {
    const handle = signer.addKey(encodePrivateKey(privateKeyOf(i % KEYS)), 'testnet');
    const message = messages.subarray(32 * i, 32 * i + 32);
    return {
      publicKey: signer.publicKey(handle),
      message,
      signature: signer.sign(handle, message),
    };
  });
  const inUse = Array.from({ length: COUNT }, (_, i) => {
    const { publicKey } = cases[i % KEYS_IN_USE];
    const message = cases[i].message;
    return { publicKey, message, signature: signer.sign(i % KEYS_IN_USE, message) };
  });

  // Room for one key: the one before is forgotten, so no key is ever known.
  const forgetful = createSigner(module, { seenKeys: 1, tables: 0 });
  const verifyAll = (verifier: typeof signer, all: typeof cases) => (): number => {
    for (const { publicKey, signature, message } of all)
      assert.ok(verifier.verify(publicKey, signature, message, 'testnet'));
    return all.length;
  };
  for (let i = 0; i < 10; i++) verifyAll(signer, inUse)();

  let next = 0;
  const byPeer =
    peer &&
    (() => {
      for (let i = 0; i < PEER_COUNT; i++, next = (next + 1) % COUNT) {
        const { publicKey, signature, message } = cases[next];
        const { x, y } = decodePublicKey(publicKey);
        const key = { x, isOdd: (y & 1n) === 1n };
        assert.ok(peer.verify(key, decodeSignature(signature), message, 'testnet'));
      }
      return PEER_COUNT;
    });
  const names = { bench: 'verify', unit: 'verifications/s', peer: peer?.name ?? null };
  report(
    rateLine(
      { ...names, case: 'one core, keys never seen' },
      compareRates(verifyAll(forgetful, cases), byPeer),
    ),
  );
  report(
    rateLine(
      { ...names, case: 'one core, keys seen before' },
      compareRates(verifyAll(signer, inUse), byPeer),
    ),
  );
}
