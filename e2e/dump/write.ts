/** Writes a dump: into a hidden folder beside it, which takes its name when all is written. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, rmSync, type WriteStream } from 'node:fs';
import { rename, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isBlockHash } from '../../stack/storage/layout.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { type Columns, lineOf, type RowOf } from './columns.ts';
import {
  BLOCKS,
  type DumpHead,
  type EventRow,
  EVENTS,
  LEADERBOARD,
  type LeaderboardRow,
  SENT,
  type SentRow,
  type StorageName,
  STORED,
  type StoredRow,
  type TableName,
  type TableRow,
  TABLES,
} from './types.ts';

export type DumpWriter = {
  addSent(row: SentRow): Promise<void>;
  addStored(storage: StorageName, row: StoredRow): Promise<void>;
  /** Kept once, however often it comes; `storage` is noted. */
  addBlock(storage: StorageName, hash: string, bytes: Uint8Array): Promise<void>;
  addTableRow<T extends TableName>(table: T, row: TableRow<T>): Promise<void>;
  /** The table is there, whether it has rows or not. */
  addTable(table: TableName): void;
  addAnswer(row: LeaderboardRow): Promise<void>;
  addEvent(row: EventRow): Promise<void>;
  /** @param component `backend`, `verifier`, `coordinator`, … @param line without its end */
  addLog(component: string, line: string): Promise<void>;
  addLogFile(component: string): void;
  /** Nothing was written before this resolves; the folder is there whole then. */
  end(head: DumpHead): Promise<void>;
  /** Gives it up; nothing is left. */
  abandon(): Promise<void>;
};

export const blockFile = (hash: string): string => `blocks/${hash}.dat`;
export const storedFile = (storage: StorageName): string =>
  `storages/${storage}/submissions.ndjson`;
export const tableFile = (table: TableName): string => `tables/${table}.ndjson`;
export const logFile = (component: string): string => `logs/${component}.log`;

/** @throws UserError where the folder is not empty, or cannot be written */
export function openDump(folder: string): DumpWriter {
  const target = resolve(folder);
  const part = join(dirname(target), `.${basename(target)}.part-${process.pid}`);
  try {
    rmSync(part, { recursive: true, force: true });
    for (const below of ['storages', 'blocks', 'tables', 'logs'])
      mkdirSync(join(part, below), { recursive: true });
  } catch (cause) {
    throw new UserError(`the dump ${folder} cannot be written: ${(cause as Error).message}`, {
      hint: 'give a folder in a place where you may write',
      exitCode: EXIT.usage,
      cause,
    });
  }
  return new FolderWriter(folder, target, part);
}

class FolderWriter implements DumpWriter {
  readonly #folder: string;
  readonly #target: string;
  readonly #part: string;
  readonly #files = new Map<string, WriteStream>();
  readonly #blocks = new Map<string, { size: number; sha256: string; storages: StorageName[] }>();
  #failure: Error | null = null;

  constructor(folder: string, target: string, part: string) {
    this.#folder = folder;
    this.#target = target;
    this.#part = part;
  }

  addSent(row: SentRow): Promise<void> {
    return this.#row('sent.ndjson', SENT, row);
  }

  addStored(storage: StorageName, row: StoredRow): Promise<void> {
    return this.#row(storedFile(storage), STORED, row);
  }

  async addBlock(storage: StorageName, hash: string, bytes: Uint8Array): Promise<void> {
    if (!isBlockHash(hash)) throw new RangeError(`"${hash}" is no block hash`);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const known = this.#blocks.get(hash);
    if (known === undefined) {
      this.#blocks.set(hash, { size: bytes.length, sha256, storages: [storage] });
      await writeFile(join(this.#part, blockFile(hash)), bytes);
    } else if (known.sha256 !== sha256)
      // Which of them is right, its hash says; the first stays, and the other storage is not named as one that holds it.
      return;
    else if (!known.storages.includes(storage)) known.storages.push(storage);
  }

  addTableRow<T extends TableName>(table: T, row: TableRow<T>): Promise<void> {
    return this.#row(tableFile(table), TABLES[table], row);
  }

  addTable(table: TableName): void {
    this.#file(tableFile(table));
  }

  addAnswer(row: LeaderboardRow): Promise<void> {
    return this.#row('leaderboard.ndjson', LEADERBOARD, row);
  }

  addEvent(row: EventRow): Promise<void> {
    return this.#row('events.ndjson', EVENTS, row);
  }

  addLog(component: string, line: string): Promise<void> {
    return this.#line(logFile(component), line);
  }

  addLogFile(component: string): void {
    this.#file(logFile(component));
  }

  #row<C extends Columns>(name: string, columns: C, row: RowOf<C>): Promise<void> {
    return this.#line(name, lineOf(columns, row));
  }

  async #line(name: string, line: string): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const file = this.#file(name);
    if (!file.write(`${line}\n`)) await once(file, 'drain');
  }

  #file(name: string): WriteStream {
    let file = this.#files.get(name);
    if (file === undefined) {
      const path = join(this.#part, name);
      mkdirSync(dirname(path), { recursive: true });
      file = createWriteStream(path);
      file.on('error', (error) => (this.#failure ??= error));
      this.#files.set(name, file);
    }
    return file;
  }

  async end(head: DumpHead): Promise<void> {
    for (const { name } of head.storages) this.#file(storedFile(name));
    for (const name of ['sent.ndjson', 'events.ndjson', 'leaderboard.ndjson']) this.#file(name);
    const hashes = [...this.#blocks.keys()].sort();
    for (const hash of hashes)
      await this.#row('blocks.ndjson', BLOCKS, {
        hash,
        ...this.#blocks.get(hash)!,
        storages: this.#blocks.get(hash)!.storages.sort(),
      });
    this.#file('blocks.ndjson');
    try {
      await this.#close();
      await writeFile(join(this.#part, 'dump.json'), `${JSON.stringify(head, null, 2)}\n`);
      await rmdir(this.#target).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
      await rename(this.#part, this.#target);
    } catch (cause) {
      await this.abandon();
      throw new UserError(
        `the dump ${this.#folder} cannot be written: ${(cause as Error).message}`,
        { hint: 'give a folder that is empty or not there, on a disk with room', cause },
      );
    }
  }

  async #close(): Promise<void> {
    for (const file of this.#files.values())
      await new Promise<void>((resolve, reject) => {
        file.once('error', reject);
        file.end(() => resolve());
      });
    if (this.#failure !== null) throw this.#failure;
  }

  async abandon(): Promise<void> {
    await this.#close().catch(() => undefined);
    rmSync(this.#part, { recursive: true, force: true });
  }
}
