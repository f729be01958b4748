/** `bodies.bin`: each template as the whole body that is posted, with an envelope that waits to be patched. */
import { open } from 'node:fs/promises';
import { type BodyTemplate, ENVELOPE, ENVELOPE_END, ENVELOPE_JOINTS } from '../mina/envelope.ts';
import { encode } from '../mina/base58check.ts';
import { parseSubmission, type Submission } from '../mina/submission.ts';
import type { SignTemplate } from './sign-pool.ts';
import type { SubmissionTemplate } from './templates.ts';

/**
 * A well-formed envelope of nobody: right in its form, so a body is JSON before it is patched, and refused
 * by every backend (no base58check text is all 1).
 */
export function placeholderEnvelope(): Buffer {
  const texts = [
    '1970-01-01T00:00:00Z',
    '1'.repeat(ENVELOPE.peerId.bytes),
    '1'.repeat(ENVELOPE.signature.bytes),
    '1'.repeat(ENVELOPE.submitter.bytes),
  ];
  return Buffer.from(texts.map((text, i) => text + (ENVELOPE_JOINTS[i] ?? '')).join(''), 'latin1');
}

/**
 * The envelope that a recorded submission would have: the time in whole seconds, a peer id of another length cut or filled up
 * with spaces.
 */
export function envelopeOf({ createdAt, peerId, signature, submitter }: Submission): Buffer {
  const texts = [
    createdAt.utc,
    peerId.padEnd(ENVELOPE.peerId.bytes).slice(0, ENVELOPE.peerId.bytes),
    encode('signature', signature),
    submitter,
  ];
  return Buffer.from(texts.map((text, i) => text + (ENVELOPE_JOINTS[i] ?? '')).join(''), 'latin1');
}

/** What stands around block, snark work and envelope; behind the envelope comes ENVELOPE_END. */
export function frameOf(facts: {
  hasSnarkWork: boolean;
  graphqlControlPort: bigint;
  builtWithCommitSha: string;
  spaces: number;
}): { head: Buffer; beforeSnarkWork: Buffer; beforeEnvelope: Buffer } {
  const { hasSnarkWork, graphqlControlPort, builtWithCommitSha, spaces } = facts;
  const rest =
    (graphqlControlPort === 0n ? '' : `,"graphql_control_port":${graphqlControlPort}`) +
    (builtWithCommitSha === ''
      ? ''
      : `,"built_with_commit_sha":${JSON.stringify(builtWithCommitSha)}`);
  return {
    head: Buffer.from(`{"version":1,${' '.repeat(spaces)}"data":{"block":`),
    beforeSnarkWork: Buffer.from(hasSnarkWork ? ',"snark_work":' : ''),
    beforeEnvelope: Buffer.from(`${rest},"created_at":"`),
  };
}

/** Where each body lies in `bodies.bin`, for who sends, and where its signed parts lie, for who signs. */
export type WrittenBodies = { templates: BodyTemplate[]; signing: SignTemplate[] };

/** Writes the bodies one after another; one template is in memory at a time. */
export async function writeBodies(
  file: string,
  templates: readonly SubmissionTemplate[],
  signal?: AbortSignal,
): Promise<WrittenBodies> {
  const written: WrittenBodies = { templates: [], signing: [] };
  const handle = await open(file, 'wx');
  try {
    let offset = 0;
    for (const template of templates) {
      signal?.throwIfAborted();
      const { expected, group } = template;
      const facts = { ...(expected && { expected }), ...(group !== undefined && { group }) };
      if (template.recorded !== undefined) {
        const body = await template.recorded();
        await handle.writeFile(body);
        written.templates.push({ offset, bytes: body.length, ...facts });
        written.signing.push({ recorded: envelopeOf(parseSubmission(body)) });
        offset += body.length;
        continue;
      }
      const {
        block,
        snarkWork,
        graphqlControlPort,
        builtWithCommitSha,
        spaces = 0,
      } = await template.load();
      const { head, beforeSnarkWork, beforeEnvelope } = frameOf({
        hasSnarkWork: snarkWork !== undefined,
        graphqlControlPort,
        builtWithCommitSha,
        spaces,
      });
      const parts = [
        head,
        block,
        beforeSnarkWork,
        snarkWork ?? Buffer.alloc(0),
        beforeEnvelope,
        placeholderEnvelope(),
        Buffer.from(ENVELOPE_END),
      ];
      const bytes = parts.reduce((sum, part) => sum + part.length, 0);
      for (const part of parts) await handle.writeFile(part);
      const blockStart = offset + head.length;
      const snarkWorkStart = blockStart + block.length + beforeSnarkWork.length;
      written.templates.push({
        offset,
        bytes,
        envelopeOffset: bytes - ENVELOPE.bytes - ENVELOPE_END.length,
        ...facts,
      });
      written.signing.push({
        block: { start: blockStart, end: blockStart + block.length },
        snarkWork: snarkWork && {
          start: snarkWorkStart,
          end: snarkWorkStart + snarkWork.length,
        },
        graphqlControlPort,
        builtWithCommitSha,
      });
      offset += bytes;
    }
  } finally {
    await handle.close();
  }
  return written;
}
