/** A dump in memory, as assertions and trace look at it. Plain objects: a test makes them, and changes them. */
import type { Level } from '../../monitor/logs/level.ts';
import type { EraName } from '../../mina/eras.ts';
import type {
  DumpHead,
  EventRow,
  LeaderboardRow,
  SentRow,
  StorageName,
  StoredRow,
  TableName,
  TableRow,
} from './types.ts';

/** What this project's own decoder reads in a block's bytes. */
export type BlockState = {
  stateHash: string;
  parent: string;
  height: number;
  /** Global slot since genesis. */
  slot: number;
  era: EraName;
};

export type BlockFacts = {
  size: number;
  storages: StorageName[];
  /** The bytes have the hash that they are named by, and the size and SHA-256 that the dump notes. */
  isRight: boolean;
  /** null: the bytes are no block, or are not there; why. */
  state: BlockState | null;
  fault?: string;
};

/** Lines of one shape, above a warning. */
export type LogError = { level: Level; text: string; count: number };
export type LogFacts = {
  component: string;
  lines: number;
  /** By shape, in the order in which they came. */
  errors: LogError[];
};

/** Where something stands that nobody must read; never what. */
export type SecretFinding = { file: string; line: number; what: string };

export type Tables = { [T in TableName]?: TableRow<T>[] };

export type Evidence = {
  head: DumpHead;
  sent: SentRow[];
  storages: Map<StorageName, StoredRow[]>;
  /** By hash. */
  blocks: Map<string, BlockFacts>;
  /** Absent: the dump has no such table. */
  tables: Tables;
  leaderboard: LeaderboardRow[];
  events: EventRow[];
  logs: LogFacts[];
  secrets: SecretFinding[];
  /** Lines that were looked through for secrets. */
  searchedLines: number;
};
