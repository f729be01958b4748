/**
 * Numbers by index for a run of any length, nearly all of whose reads and writes are near its front: the pages used last are in
 * memory, the others in a file. An index that was never set is 0.
 */
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';

/** Numbers of a page. */
export const PAGE = 65_536;
/** Half a million numbers: more than are under way at 4,000 a second with answers of two minutes. */
const PAGES_IN_MEMORY = 8;

type Numbers = Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

export class SpilledPages<T extends Numbers> {
  readonly #make: new (length: number) => T;
  readonly #path: string | null;
  readonly #inMemory: number;
  /** In the order of their last use, the last one at the end. */
  readonly #pages = new Map<number, T>();
  /** Those that the file holds, perhaps an older state of them. */
  readonly #spilled = new Set<number>();
  #file: number | null = null;
  #last = -1;
  #lastPage: T | undefined;

  /**
   * @param make Uint16Array or Uint32Array
   * @param path gets the pages that do not stay in memory, made when there is one; null: all stay
   */
  constructor(
    make: new (length: number) => T,
    path: string | null,
    pagesInMemory = PAGES_IN_MEMORY,
  ) {
    this.#make = make;
    this.#path = path;
    this.#inMemory = Math.max(2, pagesInMemory);
  }

  get(index: number): number {
    return this.#page(index)[index % PAGE];
  }

  set(index: number, value: number): void {
    this.#page(index)[index % PAGE] = value;
  }

  #page(index: number): T {
    const number = Math.floor(index / PAGE);
    if (number === this.#last) return this.#lastPage!;
    let page = this.#pages.get(number);
    if (page !== undefined) this.#pages.delete(number);
    else {
      if (this.#path !== null && this.#pages.size >= this.#inMemory) this.#spillOldest();
      page = this.#read(number);
    }
    this.#pages.set(number, page);
    this.#last = number;
    this.#lastPage = page;
    return page;
  }

  #spillOldest(): void {
    const [number, page] = this.#pages.entries().next().value!;
    this.#file ??= openSync(this.#path!, 'w+');
    const bytes = new Uint8Array(page.buffer);
    for (let at = 0; at < bytes.length;)
      at += writeSync(this.#file, bytes, at, bytes.length - at, number * bytes.length + at);
    this.#spilled.add(number);
    this.#pages.delete(number);
  }

  #read(number: number): T {
    const page = new this.#make(PAGE);
    if (!this.#spilled.has(number)) return page;
    const bytes = new Uint8Array(page.buffer);
    for (let at = 0; at < bytes.length;) {
      const got = readSync(this.#file!, bytes, at, bytes.length - at, number * bytes.length + at);
      if (got === 0) throw new Error(`${this.#path} ends before page ${number}`);
      at += got;
    }
    return page;
  }

  /** Gives the file back. Nothing can be read afterwards that was in it. */
  close(): void {
    if (this.#file === null) return;
    closeSync(this.#file);
    this.#file = null;
    rmSync(this.#path!, { force: true });
  }
}
