/**
 * A submission as the filesystem and S3 storages hold it, written and read. JSON text as Go's encoding/json writes it: with
 * `<`, `>`, `&`, U+2028 and U+2029 escaped.
 * Source: Go 1.26, src/encoding/json/encode.go; observed in files that the running backend stored.
 */
import { isUtf8 } from 'node:buffer';
import { sequenceLength } from '../../mina/utf8.ts';
import { type SubmissionName, wholeSecondsUtc } from './layout.ts';
import type { AcceptedSubmission, StoredSubmission, UnreadableSubmission } from './storage.ts';

const ESCAPED_FOR_HTML = /[<>&\u2028\u2029]/g;

/** Well-formed text to a JSON string. */
export const goString = (text: string): string =>
  JSON.stringify(text).replace(
    ESCAPED_FOR_HTML,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Raw bytes, one a character (as node gives headers), to a JSON string; a byte that is no UTF-8 becomes `\ufffd`. */
export function goStringOfBytes(latin1: string): string {
  // eslint-disable-next-line no-control-regex
  if (/^[\x00-\x7f]*$/.test(latin1)) return goString(latin1);
  const bytes = Buffer.from(latin1, 'latin1');
  let json = '';
  let from = 0;
  // Go escapes the sign only where it stands for a bad byte, so a true U+FFFD must stay apart from those.
  for (let i = 0; i < bytes.length;) {
    const length = sequenceLength(bytes, i);
    if (length === 0) {
      json += `${goString(bytes.toString('utf8', from, i)).slice(1, -1)}\\ufffd`;
      from = ++i;
    } else i += length;
  }
  return `"${json}${goString(bytes.toString('utf8', from)).slice(1, -1)}"`;
}

/** The stored form of a submission, byte for byte as the original's filesystem and S3 storages have it. */
export function storedJson(submission: AcceptedSubmission): string {
  const { snarkWork, graphqlControlPort, builtWithCommitSha } = submission;
  const members = [
    `"created_at":${goString(submission.createdAt)}`,
    `"peer_id":${goString(submission.peerId)}`,
    snarkWork === null ? '' : `"snark_work":${snarkWork}`,
    `"remote_addr":${goStringOfBytes(submission.remoteAddr)}`,
    `"submitter":${goString(submission.submitter)}`,
    `"block_hash":${goString(submission.blockHash)}`,
    graphqlControlPort === 0n ? '' : `"graphql_control_port":${graphqlControlPort}`,
    builtWithCommitSha === '' ? '' : `"built_with_commit_sha":${goString(builtWithCommitSha)}`,
  ];
  return `{${members.filter((member) => member !== '').join(',')}}`;
}

/**
 * Inverse of {@link storedJson}. Checked by hand and not by a schema, because a million of them are read after a run.
 * @param bytes the whole stored object
 * @param name what its name says, which must agree
 */
export function readStoredJson(
  bytes: Buffer,
  where: string,
  name: SubmissionName,
): StoredSubmission | UnreadableSubmission {
  const unreadable = (fault: string): UnreadableSubmission => ({ where, fault });
  if (bytes.length === 0) return unreadable('it is empty');
  if (!isUtf8(bytes)) return unreadable('it is not UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    return unreadable(`it is not JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return unreadable('it is JSON, but no object');
  const {
    created_at: created,
    peer_id: peerId,
    snark_work: snarkWork = null,
    remote_addr: remoteAddr,
    submitter,
    block_hash: blockHash,
    graphql_control_port: port = 0,
    built_with_commit_sha: commit = '',
  } = value as Record<string, unknown>;
  if (typeof submitter !== 'string') return unreadable(notOf('submitter', 'string', submitter));
  if (typeof blockHash !== 'string') return unreadable(notOf('block_hash', 'string', blockHash));
  if (typeof peerId !== 'string') return unreadable(notOf('peer_id', 'string', peerId));
  if (typeof created !== 'string') return unreadable(notOf('created_at', 'string', created));
  const createdAt = wholeSecondsUtc(created);
  if (createdAt === null) return unreadable(notOf('created_at', 'time', created));
  if (snarkWork !== null && typeof snarkWork !== 'string')
    return unreadable(notOf('snark_work', 'string', snarkWork));
  if (typeof port !== 'number' || !Number.isInteger(port))
    return unreadable(notOf('graphql_control_port', 'whole number', port));
  if (typeof commit !== 'string')
    return unreadable(notOf('built_with_commit_sha', 'string', commit));
  if (remoteAddr !== undefined && typeof remoteAddr !== 'string')
    return unreadable(notOf('remote_addr', 'string', remoteAddr));
  if (submitter !== name.submitter)
    return unreadable(
      `its name says submitter ${name.submitter}, but it holds ${shown(submitter)}`,
    );
  return {
    where,
    submittedAt: name.submittedAt,
    createdAt,
    submitter,
    blockHash,
    peerId,
    snarkWork,
    ...(remoteAddr !== undefined && { remoteAddr }),
    graphqlControlPort: port,
    builtWithCommitSha: commit,
    bytes: bytes.length,
  };
}

const notOf = (field: string, kind: string, value: unknown): string =>
  value === undefined ? `it has no ${field}` : `its ${field} is no ${kind}: ${shown(value)}`;

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
