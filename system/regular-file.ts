/**
 * Files that the user names, read without a trap: a FIFO waits for a writer for ever, /dev/zero never ends, a folder
 * is none, and a file of gigabytes by mistake fills the memory. All of them are refused before they are opened.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { EXIT, UserError } from '../user-error.ts';

export type RegularFileUse = {
  /** How the user knows it, to stand before the path: `--config`, `the key file`. */
  what: string;
  /** A larger file is refused. */
  maxBytes: number;
};

/** A path that became a FIFO since it was looked at must not be waited for. (Windows has no such flag.) */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const CHUNK_BYTES = 65_536;

/**
 * Opens a file that is one; whoever gets the handle closes it.
 * @throws UserError (exit 2) where it is missing, not to be read, no regular file, or larger than `maxBytes`
 */
export async function openRegularFile(path: string, use: RegularFileUse): Promise<FileHandle> {
  check(await stat(path).catch((error: unknown) => unreadable(path, use, error)), path, use);
  const file = await open(path, FLAGS).catch((error: unknown) => unreadable(path, use, error));
  try {
    check(await file.stat(), path, use);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** All bytes of a file that is one. @throws UserError (exit 2) as {@link openRegularFile} */
export async function readRegularFile(path: string, use: RegularFileUse): Promise<Buffer> {
  const file = await openRegularFile(path, use);
  try {
    const read = async (chunk: Buffer) => (await file.read(chunk, 0, chunk.length, null)).bytesRead;
    const chunks: Buffer[] = [];
    let bytes = 0;
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const got = await read(chunk).catch((error: unknown) => unreadable(path, use, error));
      if (got === 0) return Buffer.concat(chunks);
      // Files of /proc say that they are empty, and a log may grow: what is read counts.
      bytes += got;
      if (bytes > use.maxBytes) throw tooLarge(path, use);
      chunks.push(chunk.subarray(0, got));
    }
  } finally {
    await file.close();
  }
}

/** As {@link readRegularFile}, at once: for a small file that decides what comes next. */
export function readRegularFileSync(path: string, use: RegularFileUse): Buffer {
  let fd: number | undefined;
  try {
    check(statSync(path), path, use);
    fd = openSync(path, FLAGS);
    check(fstatSync(fd), path, use);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const got = readSync(fd, chunk);
      if (got === 0) return Buffer.concat(chunks);
      bytes += got;
      if (bytes > use.maxBytes) throw tooLarge(path, use);
      chunks.push(chunk.subarray(0, got));
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    return unreadable(path, use, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function check(found: Stats, path: string, use: RegularFileUse): void {
  if (!found.isFile())
    throw new UserError(`${use.what} ${path} is ${kindOf(found)}, not a file`, {
      hint: 'give the path of a regular file',
      exitCode: EXIT.usage,
    });
  if (found.size > use.maxBytes) throw tooLarge(path, use);
}

function kindOf(found: Stats): string {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a pipe';
  if (found.isSocket()) return 'a socket';
  return 'a device';
}

const tooLarge = (path: string, { what, maxBytes }: RegularFileUse): UserError =>
  new UserError(`${what} ${path} is larger than ${maxBytes.toLocaleString('en-US')} bytes`, {
    hint: 'is it the right file?',
    exitCode: EXIT.usage,
  });

function unreadable(path: string, { what }: RegularFileUse, cause: unknown): never {
  const code = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
  throw new UserError(`${what} ${path} cannot be read (${code})`, {
    hint: code === 'ENOENT' ? 'check the spelling of the path' : 'may this user read it?',
    exitCode: EXIT.usage,
    cause,
  });
}
