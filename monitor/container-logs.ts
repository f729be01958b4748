/**
 * A container's log as lines with times, as its engine streams it: `GET /containers/ID/logs` with
 * timestamps. Without a terminal the stream is multiplexed in frames of 8 bytes of head (stream 1 or 2, three
 * zeros, length as u32 BE) and the payload (Docker Engine API, "Attach to a container", stream format).
 */
import { StringDecoder } from 'node:string_decoder';
import { inspectContainer, logPath, type Engine } from './engine.ts';
import { READ_LIMIT_MS, withLimit } from './source.ts';

export type LogLine = {
  /** Milliseconds since 1970, by the engine's clock; null for a line without a time. */
  t: number | null;
  stream: 'stdout' | 'stderr';
  /** Without its line end. */
  text: string;
};

const HEAD_BYTES = 8;
/** A longer line is cut into pieces: an engine itself cuts at 16 KiB. */
const LONGEST_LINE = 256 * 1024;

/** Takes the multiplexed stream piece by piece, as it arrives. @throws Error if it is not of that form */
export class LogDemultiplexer {
  #rest = Buffer.alloc(0);
  readonly #lines = {
    stdout: new LineCutter('stdout'),
    stderr: new LineCutter('stderr'),
  };
  readonly #tty: boolean;

  /** @param tty the container has a terminal: its log comes as it is, all of it on one stream */
  constructor(tty: boolean) {
    this.#tty = tty;
  }

  push(chunk: Buffer): LogLine[] {
    if (this.#tty) return this.#lines.stdout.push(chunk);
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const lines: LogLine[] = [];
    let at = 0;
    while (bytes.length - at >= HEAD_BYTES) {
      const [kind, ...zeros] = bytes.subarray(at, at + 4);
      if (kind > 2 || zeros.some((byte) => byte !== 0))
        throw new Error("the engine's log is not in frames");
      const length = bytes.readUInt32BE(at + 4);
      if (bytes.length - at - HEAD_BYTES < length) break;
      const payload = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length);
      lines.push(...this.#lines[kind === 2 ? 'stderr' : 'stdout'].push(payload));
      at += HEAD_BYTES + length;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
    return lines;
  }

  /** What came last without a line end. */
  end(): LogLine[] {
    return [...this.#lines.stdout.end(), ...this.#lines.stderr.end()];
  }
}

/** RFC 3339 with up to nine digits of a second, then a blank. */
const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?/;

class LineCutter {
  readonly #stream: LogLine['stream'];
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(stream: LogLine['stream']) {
    this.#stream = stream;
  }
  push(bytes: Buffer): LogLine[] {
    const parts = (this.#rest + this.#decoder.write(bytes)).split('\n');
    this.#rest = parts.pop()!;
    if (this.#rest.length > LONGEST_LINE) {
      parts.push(this.#rest);
      this.#rest = '';
    }
    return parts.map((part) => this.#line(part));
  }
  end(): LogLine[] {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = '';
    return rest === '' ? [] : [this.#line(rest)];
  }
  #line(raw: string): LogLine {
    const time = TIME.exec(raw);
    const t = time ? Date.parse(time[1]) : NaN;
    return {
      t: Number.isNaN(t) ? null : t,
      stream: this.#stream,
      text: (Number.isNaN(t) ? raw : raw.slice(time![0].length)).replace(/\r$/, ''),
    };
  }
}

/**
 * The container's log from `since` on, followed until the container stops, `signal` is aborted (the loop then
 * ends without an error) or the connection breaks.
 * @param since milliseconds since 1970
 * @throws EngineError (404: no such container), Error if the engine does not answer within 5 s, or breaks off
 */
export async function* containerLogs(
  engine: Engine,
  name: string,
  since: number,
  signal?: AbortSignal,
): AsyncGenerator<LogLine> {
  const ended = new AbortController();
  const stop = () => ended.abort();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const { id, tty } = await withLimit(
      READ_LIMIT_MS,
      (limited) => inspectContainer(engine, name, limited),
      undefined,
      signal,
    );
    const query = { follow: '1', stdout: '1', stderr: '1', timestamps: '1' };
    const path = logPath(id, { ...query, since: (Math.max(0, since) / 1000).toFixed(3) });
    // The head of the answer may wait for the first line: no limit but the caller's.
    const response = await engine.stream(path, ended.signal);
    const demultiplexer = new LogDemultiplexer(tty);
    for await (const chunk of response as AsyncIterable<Buffer>) yield* demultiplexer.push(chunk);
    yield* demultiplexer.end();
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    // Also when the reader of the lines went away.
    ended.abort();
  }
}
