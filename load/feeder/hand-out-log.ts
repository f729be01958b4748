/**
 * What a feeder handed out, on disk: created_at of submission i as u32 LE (seconds since 1970) at byte 4 i; 0: it was never
 * handed out. All else about it follows from the plan and its seed (producers/corpus-plan.ts), so 4 bytes are enough:
 * a day at 300/s takes 104 MB.
 */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';

const ENTRY_BYTES = 4;
/** Read at a time: 256 KB. */
const PAGE_ENTRIES = 65_536;

export class HandOutLog {
  readonly path: string;
  readonly #file: number;
  #page: Buffer = Buffer.alloc(0);
  #pageFirst = -1;

  /** @param path must not exist. @throws Error of node:fs */
  constructor(path: string) {
    this.path = path;
    this.#file = openSync(path, 'wx+');
  }

  /** @param createdAt seconds since 1970 of submissions first, first + 1, …; 0: not handed out (yet) */
  write(first: number, createdAt: Uint32Array): void {
    const bytes = Buffer.alloc(createdAt.length * ENTRY_BYTES);
    createdAt.forEach((seconds, k) => bytes.writeUInt32LE(seconds, k * ENTRY_BYTES));
    for (let at = 0; at < bytes.length;)
      at += writeSync(this.#file, bytes, at, bytes.length - at, first * ENTRY_BYTES + at);
    this.#pageFirst = -1;
  }

  /** One above the highest index that was written. */
  get length(): number {
    return Math.floor(fstatSync(this.#file).size / ENTRY_BYTES);
  }

  /** @returns seconds since 1970; null: submission `index` was not handed out. Reading in order is cheap. */
  createdAt(index: number): number | null {
    const first = index - (index % PAGE_ENTRIES);
    if (first !== this.#pageFirst) {
      const page = Buffer.alloc(PAGE_ENTRIES * ENTRY_BYTES);
      const bytes = readSync(this.#file, page, 0, page.length, first * ENTRY_BYTES);
      this.#page = page.subarray(0, bytes);
      this.#pageFirst = first;
    }
    const at = (index - first) * ENTRY_BYTES;
    if (at + ENTRY_BYTES > this.#page.length) return null;
    return this.#page.readUInt32LE(at) || null;
  }

  close(): void {
    closeSync(this.#file);
  }
}
