/** A backend inside the test's process, with a storage in memory and clocks that the test sets; and a raw HTTP client. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { encode } from '../../mina/base58check.ts';
import { createSigner } from '../../mina/signer.ts';
import { parseSubmission, signedFields } from '../../mina/submission.ts';
import { signedText } from '../../mina/submission-text.ts';
import { loadMinaWasm } from '../../paths.ts';
import type { Checks } from '../../stack/backend/checks.ts';
import { createLog } from '../../stack/backend/log.ts';
import { createBlockCache } from '../../stack/backend/block-cache.ts';
import { createKnownKeys } from '../../stack/backend/known-keys.ts';
import { createHourlyLimiter } from '../../stack/backend/rate-limit.ts';
import { createSecondTable } from '../../stack/backend/second-table.ts';
import { type Backend, type Limits, startServer } from '../../stack/backend/server.ts';
import type { AcceptedSubmission, SaveOutcome, Storage } from '../../stack/storage/storage.ts';
import { readVector } from '../mina/vectors.ts';
import { readRecorded, RECORDED_NAMES } from '../support/recorded.ts';

/** test/vectors/backend-answers.json: what the real backend answered. */
export type Text = string | [string, number][];
export type Reply = { status: number; body: string };
export type BackendAnswers = {
  http: { name: string; send: (Text | number)[]; answer: string; then: 'open' | 'closed' }[];
  bodies: { name: string; body: Text; verified: Reply; unverified: Reply; stored: string | null }[];
  sequences: {
    name: string;
    env: Record<string, string>;
    steps: { step: string; answer: Reply }[];
  }[];
  forwarded: { headers: string[]; status: number; remote_addr: string | null }[];
};
export const backendAnswers = JSON.parse(readVector('backend-answers.json')) as BackendAnswers;

export const expand = (text: Text): Buffer =>
  Buffer.from(
    typeof text === 'string' ? text : text.map(([part, count]) => part.repeat(count)).join(''),
    'latin1',
  );

export const signer = createSigner(loadMinaWasm());

export class MemoryStorage implements Storage {
  readonly name = 'memory';
  readonly saved: AcceptedSubmission[] = [];
  /** What the next saves do; default: they succeed at once. */
  behaviour: (submission: AcceptedSubmission) => Promise<SaveOutcome> = () =>
    Promise.resolve({ stored: true });
  closed = false;

  save(submission: AcceptedSubmission): Promise<SaveOutcome> {
    this.saved.push(submission);
    return this.behaviour(submission);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

export type TestBackend = Backend & { storage: MemoryStorage; logged: string[] };

/** Faithful to the original unless told otherwise: most tests send one recorded submission again and again, in a second that never ends. */
export async function startTestBackend(
  checks: Partial<Checks> = {},
  {
    limits = {},
    storages,
    faithful = true,
    logFails = () => false,
  }: {
    limits?: Partial<Limits>;
    storages?: Storage[];
    faithful?: boolean;
    logFails?: () => boolean;
  } = {},
): Promise<TestBackend> {
  const storage = new MemoryStorage();
  const logged: string[] = [];
  const backend = await startServer({
    checks: checksWith({ seconds: faithful ? null : createSecondTable(), ...checks }),
    storages: storages ?? [storage],
    faithful,
    log: createLog(
      'debug',
      (line) => logged.push(line),
      () => new Date(0),
    ),
    logFails,
    host: '127.0.0.1',
    port: 0,
    limits,
  });
  return Object.assign(backend, { storage, logged });
}

export type RawAnswer = { text: string; closed: boolean };

/**
 * Writes bytes (a number waits that many ms, 'END' ends our side) and reads until the peer closes or `isWhole` holds.
 * Bounded: after `limitMs` it gives what came.
 */
export async function exchange(
  port: number,
  parts: (Uint8Array | number | 'END')[],
  isWhole: (text: string) => boolean = () => false,
  limitMs = 10_000,
): Promise<RawAnswer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  let closed = false;
  const ended = new Promise<void>((resolve) => {
    const finish = (): void => {
      closed = true;
      resolve();
    };
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (isWhole(text)) resolve();
    });
    socket.on('end', finish);
    socket.on('close', finish);
    socket.on('error', finish);
  });
  await Promise.race([once(socket, 'connect').catch(() => {}), ended]);
  for (const part of parts) {
    if (typeof part === 'number') await new Promise((resolve) => setTimeout(resolve, part));
    else if (part === 'END') socket.end();
    else if (!socket.destroyed) socket.write(part);
  }
  const timer = setTimeout(() => socket.destroy(), limitMs);
  await ended;
  clearTimeout(timer);
  socket.destroy();
  return { text, closed };
}

/** One submission on a connection of its own. */
export async function post(port: number, body: Uint8Array, headers = ''): Promise<Reply> {
  const head = `POST /v1/submit HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}Content-Length: ${body.length}\r\n\r\n`;
  return replyOf((await exchange(port, [Buffer.from(head, 'latin1'), body])).text);
}

export function replyOf(text: string): Reply {
  const match = /^HTTP\/1\.1 (\d+) [^]*?\r\n\r\n([^]*)$/.exec(text);
  return match ? { status: Number(match[1]), body: match[2] } : { status: 0, body: text };
}

/** Submissions that the live network produced. */
export const RECORDED = RECORDED_NAMES.map((name) => ({
  name,
  bytes: Buffer.from(readRecorded(name)),
}));

export const NOW_MS = Date.UTC(2026, 5, 1);

export const checksWith = (changes: Partial<Checks> = {}): Checks => ({
  network: 'testnet',
  signatures: 'strict',
  signer,
  pool: null,
  whitelist: () => null,
  limiter: createHourlyLimiter(Infinity, () => 0),
  seconds: null,
  blocks: createBlockCache(),
  keys: createKnownKeys(),
  nowMs: () => NOW_MS,
  ...changes,
});

/** What decides whether a signature fits: if this is unchanged, so is the submission. */
export function essence(body: Uint8Array): string {
  const submission = parseSubmission(body);
  const text = Buffer.from(signedText(signedFields(submission))).toString('latin1');
  return `${text} ${submission.submitter} ${encode('signature', submission.signature)}`;
}
