/** Passes a request on to the target and its answer back: status, headers and bytes as they are, but for those of the hop. */
import type * as Undici from 'undici';
import type { Dispatcher } from 'undici';
import type { Readable } from 'node:stream';
import { answerHeaders } from './headers.ts';

export type ForwardedRequest = {
  method: string;
  /** As it came. */
  target: string;
  /** Name and value in turns, without those of the hop. */
  headers: string[];
  body: Buffer | Readable | null;
};

export type AnswerTaker = {
  /** @param headers name and value in turns, without those of the hop @param flow pauses and resumes what comes */
  onHead(head: { status: number; reason: string; headers: string[] }, flow: Flow): void;
  onBytes(chunk: Buffer): void;
  onEnd(): void;
  /** No answer, or a part of one. */
  onError(error: Error): void;
};

export type Flow = { pause(): void; resume(): void };

export type Forward = {
  /** @returns what ends it: its sender is gone */
  pass(request: ForwardedRequest, taker: AnswerTaker): { abort(): void };
  close(): Promise<void>;
};

/** A target may think for as long as its client waits: who is impatient is the client. */
const NO_LIMIT = 0;
const CONNECT_MS = 10_000;

const latin1 = (value: unknown): string =>
  Buffer.isBuffer(value) ? value.toString('latin1') : String(value);

/** @param target of the backend; a path of it stands before the paths of the requests */
export async function openForward(target: URL): Promise<Forward> {
  // Loaded where it is used: it takes a tenth of a second.
  const { Pool }: typeof Undici = await import('undici');
  const pool = new Pool(target.origin, {
    connections: null,
    pipelining: 1,
    headersTimeout: NO_LIMIT,
    bodyTimeout: NO_LIMIT,
    connect: { timeout: CONNECT_MS },
    // What does not fit is refused by the target, not here.
    maxHeaderSize: 1 << 20,
  });
  const base = target.pathname.replace(/\/+$/, '');
  return {
    pass({ method, target: wanted, headers, body }, taker) {
      let controller: Dispatcher.DispatchController | null = null;
      let isGone = false;
      const handler: Dispatcher.DispatchHandler = {
        onRequestStart(given) {
          controller = given;
          if (isGone) given.abort(new Error('the client is gone'));
        },
        onResponseStart(given, status, _, reason = '') {
          if (status < 200) return;
          const raw = (given.rawHeaders ?? []) as unknown[];
          taker.onHead({ status, reason, headers: answerHeaders(raw.map(latin1)) }, given);
        },
        onResponseData: (_, chunk) => taker.onBytes(chunk),
        onResponseEnd: () => taker.onEnd(),
        onResponseError: (_, error) => taker.onError(error),
      };
      const path = base + wanted.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, '');
      try {
        pool.dispatch(
          {
            path: path.startsWith('/') ? path : `/${path}`,
            method,
            headers,
            body,
          },
          handler,
        );
      } catch (error) {
        // A request that undici does not send: a character in its path, say.
        taker.onError(error as Error);
      }
      return {
        abort() {
          isGone = true;
          controller?.abort(new Error('the client is gone'));
        },
      };
    },
    close: () => pool.destroy(),
  };
}
