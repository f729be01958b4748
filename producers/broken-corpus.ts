/**
 * A corpus of recorded submissions in which the submitter is another one and the signature stays: it fits no more. For backends that
 * do not look at signatures (VERIFY_SIGNATURE_DISABLED=1), as the program's random_submitters.py loads them.
 */
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CorpusIndex, ENVELOPE, RECORD } from '../mina/envelope.ts';
import type { Network } from '../mina/network.ts';
import { parseSubmission } from '../mina/submission.ts';
import { envelopeOf, writeBodies } from './bodies.ts';
import { CORPUS_FILES } from './corpus.ts';
import { planSubmissions } from './corpus-plan.ts';
import type { Fleet } from './fleet.ts';
import { fillNewFolder } from '../system/new-folder.ts';
import { type Payload, payloadBytes } from './payloads.ts';
import { templatesOf } from './templates.ts';

const CHUNK = 4096;

/**
 * created_at (in whole seconds), peer id and signature are those of the payload. Memory: one payload, 267 bytes of each and a chunk
 * of records.
 * @param job.payloadOf which payload submission i sends @param folder must not exist, or be empty
 * @throws UserError if `folder` cannot be made or a payload not be read; the reason of `signal`
 */
export async function writeBrokenCorpus(job: {
  folder: string;
  fleet: Fleet;
  payloads: readonly Payload[];
  payloadOf: (index: number) => number;
  count: number;
  network: Network;
  seed: string;
  signal?: AbortSignal;
}): Promise<CorpusIndex> {
  const { fleet, payloads, payloadOf, count, network, seed, signal } = job;
  const templates = templatesOf(payloads);
  const templateOf = templateOfPayloads(payloads);
  return fillNewFolder(job.folder, async (part) => {
    const bodies = await writeBodies(join(part, CORPUS_FILES.bodies), templates, signal);
    const envelopes: Buffer[] = [];
    const times: string[] = [];
    for (const payload of payloads) {
      const submission = parseSubmission(await payloadBytes(payload));
      envelopes.push(envelopeOf(submission));
      times.push(submission.createdAt.utc);
    }
    const file = await open(join(part, CORPUS_FILES.envelopes), 'wx');
    try {
      const plan = { count, producers: fleet.producers.length, templates, seed };
      const createdAt = { startSeconds: 0, perSecond: Infinity };
      for (const { first, producers } of planSubmissions({ ...plan, createdAt }, CHUNK)) {
        signal?.throwIfAborted();
        const records = Buffer.alloc(producers.length * RECORD.bytes);
        producers.forEach((producer, k) => {
          const which = payloadOf(first + k);
          const at = k * RECORD.bytes;
          records.writeUInt32LE(templateOf[which], at + RECORD.templateOffset);
          envelopes[which].copy(records, at + RECORD.envelopeOffset);
          const submitter = at + RECORD.envelopeOffset + ENVELOPE.submitter.offset;
          records.write(fleet.producers[producer].publicKey, submitter, 'latin1');
        });
        await file.writeFile(records);
      }
    } finally {
      await file.close();
    }
    const index: CorpusIndex = {
      format: 1,
      count,
      producers: fleet.producers.length,
      network,
      seed,
      firstCreatedAt: times[payloadOf(0)],
      lastCreatedAt: times[payloadOf(count - 1)],
      templates: bodies.templates,
    };
    await writeFile(join(part, CORPUS_FILES.index), `${JSON.stringify(index, null, 2)}\n`);
    signal?.throwIfAborted();
    return index;
  });
}

/** The place of each payload among {@link templatesOf}: payloads of equal content share one. */
export function templateOfPayloads(payloads: readonly Payload[]): Uint32Array {
  const places = new Map<string, number>();
  return Uint32Array.from(payloads, ({ contentHash }) => {
    const place = places.get(contentHash) ?? places.size;
    places.set(contentHash, place);
    return place;
  });
}
