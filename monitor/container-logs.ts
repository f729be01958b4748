/**
 * A container's log as lines with times, as its engine streams it: `GET /containers/ID/logs` with
 * timestamps. Without a terminal the stream is multiplexed in frames of 8 bytes of head (stream 1 or 2, three
 * zeros, length as u32 BE) and the payload (Docker Engine API, "Attach to a container", stream format).
 */
import { StringDecoder } from 'node:string_decoder';
import { inspectContainer, logPath, type Engine } from './engine.ts';
import { READ_LIMIT_MS, withLimit } from './source.ts';

export type ContainerLine = {
  /** Milliseconds since 1970, by the engine's clock; null for a line without a time. */
  t: number | null;
  stream: 'stdout' | 'stderr';
  /** Without its line end. */
  text: string;
};

const HEAD_BYTES = 8;
/** A longer line is cut into pieces: an engine itself cuts at 16 KiB. */
const LONGEST_LINE = 256 * 1024;
/** Of what a daemon says of its own trouble. */
const LONGEST_TROUBLE = 2000;
/** Stream types 0 to 2 are stdin, stdout and stderr; 3 is the daemon's own word of what broke (Docker, pkg/stdcopy: Systemerr). */
const DAEMON = 3;

/** Takes the multiplexed stream piece by piece, as it arrives, and keeps no frame: memory does not grow with what a head announces. */
export class LogDemultiplexer {
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
  /** Of the payload under way. */
  #kind = 0;
  #left = 0;
  #said = Buffer.alloc(0);
  #trouble: string | null = null;
  readonly #lines = {
    stdout: new LineCutter('stdout'),
    stderr: new LineCutter('stderr'),
  };
  readonly #tty: boolean;

  /** @param tty the container has a terminal: its log comes as it is, all of it on one stream */
  constructor(tty: boolean) {
    this.#tty = tty;
  }

  /** What broke, in the daemon's words or ours; nothing is read after it. null: nothing. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** @returns the lines that ended, also those before a trouble */
  push(chunk: Buffer): ContainerLine[] {
    if (this.#tty) return this.#lines.stdout.push(chunk);
    const lines: ContainerLine[] = [];
    let at = 0;
    while (at < chunk.length && this.#trouble === null) {
      if (this.#left === 0) {
        at += this.#takeHead(chunk, at);
        continue;
      }
      const payload = chunk.subarray(at, at + this.#left);
      at += payload.length;
      this.#left -= payload.length;
      if (this.#kind === DAEMON) this.#hear(payload);
      else
        for (const line of this.#lines[this.#kind === 2 ? 'stderr' : 'stdout'].push(payload))
          lines.push(line);
    }
    return lines;
  }

  /** @returns bytes taken */
  #takeHead(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#head, this.#headBytes, at, at + HEAD_BYTES - this.#headBytes);
    this.#headBytes += taken;
    if (this.#headBytes < HEAD_BYTES) return taken;
    this.#headBytes = 0;
    const [kind, ...zeros] = this.#head.subarray(0, 4);
    if (kind > DAEMON || zeros.some((byte) => byte !== 0)) {
      this.#trouble = "the engine's log is not in frames";
      return taken;
    }
    this.#kind = kind;
    this.#left = this.#head.readUInt32BE(4);
    if (kind === DAEMON) {
      this.#said = Buffer.alloc(0);
      if (this.#left === 0) this.#trouble = 'the engine broke its log off';
    }
    return taken;
  }

  #hear(payload: Buffer): void {
    this.#said = Buffer.concat([this.#said, payload]).subarray(0, LONGEST_TROUBLE);
    if (this.#left > 0) return;
    const said = this.#said.toString('utf8').replace(/\s+/g, ' ').trim();
    this.#trouble = `the engine broke its log off: ${said}`;
  }

  /** What came last without a line end. */
  end(): ContainerLine[] {
    if (this.#kind === DAEMON && this.#left > 0) {
      this.#left = 0;
      this.#hear(Buffer.alloc(0));
    }
    return [...this.#lines.stdout.end(), ...this.#lines.stderr.end()];
  }
}

/** RFC 3339 with up to nine digits of a second, then a blank. */
const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?/;

class LineCutter {
  readonly #stream: ContainerLine['stream'];
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(stream: ContainerLine['stream']) {
    this.#stream = stream;
  }
  push(bytes: Buffer): ContainerLine[] {
    const parts = (this.#rest + this.#decoder.write(bytes)).split('\n');
    this.#rest = parts.pop()!;
    if (this.#rest.length > LONGEST_LINE) {
      parts.push(this.#rest);
      this.#rest = '';
    }
    return parts.map((part) => this.#line(part));
  }
  end(): ContainerLine[] {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = '';
    return rest === '' ? [] : [this.#line(rest)];
  }
  #line(raw: string): ContainerLine {
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
 * @throws EngineError (404: no such container), Error if the engine does not answer within 5 s, breaks off, or says what broke
 */
export async function* containerLogs(
  engine: Engine,
  name: string,
  since: number,
  signal?: AbortSignal,
): AsyncGenerator<ContainerLine> {
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
    for await (const chunk of response as AsyncIterable<Buffer>) {
      yield* demultiplexer.push(chunk);
      if (demultiplexer.trouble !== null) break;
    }
    yield* demultiplexer.end();
    if (demultiplexer.trouble !== null) throw new Error(demultiplexer.trouble);
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    // Also when the reader of the lines went away.
    ended.abort();
  }
}
