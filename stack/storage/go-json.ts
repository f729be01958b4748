/**
 * JSON text as Go's encoding/json writes it: with `<`, `>`, `&`, U+2028 and U+2029 escaped.
 * Source: Go 1.26, src/encoding/json/encode.go; observed in files that the running backend stored.
 */
import { sequenceLength } from '../../mina/utf8.ts';
import type { AcceptedSubmission } from './storage.ts';

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
