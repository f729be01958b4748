/** Rows of `submissions` as the updater takes them to a verifier, and the storages that hold them. */
import type { SubmissionJson } from '../answer.ts';

/** What of a row goes to a verifier; the fields and the order of the original's JSON, raw_block left out. */
export type RowFields = {
  /** '' where the storage has none (Cassandra). */
  id: string;
  /** `2026-01-02`. */
  submitted_at_date: string;
  /** 0 where the storage has none (PostgreSQL). */
  shard: number;
  /** RFC 3339 in UTC, as many digits of a second as there are. */
  submitted_at: string;
  submitter: string;
  created_at: string;
  block_hash: string;
  remote_addr: string;
  peer_id: string;
  /** base64; null: none. */
  snark_work: string | null;
  graphql_control_port: number;
  built_with_commit_sha: string;
};

export type Row = {
  fields: RowFields;
  /** Of storages that keep it (Cassandra); null: not there. */
  rawBlock: Uint8Array | null;
};

/** What is written back. */
export type RowResult = {
  stateHash: string | null;
  parent: string | null;
  height: number | null;
  slot: number | null;
  /** null: none. */
  validationError: string | null;
  verified: boolean;
};

export type ReadRows = {
  rows: Row[];
  /** Rows that have no place where one must be, each as where and why. */
  unscannable: string[];
};

/** @see updater/postgres-rows.ts and updater/cassandra-rows.ts */
export type RowStorage = {
  /** For people; never with a credential. */
  readonly name: string;
  /**
   * All rows with start <= submitted_at < end, verified ones too, as the original.
   * @param startMs milliseconds since 1970; so `endMs`
   */
  read(startMs: number, endMs: number, signal?: AbortSignal): Promise<ReadRows>;
  /** One row's results; its snark work (and raw block) are emptied. @throws Error for this row alone */
  write(row: Row, result: RowResult): Promise<void>;
  close(): Promise<void>;
};

const RAW_BLOCK_AFTER = 'block_hash';

/** @param block null: not to be had, which is '' to a verifier */
export function rowJson({ fields }: Row, block: Uint8Array | null): SubmissionJson {
  const json: SubmissionJson = {};
  for (const [name, value] of Object.entries(fields)) {
    json[name] = value;
    if (name === RAW_BLOCK_AFTER)
      json.raw_block = block === null ? '' : Buffer.from(block).toString('base64');
  }
  return json;
}
