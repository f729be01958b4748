/**
 * The recorder: takes what is sent to an uptime backend, writes it down, and answers in its place (stand-in.ts) or lets the backend
 * answer (forward.ts). No answer ends before its request is written, so whoever got one finds the request in the recording, however the
 * recorder ends.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Flow, Forward } from './forward.ts';
import { requestHeaders } from './headers.ts';
import type { AnswerNote, Recording, RequestNote } from './recording.ts';
import { shownHeaders, shownTarget } from './secrets.ts';
import { answerToBody, answerToHead, type StandInAnswer } from './stand-in.ts';
import { PIECE_BYTES, TakenBody } from './taken-body.ts';

const LIMITS = {
  /** As the backend takes. */
  headerBytes: (1 << 20) + 4096,
  headersMs: 60_000,
  /** Between two requests. */
  idleMs: 600_000,
  /** What is left of a refused body is read for so long, so that its sender sees the answer. */
  lingerMs: 500,
  /** After a stop, requests under way have this long. */
  stopMs: 10_000,
};
/** An answer's body that is no longer stands in its line as text. */
const LONGEST_TEXT_BYTES = 4096;

export type RecorderOptions = {
  recording: Recording;
  /** null: the recorder answers. */
  forward: Forward | null;
  host: string;
  port: number;
  /** Something a person should know, at most once for each kind. */
  onNote(text: string): void;
};

export type RecorderCounts = {
  /** By status; 0: the sender went before there was one. */
  answers: Record<string, number>;
  /** Requests that could not be written. */
  lost: number;
  /** The target gave no whole answer. */
  forwardFailures: number;
};

export type Recorder = {
  host: string;
  port: number;
  readonly counts: RecorderCounts;
  /** No new request; those under way are answered and written, within a limit. */
  stop(): Promise<void>;
};

/** Resolves when it listens. @throws the listen error (EADDRINUSE, EACCES …) */
export async function startRecorder(options: RecorderOptions): Promise<Recorder> {
  const recorder = new RecorderServer(options);
  await recorder.listen();
  return recorder;
}

