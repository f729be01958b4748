/**
 * Whole submissions on one core, from template, key and time to a record of the corpus: text, BLAKE2b, signature,
 * base58check. The peer builds the same text, hashes it with @noble/hashes and signs with mina-signer.
 */
import assert from 'node:assert/strict';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { ENVELOPE, RECORD } from '../mina/envelope.ts';
import { encodePrivateKey } from '../mina/schnorr.ts';
import { createSigner } from '../mina/signer.ts';
import { messageOf, signedText } from '../mina/submission-text.ts';
import { loadMinaWasm } from '../paths.ts';
import { type BenchLine, compareRates, rateLine } from './measure.ts';
import { loadMinaSigner } from './mina-signer.ts';
import { KEYS, PEER_ID, privateKeyOf } from './signing-inputs.ts';

const COUNT = 2048;
const PEER_COUNT = 40;
/** Characters of base64, as in a recorded submission. */
const BLOCK_CHARACTERS = 17_000;
const START = 1_767_225_600; // 2026-01-01T00:00:00Z

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  const signer = createSigner(loadMinaWasm());
  const peer = await loadMinaSigner();
  for (let i = 0; i < KEYS; i++)
    signer.addKey(encodePrivateKey(privateKeyOf(i)), 'testnet', PEER_ID);
  const block = `"${'QUJD'.repeat(BLOCK_CHARACTERS / 4)}"`;
  const keys = Uint32Array.from({ length: COUNT }, (_, i) => i % KEYS);
  const createdAt = Uint32Array.from({ length: COUNT }, (_, i) => START + i);
  const records = new Uint8Array(RECORD.bytes * COUNT);

  for (const [name, snarkBytes] of [
    ['no snark work', 0],
    ['16 KB of snark work', 16_384],
  ] as const) {
    const snarkWork = snarkBytes === 0 ? undefined : `"${'eHl6'.repeat(snarkBytes / 4)}"`;
    const suffix = snarkWork === undefined ? '}' : `,"snark_work":${snarkWork}}`;
    const template = signer.addTemplate(utf8ToBytes(`{"block":${block}`), utf8ToBytes(suffix));
    const templates = new Uint32Array(COUNT).fill(template);
    const ours = (): number => {
      signer.signEnvelopes({ templates, keys, createdAt }, records);
      return COUNT;
    };
    const signWithPeer = (i: number): string => {
      const time = `${new Date(createdAt[i] * 1000).toISOString().slice(0, 19)}Z`;
      const text = signedText({ block, createdAt: time, peerId: PEER_ID, snarkWork });
      return peer!.signText(privateKeyOf(keys[i]), messageOf(text), 'testnet');
    };
    ours();
    if (peer) {
      const { offset, bytes } = ENVELOPE.signature;
      const start = RECORD.envelopeOffset + offset;
      const signature = new TextDecoder().decode(records.subarray(start, start + bytes));
      assert.equal(signature, signWithPeer(0));
    }
    let next = 0;
    const byPeer =
      peer &&
      (() => {
        for (let i = 0; i < PEER_COUNT; i++, next = (next + 1) % COUNT) signWithPeer(next);
        return PEER_COUNT;
      });
    report(
      rateLine(
        {
          bench: 'submission',
          case: `one core, ${name}`,
          unit: 'submissions/s',
          peer: peer ? `${peer.name} and @noble/hashes` : null,
        },
        compareRates(ours, byPeer),
      ),
    );
  }
}
