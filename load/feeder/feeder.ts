/**
 * Hands signed records to k6 while it sends, where a corpus signed beforehand would be too large: a server on 127.0.0.1
 * that answers `GET /<token>/<first>/<n>` with the records (mina/envelope.ts RECORD, 272 bytes each) of submissions first to
 * first + n - 1. It answers {@link FEED_STATUS}, which no target does, so that its requests are told apart in k6's samples.
 *
 * Where each submission has its turn (turns.ts), `GET /<token>/<first>/<n>/<ms>` waits for it, and so long at most: a template NOT_YET says
 * that it has not come.
 *
 * | status | means |
 * |---|---|
 * | 299 | the records; each is handed out once |
 * | 400 | no such range can be meant |
 * | 404 | another path, or a wrong token |
 * | 405 | not GET |
 * | 410 | some of them were handed out before |
 * | 416 | not due: beyond the load's end, or far ahead of what was handed out |
 * | 500 | signing failed |
 * | 503 | the feeder was stopped |
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RECORD } from '../../mina/envelope.ts';
import { FEED_STATUS, NOT_YET } from '../../scenarios/lib/plan.ts';
import { RecordStock, type StockOptions, StockError } from './stock.ts';
import type { Turns } from './turns.ts';

/** A lease has at most 32 records; a request of its size is answered from a few blocks. */
const MOST_RECORDS = 1024;
/** A start is late after 10 ms; with a wait of ten times that the signer has fallen behind. */
const LONG_WAIT_MS = 100;
/** Submissions handed out whose answer is awaited: one that never comes must not be kept for ever. */
const MOST_UNDER_WAY = 500_000;

export type FeederFigures = {
  /** Records handed out. */
  records: number;
  requests: number;
  /** Of these, how many waited longer than 100 ms for the signer. */
  waitedLong: number;
  longestWaitMs: number;
};

export type Feeder = {
  /** What comes before `/<first>/<n>`. */
  url: string;
  figures(): FeederFigures;
  /** Body template of a submission that was handed out; once: it is forgotten then. undefined: it was not handed out. */
  takeTemplate(index: number): number | undefined;
  /** When a submission was due that was handed out at its turn, as {@link Turns.turn} has it; once. undefined: it was not. */
  takeDue(index: number): number | undefined;
  /** Ends the waiting requests and all connections; what was handed out is in the log then. Later calls do nothing. */
  stop(): Promise<void>;
};

/**
 * @param call.onFailure signing has failed, so nothing more will be handed out
 * @throws Error if no port can be had, or signing fails at once
 */
export async function startFeeder(
  call: StockOptions & {
    onFailure?: (error: Error) => void;
    /** Of a load whose pace is changed while it runs; absent: each is handed out at once. */
    turns?: Turns | undefined;
    /** A clock in milliseconds that never goes back, for how long a request waits. */
    clock?: () => number;
  },
): Promise<Feeder> {
  const { clock = () => performance.now(), turns } = call;
  const stock = new RecordStock(call);
  const token = randomBytes(16).toString('hex');
  const figures: FeederFigures = { records: 0, requests: 0, waitedLong: 0, longestWaitMs: 0 };
  /** Of submissions handed out and not yet answered. */
  const templates = new Map<number, number>();
  const dues = new Map<number, number>();
  const keep = (index: number, template: number) => {
    templates.set(index, template);
    if (templates.size > MOST_UNDER_WAY) templates.delete(templates.keys().next().value!);
  };
  let stopping = false;
  let failed = false;
  let stopped: Promise<void> | undefined;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, given, first, n, ...more] = (request.url ?? '').split('/');
    if (given !== token || more.length !== (turns === undefined ? 0 : 1))
      return refuse(response, 404, 'not found');
    if (request.method !== 'GET') return refuse(response, 405, 'only GET');
    if (!/^\d{1,15}$/.test(first) || !/^[1-9]\d{0,3}$/.test(n) || Number(n) > MOST_RECORDS)
      return refuse(response, 400, `not <first>/<n> with n from 1 to ${MOST_RECORDS}`);
    if (stopping) return refuse(response, 503, 'the feeder was stopped');
    if (turns !== undefined) {
      const [waitMs] = more;
      if (!/^\d{1,5}$/.test(waitMs)) return refuse(response, 400, `not a time: ${waitMs}`);
      const dueMs = await turns.turn(Number(first), Number(waitMs));
      if (stopping) return refuse(response, 503, 'the feeder was stopped');
      if (dueMs === null) return give(response, notYet(Number(n)));
      dues.set(Number(first), dueMs);
      if (dues.size > MOST_UNDER_WAY) dues.delete(dues.keys().next().value!);
    }
    const beganMs = clock();
    let records: Uint8Array;
    try {
      records = await stock.take(Number(first), Number(n), keep);
    } catch (error) {
      const { message } = error as Error;
      if (error instanceof StockError)
        return refuse(response, error.reason === 'taken' ? 410 : 416, message);
      if (stopping) return refuse(response, 503, 'the feeder was stopped');
      if (!failed) call.onFailure?.(error as Error);
      failed = true;
      return refuse(response, 500, message);
    }
    const waitedMs = clock() - beganMs;
    figures.requests++;
    figures.records += Number(n);
    figures.longestWaitMs = Math.max(figures.longestWaitMs, waitedMs);
    if (waitedMs > LONG_WAIT_MS) figures.waitedLong++;
    give(response, records);
  };

  // Never closed by the server while k6 may be about to use it: Go would ask again, and be refused.
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
    response.sendDate = false;
    void answer(request, response);
  });
  try {
    await stock.warmUp();
    server.listen({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
  } catch (error) {
    await call.signer.stop();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/${token}`,
    figures: () => ({ ...figures }),
    takeTemplate(index) {
      const template = templates.get(index);
      templates.delete(index);
      return template;
    },
    takeDue(index) {
      const dueMs = dues.get(index);
      dues.delete(index);
      return dueMs;
    },
    stop() {
      stopped ??= (async () => {
        stopping = true;
        turns?.end();
        await call.signer.stop();
        const closed = once(server, 'close');
        server.close();
        server.closeAllConnections();
        await closed;
        stock.end();
      })();
      return stopped;
    },
  };
}

const REASON = 'Records';
const headersOf = (bytes: number): string[] => [
  'Content-Length',
  String(bytes),
  'Connection',
  'keep-alive',
];

/** Size of a whole answer with `n` records, head included: what k6 counts as received. */
export const answerBytes = (n: number): number => {
  const [name, bytes, ...rest] = headersOf(n * RECORD.bytes);
  const [connection, keep] = rest;
  const head = `HTTP/1.1 ${FEED_STATUS} ${REASON}\r\n${name}: ${bytes}\r\n${connection}: ${keep}\r\n\r\n`;
  return head.length + n * RECORD.bytes;
};

/** An answer of the same size, so that it is counted like the others. */
function notYet(n: number): Uint8Array {
  const records = Buffer.alloc(n * RECORD.bytes);
  records.writeUInt32LE(NOT_YET, RECORD.templateOffset);
  return records;
}

function give(response: ServerResponse, records: Uint8Array): void {
  response.writeHead(FEED_STATUS, REASON, headersOf(records.length));
  response.end(records);
}

function refuse(response: ServerResponse, status: number, why: string): void {
  response.writeHead(status, ['Content-Length', String(Buffer.byteLength(why))]);
  response.end(why);
}
