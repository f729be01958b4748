/**
 * What a storage of submissions is, seen from both ends: the backend writes through {@link Storage}, reconciliation reads
 * through {@link StorageReader}. One file beside this one for each storage holds both, so its layout stands in one place.
 */

/** An accepted submission, ready to be kept. */
export type AcceptedSubmission = {
  /** When the backend took it; its clock, UTC, RFC 3339 whole seconds: `2026-01-02T03:04:05Z`. */
  submittedAt: string;
  /** RFC 3339 whole seconds in the zone of the request. */
  createdAt: string;
  /** base58check, B62q…. */
  submitter: string;
  /** base58check of the BLAKE2b-256 of the block. */
  blockHash: string;
  /** The block's bytes, alone in their ArrayBuffer. */
  block: Uint8Array;
  peerId: string;
  /** The JSON token as it stood in the request, quotes and escapes kept; null when absent. */
  snarkWork: string | null;
  /** X-Forwarded-For, else the peer's `ip:port`. Raw bytes of a header, one a character. */
  remoteAddr: string;
  /** 0 when absent. */
  graphqlControlPort: bigint;
  /** Empty when absent. */
  builtWithCommitSha: string;
};

export type SaveOutcome = {
  /** False where another submission of this submitter within the same second was there before and has been kept. */
  stored: boolean;
};

export interface Storage {
  /** For the log, e.g. `filesystem /data`. Never with a credential. */
  readonly name: string;
  /** Resolves when the submission can be read back. Rejects if it was not kept; the block may be there nevertheless. */
  save(submission: AcceptedSubmission): Promise<SaveOutcome>;
  /** Resolves when everything under way is kept. No save may follow. */
  close(): Promise<void>;
}

/** A submission as a storage holds it. */
export type StoredSubmission = {
  /** Where it lies, for people: a path below the root, an S3 key, `submissions id 17`, a primary key. */
  where: string;
  /** UTC, RFC 3339 whole seconds with Z, whatever form the storage keeps. */
  submittedAt: string;
  /** The same of the request's created_at. */
  createdAt: string;
  submitter: string;
  blockHash: string;
  peerId: string;
  /** base64 text, without quotes; null when absent. */
  snarkWork: string | null;
  /** Absent where the storage does not say. */
  remoteAddr?: string;
  /** 0 when absent. */
  graphqlControlPort: number;
  /** Empty when absent. */
  builtWithCommitSha: string;
  /** Of storages that keep the block beside each submission (Cassandra): its bytes; null: too large to be kept. */
  rawBlock?: Uint8Array | null;
  /**
   * What the verifier wrote beside it, where it has: it empties snark_work of each row that it writes, and raw_block on Cassandra. Absent: nothing,
   * or the storage has no such columns (filesystem, S3).
   */
  verification?: Verification;
  /** Bytes that this submission takes in the storage, its block left out; absent where the storage does not say. */
  bytes?: number;
};

/** The verifier's result. With an error `isVerified` may be true as well: it means looked at (submission-updater, src/postgres.go). */
export type Verification = {
  isVerified: boolean;
  error: string | null;
  stateHash: string | null;
  /** What else it read in the block; absent: nothing. */
  block?: { parent: string | null; height: number | null; slot: number | null };
};

/** What is there and cannot be read as a submission: a cut file, a row with impossible values. */
export type UnreadableSubmission = { where: string; fault: string };

/** `from` and `to` (excluded) are seconds since 1970 of submitted_at, the storage's own clock. */
export type StoredRange = { from: number; to: number };

/** `rawBlocks` false: without {@link StoredSubmission.rawBlock}, which is nearly all that Cassandra sends (20 KB a row); default true. */
export type ReadOptions = { rawBlocks?: boolean };

export interface StorageReader {
  /** For people, e.g. `PostgreSQL 127.0.0.1:5432/coordinator`. Never with a credential. */
  readonly name: string;
  /** Of several by one submitter in one second this storage keeps: filesystem and PostgreSQL the first, S3 and Cassandra the last. */
  readonly keeps: 'first' | 'last';
  /**
   * All submissions of a range, in batches of some thousand at most, in any order; memory does not grow with their number.
   * @throws UserError (exit 5) if the storage cannot be read
   */
  submissions(
    range: StoredRange,
    signal?: AbortSignal,
    options?: ReadOptions,
  ): AsyncIterable<(StoredSubmission | UnreadableSubmission)[]>;
  /** The block of this hash (base58check); null: it is not there. Absent: the storage keeps no blocks of their own (PostgreSQL, Cassandra). */
  block?(hash: string): Promise<Uint8Array | null>;
  /** Hashes of all such blocks, in batches, in any order. There where {@link StorageReader.block} is. */
  blockHashes?(signal?: AbortSignal): AsyncIterable<string[]>;
  close(): Promise<void>;
}
