/**
 * What a run of the whole program left behind, as a folder: assertions, trace and exports read it and nothing else, so that a run can be judged
 * again a year later.
 *
 *     dump.json                              what was set, and what was expected ({@link DumpHead})
 *     sent.ndjson                            a line for each request that was sent
 *     storages/NAME/submissions.ndjson       rows and objects as the storage has them
 *     blocks.ndjson, blocks/HASH.dat         each block once
 *     tables/NAME.ndjson                     the coordinator's tables, and its indexes
 *     leaderboard.ndjson                     questions to the leaderboard and its answers
 *     events.ndjson                          what the harness did and saw, and what the components said of their decisions
 *     logs/COMPONENT.log                     lines as they came
 *
 * All lines stand in a fixed order with their keys in a fixed order. All times are of one clock, that of submitted_at.
 */
import type { EraName } from '../../mina/eras.ts';
import type { Columns, RowOf } from './columns.ts';

export const DUMP_FORMAT = 1;

export const STORAGE_NAMES = ['postgres', 'cassandra', 'filesystem', 's3'] as const;
export type StorageName = (typeof STORAGE_NAMES)[number];

/** The settings of a run, and what is expected of it. */
export type DumpHead = {
  format: typeof DUMP_FORMAT;
  network: string;
  seed: string;
  startedMs: number;
  endedMs: number;
  /** Rows submitted at or after it are not judged: the last batch that was waited for ends there. */
  untilMs: number;
  /** In the order of time; the rule is that of the verifier that is to take submissions of this time of the server. */
  eras: { name: EraName; fromMs: number | null; untilMs: number | null }[];
  /** FORK_CUTOVER_TIME; null: one verifier for all. */
  cutoverMs: number | null;
  storages: { name: StorageName; keeps: 'first' | 'last' }[];
  /** Where the verifier writes and the coordinator reads. */
  verifiedIn: 'postgres' | 'cassandra';
  /** Which storage holds the blocks that the verifier reads; null: none does. */
  blockStorage: StorageName | null;
  coordinator: {
    intervalSeconds: number;
    miniBatches: number;
    uptimeDays: number;
    retries: number;
    noChecks: boolean;
    /** Does as the original does, quirks included. */
    faithful: boolean;
    /** From the end of a batch until it looks, if it is not late; absent: less than a survey interval. */
    graceSeconds?: number;
    /** TOLERATE_SOK_MISMATCH. */
    sokWaiver: boolean;
    /** Each batch builds on the one before; of the original: its first batch alone. */
    keepsPrevious: boolean;
  };
  expected: {
    submitters: string[];
    /** A node's cycle: each expected submitter is due once in it. */
    periodMs: number;
    /** Times in which a submitter is not expected to score: silent, lagging, on a fork, with a wrong signature, a fork of the network. '*': all of them. */
    exceptions: { submitter: string; fromMs: number; untilMs: number; why: string }[];
  };
  allowed: {
    /** Classes of stack/coordinator/error-class.ts that may be refused. */
    errorClasses: string[];
    /** A log line above a warning that holds one of these is no finding. */
    logWords: string[];
    /** Of two accepted submissions of one submitter in one second the storage may keep one, as the original's does. */
    sameSecondLoss: boolean;
    /** Share of requests that may be answered 5xx or not at all, 0 to 1. */
    serverErrors: number;
  };
  /** REQUESTS_PER_PK_HOURLY; null: none. */
  hourlyLimit: number | null;
};

export const SENT = {
  /** Of the submission; its attempts share it. */
  id: 'number',
  /** From 1. */
  attempt: 'number',
  node: 'text',
  submitter: 'text',
  created_at: 'time',
  peer_id: 'text',
  block_hash: 'text',
  graphql_control_port: 'number?',
  built_with_commit_sha: 'text?',
  snark_work: 'flag',
  era: 'text',
  sent_ms: 'number',
  answered_ms: 'number?',
  /** 0 and absent: no answer. */
  status: 'number?',
  message: 'text?',
} as const satisfies Columns;
export type SentRow = RowOf<typeof SENT>;

/** A row or an object of a storage. With `fault` it is there and cannot be read as a submission. */
export const STORED = {
  where: 'own',
  fault: 'text?',
  submitted_at: 'time?',
  submitter: 'text?',
  created_at: 'time?',
  block_hash: 'text?',
  remote_addr: 'own?',
  peer_id: 'text?',
  /** 0: none. */
  graphql_control_port: 'number?',
  /** Empty: none. */
  built_with_commit_sha: 'text?',
  /** Whether it is there; the verifier empties it in each row that it writes. */
  snark_work: 'flag?',
  /** From here on the verifier's; absent: it has written nothing, or the storage has no such columns. */
  state_hash: 'text|null?',
  parent: 'text|null?',
  height: 'number|null?',
  slot: 'number|null?',
  validation_error: 'text|null?',
  verified: 'flag?',
} as const satisfies Columns;
export type StoredRow = RowOf<typeof STORED>;

