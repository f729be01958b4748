/**
 * The HTTP side of the embedded backend: the original's routes and answers on node:http, byte for byte down to the order of headers.
 *
 * Where node's parser decides before us, the answer is the original's too, but what counts as malformed differs at the edges: node
 * takes no method that it does not know, no HTTP/1.2, no bare LF, and no Content-Length beside Transfer-Encoding; the original
 * writes `HTTP/1.0` to a 1.0 client. The original has no time limits at all; here a stalled client is let go (see LIMITS).
 * And unless `faithful`, a submission that was not kept is answered 503 or 429, where the original says 200.
 * Observed on the original: test/vectors/backend-answers.json.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { MAX_BODY_BYTES } from '../../mina/limits.ts';
import { type BodyRoom, type BodySeat, createBodyRoom } from './body-room.ts';
import {
  admit,
  type Answer,
  answerName,
  ANSWERS,
  type Checks,
  type Examined,
  examine,
  type Judgement,
} from './checks.ts';
import type { Log } from './log.ts';
import {
  logCutBody,
  logLoss,
  logNoLength,
  logProcessed,
  logRefusal,
  logRequest,
  logSameSecond,
  logSaving,
  logTooLarge,
} from './log-lines.ts';
import { createOnlineTable, type OnlineEntry } from './online.ts';
import { routeOf } from './paths.ts';
import { createServerFigures, METRICS_TYPE } from './server-figures.ts';
import { signatureFault } from './signature-check.ts';
import type { AcceptedSubmission, Storage } from '../storage/storage.ts';

export const LIMITS = {
  /** Go's default of 1 MiB and the 4 KiB that it reads beyond. */
  headerBytes: (1 << 20) + 4096,
  headersMs: 60_000,
  /** A whole request, body and all. */
  requestMs: 300_000,
  /** Between two requests; longer than any load's think time. */
  idleMs: 600_000,
  /** How long what is left of a refused body is read, so that its sender sees the answer (Go: 500 ms). */
  lingerMs: 500,
  /** Bodies under way and their requests; further ones are not read until there is room (body-room.ts). */
  bodiesBytes: 256 * 1024 * 1024,
  /** What may be read beyond, so that bodies end: at least the largest. */
  reserveBytes: MAX_BODY_BYTES,
  /** A client that keeps others waiting is refused if it sends less than this a second … */
  slowBytesPerS: 64 * 1024,
  /** … for this long. */
  slowMs: 2000,
  /** After a stop, requests under way have this long. */
  stopMs: 10_000,
};
export type Limits = typeof LIMITS;

export type BackendOptions = {
  checks: Checks;
  /** One after another, in this order. Each failure is logged. */
  storages: readonly Storage[];
  /** As the original: whatever the storages do, they are all asked, and the submitter gets 200. Else the first that fails ends it. */
  faithful: boolean;
  log: Log;
  /** Whether its lines cannot be written now: then, unless faithful, no submission is taken. */
  logFails?: () => boolean;
  host: string;
  port: number;
  limits?: Partial<Limits>;
};

export type Backend = {
  host: string;
  port: number;
  /** Totals since the start, by status. `stored`: kept by all storages. */
  readonly counts: BackendCounts;
  /** No new request; those under way are answered, within a limit, and what storages are keeping is kept. Resolves when they are closed. */
  stop(): Promise<void>;
};

export type BackendCounts = {
  answers: Record<number, number>;
  stored: number;
  /** A storage had another one of the same submitter and second: not kept there (and answered 429, unless faithful). */
  keptEarlier: number;
  /** A storage failed: not kept there (and answered 503, unless faithful). */
  storageFailures: number;
};

/** Resolves when it listens. @throws the listen error (EADDRINUSE, EACCES …) */
export async function startServer(options: BackendOptions): Promise<Backend> {
  const backend = new BackendServer(options);
  await backend.listen();
  return backend;
}

const TEXT = 'text/plain; charset=utf-8';
const SERVICE: Answer = { status: 200, body: 'delegation backend service' };
const HEALTHY: Answer = { status: 200, body: '{"status":"ok"}\n' };
const onlineAnswer = (list: readonly OnlineEntry[]): Answer => ({
  status: 200,
  body: `${JSON.stringify(list)}\n`,
  contentType: 'application/json',
});

