/**
 * Where requests begin and end in what a client of HTTP/1.1 sends, without changing a byte of it. Only what faults need: requests with a
 * length, or without a body. What is anything else (TLS, HTTP/2, a chunked body) is opaque from there on: nothing begins in it any more. Pure.
 */

/** A part of what was sent, in its order. `bodyBytes`: of the request that it belongs to; `inBody`: how many of its bytes are of the body. */
export type Piece = { bytes: Buffer; begins: boolean; ends: boolean; bodyBytes: number; inBody: number }; // prettier-ignore

/** No backend takes a longer one. */
const LONGEST_HEAD = 64 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');
const METHOD = /^[A-Z]{1,20}( |$)/;

export class RequestSplitter {
  #head: Buffer = Buffer.alloc(0);
  /** Of the request's body that is still to come; null: a head is expected. */
  #left: number | null = null;
  #bodyBytes = 0;
  #isOpaque = false;

  get isOpaque(): boolean {
    return this.#isOpaque;
  }

  /** @returns what can be passed on; the beginning of a head waits for its end */
  push(chunk: Buffer): Piece[] {
    const pieces: Piece[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#isOpaque) {
        pieces.push({ bytes: rest, begins: false, ends: false, bodyBytes: 0, inBody: 0 });
        break;
      }
      rest = this.#left === null ? this.#readHead(rest, pieces) : this.#readBody(rest, pieces);
    }
    return pieces;
  }

  #readBody(bytes: Buffer, pieces: Piece[]): Buffer {
    const body = bytes.subarray(0, this.#left!);
    this.#left! -= body.length;
    const ends = this.#left === 0;
    if (ends) this.#left = null;
    pieces.push({ bytes: body, begins: false, ends, bodyBytes: this.#bodyBytes, inBody: body.length }); // prettier-ignore
    return bytes.subarray(body.length);
  }

  #readHead(bytes: Buffer, pieces: Piece[]): Buffer {
    const all = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    const at = all.indexOf(HEAD_END);
    const start = all.toString('latin1', 0, 24);
    const isHttp = METHOD.test(start.slice(0, 21)) && !start.startsWith('PRI ');
    if (!isHttp || (at === -1 && all.length > LONGEST_HEAD)) return this.#becomeOpaque(all);
    if (at === -1) {
      this.#head = all;
      return Buffer.alloc(0);
    }
    const head = all.toString('latin1', 0, at + HEAD_END.length);
    const length = bodyLength(head);
    if (length === null) return this.#becomeOpaque(all);
    this.#head = Buffer.alloc(0);
    const end = at + HEAD_END.length;
    const body = all.subarray(end, end + length);
    const isWhole = body.length === length;
    this.#bodyBytes = length;
    this.#left = isWhole ? null : length - body.length;
    pieces.push({
      bytes: all.subarray(0, end + body.length),
      begins: true,
      ends: isWhole,
      bodyBytes: length,
      inBody: body.length,
    });
    return all.subarray(end + body.length);
  }

  #becomeOpaque(rest: Buffer): Buffer {
    this.#isOpaque = true;
    this.#head = Buffer.alloc(0);
    return rest;
  }
}

/** @returns null: its length is not said at its beginning */
function bodyLength(head: string): number | null {
  if (/\r\n(?:transfer-encoding|upgrade)[ \t]*:/i.test(head)) return null;
  const lengths = [...head.matchAll(/\r\ncontent-length[ \t]*:[ \t]*([^\r\n]*)/gi)].map(([, text]) => text.trim()); // prettier-ignore
  if (lengths.length === 0) return 0;
  return lengths.length === 1 && /^\d{1,15}$/.test(lengths[0]) ? Number(lengths[0]) : null;
}
