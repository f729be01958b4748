/**
 * A file of whole lines: what is appended stands in it from its first byte to its line end, or not at all. A disk that is full takes a
 * part of a line; the part is taken back, so that a later line, once there is space again, does not stand behind half of another one.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';

const NEWLINE = 0x0a;

/** Writes some of `bytes` from `offset` on, and says how many; Node's writeSync, or a disk that fails in a test. */
export type Write = (file: number, bytes: Buffer, offset: number) => number;

export class LineFile {
  readonly #file: number;
  readonly #write: Write;
  /** Where the last whole line ends. */
  #size: number;

  /** @param path of a file that is made if it is not there; half a line at its end, as a killed process leaves it, is cut off */
  constructor(path: string, write: Write = writeSync) {
    this.#file = openSync(path, 'a+');
    this.#write = write;
    this.#size = endOfLastLine(this.#file);
    if (this.#size < fstatSync(this.#file).size) ftruncateSync(this.#file, this.#size);
  }

  /** @param line without its line end. @throws Error of the file system; then nothing of the line is in the file */
  append(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    try {
      for (let offset = 0; offset < bytes.length;) {
        const written = this.#write(this.#file, bytes, offset);
        if (written === 0) throw new Error('the disk takes nothing more');
        offset += written;
      }
    } catch (error) {
      this.#takeBack();
      throw error;
    }
    this.#size += bytes.length;
  }

  #takeBack(): void {
    try {
      ftruncateSync(this.#file, this.#size);
    } catch {
      // The first error says why, and the reader leaves half a line at the end out.
    }
  }

  close(): void {
    try {
      fsyncSync(this.#file);
    } finally {
      closeSync(this.#file);
    }
  }
}

/** Read backwards at most this many bytes at a time. */
const PIECE_BYTES = 64 * 1024;

function endOfLastLine(file: number): number {
  const piece = Buffer.alloc(PIECE_BYTES);
  for (let end = fstatSync(file).size; end > 0;) {
    const begin = Math.max(0, end - PIECE_BYTES);
    const read = readSync(file, piece, 0, end - begin, begin);
    const newline = piece.subarray(0, read).lastIndexOf(NEWLINE);
    if (newline !== -1) return begin + newline + 1;
    end = begin;
  }
  return 0;
}
