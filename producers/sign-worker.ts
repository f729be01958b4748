/**
 * A thread that fills records of signed submissions (a program of its own: build.mjs bundles it). It reads
 * each template's text from `bodies.bin` once; a key is prepared when its producer first submits.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { ENVELOPE, RECORD } from '../mina/envelope.ts';
import { createSigner } from '../mina/signer.ts';
import { signedText } from '../mina/submission-text.ts';
import { loadMinaWasm } from '../paths.ts';
import { FIELD_BYTES as PRIVATE_KEY_BYTES } from '../mina/field.ts';
import type { ByteRange } from './payloads.ts';
import type { SignedJob, SignJob, SignWorkerData } from './sign-pool.ts';

const { network, bodiesFile, templates, privateKeys, peerIds } = workerData as SignWorkerData;
const signer = createSigner(loadMinaWasm());
const BLOCK_FIELD = Buffer.from('{"block":');
/** What {@link signedText} gives before the rest when block, created_at and peer_id are empty. */
const EMPTY_HEAD = signedText({ block: '', createdAt: '', peerId: '' }).length - '}'.length;

const bodies = openSync(bodiesFile, 'r');
const read = ({ start, end }: ByteRange): Buffer => {
  const bytes = Buffer.allocUnsafe(end - start);
  for (let at = 0; at < bytes.length;) {
    const got = readSync(bodies, bytes, at, bytes.length - at, start + at);
    if (got === 0) throw new Error(`${bodiesFile} ends at byte ${start + at}`);
    at += got;
  }
  return bytes;
};
for (const { block, snarkWork, graphqlControlPort, builtWithCommitSha } of templates) {
  const rest = signedText({
    block: '',
    createdAt: '',
    peerId: '',
    snarkWork: snarkWork && read(snarkWork),
    graphqlControlPort,
    builtWithCommitSha,
  }).subarray(EMPTY_HEAD);
  signer.addTemplate(Buffer.concat([BLOCK_FIELD, read(block)]), rest);
}
closeSync(bodies);

/** Handle of each producer's key plus 1; 0: not prepared yet. */
const handles = new Uint32Array(privateKeys.byteLength / PRIVATE_KEY_BYTES);
const peerIdText = Buffer.from(peerIds);

function handleOf(producer: number): number {
  if (handles[producer] === 0) {
    const key = new Uint8Array(privateKeys, producer * PRIVATE_KEY_BYTES, PRIVATE_KEY_BYTES);
    const at = producer * ENVELOPE.peerId.bytes;
    const peerId = peerIdText.toString('latin1', at, at + ENVELOPE.peerId.bytes);
    handles[producer] = signer.addKey(key, network, peerId) + 1;
  }
  return handles[producer] - 1;
}

parentPort!.on('message', ({ job, templates, producers, createdAt }: SignJob) => {
  const records = new Uint8Array(producers.length * RECORD.bytes);
  signer.signEnvelopes({ templates, keys: producers.map(handleOf), createdAt }, records);
  parentPort!.postMessage({ job, records } satisfies SignedJob, [records.buffer]);
});
