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
/** The signer's handle of each template; of a recorded body, which nobody signs, its envelope. */
const prepared: (number | Uint8Array)[] = [];
for (const template of templates) {
  if ('recorded' in template) {
    prepared.push(template.recorded);
    continue;
  }
  const { block, snarkWork, graphqlControlPort, builtWithCommitSha } = template;
  const rest = signedText({
    block: '',
    createdAt: '',
    peerId: '',
    snarkWork: snarkWork && read(snarkWork),
    graphqlControlPort,
    builtWithCommitSha,
  }).subarray(EMPTY_HEAD);
  prepared.push(signer.addTemplate(Buffer.concat([BLOCK_FIELD, read(block)]), rest));
}
closeSync(bodies);
const allSigned = prepared.every((one, i) => one === i);

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

/** Signs what is to be signed, and copies the envelopes of recorded bodies. */
function fillSome(
  { templates, producers, createdAt }: Omit<SignJob, 'job'>,
  records: Uint8Array,
): void {
  const view = new DataView(records.buffer);
  const signed: number[] = [];
  templates.forEach((template, i) => {
    const one = prepared[template];
    if (typeof one === 'number') signed.push(i);
    else records.set(one, i * RECORD.bytes + RECORD.envelopeOffset);
  });
  const some = new Uint8Array(signed.length * RECORD.bytes);
  signer.signEnvelopes(
    {
      templates: Uint32Array.from(signed, (i) => prepared[templates[i]] as number),
      keys: Uint32Array.from(signed, (i) => handleOf(producers[i])),
      createdAt: Uint32Array.from(signed, (i) => createdAt[i]),
    },
    some,
  );
  signed.forEach((i, k) =>
    records.set(some.subarray(k * RECORD.bytes, (k + 1) * RECORD.bytes), i * RECORD.bytes),
  );
  // Of all of them, in the numbers of the corpus.
  templates.forEach((template, i) =>
    view.setUint32(i * RECORD.bytes + RECORD.templateOffset, template, true),
  );
}

parentPort!.on('message', ({ job, templates, producers, createdAt }: SignJob) => {
  const records = new Uint8Array(producers.length * RECORD.bytes);
  if (allSigned)
    signer.signEnvelopes({ templates, keys: producers.map(handleOf), createdAt }, records);
  else fillSome({ templates, producers, createdAt }, records);
  parentPort!.postMessage({ job, records } satisfies SignedJob, [records.buffer]);
});
