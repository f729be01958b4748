/**
 * The filesystem storage, in the original's layout below CONFIG_FILESYSTEM_PATH:
 * `submissions/<YYYY-MM-DD>/<submitted_at>-<submitter>.json` and `blocks/<block_hash>.dat`. What exists is never overwritten.
 * Source: uptime-service-backend, src/delegation_backend/submit.go (LocalFileSystemSave, MakePathsImpl).
 */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
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
import type { AcceptedSubmission, SaveOutcome, Storage } from './storage.ts';

/** A block seen in its place within this time is not looked for again. */
const BLOCK_TRUST_MS = 1000;
const MOST_KNOWN_BLOCKS = 10_000;

type Waiting = { resolve(outcome: SaveOutcome): void; reject(error: Error): void; block: string };

/** @throws UserError if the folder cannot be made or written */
export function openFilesystemStorage(folder: string, nowMs: () => number = Date.now): Storage {
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
  return new FilesystemStorage(root, nowMs);
}

class FilesystemStorage implements Storage {
  readonly name: string;
  private readonly root: string;
  private readonly nowMs: () => number;
  private worker: Worker | null = null;
  private nextId = 0;
  /** Gathered during one turn of the event loop and handed over together. */
  private gathered: WriteJob[] = [];
  private readonly waiting = new Map<number, Waiting>();
  /** When a block was last known to be in its place. */
  private readonly blocks = new Map<string, number>();
  private emptied: (() => void) | null = null;

  constructor(root: string, nowMs: () => number) {
    this.root = root;
    this.nowMs = nowMs;
    this.name = `filesystem ${root}`;
  }

  save(submission: AcceptedSubmission): Promise<SaveOutcome> {
    const { submittedAt, submitter, blockHash } = submission;
    const id = this.nextId++;
    const job: WriteJob = {
      id,
      submission: {
        path: `submissions/${submittedAt.slice(0, 10)}/${submittedAt}-${submitter}.json`,
        text: storedJson(submission),
      },
    };
    if (this.nowMs() - (this.blocks.get(blockHash) ?? -Infinity) > BLOCK_TRUST_MS)
      job.block = { path: `blocks/${blockHash}.dat`, bytes: submission.block };
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, block: job.block ? blockHash : '' });
      if (this.gathered.push(job) === 1) setImmediate(() => this.handOver());
    });
  }

  async close(): Promise<void> {
    if (this.waiting.size > 0) await new Promise<void>((done) => (this.emptied = done));
    await this.worker?.terminate();
  }

  private handOver(): void {
    const jobs = this.gathered;
    this.gathered = [];
    const columns: JobColumns = { ids: [], paths: [], texts: [], blocks: [] };
    jobs.forEach(({ id, submission, block }, place) => {
      columns.ids.push(id);
      columns.paths.push(submission.path);
      columns.texts.push(submission.text);
      if (block) columns.blocks.push([place, block.path, block.bytes]);
    });
    this.thread().postMessage(columns);
  }

  private thread(): Worker {
    if (this.worker) return this.worker;
    const workerData: FileWriterData = { root: this.root };
    const worker = new Worker(distFile('backend-file-writer.js'), { workerData });
    worker.on('message', ({ ids, stored, errors }: ResultColumns) => {
      const errorOf = new Map(errors);
      ids.forEach((id, place) =>
        this.settle({ id, stored: stored[place], error: errorOf.get(place) }),
      );
    });
    worker.on('error', (error) => this.lost(worker, error));
    worker.on('exit', (code) => this.lost(worker, new Error(`ended with ${code}`)));
    return (this.worker = worker);
  }

  private settle({ id, stored, error }: WriteResult): void {
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    this.waiting.delete(id);
    if (error !== undefined) waiting.reject(new Error(error));
    else {
      if (waiting.block !== '') this.trust(waiting.block);
      waiting.resolve({ stored });
    }
    if (this.waiting.size === 0) this.emptied?.();
  }

  private trust(block: string): void {
    this.blocks.delete(block);
    this.blocks.set(block, this.nowMs());
    if (this.blocks.size > MOST_KNOWN_BLOCKS) this.blocks.delete(this.blocks.keys().next().value!);
  }

  /** The thread has died: what it held is not kept, and the next submission starts another. */
  private lost(worker: Worker, cause: Error): void {
    if (this.worker !== worker) return;
    this.worker = null;
    const held = new Set(this.gathered.map(({ id }) => id));
    for (const id of [...this.waiting.keys()])
      if (!held.has(id))
        this.settle({ id, stored: false, error: `the writing thread ${cause.message}` });
  }
}