class BackendServer implements Backend {
  host: string;
  port: number;
  readonly counts: BackendCounts = { answers: {}, stored: 0, keptEarlier: 0, storageFailures: 0 };
  readonly #server: Server;
  readonly #checks: Checks;
  readonly #storages: readonly Storage[];
  readonly #faithful: boolean;
  readonly #log: Log;
  readonly #logFails: () => boolean;
  readonly #limits: Limits;
  readonly #room: BodyRoom;
  readonly #figures = createServerFigures();
  /** Submissions under way, by connection: what a cut connection is to be told. */
  readonly #reading = new WeakMap<Socket, ServerResponse>();
  /** When each submission began, performance.now(). */
  readonly #started = new WeakMap<ServerResponse, number>();
  /** Answers that are not finished, by connection. */
  readonly #answering = new WeakMap<Socket, number>();
  readonly #connections = new Set<Socket>();
  #underWay = 0;
  #idle: (() => void) | null = null;
  /** Submissions that storages are keeping, by connection: a stop waits for them. */
  readonly #savingOn = new Map<Socket, number>();
  #saved: (() => void) | null = null;
  #stopping: Promise<void> | null = null;
  readonly #online = createOnlineTable(() => performance.now());

  constructor(options: BackendOptions) {
    const { checks, storages, faithful, log, logFails = () => false, host, port, limits } = options;
    this.#checks = checks;
    this.#storages = storages;
    this.#faithful = faithful;
    this.#log = log;
    this.#logFails = logFails;
    this.host = host;
    this.port = port;
    this.#limits = { ...LIMITS, ...limits };
    const { bodiesBytes, reserveBytes, slowBytesPerS, slowMs } = this.#limits;
    this.#room = createBodyRoom({
      limitBytes: bodiesBytes,
      reserveBytes,
      slowBytesPerS,
      slowMs,
      nowMs: () => performance.now(),
      every(ms, action) {
        const timer = setInterval(action, ms).unref();
        return () => clearInterval(timer);
      },
    });
    this.#server = createServer({
      maxHeaderSize: this.#limits.headerBytes,
      headersTimeout: this.#limits.headersMs,
      requestTimeout: this.#limits.requestMs,
      keepAliveTimeout: this.#limits.idleMs,
      connectionsCheckingInterval: Math.min(5000, this.#limits.headersMs),
      requireHostHeader: false, // node's own answer would differ
    });
    this.#server.maxHeadersCount = 0;
    // As Go does: a client that ends its side after a whole request still gets the answer.
    (this.#server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
    this.#server.on('connection', (socket: Socket) => {
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
    });
    this.#server.on('request', (req: IncomingMessage, res: ServerResponse) =>
      this.#route(req, res, false),
    );
    this.#server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) =>
      this.#route(req, res, true),
    );
    this.#server.on('checkExpectation', (_req: IncomingMessage, res: ServerResponse) => {
      this.#count(417);
      res.writeHead(417, ['Connection', 'close', 'Date', date(), 'Content-Length', '0']);
      res.end();
    });
    this.#server.on('connect', (_req: IncomingMessage, socket: Socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(
        `HTTP/1.1 404 Not Found\r\nContent-Type: ${TEXT}\r\nX-Content-Type-Options: nosniff\r\nDate: ${date()}\r\nContent-Length: 19\r\n\r\n404 page not found\n`,
      );
    });
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
      this.#malformed(error, socket),
    );
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.port, this.host, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#server.on('error', (error) =>
      this.#log.error('the server failed', { error: error.message }),
    );
    const { address, port } = this.#server.address() as AddressInfo;
    this.host = address;
    this.port = port;
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#shutDown());
  }

  async #shutDown(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    // What a storage is keeping may still be answered; its own bounds end it.
    const limit = setTimeout(() => {
      for (const socket of this.#connections) if (!this.#savingOn.has(socket)) socket.destroy();
    }, this.#limits.stopMs);
    await closed;
    clearTimeout(limit);
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    // Those whose client is gone.
    if (this.#savingOn.size > 0) await new Promise<void>((resolve) => (this.#saved = resolve));
    await this.#checks.pool?.close();
    for (const storage of this.#storages)
      await storage
        .close()
        .catch((error: Error) =>
          this.#log.error(`${storage.name} did not close`, { error: error.message }),
        );
  }

  #count(status: number): void {
    this.counts.answers[status] = (this.counts.answers[status] ?? 0) + 1;
  }

  /** node keeps a half-open connection after its last answer: end it, or it stays until the client goes. */
  #endHalfOpen(socket: Socket, res: ServerResponse): void {
    this.#answering.set(socket, (this.#answering.get(socket) ?? 0) + 1);
    res.once('close', () => {
      const left = this.#answering.get(socket)! - 1;
      this.#answering.set(socket, left);
      if (left === 0 && socket.readableEnded) socket.end();
    });
  }

  #route(req: IncomingMessage, res: ServerResponse, waitsForContinue: boolean): void {
    this.#endHalfOpen(req.socket, res);
    const fault = requestFault(req);
    if (fault !== null) {
      this.#refuseConnection(req.socket, fault.status, fault.body);
      return;
    }
    if (req.method === 'OPTIONS' && req.url === '*') {
      // Go answers this one before any handler.
      this.#count(200);
      res.removeHeader('Connection');
      res.writeHead(200, ['Content-Length', '0', 'Date', date()]);
      res.end();
      return;
    }
    const route = routeOf(req.url ?? '/');
    // What Go does when a body was announced and nobody asked for it.
    const close = waitsForContinue;
    switch (route.kind) {
      case 'submit':
        this.#submit(req, res, waitsForContinue);
        break;
      case 'health':
        this.#reply(res, HEALTHY, close);
        break;
      case 'online':
        this.#reply(res, onlineAnswer(this.#online.list()), close);
        break;
      case 'metrics':
        this.#reply(res, this.#metrics(), close);
        break;
      case 'other':
        this.#reply(res, SERVICE, close);
        break;
      case 'moved':
        this.#redirect(req, res, route.location);
        break;
      case 'bad':
        this.#refuseConnection(req.socket, '400 Bad Request');
    }
  }

  #redirect(req: IncomingMessage, res: ServerResponse, location: string): void {
    const isPage = req.method === 'GET' || req.method === 'HEAD';
    const page = isPage ? `<a href="${htmlText(location)}">Moved Permanently</a>.\n\n` : '';
    const headers = isPage ? ['Content-Type', 'text/html; charset=utf-8'] : [];
    headers.push('Location', location, 'Date', date());
    if (req.method !== 'HEAD') headers.push('Content-Length', String(page.length));
    this.#count(301);
    res.removeHeader('Connection');
    res.writeHead(301, headers);
    res.end(page);
  }

  /** One answer, with the headers in Go's order; node adds none of its own. */
  #reply(
    res: ServerResponse,
    { status, body, retryAfterS, contentType = TEXT }: Answer,
    close = false,
  ): void {
    this.#count(status);
    const headers = ['Date', date(), 'Content-Length', String(Buffer.byteLength(body))];
    if (retryAfterS !== undefined) headers.unshift('Retry-After', String(retryAfterS));
    if (body !== '') headers.push('Content-Type', contentType);
    if (close || this.#stopping || this.#wantsClose(res.req)) headers.push('Connection', 'close');
    else if (res.req.httpVersionMinor === 0 && res.shouldKeepAlive)
      headers.push('Connection', 'keep-alive');
    else res.removeHeader('Connection');
    res.writeHead(status, headers);
    res.end(body);
  }

  /** Only a client of HTTP/1.1 is told; one of HTTP/1.0 expects the end. */
  #wantsClose(req: IncomingMessage): boolean {
    const { connection } = req.headers;
    return req.httpVersionMinor > 0 && connection !== undefined && /\bclose\b/i.test(connection);
  }

  #submit(req: IncomingMessage, res: ServerResponse, waitsForContinue: boolean): void {
    const isChunked = req.headers['transfer-encoding'] !== undefined;
    if (this.#log.debugs)
      logRequest(this.#log, {
        method: req.method ?? '',
        path: '/v1/submit',
        remoteAddr: peerAddress(req),
        contentLength: isChunked ? -1 : Number(req.headers['content-length'] ?? 0),
      });
    if (isChunked) {
      logNoLength(this.#log);
      this.#answer(res, ANSWERS.noLength, 'it has no Content-Length', waitsForContinue);
      return;
    }
    const length = Number(req.headers['content-length'] ?? 0);
    if (length > MAX_BODY_BYTES) {
      this.#refuseUnread(req, length);
      return;
    }
    this.#underWay++;
    res.once('close', () => {
      this.#reading.delete(req.socket);
      if (--this.#underWay === 0) this.#idle?.();
    });
    this.#reading.set(req.socket, res);
    const startedMs = performance.now();
    this.#started.set(res, startedMs);
    let isOpen = true;
    let hasContinued = !waitsForContinue;
    const goOn = (): void => {
      if (hasContinued) return;
      hasContinued = true;
      res.writeContinue();
    };
    const seat = this.#room.enter(length, {
      pause() {
        isOpen = false;
        req.pause();
      },
      resume() {
        isOpen = true;
        goOn();
        req.resume();
      },
      refuse: () => this.#refuseSlow(req, res, seat),
    });
    res.once('close', () => seat.leave());
    if (isOpen) goOn();
    readBody(req, length, seat, (body) => {
      if (body === null) return;
      this.#figures.bodyBytes += length;
      this.#take(body, req, res);
      // A client that only ended its side is answered by `malformed`; one that is gone hears nothing.
    });
  }

  #take(body: Uint8Array, req: IncomingMessage, res: ServerResponse): void {
    const checks = this.#checks;
    const remoteAddr = remoteAddress(req);
    /** What breaks is answered, whatever it is. */
    const guarded = (step: () => void): void => {
      try {
        step();
      } catch (error) {
        this.#broken(res, error as Error);
      }
    };
    guarded(() => {
      const examined = examine(body, checks);
      if (examined.refused) {
        this.#decided(examined, body, req, res);
        return;
      }
      const decide = (fault: string | null): void =>
        this.#decided(admit(examined, fault, remoteAddr, checks), body, req, res);
      this.#checkSignature(examined, (fault) =>
        guarded(() => {
          if (fault instanceof Error) throw fault;
          decide(fault);
        }),
      );
    });
  }

  /** In another thread where there are any. */
  #checkSignature({ question }: Examined, done: (fault: string | null | Error) => void): void {
    if (question === null) {
      done(null);
      return;
    }
    const { pool, signer } = this.#checks;
    const startedMs = performance.now();
    const checked = (fault: string | null | Error): void => {
      this.#figures.checkSeconds.record((performance.now() - startedMs) / 1000);
      done(fault);
    };
    if (pool === null) checked(signatureFault(question, this.#checks, signer));
    else pool.check(question, checked);
  }

  #broken(res: ServerResponse, error: Error): void {
    this.#log.error('a submission broke the checks', { error: error.stack });
    this.#answer(res, ANSWERS.broken, 'of a fault');
  }

  #decided(
    judgement: Judgement,
    body: Uint8Array,
    req: IncomingMessage,
    res: ServerResponse,
  ): void {
    if (judgement.refused) {
      logRefusal(this.#log, judgement.refused, judgement.why, body);
      this.#answer(res, judgement.refused, judgement.why);
      return;
    }
    const { accepted, countedAt } = judgement;
    if (!this.#faithful && this.#logFails()) {
      this.#checks.limiter.takeBack(accepted.submitter, countedAt);
      this.#answer(res, ANSWERS.notKept, 'the log cannot be written');
      return;
    }
    const { socket } = req;
    this.#savingOn.set(socket, (this.#savingOn.get(socket) ?? 0) + 1);
    logSaving(this.#log, accepted);
    void this.#store(accepted).then((answer) => {
      // The submitter will come again, so this attempt costs it nothing.
      if (answer !== ANSWERS.ok) this.#checks.limiter.takeBack(accepted.submitter, countedAt);
      this.#answer(res, answer, answer === ANSWERS.ok ? '' : 'it was not kept');
      if (answer === ANSWERS.ok) {
        this.#online.record(accepted);
        logProcessed(this.#log, accepted);
      }
      const left = this.#savingOn.get(socket)! - 1;
      if (left > 0) this.#savingOn.set(socket, left);
      else this.#savingOn.delete(socket);
      if (this.#savingOn.size === 0) this.#saved?.();
    });
  }

  async #store(submission: AcceptedSubmission): Promise<Answer> {
    let worst: Answer = ANSWERS.ok;
    for (const storage of this.#storages) {
      const answer = await this.#storeIn(storage, submission);
      if (answer === ANSWERS.ok) continue;
      worst = answer;
      // A storage written after this one would hold what its submitter is told was not kept.
      if (!this.#faithful) break;
    }
    if (worst === ANSWERS.ok) this.counts.stored++;
    return this.#faithful ? ANSWERS.ok : worst;
  }

  async #storeIn(storage: Storage, submission: AcceptedSubmission): Promise<Answer> {
    const { submitter, submittedAt } = submission;
    const startedMs = performance.now();
    try {
      const { stored } = await storage.save(submission);
      this.#figures.storageSeconds(storage.name).record((performance.now() - startedMs) / 1000);
      if (stored) return ANSWERS.ok;
      this.counts.keptEarlier++;
      if (this.#faithful) logSameSecond(this.#log, storage.name, submission);
      else this.#log.debug('kept the earlier submission of this second', { submitter });
      return ANSWERS.sameSecond;
    } catch (error) {
      this.counts.storageFailures++;
      if (this.#faithful) logLoss(this.#log, storage.name, submission, error as Error);
      else
        this.#log.error(`${storage.name} did not keep a submission`, {
          submitter,
          submitted_at: submittedAt,
          error: (error as Error).message,
        });
      return ANSWERS.notKept;
    }
  }

  #answer(res: ServerResponse, answer: Answer, why: string, close = false): void {
    if (this.#log.debugs && why !== '')
      this.#log.debug(`refused with ${answer.status} because ${why}`);
    if (res.destroyed || res.headersSent) return;
    this.#countSubmission(answer, res);
    this.#reply(res, answer, close);
  }

  #countSubmission(answer: Answer, res: ServerResponse | null): void {
    this.#figures.answered(answer.status, answerName(answer));
    const startedMs = res === null ? undefined : this.#started.get(res);
    if (startedMs !== undefined)
      this.#figures.submissionSeconds.record((performance.now() - startedMs) / 1000);
  }

  #metrics(): Answer {
    const { pool } = this.#checks;
    const body = this.#figures.text({
      connections: this.#connections.size,
      bodiesBytes: this.#room.usedBytes,
      bodiesLimitBytes: this.#room.limitBytes,
      bodiesWaiting: this.#room.waiting,
      checksWaiting: pool?.waiting ?? 0,
      checkThreads: pool?.threads ?? 0,
      saving: this.#savingOn.size,
      counts: this.counts,
    });
    return { status: 200, body, contentType: METRICS_TYPE };
  }

  /** While others have no room. The connection ends: what is left of the body is not wanted. */
  #refuseSlow(req: IncomingMessage, res: ServerResponse, seat: BodySeat): void {
    seat.leave();
    this.#log.warn('refused a body that came too slowly while others had no room');
    this.#reading.delete(req.socket);
    this.#answer(res, ANSWERS.noRoom, 'it came too slowly', true);
    const { socket } = req;
    const timer = setTimeout(() => socket.destroy(), this.#limits.lingerMs);
    socket.once('close', () => clearTimeout(timer));
  }

  /** 413 before the body: the connection ends, after its sender had time to see why. */
  #refuseUnread(req: IncomingMessage, length: number): void {
    const { status } = ANSWERS.tooLong;
    this.#count(status);
    this.#countSubmission(ANSWERS.tooLong, null);
    logTooLarge(this.#log, length);
    const { socket } = req;
    socket.end(
      `HTTP/1.1 413 Request Entity Too Large\r\nDate: ${date()}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    req.on('error', () => {});
    req.resume();
    const timer = setTimeout(() => socket.destroy(), this.#limits.lingerMs);
    socket.once('close', () => clearTimeout(timer));
  }

  #malformed(error: NodeJS.ErrnoException, socket: Socket): void {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const res = this.#reading.get(socket);
    if (res && !res.req.complete && error.code === 'HPE_INVALID_EOF_STATE') {
      // The body ended before its announced length.
      this.#reading.delete(socket);
      const { status, body } = ANSWERS.unreadable;
      this.#count(status);
      this.#countSubmission(ANSWERS.unreadable, res);
      logCutBody(this.#log);
      socket.end(
        `HTTP/1.1 400 Bad Request\r\nDate: ${date()}\r\nContent-Length: ${body.length}\r\nContent-Type: ${TEXT}\r\n\r\n${body}`,
      );
      return;
    }
    const refuse = (): void =>
      this.#refuseConnection(socket, CONNECTION_REFUSALS[error.code ?? ''] ?? '400 Bad Request');
    // Garbage after a whole request: that one is answered first.
    if (res?.req.complete) res.once('finish', refuse);
    else refuse();
  }

  /** What Go's server answers before any handler: no Date, no length. */
  #refuseConnection(socket: Socket, status: string, body = status): void {
    this.#count(Number(status.slice(0, 3)));
    this.#log.debug(`closed a connection: ${status}`);
    socket.end(`HTTP/1.1 ${status}\r\nContent-Type: ${TEXT}\r\nConnection: close\r\n\r\n${body}`);
    // Reading on until the end lets the sender see the answer instead of a reset.
    socket.removeAllListeners('data');
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), this.#limits.lingerMs);
    socket.once('close', () => clearTimeout(timer));
  }
}

const CONNECTION_REFUSALS: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_INVALID_VERSION: '505 HTTP Version Not Supported: unsupported protocol version',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** @returns what Go's server finds wrong in the headers before any handler sees the request, or null */
function requestFault(req: IncomingMessage): { status: string; body?: string } | null {
  if (req.httpVersionMajor === 0) return { status: '400 Bad Request' };
  if (req.httpVersionMajor > 1)
    return { status: '505 HTTP Version Not Supported: unsupported protocol version' };
  const { host, 'transfer-encoding': encoding } = req.headers;
  if (encoding !== undefined && encoding.toLowerCase() !== 'chunked')
    return { status: '501 Not Implemented', body: 'Unsupported transfer encoding' };
  if (host === undefined)
    return req.httpVersionMinor === 0
      ? null
      : { status: '400 Bad Request: missing required Host header' };
  if (!/^[A-Za-z0-9!$%&'()*+,\-.:;=[\]_~]*$/.test(host))
    return { status: '400 Bad Request: malformed Host header' };
  const { rawHeaders } = req;
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (rawHeaders[i].length === 4 && rawHeaders[i].toLowerCase() === 'host') hosts++;
  return hosts === 1 ? null : { status: '400 Bad Request' };
}

/** Calls `done` once: with the whole body, or with null if it ended before its length. */
function readBody(
  req: IncomingMessage,
  length: number,
  seat: BodySeat,
  done: (body: Uint8Array | null) => void,
): void {
  // Not one buffer of the announced length from the start: a thousand clients of 4 MB then cost 3.2 GB, so 0.6 GB.
  let chunks: Buffer[] = [];
  let received = 0;
  let open = true;
  const finish = (): void => {
    if (!open) return;
    open = false;
    const parts = chunks;
    chunks = [];
    if (received !== length) done(null);
    else done(parts.length === 1 ? parts[0] : Buffer.concat(parts, length));
  };
  req.on('data', (chunk: Buffer) => {
    received += chunk.length;
    chunks.push(chunk);
    seat.arrived(chunk.length);
  });
  req.on('end', finish);
  req.on('error', finish);
  req.on('close', finish);
}

/** X-Forwarded-For as it came first, else the peer's address. */
function remoteAddress(req: IncomingMessage): string {
  if (req.headers['x-forwarded-for'] !== undefined) {
    const at = req.rawHeaders.findIndex(
      (name, i) => i % 2 === 0 && name.toLowerCase() === 'x-forwarded-for',
    );
    const value = req.rawHeaders[at + 1];
    if (value !== '') return value;
  }
  return peerAddress(req);
}

/** The peer's address as Go writes it. */
function peerAddress(req: IncomingMessage): string {
  const { remoteAddress: address = '', remotePort, remoteFamily } = req.socket;
  return remoteFamily === 'IPv6' ? `[${address}]:${remotePort}` : `${address}:${remotePort}`;
}

const HTML_SIGNS: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};
const htmlText = (text: string): string => text.replace(/[&<>"']/g, (sign) => HTML_SIGNS[sign]);

let dateText = '';
let dateSecond = 0;
/** Now, as HTTP writes it (RFC 9110, section 5.6.7). */
function date(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
