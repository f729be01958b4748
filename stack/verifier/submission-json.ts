/** Submissions as JSON: rows of the updater (with raw_block), and files as a backend stores them. */
import { withoutMark } from '../../system/pem.ts';
import type { SubmissionJson } from './answer.ts';
import type { Submission } from './verifier.ts';

/**
 * Strict, as OCaml's Base64.decode. Node passes over what it does not know, so too few bytes come then; of the other alphabet it takes two signs. (A regular
 * expression took a fifth of the time of a whole submission.)
 * @returns `undecodable` for anything but padded base64 in one line
 */
export function bytesOfBase64(text: unknown): Uint8Array | 'undecodable' {
  if (typeof text !== 'string' || text.length % 4 !== 0) return 'undecodable';
  if (text.includes('-') || text.includes('_')) return 'undecodable';
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === (text.length / 4) * 3 - padding ? bytes : 'undecodable';
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** null, absent and '' are no snark work. */
const snarkWorkOf = ({ snark_work: work }: SubmissionJson): Submission['snarkWork'] =>
  work === undefined || work === null || work === '' ? null : bytesOfBase64(work);

/** A row of the updater: its block stands in raw_block, and '' is a block that was not found. */
export function submissionOfRow(row: SubmissionJson): Submission {
  const { raw_block: block } = row;
  return {
    blockHash: textOf(row.block_hash),
    submitter: textOf(row.submitter),
    snarkWork: snarkWorkOf(row),
    block: block === undefined || block === null || block === '' ? null : bytesOfBase64(block),
  };
}

/** What a backend stored; the block comes from elsewhere. */
export const submissionOfFile = (
  metadata: SubmissionJson,
  block: Submission['block'],
): Submission => ({
  blockHash: textOf(metadata.block_hash),
  submitter: textOf(metadata.submitter),
  snarkWork: snarkWorkOf(metadata),
  block,
});

/** @returns null unless the text is a JSON object */
export function parseObject(text: string): SubmissionJson | null {
  try {
    const value = JSON.parse(withoutMark(text)) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as SubmissionJson)
      : null;
  } catch {
    return null;
  }
}