export const BLOCKS = {
  hash: 'text',
  size: 'number',
  /** Hexadecimal. */
  sha256: 'text',
  /** Storages that hold its bytes. */
  storages: 'json',
} as const satisfies Columns;
export type BlockRow = RowOf<typeof BLOCKS>;

/** The coordinator's tables (stack/coordinator/schema.ts); epochs in seconds, points.blockchain_epoch in milliseconds. */
export const TABLES = {
  bot_logs: {
    id: 'number',
    processing_time: 'number|null',
    files_processed: 'number|null',
    file_timestamps: 'time|null',
    batch_start_epoch: 'number',
    batch_end_epoch: 'number',
  },
  statehash: { id: 'number', value: 'text|null' },
  bot_logs_statehash: {
    id: 'number',
    parent_statehash_id: 'number|null',
    statehash_id: 'number|null',
    weight: 'number',
    bot_log_id: 'number|null',
  },
  nodes: {
    id: 'number',
    block_producer_key: 'text|null',
    updated_at: 'time|null',
    score: 'number|null',
    score_percent: 'text|null',
    discord_id: 'text|null',
    email_id: 'text|null',
    application_status: 'flag|null',
  },
  points: {
    id: 'number',
    file_name: 'own|null',
    file_timestamps: 'time|null',
    blockchain_epoch: 'number|null',
    blockchain_height: 'number|null',
    amount: 'number|null',
    created_at: 'time|null',
    node_id: 'number|null',
    bot_log_id: 'number|null',
    statehash_id: 'number|null',
  },
  points_summary: { bot_log_id: 'number', node_id: 'number' },
  score_history: {
    id: 'number',
    node_id: 'number|null',
    score_at: 'time|null',
    score: 'number|null',
    score_percent: 'text|null',
  },
  score_corrections: {
    id: 'number',
    correction: 'text',
    action: 'text',
    bot_log_id: 'number|null',
    node_id: 'number|null',
    point_id: 'number|null',
    old_files_processed: 'number|null',
    reason: 'text|null',
    applied_at: 'time|null',
    reverted_at: 'time|null',
  },
  /** Of all tables; `columns` in their order, `valid`: it was built to its end. */
  indexes: { table: 'text', name: 'text', columns: 'text', valid: 'flag' },
} as const satisfies Record<string, Columns>;
export type TableName = keyof typeof TABLES;
export const TABLE_NAMES = Object.keys(TABLES) as TableName[];
export type TableRow<T extends TableName> = RowOf<(typeof TABLES)[T]>;

export const LEADERBOARD = {
  at_ms: 'number',
  path: 'text',
  /** 0: no answer. */
  status: 'number',
  /** JSON, or the text where it is none. */
  body: 'json',
} as const satisfies Columns;
export type LeaderboardRow = RowOf<typeof LEADERBOARD>;

export const EVENTS = {
  at_ms: 'number',
  /** `step`, `disturbance`, `condition`, and those of {@link DisturbedFields} (`disturbed`), {@link ForkFields} (`fork`), {@link MiniBatchFields} and {@link BatchFields}: `mini-batch`, `batch`. */
  kind: 'text',
  fields: 'json',
} as const satisfies Columns;
export type EventRow = RowOf<typeof EVENTS>;

/** kind `mini-batch`, at_ms: when it ended. A call of the verifier on [fromMs, untilMs). */
export type MiniBatchFields = {
  fromMs: number;
  untilMs: number;
  /** Name of the program, and the rule or era that it was built for, as far as known. */
  binary?: string;
  rule?: string;
  beganMs?: number;
  failure?: string;
};

/** kind `disturbed`, at_ms: when it begins. Somebody, or a component (no submitters), is disturbed on purpose; for batches within [fromMs, untilMs). */
export type DisturbedFields = {
  name: string;
  submitters: string[];
  fromMs: number;
  untilMs: number;
  /** Of each submitter: nothing of it is accepted, because it is silent or because each is refused for its signature; it has rows and no point; it has a point. */
  expected: 'nothing accepted' | 'refused' | 'no point' | 'nothing lost';
};

/** kind `fork`, at_ms: genesis of the new era. A rehearsed hard fork; times in milliseconds since 1970. */
export type ForkFields = {
  from: EraName;
  to: EraName;
  transactionsEndMs: number;
  chainEndMs: number;
  genesisMs: number;
  /** When those come back that went away. */
  backMs: number;
  /** Submitters that stay on the old chain, and that go away with it and come back. */
  stayed: string[];
  away: string[];
};

/** kind `batch`, at_ms: when it was committed. */
export type BatchFields = { botLogId: number; startSeconds: number; endSeconds: number };
