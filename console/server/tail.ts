/** The end of a file that grows: whole lines from where the last reading ended. No link is followed: it may lead anywhere. */
import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';

const PIECE_BYTES = 256 * 1024;
const NEWLINE = 0x0a;
/** A line that is longer is passed over: no line of a run is. */
const LONGEST_BYTES = 4 * 1024 * 1024;

export type TailLine = { text: string; /** Bytes of the file up to its end. */ place: number };

export class Tail {
  readonly #path: string;
  #place = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Whether the file is shorter than what was read of it: somebody put another one there. */
  async isReplaced(): Promise<boolean> {
    return this.#place > 0 && (await sizeOf(this.#path)) < this.#place;
  }

  /** Whole lines that are new, in pieces; nothing where there is no file. */
  async *lines(): AsyncGenerator<TailLine[]> {
    const size = await sizeOf(this.#path);
    if (size <= this.#place) return;
    const file = await open(this.#path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)).catch(
      () => null,
    );
    if (file === null) return;
    try {
      let rest = Buffer.alloc(0);
      let at = this.#place;
      while (at < size) {
        const piece = Buffer.alloc(Math.min(PIECE_BYTES, size - at));
        const { bytesRead } = await file.read(piece, 0, piece.length, at);
        if (bytesRead === 0) break;
        at += bytesRead;
        rest = Buffer.concat([rest, piece.subarray(0, bytesRead)]);
        const lines: TailLine[] = [];
        let start = 0;
        for (let end; (end = rest.indexOf(NEWLINE, start)) !== -1; start = end + 1) {
          this.#place += end + 1 - start;
          lines.push({ text: rest.toString('utf8', start, end), place: this.#place });
        }
        rest = rest.subarray(start);
        if (rest.length > LONGEST_BYTES) {
          this.#place += rest.length;
          rest = Buffer.alloc(0);
        }
        if (lines.length > 0) yield lines;
      }
    } finally {
      await file.close();
    }
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    const found = await lstat(path);
    return found.isFile() ? found.size : 0;
  } catch {
    return 0;
  }
}
