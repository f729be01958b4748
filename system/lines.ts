/** Cuts a stream of bytes into lines. Memory is bounded: of a line that is too long the beginning is kept. */
import { StringDecoder } from 'node:string_decoder';

/** Characters of a line that are kept, unless more are asked for. */
export const LONGEST_LINE = 65_536;

export class LineCutter {
  #decoder = new StringDecoder('utf8');
  #rest = '';
  /** The line under way is too long: what follows of it is passed over. */
  #isCut = false;
  readonly #longest: number;

  /** @param longest characters of a line that are kept */
  constructor(longest = LONGEST_LINE) {
    this.#longest = longest;
  }

  /** @returns the lines that end in `chunk`, without their ends */
  push(chunk: Buffer): string[] {
    const parts = this.#decoder.write(chunk).split('\n');
    const last = parts.pop()!;
    const lines = parts.map((part) => this.#whole(part));
    this.#keep(last);
    return lines;
  }

  #whole(end: string): string {
    this.#keep(end);
    const line = this.#rest.endsWith('\r') ? this.#rest.slice(0, -1) : this.#rest;
    this.#rest = '';
    this.#isCut = false;
    return line;
  }

  #keep(part: string): void {
    if (this.#isCut) return;
    this.#rest += part;
    if (this.#rest.length <= this.#longest) return;
    this.#rest = this.#rest.slice(0, this.#longest);
    this.#isCut = true;
  }

  /** What came last without a line end; null: nothing. The next bytes begin a new line. */
  end(): string | null {
    this.#rest += this.#isCut ? '' : this.#decoder.end();
    this.#decoder = new StringDecoder('utf8');
    const rest = this.#rest;
    this.#rest = '';
    this.#isCut = false;
    return rest === '' ? null : rest;
  }

  /** Bytes were left out: what is there of a line is dropped, and so is the rest of it. */
  skip(): void {
    this.#decoder = new StringDecoder('utf8');
    this.#rest = '';
    this.#isCut = true;
  }
}
