/**
 * What is submitted: body templates, each a block with or without snark work. A template is read when it is
 * needed, so a set of many large blocks is never in memory as a whole.
 */
import { join } from 'node:path';
import type { ExpectedAnswer } from '../mina/envelope.ts';
import { projectRoot } from '../paths.ts';
import type { TipTime } from './corpus-plan.ts';
import { payloadBytes, readPayloads, type Payload } from './payloads.ts';

/** All parts of a body that do not differ from one submission of it to another. */
export type TemplateParts = {
  /** The JSON strings as they stand in the request, quotes included. */
  block: Buffer;
  snarkWork: Buffer | undefined;
  /** 0: left out. */
  graphqlControlPort: bigint;
  /** Empty: left out. */
  builtWithCommitSha: string;
  /** Spaces inside the body, which the signature does not cover: for a body of an exact size. Absent: none. */
  spaces?: number;
};

export type SubmissionTemplate = {
  /** For people: the file it comes from. */
  name: string;
  /** How often it is chosen, in proportion to the others; an integer of at least 1. */
  weight: number;
  hasSnarkWork: boolean;
  /** Of a block in a chain (producers/chain-templates.ts). */
  tip?: TipTime;
  /** As in BodyTemplate (mina/envelope.ts). */
  expected?: ExpectedAnswer;
  group?: number;
  /** Length of the whole body, where it is known before it is made. */
  bodyBytes?: number;
  /** The whole recorded body, which is then sent byte for byte; nothing of it is signed. */
  recorded?(): Promise<Buffer>;
  load(): Promise<TemplateParts>;
};

/** Two submissions of the Mina test network that are shipped: see producers/data/README.md. */
export const recordedPayloads = (): Promise<Payload[]> =>
  readPayloads(join(projectRoot, 'producers', 'data'));

/** Payloads of equal content become one template of as much more weight. */
export function templatesOf(payloads: readonly Payload[]): SubmissionTemplate[] {
  const groups = new Map<string, { first: Payload; weight: number }>();
  for (const payload of payloads) {
    const group = groups.get(payload.contentHash);
    if (group) group.weight++;
    else groups.set(payload.contentHash, { first: payload, weight: 1 });
  }
  return [...groups.values()].map(({ first, weight }) => ({
    name: first.name,
    weight,
    hasSnarkWork: first.snarkWork !== undefined,
    async load() {
      const bytes = await payloadBytes(first);
      const { block, snarkWork } = first;
      return {
        block: bytes.subarray(block.start, block.end),
        snarkWork: snarkWork && bytes.subarray(snarkWork.start, snarkWork.end),
        graphqlControlPort: first.graphqlControlPort,
        builtWithCommitSha: first.builtWithCommitSha,
      };
    },
  }));
}

/** The payloads of a folder; without one, the recorded submissions that are shipped. */
export const readSources = (folder?: string): Promise<Payload[]> =>
  folder === undefined ? recordedPayloads() : readPayloads(folder);

/** The templates of {@link readSources}. */
export const readTemplates = async (folder?: string): Promise<SubmissionTemplate[]> =>
  templatesOf(await readSources(folder));
