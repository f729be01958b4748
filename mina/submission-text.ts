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
export function signedText({
  block,
  createdAt,
  peerId,
  snarkWork,
  graphqlControlPort = 0,
  builtWithCommitSha = '',
}: SignedFields): Uint8Array {
  if (typeof graphqlControlPort === 'number' && !Number.isSafeInteger(graphqlControlPort))
    throw new RangeError(`graphqlControlPort is an integer, not ${graphqlControlPort}`);
  const parts = [
    '{"block":',
    block,
    `,"created_at":"${createdAt}","peer_id":"${peerId}"`,
    ...(snarkWork === undefined ? [] : [',"snark_work":', snarkWork]),
    BigInt(graphqlControlPort) === 0n ? '' : `,"graphql_control_port":${graphqlControlPort}`,
    builtWithCommitSha === '' ? '' : `,"built_with_commit_sha":"${builtWithCommitSha}"`,
    '}',
  ];
  return concatBytes(...parts.map((part) => (typeof part === 'string' ? utf8ToBytes(part) : part)));
}

/** BLAKE2b-256 of the signed text: the 32 bytes that are signed. */
export const messageOf = (text: Uint8Array): Uint8Array => blake2b(text, { dkLen: 32 });
