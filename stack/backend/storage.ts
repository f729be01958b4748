/** What the backend hands to its storages, and what a storage is. */

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
  /** For the log, e.g. `filesystem /data`. */
  readonly name: string;
  /** Resolves when the submission can be read back. Rejects if it was not kept; the block may be there nevertheless. */
  save(submission: AcceptedSubmission): Promise<SaveOutcome>;
  /** Resolves when everything under way is kept. No save may follow. */
  close(): Promise<void>;
}
