/**
 * Files that are there as a whole or not at all: written beside, to the disk, and renamed. A process that is killed, a full disk, a limit of
 * file sizes leave what stood there before.
 *
 * Not by the package write-file-atomic (6.0.0): it writes once and does not look at how much was taken. A disk with room for a part takes
 * that part without an error, and half a summary stood in the place of a whole one.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { chmod, chown, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { threadId } from 'node:worker_threads';

export type WholeFileOptions = {
  /** Default: that of the file that is replaced, else as the process makes files. */
  mode?: number;
};

/** Being written by this process: an exit in the middle leaves none. */
const parts = new Set<string>();
let count = 0;
let isSwept = false;

function partOf(path: string): string {
  if (!isSwept) {
    isSwept = true;
    process.on('exit', () => {
      for (const part of parts) tryTo(() => rmSync(part, { force: true }));
    });
  }
  const part = `${path}.part-${process.pid}-${threadId}-${++count}`;
  parts.add(part);
  return part;
}

/** @throws Error of the file system; then the file is as it was */
export function writeWholeSync(
  path: string,
  content: string | Uint8Array,
  { mode }: WholeFileOptions = {},
): void {
  // A link stays one: what it points at is replaced.
  const real = tryTo(() => realpathSync(path)) ?? path;
  const part = partOf(real);
  try {
    const before = tryTo(() => statSync(real)) ?? null;
    const file = openSync(part, 'wx', mode);
    try {
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    const kept = keptOf(before, mode);
    if (kept.mode !== undefined) chmodSync(part, kept.mode);
    // Who may not give a file away writes one of their own.
    if (kept.owner !== null) tryTo(() => chownSync(part, ...kept.owner!));
    renameSync(part, real);
  } catch (error) {
    tryTo(() => rmSync(part, { force: true }));
    throw error;
  } finally {
    parts.delete(part);
  }
}

/** @throws Error of the file system; then the file is as it was */
export async function writeWhole(
  path: string,
  content: string | Uint8Array,
  { mode }: WholeFileOptions = {},
): Promise<void> {
  const real = await realpath(path).catch(() => path);
  const part = partOf(real);
  try {
    const before = await stat(real).catch(() => null);
    const file = await open(part, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    const kept = keptOf(before, mode);
    if (kept.mode !== undefined) await chmod(part, kept.mode);
    if (kept.owner !== null) await chown(part, ...kept.owner).catch(() => undefined);
    await rename(part, real);
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined);
    throw error;
  } finally {
    parts.delete(part);
  }
}

/** What the new file takes over from the one that it replaces. */
function keptOf(
  before: Stats | null,
  mode: number | undefined,
): { mode: number | undefined; owner: [uid: number, gid: number] | null } {
  return {
    mode: mode ?? (before === null ? undefined : before.mode & 0o7777),
    owner: before === null || process.platform === 'win32' ? null : [before.uid, before.gid],
  };
}

/** @returns undefined if it fails */
function tryTo<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
