/**
 * The fields of a submission as columns, the same in the original's PostgreSQL and Cassandra tables: it reads its own stored
 * JSON back into typed fields and binds those. Source: uptime-service-backend, src/delegation_backend/submission.go.
 */
import { parseCreatedAt, utcText } from '../../mina/created-at.ts';
import { goStringOfBytes } from './go-json.ts';
import type {
  AcceptedSubmission,
  StoredRange,
  StoredSubmission,
  UnreadableSubmission,
  Verification,
} from './storage.ts';

export type Columns = {
  /** `2026-01-02` of submitted_at. */
  submittedAtDate: string;
  /** Whole seconds since 1970. */
  submittedAt: number;
  submitter: string;
  /** The instant, whole seconds since 1970. */
  createdAt: number;
  blockHash: string;
  remoteAddr: string;
  peerId: string;
  /** The bytes that the base64 stands for; null when absent. */
  snarkWork: Buffer | null;
  graphqlControlPort: number;
  builtWithCommitSha: string;
};

const INT_MAX = 2n ** 31n - 1n;

/** @throws Error if a value does not fit its column */
export function columnsOf(submission: AcceptedSubmission): Columns {
  const { submittedAt, submitter, graphqlControlPort, snarkWork } = submission;
  if (graphqlControlPort > INT_MAX || graphqlControlPort < -INT_MAX - 1n)
    throw new Error(`graphql_control_port ${graphqlControlPort} does not fit the column, an int`);
  return {
    submittedAtDate: submittedAt.slice(0, 10),
    submittedAt: secondsOf(submittedAt),
    submitter,
    createdAt: secondsOf(submission.createdAt),
    blockHash: submission.blockHash,
    remoteAddr: textOfBytes(submission.remoteAddr),
    peerId: submission.peerId,
    snarkWork: snarkWork === null ? null : bytesOfToken(snarkWork),
    graphqlControlPort: Number(graphqlControlPort),
    builtWithCommitSha: submission.builtWithCommitSha,
  };
}

function secondsOf(time: string): number {
  const parsed = parseCreatedAt(time);
  if (parsed === null) throw new Error(`"${time}" is no RFC 3339 time`);
  return parsed.seconds;
}

/** Bytes of a header, one a character, as the text that the original's JSON makes of them. */
const textOfBytes = (latin1: string): string => JSON.parse(goStringOfBytes(latin1)) as string;

function bytesOfToken(token: string): Buffer | null {
  const text = JSON.parse(token) as string | null;
  return text === null ? null : Buffer.from(text, 'base64');
}

/** A row as a storage gives it; times in seconds since 1970, null where the column is. */
export type Row = {
  where: string;
  submittedAt: number | null;
  submitter: string | null;
  createdAt: number | null;
  blockHash: string | null;
  remoteAddr: string | null;
  peerId: string | null;
  /** base64 text. */
  snarkWork: string | null;
  graphqlControlPort: number | null;
  builtWithCommitSha: string | null;
  /** The verifier's columns; absent: the table has none, or they were not asked for. */
  verifier?: VerifierRow;
};

/** What the verifier writes back (submission-updater, src/postgres.go), as far as it is read. */
export const VERIFIER_COLUMNS = [
  'verified',
  'validation_error',
  'state_hash',
  'parent',
  'height',
  'slot',
] as const;
export type VerifierRow = {
  verified: boolean | null;
  validationError: string | null;
  stateHash: string | null;
  parent: string | null;
  height: number | null;
  slot: number | null;
};

/** @returns null: it has written nothing. `verified` alone may be false by a default of the table */
function verificationOf({
  verified,
  validationError,
  stateHash,
  parent,
  height,
  slot,
}: VerifierRow): Verification | null {
  const error = validationError || null;
  if (verified !== true && error === null && !stateHash) return null;
  const verification: Verification = {
    isVerified: verified === true,
    error,
    stateHash: stateHash || null,
  };
  if (parent !== null || height !== null || slot !== null)
    verification.block = { parent: parent || null, height, slot };
  return verification;
}

/** Beyond these seconds since 1970 there is no Date, and no time that a submission could have. */
const MOST_SECONDS = 8.64e12;

export function storedOf(row: Row): StoredSubmission | UnreadableSubmission {
  const { where, submittedAt, submitter, createdAt, blockHash, peerId, remoteAddr } = row;
  const times = { submitted_at: submittedAt, created_at: createdAt };
  for (const [column, seconds] of Object.entries(times))
    // Not `>`: NaN, an impossible time, is to be caught too.
    if (seconds !== null && !(Math.abs(seconds) <= MOST_SECONDS))
      return { where, fault: `${column} is no possible time` };
  const isNull = (column: string) => ({ where, fault: `${column} is NULL` });
  if (submittedAt === null) return isNull('submitted_at');
  if (submitter === null) return isNull('submitter');
  if (createdAt === null) return isNull('created_at');
  if (blockHash === null) return isNull('block_hash');
  if (peerId === null) return isNull('peer_id');
  const stored: StoredSubmission = {
    where,
    submittedAt: utcText(submittedAt),
    createdAt: utcText(createdAt),
    submitter,
    blockHash,
    peerId,
    snarkWork: row.snarkWork,
    graphqlControlPort: row.graphqlControlPort ?? 0,
    builtWithCommitSha: row.builtWithCommitSha ?? '',
  };
  if (remoteAddr !== null) stored.remoteAddr = remoteAddr;
  const verification = row.verifier && verificationOf(row.verifier);
  if (verification) stored.verification = verification;
  return stored;
}

/** Years 0000 to 9999, beyond which a storage's dates and RFC 3339 end. */
export const withinYears = ({ from, to }: StoredRange): StoredRange => ({
  from: Math.max(Math.floor(from), -62_167_219_200),
  to: Math.min(Math.floor(to), 253_402_300_800),
});
