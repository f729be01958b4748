/**
 * The elements of a JSON array that comes in pieces, one after another: an array of a thousand megabytes is larger than a string of V8 can be, and
 * its first element need not wait for the last. Only where an element ends is looked for here; JSON.parse says whether it is right.
 */

const MARK = [0xef, 0xbb, 0xbf];
const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const isSpace = (byte: number): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Text that is no array, from this byte on. */
export class JsonArrayError extends Error {
  readonly at: number;
  constructor(reason: string, at: number) {
    super(`${reason} at byte ${at}`);
    this.name = 'JsonArrayError';
    this.at = at;
  }
}

/**
 * @returns the bytes of each element
 * @throws JsonArrayError unless the whole is one array; elements before the fault were given by then
 */
export async function* jsonArrayElements(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  const cutter = new ArrayCutter();
  for await (const chunk of chunks) yield* cutter.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)); // prettier-ignore
  cutter.end();
}

class ArrayCutter {
  #state: 'before' | 'first' | 'element' | 'after' = 'before';
  /** Pieces of the element under way. */
  #pieces: Buffer[] = [];
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** Bytes of earlier chunks. */
  #before = 0;

  *push(chunk: Buffer): Generator<Buffer> {
    let start = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#isInString) {
        at = this.#endOfString(chunk, at);
        continue;
      }
      const byte = chunk[at];
      if (this.#state === 'before' || this.#state === 'after') {
        // The byte order mark that some editors put before a text.
        const isMark = this.#state === 'before' && byte === MARK[this.#before + at];
        if (!isSpace(byte) && !isMark) {
          if (this.#state === 'after' || byte !== OPEN_ARRAY) this.#fail(at);
          this.#state = 'first';
        }
        start = ++at;
        continue;
      }
      if (byte === QUOTE) this.#isInString = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) this.#depth++;
      else if (byte === CLOSE_OBJECT || (byte === CLOSE_ARRAY && this.#depth > 0)) this.#depth--;
      else if ((byte === COMMA && this.#depth === 0) || byte === CLOSE_ARRAY) {
        this.#pieces.push(chunk.subarray(start, at));
        const element = this.#take();
        const isLast = byte === CLOSE_ARRAY;
        const isEmpty = element.every(isSpace);
        // Only an array without any element has nothing before its end.
        if (isEmpty && !(isLast && this.#state === 'first')) this.#fail(at);
        this.#state = isLast ? 'after' : 'element';
        start = ++at;
        if (!isEmpty) yield element;
        continue;
      }
      if (this.#depth < 0) this.#fail(at);
      at++;
    }
    if (this.#state === 'first' || this.#state === 'element')
      // A copy: whoever gave the chunk may use its memory again.
      this.#pieces.push(Buffer.from(chunk.subarray(start)));
    this.#before += chunk.length;
  }

  /** @returns where it goes on: behind the string, or at the chunk's end */
  #endOfString(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#isEscaped && at < chunk.length) {
      this.#isEscaped = false;
      at++;
    }
    for (;;) {
      const quote = chunk.indexOf(QUOTE, at);
      const slash = chunk.subarray(at, quote === -1 ? chunk.length : quote).indexOf(BACKSLASH);
      if (slash === -1) {
        if (quote === -1) return chunk.length;
        this.#isInString = false;
        return quote + 1;
      }
      at += slash + 2;
      if (at > chunk.length) {
        this.#isEscaped = true;
        return chunk.length;
      }
    }
  }

  #take(): Buffer {
    const element = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
    this.#pieces = [];
    return element;
  }

  #fail(at: number): never {
    throw new JsonArrayError('the text is no JSON array', this.#before + at);
  }

  /** @throws JsonArrayError where the array has not ended */
  end(): void {
    if (this.#state !== 'after')
      throw new JsonArrayError('the text ends before its JSON array does', this.#before);
  }
}
