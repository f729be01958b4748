/**
 * The thread that writes the filesystem storage. Its calls are synchronous: for small files that costs half of what the
 * asynchronous ones do (measured: 36 against 72 us of CPU for a submission), and a slow disk does not hold up the HTTP thread.
 * A file appears whole or not at all: it is written elsewhere in the folder and then linked to its name.
 */
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { parentPort, threadId, workerData } from 'node:worker_threads';

export type WriteJob = {
  id: number;
  /** Path below the root, and what to write there unless it exists. */
  submission: { path: string; text: string };
  /** Absent where the block is known to be there. */
  block?: { path: string; bytes: Uint8Array } | undefined;
};

/** `error`: why the submission or its block was not kept. */
export type WriteResult = { id: number; stored: boolean; error?: string | undefined };

/**
 * Jobs and results go between the threads as columns: an object for each would cost a tenth of the backend's time (measured).
 * `blocks` and `errors` hold only the jobs that have one, by their place.
 */
export type JobColumns = {
  ids: number[];
  paths: string[];
  texts: string[];
  blocks: [place: number, path: string, bytes: Uint8Array][];
};
export type ResultColumns = {
  ids: number[];
  stored: boolean[];
  errors: [place: number, error: string][];
};

export type FileWriterData = { root: string };

/** Where files grow, inside the root so that a link works. */
export const INCOMING = '.incoming';
const STALE_MS = 60_000;

let counter = 0;

/** @returns false if the file was there before */
export function writeOnce(root: string, path: string, content: string | Uint8Array): boolean {
  const target = join(root, path);
  // Also for speed: a part that is given up at once makes ext4 look long for its next inode (measured: 0.4 ms a file).
  if (existsSync(target)) return false;
  const part = join(root, INCOMING, `${process.pid}-${threadId}-${counter++}`);
  try {
    makingFolders(part, () => writeWhole(part, content));
    return makingFolders(target, () => putInPlace(part, target));
  } finally {
    // Also of a write that ended in the middle: a full disk needs its bytes back most.
    removeIfThere(part);
  }
}

/** Cheaper than rmSync, which looks first. */
function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function writeWhole(path: string, content: string | Uint8Array): void {
  const file = openSync(path, 'w', 0o644);
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    // A write may be short; the next one says why (ENOSPC, EDQUOT, EFBIG).
    for (let at = 0; at < bytes.length;) {
      const written = writeSync(file, bytes, at);
      if (written === 0)
        throw new Error(`${bytes.length - at} of ${bytes.length} bytes were not taken`);
      at += written;
    }
  } finally {
    closeSync(file);
  }
}

/** Never replaces a file, whoever wrote it. */
function putInPlace(part: string, target: string): boolean {
  try {
    linkSync(part, target);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code === 'ENOENT') throw error;
    // A filesystem without hard links.
    if (existsSync(target)) return false;
    renameSync(part, target);
    return true;
  }
}

function makingFolders<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { recursive: true });
    return action();
  }
}

export function runJob(root: string, { id, submission, block }: WriteJob): WriteResult {
  const problems: string[] = [];
  const attempt = (action: () => boolean): boolean => {
    try {
      return action();
    } catch (error) {
      problems.push((error as Error).message);
      return false;
    }
  };
  // As the original: one failing does not keep the other from being written.
  if (block) attempt(() => writeOnce(root, block.path, block.bytes));
  const stored = attempt(() => writeOnce(root, submission.path, submission.text));
  return problems.length === 0 ? { id, stored } : { id, stored, error: problems.join('; ') };
}

/** What the thread does with a message. */
export function runJobs(root: string, { ids, paths, texts, blocks }: JobColumns): ResultColumns {
  const blockOf = new Map(blocks.map(([place, path, bytes]) => [place, { path, bytes }]));
  const results: ResultColumns = { ids, stored: [], errors: [] };
  ids.forEach((id, place) => {
    const submission = { path: paths[place], text: texts[place] };
    const { stored, error } = runJob(root, { id, submission, block: blockOf.get(place) });
    results.stored.push(stored);
    if (error !== undefined) results.errors.push([place, error]);
  });
  return results;
}

/** Removes what a killed process left behind. */
export function removeStaleParts(root: string, nowMs: number): void {
  const folder = join(root, INCOMING);
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    try {
      if (nowMs - statSync(path).mtimeMs > STALE_MS) removeIfThere(path);
    } catch {
      // Another process has just finished it.
    }
  }
}

if (parentPort) {
  const { root } = workerData as FileWriterData;
  const port = parentPort;
  port.on('message', (jobs: JobColumns) => port.postMessage(runJobs(root, jobs)));
}
