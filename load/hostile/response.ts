/**
 * A strict reader of HTTP/1.1 answers (RFC 9112). An HTTP client would not do: it repairs, retries and hides what came,
 * and here the exact answers on one connection count, also those to requests that no client would send.
 */

export type Response = {
  status: number;
  /** Names in lower case. */
  headers: ReadonlyMap<string, string>;
  /** Its bytes as latin1. */
  body: string;
  /** Statuses 1xx that came before it. */
  interim: readonly number[];
};

const MAX_HEAD_BYTES = 65_536;
/** No answer of a backend comes near; a target that pours must not fill our memory. */
const MAX_BYTES = 1 << 20;
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})(?: ([^\r\n]*))?$/;
const HEADER = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n]*?)[ \t]*$/;
const HEAD_END = '\r\n\r\n';

class Malformed extends Error {}

export class ResponseReader {
  #bytes = '';
  #ended = false;
  #interim: number[] = [];
  #fault: string | null = null;

  /** What makes the bytes no answer; nothing is read after it. */
  get fault(): string | null {
    return this.#fault;
  }

  /** Bytes that came and belong to no whole answer, as latin1. */
  get rest(): string {
    return this.#bytes;
  }

  push(chunk: Buffer): void {
    if (this.#fault !== null) return;
    this.#bytes += chunk.toString('latin1');
    if (this.#bytes.length > MAX_BYTES) this.#fault = `an answer longer than ${MAX_BYTES} bytes`;
  }

  /** The peer sends no more. */
  end(): void {
    this.#ended = true;
  }

  /** @returns the next whole answer, or null if it is not there (yet): see {@link fault} */
  next(): Response | null {
    if (this.#fault !== null) return null;
    try {
      for (;;) {
        const response = this.#read();
        if (response === null) return null;
        if (response.status >= 200) {
          this.#interim = [];
          return response;
        }
        this.#interim.push(response.status);
      }
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.#fault = error.message;
      return null;
    }
  }

  #read(): Response | null {
    const text = this.#bytes;
    const headEnd = text.indexOf(HEAD_END);
    if (headEnd < 0) {
      const start = 'HTTP/1.';
      if (text.slice(0, start.length) !== start.slice(0, text.length))
        throw new Malformed('bytes that are no HTTP answer');
      if (text.length > MAX_HEAD_BYTES) throw new Malformed('headers without an end');
      if (this.#ended && text !== '') throw new Malformed('an answer that ends in its headers');
      return null;
    }
    const [statusLine, ...lines] = text.slice(0, headEnd).split('\r\n');
    const status = Number(STATUS_LINE.exec(statusLine)?.[1]);
    if (!(status >= 100)) throw new Malformed('bytes that are no HTTP answer');
    const headers = new Map<string, string>();
    for (const line of lines) {
      const match = HEADER.exec(line);
      if (match === null) throw new Malformed('a header line without a name');
      const name = match[1].toLowerCase();
      if (name === 'content-length' && headers.has(name) && headers.get(name) !== match[2])
        throw new Malformed('two different Content-Length');
      headers.set(name, match[2]);
    }
    const read = this.#body(status, headers, headEnd + HEAD_END.length);
    if (read === null) {
      if (this.#ended) throw new Malformed('an answer that ends in its body');
      return null;
    }
    this.#bytes = text.slice(read.end);
    return { status, headers, body: read.body, interim: [...this.#interim] };
  }

  #body(
    status: number,
    headers: ReadonlyMap<string, string>,
    start: number,
  ): { body: string; end: number } | null {
    const text = this.#bytes;
    if (status < 200 || status === 204 || status === 304) return { body: '', end: start };
    const coding = headers.get('transfer-encoding');
    if (coding !== undefined) {
      if (coding.toLowerCase() !== 'chunked') throw new Malformed('an unknown Transfer-Encoding');
      return chunkedBody(text, start);
    }
    const length = headers.get('content-length');
    if (length === undefined)
      return this.#ended ? { body: text.slice(start), end: text.length } : null;
    if (!/^\d{1,15}$/.test(length)) throw new Malformed('a Content-Length that is no number');
    const end = start + Number(length);
    return text.length < end ? null : { body: text.slice(start, end), end };
  }
}

function chunkedBody(text: string, start: number): { body: string; end: number } | null {
  let body = '';
  for (let at = start; ;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const size = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;.*)?$/.exec(text.slice(at, lineEnd))?.[1];
    if (size === undefined) throw new Malformed('a chunk without a size');
    const bytes = parseInt(size, 16);
    at = lineEnd + 2;
    if (bytes === 0) {
      // Trailers, if any, end with an empty line.
      if (text.startsWith('\r\n', at)) return { body, end: at + 2 };
      const end = text.indexOf(HEAD_END, at);
      return end < 0 ? null : { body, end: end + HEAD_END.length };
    }
    if (text.length < at + bytes + 2) return null;
    if (!text.startsWith('\r\n', at + bytes)) throw new Malformed('a chunk longer than its size');
    body += text.slice(at, at + bytes);
    at += bytes + 2;
  }
}
