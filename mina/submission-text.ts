/**
 * The text of a submission that is signed, and its hash, the message of the signature.
 * Source: uptime-service-backend, src/delegation_backend/data.go (MakeSignPayload) and submit.go.
 * Pure (no I/O, no `k6/*`, no `node:*`).
 */
import { blake2b } from '@noble/hashes/blake2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';

/** The values as they are signed; see each field for what the request's text becomes. */
export type SignedFields = {
  /** The JSON token as it stands in the request, quotes and escapes kept (`"AAEC"`); bytes are taken as they are. */
  block: string | Uint8Array;
  /** UTC, whole seconds: `2026-01-02T03:04:05Z`. */
  createdAt: string;
  /** The decoded string; it is put between quotes without any escaping. */
  peerId: string;
  /** Like `block`; left out when undefined, but the token `""` is present. */
  snarkWork?: string | Uint8Array | undefined;
  /** Left out when 0 or undefined. The backend takes 64 bits, so more than a number holds exactly: then a bigint. */
  graphqlControlPort?: number | bigint | undefined;
  /** Decoded, put raw between quotes; left out when empty or undefined. */
  builtWithCommitSha?: string | undefined;
};

/**
 * @returns UTF-8 without white space; a lone surrogate becomes U+FFFD, and the text need not be valid JSON
 * @throws RangeError if the port is a number but no safe integer
 */
export const signedText = (fields: SignedFields): Uint8Array =>
  concatBytes(START, bytesOf(fields.block), signedRest(fields));

/** What the text of {@link signedText} begins with, up to and with the block: the same for all who submit that block. */
export const signedStart = (block: string | Uint8Array): Uint8Array =>
  concatBytes(START, bytesOf(block));
const START = utf8ToBytes('{"block":');
const bytesOf = (token: string | Uint8Array): Uint8Array =>
  typeof token === 'string' ? utf8ToBytes(token) : token;

/** What follows {@link signedStart} in {@link signedText}. @throws RangeError as it */
export function signedRest({
  createdAt,
  peerId,
  snarkWork,
  graphqlControlPort = 0,
  builtWithCommitSha = '',
}: Omit<SignedFields, 'block'>): Uint8Array {
  if (typeof graphqlControlPort === 'number' && !Number.isSafeInteger(graphqlControlPort))
    throw new RangeError(`graphqlControlPort is an integer, not ${graphqlControlPort}`);
  const ids = `,"created_at":"${createdAt}","peer_id":"${peerId}"`;
  const port =
    BigInt(graphqlControlPort) === 0n ? '' : `,"graphql_control_port":${graphqlControlPort}`;
  const commit =
    builtWithCommitSha === '' ? '' : `,"built_with_commit_sha":"${builtWithCommitSha}"`;
  const end = `${port}${commit}}`;
  if (snarkWork === undefined) return utf8ToBytes(`${ids}${end}`);
  return concatBytes(utf8ToBytes(`${ids},"snark_work":`), bytesOf(snarkWork), utf8ToBytes(end));
}

/** BLAKE2b-256 of the signed text: the 32 bytes that are signed. */
export const messageOf = (text: Uint8Array): Uint8Array => blake2b(text, { dkLen: 32 });
