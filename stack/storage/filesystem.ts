/**
 * The filesystem storage, in the original's layout below CONFIG_FILESYSTEM_PATH:
 * `submissions/<YYYY-MM-DD>/<submitted_at>-<submitter>.json` and `blocks/<block_hash>.dat`. What exists is never overwritten.
 * Where file names may hold no colon, the time has `-` in its place (layout.ts).
 * Source: uptime-service-backend, src/delegation_backend/submit.go (LocalFileSystemSave, MakePathsImpl).
 */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { distFile } from '../../paths.ts';
import { UserError } from '../../user-error.ts';
import {
  type FileWriterData,
  type JobColumns,
  removeStaleParts,
  type ResultColumns,
  type WriteJob,
  type WriteResult,
} from './file-writer.ts';
import { storedJson } from './go-json.ts';
import { KnownBlocks } from './known-blocks.ts';
import { blockPath, HAS_COLONS, submissionFile } from './layout.ts';
import { retrying } from './retrying.ts';
import type { AcceptedSubmission, SaveOutcome, Storage } from './storage.ts';

/** A disk that is busy or full for a moment: calls, and the wait before the second one. */
const TRIES = 3;
const FIRST_WAIT_MS = 100;
/** Problems of a path or of rights stay as they are. */
const STAYS = /\b(ENOTDIR|EISDIR|EACCES|EPERM|EROFS|ENAMETOOLONG|ELOOP)\b/;

type Waiting = { resolve(outcome: SaveOutcome): void; reject(error: Error): void; block: string };

/** The thread that writes (file-writer.ts). */
export type Writer = Pick<Worker, 'on' | 'postMessage' | 'terminate'>;

const startWriter = (root: string): Writer => {
  const workerData: FileWriterData = { root };
  return new Worker(distFile('backend-file-writer.js'), { workerData });
};

/**
 * @param start starts a thread for the folder: one at the first submission, another one when it has died
 * @param hasColons whether file names may hold colons, as the original's do
 * @throws UserError if the folder cannot be made or written
 */
export function openFilesystemStorage(
  folder: string,
  nowMs: () => number = Date.now,
  start: (root: string) => Writer = startWriter,
  hasColons = HAS_COLONS,
): Storage {
  const root = resolve(folder);
  try {
    mkdirSync(root, { recursive: true });
    accessSync(root, constants.W_OK | constants.X_OK);
    removeStaleParts(root, nowMs());
  } catch (cause) {
    throw new UserError(
      `the storage folder ${root} cannot be written: ${(cause as Error).message}`,
      {
        hint: 'CONFIG_FILESYSTEM_PATH names a folder that the backend may write',
        cause,
      },
    );
  }
  return new FilesystemStorage(root, nowMs, start, hasColons);
}

class FilesystemStorage implements Storage {
  readonly name: string;
  readonly #root: string;
  readonly #start: (root: string) => Writer;
  readonly #hasColons: boolean;
  #worker: Writer | null = null;
  #nextId = 0;
  /** Gathered during one turn of the event loop and handed over together. */
  #gathered: WriteJob[] = [];
  readonly #waiting = new Map<number, Waiting>();
  readonly #blocks: KnownBlocks;
  /** Submissions that failed once and wait for another call. */
  #repeating = 0;
  #emptied: (() => void) | null = null;

  constructor(
    root: string,
    nowMs: () => number,
    start: (root: string) => Writer,
    hasColons: boolean,
  ) {
    this.#root = root;
    this.#start = start;
    this.#hasColons = hasColons;
    this.#blocks = new KnownBlocks(nowMs);
    this.name = `filesystem ${root}`;
  }

  save(submission: AcceptedSubmission): Promise<SaveOutcome> {
    const path = submissionFile(submission.submittedAt, submission.submitter, this.#hasColons);
    const text = storedJson(submission);
    return this.#write(path, text, submission).catch((error: Error) =>
      this.#writeAgain(error, path, text, submission),
    );
  }

  async close(): Promise<void> {
    if (!this.#isIdle()) await new Promise<void>((done) => (this.#emptied = done));
    await this.#worker?.terminate();
  }

  #isIdle(): boolean {
    return this.#waiting.size === 0 && this.#repeating === 0;
  }

  async #writeAgain(
    error: Error,
    path: string,
    text: string,
    submission: AcceptedSubmission,
  ): Promise<SaveOutcome> {
    this.#repeating++;
    try {
      return await retrying(
        async (call) => {
          if (call === 1) throw error;
          const { stored } = await this.#write(path, text, submission);
          // The call that failed may have put the file in its place before.
          return { stored: stored || (await this.#holds(path, text)) };
        },
        {
          tries: TRIES,
          firstWaitMs: FIRST_WAIT_MS,
          mayPass: ({ message }: Error) => !STAYS.test(message),
        },
      );
    } finally {
      this.#repeating--;
      if (this.#isIdle()) this.#emptied?.();
    }
  }

  #write(
    path: string,
    text: string,
    { blockHash, block }: AcceptedSubmission,
  ): Promise<SaveOutcome> {
    const id = this.#nextId++;
    const job: WriteJob = { id, submission: { path, text } };
    if (!this.#blocks.has(blockHash)) job.block = { path: blockPath(blockHash), bytes: block };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, block: job.block ? blockHash : '' });
      if (this.#gathered.push(job) === 1) setImmediate(() => this.#handOver());
    });
  }

  async #holds(path: string, text: string): Promise<boolean> {
    return (await readFile(join(this.#root, path), 'utf8').catch(() => null)) === text;
  }

  #handOver(): void {
    const jobs = this.#gathered;
    this.#gathered = [];
    const columns: JobColumns = { ids: [], paths: [], texts: [], blocks: [] };
    jobs.forEach(({ id, submission, block }, place) => {
      columns.ids.push(id);
      columns.paths.push(submission.path);
      columns.texts.push(submission.text);
      if (block) columns.blocks.push([place, block.path, block.bytes]);
    });
    this.#thread().postMessage(columns);
  }

  #thread(): Writer {
    if (this.#worker) return this.#worker;
    const worker = this.#start(this.#root);
    worker.on('message', ({ ids, stored, errors }: ResultColumns) => {
      const errorOf = new Map(errors);
      ids.forEach((id, place) =>
        this.#settle({ id, stored: stored[place], error: errorOf.get(place) }),
      );
    });
    worker.on('error', (error) => this.#lost(worker, error));
    worker.on('exit', (code) => this.#lost(worker, new Error(`ended with ${code}`)));
    return (this.#worker = worker);
  }

  #settle({ id, stored, error }: WriteResult): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    if (error !== undefined) waiting.reject(new Error(error));
    else {
      if (waiting.block !== '') this.#blocks.add(waiting.block);
      waiting.resolve({ stored });
    }
    // What is rejected may be written again: that is known a turn later.
    if (this.#isIdle()) setImmediate(() => this.#isIdle() && this.#emptied?.());
  }

  /** The thread has died: what it held is not kept, and the next submission starts another. */
  #lost(worker: Writer, cause: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    const held = new Set(this.#gathered.map(({ id }) => id));
    for (const id of [...this.#waiting.keys()])
      if (!held.has(id))
        this.#settle({ id, stored: false, error: `the writing thread ${cause.message}` });
  }
}
