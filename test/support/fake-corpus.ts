/** A corpus of random letters: right in its layout, wrong in its signatures. For targets that only look at bytes. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ENVELOPE,
  ENVELOPE_END,
  RECORD,
  type BodyTemplate,
  type CorpusIndex,
} from '../../mina/envelope.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** @returns letters that `seed` fixes (xorshift32) */
function letters(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let x = seed * 2654435761 + 1;
  for (let i = 0; i < length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes[i] = LETTERS.charCodeAt((x >>> 0) % 64);
  }
  return bytes;
}

export type FakeCorpus = {
  index: CorpusIndex;
  /** What submission i must look like on the wire; past its end the corpus begins anew. */
  bodyOf(i: number): Buffer;
  /** Body `which` of `bodies.bin`, as it lies there. */
  templateBody(which: number): Buffer;
};

/** @param templateOf template of record i. Default: one after another */
export function makeFakeCorpus(
  folder: string,
  {
    count,
    templateBytes,
    templateOf = (i) => i % templateBytes.length,
  }: {
    count: number;
    templateBytes: readonly number[];
    templateOf?: (i: number) => number;
  },
): FakeCorpus {
  const bodies = templateBytes.map((bytes, i) => {
    const body = letters(1000 + i, bytes);
    body.write(ENVELOPE_END, bytes - ENVELOPE_END.length);
    return body;
  });
  const templates: BodyTemplate[] = [];
  let offset = 0;
  for (const { length: bytes } of bodies) {
    templates.push({ offset, bytes, envelopeOffset: bytes - ENVELOPE.bytes - ENVELOPE_END.length });
    offset += bytes;
  }
  const records = Buffer.alloc(RECORD.bytes * count);
  for (let i = 0; i < count; i++) {
    records.writeUInt32LE(templateOf(i), i * RECORD.bytes + RECORD.templateOffset);
    letters(i + 1, ENVELOPE.bytes).copy(records, i * RECORD.bytes + RECORD.envelopeOffset);
  }
  const index: CorpusIndex = {
    format: 1,
    count,
    producers: count,
    network: 'testnet',
    seed: 'fake',
    firstCreatedAt: '2026-01-02T03:04:05Z',
    lastCreatedAt: '2026-01-02T03:04:05Z',
    templates,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'bodies.bin'), Buffer.concat(bodies));
  writeFileSync(join(folder, 'envelopes.bin'), records);
  writeFileSync(join(folder, 'corpus.json'), JSON.stringify(index));
  return {
    index,
    templateBody: (which) => bodies[which],
    bodyOf(i) {
      const at = (i % count) * RECORD.bytes;
      const which = records.readUInt32LE(at + RECORD.templateOffset);
      const body = Buffer.from(bodies[which]);
      records.copy(
        body,
        templates[which].envelopeOffset,
        at + RECORD.envelopeOffset,
        at + RECORD.envelopeOffset + ENVELOPE.bytes,
      );
      return body;
    },
  };
}
