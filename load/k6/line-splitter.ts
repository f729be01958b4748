/** Cuts a stream of bytes into lines without copying them: a line is a place in a chunk. */

export class LineSplitter {
  readonly #onLine: (bytes: Buffer, from: number, to: number) => void;
  /** The beginning of a line whose end has not come yet. */
  #carry: Buffer = Buffer.alloc(0);

  /** @param onLine gets each line without its end: `bytes[from]` to `bytes[to - 1]`, valid during the call only */
  constructor(onLine: (bytes: Buffer, from: number, to: number) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    let from = 0;
    if (this.#carry.length > 0) {
      const end = chunk.indexOf(0x0a);
      if (end === -1) {
        this.#carry = Buffer.concat([this.#carry, chunk]);
        return;
      }
      const line = Buffer.concat([this.#carry, chunk.subarray(0, end)]);
      this.#carry = Buffer.alloc(0);
      this.#onLine(line, 0, line.length);
      from = end + 1;
    }
    for (;;) {
      const end = chunk.indexOf(0x0a, from);
      if (end === -1) break;
      this.#onLine(chunk, from, end);
      from = end + 1;
    }
    // A copy: the caller may use its chunk again.
    if (from < chunk.length) this.#carry = Buffer.from(chunk.subarray(from));
  }

  /** After the last chunk. @returns bytes of a line that had no end */
  end(): number {
    const { length } = this.#carry;
    this.#carry = Buffer.alloc(0);
    return length;
  }
}
