/**
 * Reads what the backend's filesystem storage, or the original, wrote. Calls are synchronous: a file of 268 bytes that is in the page
 * cache costs 4 us of CPU so, and 44 us with node:fs/promises, 16 at once (40,000 files, measured; of files that come from the disk the
 * latter took half the time). The event loop gets its turn after each batch.
 */
import {
  accessSync,
  closeSync,
  constants,
  type Dir,
  fstatSync,
  opendirSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { UserError } from '../../user-error.ts';
import { readStoredJson } from './go-json.ts';
import {
  blockPath,
  BLOCKS,
  dayOf,
  isBlockHash,
  isDay,
  readBlockName,
  readSubmissionName,
  secondsText,
  type SubmissionName,
  SUBMISSIONS,
} from './layout.ts';
import type {
  StoredRange,
  StoredSubmission,
  StorageReader,
  UnreadableSubmission,
} from './storage.ts';

const BATCH = 1000;
/** Most submissions fit; a larger one is read in a buffer of its own. */
const READ_AT_ONCE = 64 * 1024;
/** A submission comes from a body of at most 50,000,000 bytes, and escapes make at most six of one (`\u003c`). */
const MOST_BYTES = 300_000_000;
/** O_NONBLOCK: a pipe of that name must not hold up the reader. Windows knows neither. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** @throws UserError if the folder cannot be read */
export function openFilesystemReader(folder: string): StorageReader {
  const root = resolve(folder);
  try {
    if (!statSync(root).isDirectory()) throw new Error('it is no folder');
    accessSync(root, constants.R_OK | constants.X_OK);
  } catch (cause) {
    throw unreadableFolder(root, cause);
  }
  return {
    name: `filesystem ${root}`,
    keeps: 'first',
    submissions: (range, signal) => submissionsOf(root, range, signal),
    async block(hash) {
      if (!isBlockHash(hash)) return null;
      const path = join(root, blockPath(hash));
      try {
        return await readFile(path);
      } catch (cause) {
        if (isAbsent(cause)) return null;
        throw new UserError(`the block ${path} cannot be read: ${(cause as Error).message}`, {
          hint: 'may this user read the whole folder?',
          cause,
        });
      }
    },
    blockHashes: (signal) => blockHashesOf(root, signal),
    close: () => Promise.resolve(),
  };
}

async function* blockHashesOf(root: string, signal?: AbortSignal): AsyncGenerator<string[]> {
  let batch: string[] = [];
  for (const file of filesOf(join(root, BLOCKS))) {
    const hash = readBlockName(file);
    if (hash !== null) batch.push(hash);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
    await nextTurn();
    signal?.throwIfAborted();
  }
  yield batch;
}

const isAbsent = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

const unreadableFolder = (path: string, cause: unknown): UserError =>
  new UserError(`the storage folder ${path} cannot be read: ${(cause as Error).message}`, {
    hint: '--storage names the CONFIG_FILESYSTEM_PATH of the backend, and this user must be allowed to read it',
    cause,
  });

async function* submissionsOf(
  root: string,
  { from, to }: StoredRange,
  signal?: AbortSignal,
): AsyncGenerator<(StoredSubmission | UnreadableSubmission)[]> {
  if (from >= to) return;
  const [first, end] = [secondsText(from), secondsText(to)];
  const read = fileReader();
  for (const day of daysOf(root, dayOf(from), dayOf(to - 1))) {
    let batch: (StoredSubmission | UnreadableSubmission)[] = [];
    for (const file of filesOf(join(root, SUBMISSIONS, day))) {
      const name = readSubmissionName(file);
      const where = `${SUBMISSIONS}/${day}/${file}`;
      if (name === null)
        batch.push({ where, fault: 'its name is not <submitted_at>-<submitter>.json' });
      else if (name.submittedAt >= first && name.submittedAt < end) {
        const submission = read(root, where, name);
        if (submission !== null) batch.push(submission);
      }
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
      await nextTurn();
      signal?.throwIfAborted();
    }
    if (batch.length > 0) yield batch;
  }
}

/** Names of the folders of days, from the first to the last. */
function daysOf(root: string, first: string, last: string): string[] {
  const folder = join(root, SUBMISSIONS);
  try {
    return readdirSync(folder)
      .filter((name) => isDay(name) && name >= first && name <= last)
      .sort();
  } catch (cause) {
    // Nothing was stored yet.
    if (isAbsent(cause)) return [];
    throw unreadableFolder(folder, cause);
  }
}

/** Names in a folder, one by one: a day may hold millions. Hidden files are not ours. */
function* filesOf(folder: string): Generator<string> {
  let names: Dir;
  try {
    names = opendirSync(folder, { bufferSize: 1024 });
  } catch (cause) {
    if (isAbsent(cause)) return;
    throw unreadableFolder(folder, cause);
  }
  try {
    for (let entry = names.readSync(); entry !== null; entry = names.readSync())
      if (!entry.name.startsWith('.')) yield entry.name;
  } finally {
    names.closeSync();
  }
}

/** @returns a function that gives null for a file that is gone by now */
function fileReader(): (
  root: string,
  where: string,
  name: SubmissionName,
) => StoredSubmission | UnreadableSubmission | null {
  const small = Buffer.allocUnsafeSlow(READ_AT_ONCE);
  return (root, where, name) => {
    try {
      return readStoredJson(readWhole(`${root}/${where}`, small), where, name);
    } catch (error) {
      return isAbsent(error)
        ? null
        : { where, fault: `it cannot be read: ${(error as Error).message}` };
    }
  };
}

/** @returns the file's bytes, in `small` where they fit, so good until the next call */
function readWhole(path: string, small: Buffer): Buffer {
  const file = openSync(path, OPEN_FLAGS);
  try {
    const length = readSync(file, small, 0, small.length, 0);
    if (length < small.length) return small.subarray(0, length);
    const { size } = fstatSync(file);
    if (size > MOST_BYTES) throw new Error(`it has ${size} bytes, more than a submission can have`);
    const large = Buffer.allocUnsafe(size);
    let at = 0;
    for (let got = -1; at < size && got !== 0; at += got)
      got = readSync(file, large, at, size - at, at);
    return large.subarray(0, at);
  } finally {
    closeSync(file);
  }
}
