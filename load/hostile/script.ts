/** What a hostile case does on its connections, step by step, and what may come back. Pure. */
import type { Response } from './response.ts';

/** One of the things that may come. */
export type Expected =
  /** A whole answer. Without `body` any body will do. */
  | { status: number; body?: string }
  /** Any answer 4xx or 501, 505: what a proxy says in its own words. */
  | { refused: true }
  /** The connection ends, in order or by a reset, without an answer. */
  | { closed: true }
  /** Nothing comes for the whole time of a `hold`. */
  | { silent: true };

export type Step =
  /** Writes bytes. */
  | { do: 'send'; bytes: Uint8Array }
  /** Writes bytes in pieces, one each `everyMs`; ends early when something comes back. */
  | { do: 'drip'; bytes: Uint8Array; pieceBytes: number; everyMs: number }
  /** Ends our side of the connection (FIN); the other side may still answer. */
  | { do: 'finish' }
  /** Drops the connection without a word (RST). Counts as a request that wanted no answer. */
  | { do: 'drop' }
  /** A new connection for the steps that follow. */
  | { do: 'reconnect' }
  /** One answer must come, one of these. With `withinMs` a later one is not judged: its expectation had a time. */
  | { do: 'answer'; oneOf: readonly Expected[]; withinMs?: number }
  /** Waits `ms`, or until something comes; it must be one of these. */
  | { do: 'hold'; ms: number; oneOf: readonly Expected[] }
  /** The other side must end the connection, without another byte. */
  | { do: 'ended' };

/**
 * Steps on one connection, beginning with a new one. An answer like `again` in the place of another says "later": the part is played
 * once more after {@link AGAIN_MS}.
 */
export type Part = { label: string; steps: readonly Step[]; again?: Expected };

/** The Retry-After of such an answer. */
export const AGAIN_MS = 1000;

/** The parts of a case one after another; or why it cannot be run. */
export type Script = { parts: readonly Part[] } | { notRun: string };

/** What came where something was expected. */
export type Came =
  | { kind: 'answer'; response: Response }
  | { kind: 'closed'; reset: boolean }
  | { kind: 'silent'; ms: number; /** It was held on purpose. */ held: boolean }
  | { kind: 'malformed'; what: string; bytes: string }
  | { kind: 'more'; bytes: string }
  | { kind: 'unconnected'; code: string };

export function matches(expected: Expected, came: Came): boolean {
  if ('closed' in expected) return came.kind === 'closed';
  if ('silent' in expected) return came.kind === 'silent';
  if (came.kind !== 'answer') return false;
  const { status, body } = came.response;
  if ('refused' in expected) return (status >= 400 && status < 500) || [501, 505].includes(status);
  return status === expected.status && (expected.body === undefined || body === expected.body);
}

const SHOWN_CHARACTERS = 80;

/** Bytes (latin1) as a short printable text: what a target sends must not reach a terminal as it is. */
export function shown(bytes: string): string {
  const printable = bytes.slice(0, SHOWN_CHARACTERS).replace(/[^\x20-\x7e]+/g, '·');
  return bytes.length > SHOWN_CHARACTERS ? `${printable}…` : printable;
}

const withBody = (status: number, body: string | undefined): string =>
  body === undefined
    ? String(status)
    : body === ''
      ? `${status} without a body`
      : `${status} ${shown(body)}`;

export function wordsOfExpected(oneOf: readonly Expected[]): string {
  return oneOf
    .map((expected) => {
      if ('closed' in expected) return 'the connection ends';
      if ('silent' in expected) return 'nothing';
      if ('refused' in expected) return 'any 4xx';
      return withBody(expected.status, expected.body);
    })
    .join(' or ');
}

export function wordsOfCame(came: Came): string {
  switch (came.kind) {
    case 'answer':
      return withBody(came.response.status, came.response.body);
    case 'closed':
      return came.reset ? 'the connection was reset' : 'the connection was closed';
    case 'silent':
      return `nothing within ${came.ms} ms`;
    case 'malformed':
      return `${came.what}: ${shown(came.bytes)}`;
    case 'more':
      return `more bytes instead of the end: ${shown(came.bytes)}`;
    case 'unconnected':
      return `no connection (${came.code})`;
  }
}

/** What a script expects, in a few words: `400 …, 200 … (120 times), 429 …`. */
export function wordsOfScript(parts: readonly Part[]): string {
  const runs: { words: string; times: number }[] = [];
  for (const { steps } of parts)
    for (const step of steps) {
      if (step.do !== 'answer' && step.do !== 'hold') continue;
      const words = wordsOfExpected(step.oneOf);
      const last = runs.at(-1);
      if (last?.words === words) last.times++;
      else runs.push({ words, times: 1 });
    }
  return runs
    .map(({ words, times }) => (times === 1 ? words : `${words} (${times} times)`))
    .join(', ');
}