class RecorderServer implements Recorder {
  host: string;
  port: number;
  readonly counts: RecorderCounts = { answers: {}, lost: 0, forwardFailures: 0 };
  readonly #options: RecorderOptions;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  #requests = 0;
  #underWay = 0;
  #idle: (() => void) | null = null;
  #isStopping = false;
  #noted = new Set<string>();

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.host = options.host;
    this.port = options.port;
    this.#server = createServer({
      maxHeaderSize: LIMITS.headerBytes,
      headersTimeout: LIMITS.headersMs,
      requestTimeout: 0,
      keepAliveTimeout: LIMITS.idleMs,
      requireHostHeader: false,
      noDelay: true,
    });
    this.#server.maxHeadersCount = 0;
    this.#server.on('connection', (socket: Socket) => {
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
    });
    this.#server.on('request', (req: IncomingMessage, res: ServerResponse) => this.#take(req, res));
    this.#server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) =>
      this.#take(req, res),
    );
  }

  async listen(): Promise<void> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    const found = this.#server.address() as AddressInfo;
    this.host = found.address;
    this.port = found.port;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const limit = setTimeout(() => {
      for (const socket of this.#connections) socket.destroy();
    }, LIMITS.stopMs);
    await closed;
    clearTimeout(limit);
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    await this.#options.forward?.close();
  }

  #take(req: IncomingMessage, res: ServerResponse): void {
    this.#underWay++;
    const exchange = new Exchange(++this.#requests, req, res, this.#options, this.#isStopping);
    void exchange.run().then(({ status, isLost, failure }) => {
      const { counts } = this;
      counts.answers[status] = (counts.answers[status] ?? 0) + 1;
      if (isLost) counts.lost++;
      if (failure !== null) {
        counts.forwardFailures++;
        if (!this.#noted.has(failure) && this.#noted.size < MOST_NOTES) {
          this.#noted.add(failure);
          this.#options.onNote(`the target did not answer: ${failure}`);
        }
      }
      if (this.#isStopping) this.#server.closeIdleConnections();
      if (--this.#underWay === 0) this.#idle?.();
    });
  }
}

/** Different reasons that are named. */
const MOST_NOTES = 20;

type ExchangeEnd = {
  /** 0: none. */
  status: number;
  isLost: boolean;
  /** Why the target gave no whole answer. */
  failure: string | null;
};

/** One request and its answer. */
class Exchange {
  readonly #n: number;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #recording: Recording;
  readonly #forward: Forward | null;
  readonly #closes: boolean;
  readonly #at = Date.now();
  readonly #startedMs = performance.now();
  readonly #from: string;
  readonly #body: TakenBody;
  /** Whether the body came as a whole. */
  #reading: Promise<boolean> = Promise.resolve(true);
  #isWritten = false;
  #isLost = false;
  #failure: string | null = null;

  constructor(
    n: number,
    req: IncomingMessage,
    res: ServerResponse,
    { recording, forward }: RecorderOptions,
    closes: boolean,
  ) {
    this.#n = n;
    this.#req = req;
    this.#res = res;
    this.#recording = recording;
    this.#forward = forward;
    this.#closes = closes;
    this.#body = new TakenBody(recording);
    const { remoteAddress = '', remotePort = 0 } = req.socket;
    this.#from = remoteAddress.includes(':')
      ? `[${remoteAddress}]:${remotePort}`
      : `${remoteAddress}:${remotePort}`;
    res.on('error', ignore);
    req.on('error', ignore);
  }

  async run(): Promise<ExchangeEnd> {
    const status = await (this.#forward === null ? this.#standIn() : this.#pass(this.#forward));
    return { status, isLost: this.#isLost, failure: this.#failure };
  }

  get #isChunked(): boolean {
    return this.#req.headers['transfer-encoding'] !== undefined;
  }

  /** Writes the request, once. @returns whether it is in the recording */
  #write(isCut = false): boolean {
    if (this.#isWritten || this.#isLost) return this.#isWritten;
    try {
      this.#recording.addRequest(this.#note(isCut));
      this.#isWritten = true;
    } catch {
      this.#isLost = true;
    }
    return this.#isWritten;
  }

  #note(isCut: boolean): RequestNote {
    const { method = '', url = '', httpVersion, rawHeaders } = this.#req;
    return {
      n: this.#n,
      at: new Date(this.#at).toISOString(),
      method,
      target: shownTarget(url),
      httpVersion,
      from: this.#from,
      headers: shownHeaders(rawHeaders),
      body: this.#body.end(isCut),
    };
  }

  #writeAnswer(answer: Omit<AnswerNote, 'n' | 'ms'>): void {
    if (this.#isLost) return;
    const ms = Math.round((performance.now() - this.#startedMs) * 1000) / 1000;
    try {
      this.#recording.addAnswer({ n: this.#n, ms, ...answer });
    } catch {
      // The first failure ends the recording, and the request is in it.
    }
  }

  /** Reads the body into the recording. @returns whether it is whole */
  #read(onChunk: (chunk: Buffer) => void = ignore): Promise<boolean> {
    const req = this.#req;
    return new Promise((resolve) => {
      req.on('data', (chunk: Buffer) => {
        this.#body.take(chunk);
        onChunk(chunk);
      });
      req.once('end', () => resolve(true));
      req.once('close', () => resolve(req.complete));
    });
  }

  async #standIn(): Promise<number> {
    const length = Number(this.#req.headers['content-length'] ?? 0);
    const target = this.#req.url ?? '/';
    const early = answerToHead({ target, isChunked: this.#isChunked, contentLength: length });
    if (early !== null && early.status >= 400) {
      // As the backend: not one byte of the body is waited for.
      this.#req.resume();
      this.#write(length > 0 || this.#isChunked);
      return this.#answer(early, true);
    }
    if (this.#req.headers.expect !== undefined) this.#res.writeContinue();
    const isWhole = await this.#read();
    const whole = this.#body.whole();
    const isWritten = this.#write(!isWhole);
    if (!isWhole) return this.#brokeOff();
    return this.#answer(isWritten ? (early ?? answerToBody(whole)) : NOT_RECORDED, false);
  }

  #answer({ status, body, contentType, location }: StandInAnswer, isUnread: boolean): number {
    const res = this.#res;
    if (res.destroyed || res.headersSent) return 0;
    const headers = ['Content-Length', String(Buffer.byteLength(body))];
    if (contentType !== undefined) headers.push('Content-Type', contentType);
    if (location !== undefined) headers.push('Location', location);
    if (isUnread || this.#closes) headers.push('Connection', 'close');
    res.writeHead(status, headers);
    res.end(body);
    const { socket } = this.#req;
    if (isUnread) {
      const timer = setTimeout(() => socket.destroy(), LIMITS.lingerMs);
      socket.once('close', () => clearTimeout(timer));
    }
    this.#writeAnswer({
      status,
      headers: shownHeaders(headers),
      text: body,
      by: 'recorder',
    });
    return status;
  }

  async #pass(forward: Forward): Promise<number> {
    const req = this.#req;
    const { method = 'GET', url = '/', headers } = req;
    if (headers.expect !== undefined) this.#res.writeContinue();
    const length = Number(headers['content-length'] ?? 0);
    const hasBody = this.#isChunked || headers['content-length'] !== undefined;
    const isSmall = !this.#isChunked && length < PIECE_BYTES;
    let body: Buffer | Readable | null;
    if (isSmall) {
      // Comes in one piece or two: passed on as one.
      if (!(await this.#read())) return this.#brokeOff();
      body = hasBody ? this.#body.whole() : null;
    } else body = this.#stream();
    const passed = { method, target: url, headers: requestHeaders(req.rawHeaders), body };
    const answered = this.#relay(forward, passed);
    // While the target is at work; its answer is not looked at before this is done.
    if (isSmall) this.#write();
    return answered;
  }

  /** The body as it comes. The target may have heard enough before its end: the recording takes the rest all the same. */
  #stream(): Readable {
    const req = this.#req;
    const stream = new Readable({ read: () => void req.resume() });
    stream.on('error', ignore);
    stream.once('close', () => req.resume());
    this.#reading = this.#read((chunk) => {
      if (!stream.destroyed && !stream.push(chunk)) req.pause();
    });
    void this.#reading.then((isWhole) => {
      if (isWhole) stream.push(null);
      else stream.destroy(new Error('the sender broke off'));
      this.#write(!isWhole);
    });
    return stream;
  }

  #brokeOff(): number {
    this.#write(true);
    this.#writeAnswer({ status: null, by: 'recorder', error: 'the sender broke off' });
    return 0;
  }

  #relay(forward: Forward, request: Parameters<Forward['pass']>[0]): Promise<number> {
    const res = this.#res;
    res.sendDate = false;
    const answer = new TakenBody(this.#recording);
    let head: { status: number; reason: string; headers: string[] } | null = null;
    let flow: Flow = { pause: ignore, resume: ignore };
    res.on('drain', () => flow.resume());
    return new Promise((resolve) => {
      let isOver = false;
      let isGone = false;
      const finish = (end: { error?: string }): void => {
        if (isOver) return;
        isOver = true;
        const isCut = end.error !== undefined;
        if (head === null) {
          resolve(this.#unanswered(end.error ?? 'it sent no answer'));
          return;
        }
        const { status, reason, headers } = head;
        void this.#whole().then(() => {
          const whole = answer.whole();
          const text = whole === null ? null : textOf(whole);
          this.#writeAnswer({
            status,
            reason,
            headers: shownHeaders(headers),
            ...(text === null ? { body: answer.end(isCut) } : { text }),
            by: 'target',
            ...(isCut && { error: end.error }),
          });
          resolve(status);
        });
      };
      const passing = forward.pass(request, {
        onHead: (given, ofAnswer) => {
          head = given;
          flow = ofAnswer;
          if (res.destroyed || res.headersSent) return;
          const own = this.#closes ? ['Connection', 'close'] : [];
          res.writeHead(given.status, given.reason, [...given.headers, ...own]);
        },
        onBytes: (chunk) => {
          answer.take(chunk);
          if (!res.destroyed && !res.write(chunk)) flow.pause();
        },
        onEnd: () => {
          res.end();
          finish({});
        },
        onError: (error) => {
          // A request that we ended ourselves says nothing about the target.
          if (!isGone) this.#failure = (error as NodeJS.ErrnoException).code ?? error.message;
          if (head !== null) res.destroy();
          finish({ error: error.message });
        },
      });
      res.once('close', () => {
        if (res.writableFinished) return;
        isGone = true;
        passing.abort();
        finish({ error: 'the sender is gone' });
      });
    });
  }

  /** Waits for the rest of the body. @returns whether it is whole */
  async #whole(): Promise<boolean> {
    const isWhole = await this.#reading;
    this.#write(!isWhole);
    return isWhole;
  }

  /** 502, as a proxy says it; it is in the recording like any other answer. */
  async #unanswered(why: string): Promise<number> {
    const isWhole = await this.#whole();
    const res = this.#res;
    if (res.destroyed) {
      this.#failure = null;
      this.#writeAnswer({ status: null, by: 'recorder', error: why });
      return 0;
    }
    const body = JSON.stringify({ error: `the recorder's target did not answer: ${why}` });
    const headers = ['Content-Length', String(Buffer.byteLength(body))];
    headers.push('Content-Type', 'application/json');
    if (!isWhole || this.#closes) headers.push('Connection', 'close');
    res.writeHead(502, headers);
    res.end(body);
    this.#writeAnswer({
      status: 502,
      headers: shownHeaders(headers),
      text: body,
      by: 'recorder',
      error: why,
    });
    return 502;
  }
}

const NOT_RECORDED: StandInAnswer = {
  status: 503,
  body: '{"error":"The request could not be recorded"}',
};

/** @returns null for what is long, or not UTF-8 */
function textOf(bytes: Buffer): string | null {
  if (bytes.length > LONGEST_TEXT_BYTES) return null;
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : null;
}

const ignore = (): void => undefined;
