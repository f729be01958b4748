/**
 * A small real target that logs what it saw: each arrival with its times, its size, whose it was, what it was answered. How it behaves is a
 * programme: time to answer, workers and their queue, faults, losses. It is the independent witness of a run: a summary that says something
 * else is wrong.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { performance } from 'node:perf_hooks';

/** What is done with one submission; all of it as a backend does by default: 200 at once, stored once. */
export type Deed = {
  /** Time from the whole body to the answer, beside what the queue takes. */
  afterMs?: number;
  answer?: { status: number; body: string } | 'reset' | 'never';
  /** How often it is stored, whatever is answered; default: once if it is accepted. */
  stored?: 0 | 1 | 2;
  /** The answer asks the client to end the connection, which the target leaves open. */
  closes?: boolean;
};

export type Programme = {
  /** @param n of the submissions, from 0, by arrival. @param atMs since the first of them arrived */
  deedOf?: (n: number, atMs: number) => Deed;
  /** So many are worked on at once, each for `serviceMs`; others wait in their order. Absent: no queue. */
  workers?: { count: number; serviceMs: number };
  /** Stores one submission; see {@link Deed.stored}. */
  store?: (body: Buffer, again: boolean) => Promise<void>;
  /** Called where a submission that was accepted is not stored. */
  onLoss?: (n: number) => void;
  /** Where it listens; default: 127.0.0.1. */
  host?: '::1';
  /** Or a socket that listens already, at 127.0.0.1 and this port. */
  listening?: { socket: Server; port: number };
};

/** Times are milliseconds since 1970, to the microsecond, on a clock that never goes back. */
export type Arrival = {
  n: number;
  /** By the load, or by the hostile sender beside it. */
  by: 'load' | 'beside';
  /** Its head was there, its body was there. */
  arrivedMs: number;
  wholeMs: number;
  /** The answer was given to the network, or the connection reset; null: neither. */
  answeredMs: number | null;
  /** The answer was on its way as a whole. */
  finishedMs: number | null;
  bytes: number;
  /** SHA-256 of the body. */
  digest: string;
  /** Of bodies that are JSON. */
  submitter: string | null;
  /** null: reset, or never answered. */
  status: number | null;
  accepted: boolean;
  stored: number;
  /** Which connection it came on, from 0. */
  connection: number;
};

export type TruthTarget = {
  url: string;
  readonly log: readonly Arrival[];
  /** Questions whether this is a backend: they stand in no log. */
  readonly questions: number;
  stop(): Promise<void>;
};

export const OK = { status: 200, body: '{"status":"ok"}' };
const NO_SUBMISSION = { status: 400, body: '{"error":"Error decoding payload"}' };
/** A question whether this is a backend has no submission in its body. */
const QUESTION_BYTES = 16;
/** As the load names itself. */
const OF_THE_LOAD = 'mina-delegation-load-test';
/** Larger ones are told apart by their digest alone. */
const READABLE_BYTES = 200_000;

export const nowMs = (): number => performance.timeOrigin + performance.now();

export async function startTruthTarget(programme: Programme = {}): Promise<TruthTarget> {
  const { deedOf = (): Deed => ({}), workers } = programme;
  const log: Arrival[] = [];
  const connections = new Map<object, number>();
  const waiting: (() => void)[] = [];
  let working = 0;
  let questions = 0;
  let firstMs: number | null = null;

  const worked = async (): Promise<void> => {
    if (workers === undefined) return;
    if (working >= workers.count) await new Promise<void>((resolve) => waiting.push(resolve));
    working++;
    await pause(workers.serviceMs);
    working--;
    waiting.shift()?.();
  };

  const server = createServer((request, response) => {
    const arrivedMs = nowMs();
    void (async () => {
      const body = await bodyOf(request);
      const answer = ({ status, body: text }: { status: number; body: string }) => {
        response.writeHead(status, {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
        });
        response.end(text);
      };
      if (body.length <= QUESTION_BYTES) {
        questions++;
        return answer(NO_SUBMISSION);
      }
      const { socket } = request;
      if (!connections.has(socket)) connections.set(socket, connections.size);
      const isOfTheLoad = request.headers['user-agent'] === OF_THE_LOAD;
      const entry: Arrival = {
        n: log.length,
        by: isOfTheLoad ? 'load' : 'beside',
        arrivedMs,
        wholeMs: nowMs(),
        answeredMs: null,
        finishedMs: null,
        bytes: body.length,
        digest: createHash('sha256').update(body).digest('hex'),
        submitter: submitterOf(body),
        status: null,
        accepted: false,
        stored: 0,
        connection: connections.get(socket)!,
      };
      firstMs ??= arrivedMs;
      const deed: Deed = isOfTheLoad
        ? deedOf(log.filter(({ by }) => by === 'load').length, arrivedMs - firstMs)
        : {};
      log.push(entry);
      const given = deed.answer ?? OK;
      await worked();
      if (deed.afterMs !== undefined) await pause(deed.afterMs);
      const isAccepted =
        typeof given === 'object' && given.status === 200 && given.body === OK.body;
      if (isAccepted && deed.stored === 0) programme.onLoss?.(entry.n);
      for (let i = 0; i < (deed.stored ?? (isAccepted ? 1 : 0)); i++) {
        await programme.store?.(body, i > 0);
        entry.stored++;
      }
      if (given === 'never') return;
      if (given === 'reset') {
        entry.answeredMs = nowMs();
        socket.resetAndDestroy();
        return;
      }
      response.on('finish', () => (entry.finishedMs = nowMs()));
      entry.status = given.status;
      entry.accepted = isAccepted;
      entry.answeredMs = nowMs();
      if (deed.closes === true) {
        const length = Buffer.byteLength(given.body);
        // Who ends it first has its port wait: Node's own answer would end it from here.
        socket.write(
          `HTTP/1.1 ${given.status} OK\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\n${given.body}`,
        );
        return;
      }
      answer(given);
    })().catch(() => response.destroy());
  });
  // No connection ends while the load may be about to use it: what is counted as reset was reset on purpose.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  if (programme.listening) server.listen(programme.listening.socket);
  else server.listen(0, programme.host ?? '127.0.0.1');
  server.unref();
  await once(server, 'listening');
  return {
    url: `http://${programme.host === '::1' ? 'localhost' : '127.0.0.1'}:${programme.listening?.port ?? (server.address() as AddressInfo).port}`,
    log,
    get questions() {
      return questions;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const pause = (ms: number): Promise<void> =>
  ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms).unref());

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function submitterOf(body: Buffer): string | null {
  if (body.length > READABLE_BYTES) return null;
  try {
    const { submitter } = JSON.parse(body.toString()) as { submitter?: unknown };
    return typeof submitter === 'string' ? submitter : null;
  } catch {
    return null;
  }
}
