/** The vectors of test/vectors that more than one test of this room reads; see the README.md there for their origin. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Network } from '../../mina/network.ts';
import { type SignedFields, signedText } from '../../mina/submission-text.ts';
import { projectRoot } from '../../paths.ts';
import { readRecorded } from '../support/recorded.ts';

export const readVector = (name: string): string =>
  readFileSync(join(projectRoot, 'test', 'vectors', name), 'utf8');

export type SigningVectors = {
  keys: Record<string, { hex: string; privateKey: string; publicKey: string }>;
  signatures: {
    key: string;
    network: Network;
    /** The message: `bytes` bytes, the i-th is `firstByte + step * i`. */
    firstByte: number;
    step: number;
    bytes: number;
    oddR: boolean;
    signature: string;
  }[];
  steps: Record<string, string>;
  submissions: {
    key: string;
    network: Network;
    textBytes: number;
    fields: SignedFields;
    text?: string;
    message: string;
    signature: string;
  }[];
  recorded: { file: string; network: Network; textBytes: number; message: string; e: string }[];
};

export const signingVectors = (): SigningVectors =>
  JSON.parse(readVector('signing.json')) as SigningVectors;

export const messageOfVector = ({
  firstByte,
  step,
  bytes,
}: SigningVectors['signatures'][number]): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, i) => firstByte + step * i);

export type RecordedSubmission = {
  data: { block: string; created_at: string; peer_id: string; snark_work?: string };
  signature: string;
  submitter: string;
};

/** A request body that a block producer sent, and the text that it signed (these bodies hold no escapes). */
export function recordedSubmission(file: string): RecordedSubmission & { text: Uint8Array } {
  const body = JSON.parse(readRecorded(file)) as RecordedSubmission;
  const { block, created_at, peer_id, snark_work } = body.data;
  const text = signedText({
    block: `"${block}"`,
    createdAt: created_at,
    peerId: peer_id,
    snarkWork: snark_work === undefined ? undefined : `"${snark_work}"`,
  });
  return { ...body, text };
}
