/** Plays a hostile script over raw connections: never throws, never hangs, leaves no socket behind. */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, TLSSocket } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnswerClass } from '../../results/types.ts';
import { ResponseReader } from './response.ts';
import {
  AGAIN_MS,
  type Came,
  type Expected,
  matches,
  type Part,
  shown,
  type Step,
  wordsOfCame,
  wordsOfExpected,
} from './script.ts';

export type Address = {
  host: string;
  port: number;
  /** For https: what node:tls takes (ca, cert, key, rejectUnauthorized …). */
  tls?: ConnectionOptions;
};

/** One request and what came of it. */
export type SeenRequest = {
  /** Which of the case's requests; empty when it has one. */
  label: string;
  answer: AnswerClass;
  asExpected: boolean;
  /** What came, in words, with the beginning of a body. */
  came: string;
  /** From when its connection was opened, or the answer before it came, to its end. */
  ms: number;
};

export type Played = {
  /** `cut`: stopped before it was over, or not to be judged any more. */
  verdict: 'expected' | 'unexpected' | 'cut';
  /** Requests whose end was seen, in their order. */
  requests: SeenRequest[];
  /** For each unexpected request: what came, and what should have. */
  faults: string[];
};

export type PlayOptions = {
  address: Address;
  /** How long one answer, one connect or one write may take. */
  timeoutMs: number;
  signal: AbortSignal;
  /** Waits for the turn of the next connection; false: there will be none. */
  pace: () => Promise<boolean>;
};

/** A target that answers everything wrong is told from one that does so once; more says nothing new. */
const MAX_FAULTS = 3;

/** How often a part is played; the last time its answers must be the right ones. */
const MAX_PLAYS = 6;
const LATER = Symbol('later');

/** @returns false if there will be none */
async function laterTurn({ signal, pace }: PlayOptions): Promise<boolean> {
  await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined);
  return pace();
}

class Stopped extends Error {}
class Late extends Error {}

export async function playScript(parts: readonly Part[], options: PlayOptions): Promise<Played> {
  const played: Played = { verdict: 'expected', requests: [], faults: [] };
  const startedMs = performance.now();
  for (const [i, { label, steps, again }] of parts.entries()) {
    if (i > 0 && !(await options.pace())) return { ...played, verdict: verdictOfCut(played) };
    let player = new Player(options, { label, played, startedMs });
    try {
      let fault = await player.play(steps, again);
      for (let plays = 2; fault === LATER; plays++) {
        await player.close();
        if (!(await laterTurn(options))) throw new Stopped();
        player = new Player(options, { label, played, startedMs });
        fault = await player.play(steps, plays < MAX_PLAYS ? again : undefined);
      }
      if (fault !== null) {
        played.verdict = 'unexpected';
        played.faults.push(label === '' ? fault : `${label}: ${fault}`);
      }
    } catch (error) {
      if (error instanceof Stopped || error instanceof Late)
        return { ...played, verdict: verdictOfCut(played) };
      played.verdict = 'unexpected';
      played.faults.push(`the sender failed: ${shown((error as Error).message)}`);
    } finally {
      await player.close();
    }
    if (played.faults.length >= MAX_FAULTS) break;
  }
  return played;
}

/** What was wrong before it was cut stays wrong. */
const verdictOfCut = ({ faults }: Played): Played['verdict'] =>
  faults.length > 0 ? 'unexpected' : 'cut';

class Player {
  readonly #options: PlayOptions;
  readonly #label: string;
  readonly #played: Played;
  readonly #startedMs: number;
  #connection: Connection | null = null;
  #lastMs = performance.now();

  constructor(
    options: PlayOptions,
    { label, played, startedMs }: { label: string; played: Played; startedMs: number },
  ) {
    this.#options = options;
    this.#label = label;
    this.#played = played;
    this.#startedMs = startedMs;
  }

  /** @returns what was not as expected, or null */
  async play(
    steps: readonly Step[],
    again: Expected | undefined,
  ): Promise<string | typeof LATER | null> {
    let connection = await this.#connect();
    for (const step of steps) {
      if (typeof connection === 'string') return connection;
      switch (step.do) {
        case 'send':
          await connection.write(step.bytes);
          break;
        case 'drip':
          await this.#drip(connection, step);
          break;
        case 'finish':
          connection.finish();
          break;
        case 'drop':
          connection.drop();
          this.#see('error:dropped', true, 'dropped');
          break;
        case 'reconnect':
          await connection.close();
          connection = await this.#connect();
          break;
        case 'answer': {
          const came = await connection.answer();
          if (
            step.withinMs !== undefined &&
            performance.now() - this.#startedMs > step.withinMs &&
            came.kind === 'answer'
          )
            throw new Late();
          if (again && matches(again, came)) {
            this.#see(classOf(came), true, wordsOfCame(came));
            return LATER;
          }
          const fault = this.#judge(came, step.oneOf);
          if (fault !== null) return fault;
          // One of the right ends of a request with more to come: there is no more.
          if (came.kind !== 'answer') return null;
          break;
        }
        case 'hold': {
          const fault = this.#judge(await connection.hold(step.ms), step.oneOf);
          if (fault !== null) return fault;
          break;
        }
        case 'ended': {
          const came = await connection.ended();
          if (came.kind !== 'closed') return `${wordsOfCame(came)}, not the end of the connection`;
          break;
        }
      }
    }
    return typeof connection === 'string' ? connection : null;
  }

  close(): Promise<void> {
    return this.#connection?.close() ?? Promise.resolve();
  }

  async #connect(): Promise<Connection | string> {
    const connection = new Connection(this.#options);
    this.#connection = connection;
    this.#lastMs = performance.now();
    const code = await connection.opened();
    if (code === null) return connection;
    const came: Came = { kind: 'unconnected', code };
    this.#see(classOf(came), false, wordsOfCame(came));
    return wordsOfCame(came);
  }

  async #drip(
    connection: Connection,
    { bytes, pieceBytes, everyMs }: Extract<Step, { do: 'drip' }>,
  ): Promise<void> {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      if (at > 0 && (await connection.somethingWithin(everyMs))) return;
      await connection.write(bytes.subarray(at, at + pieceBytes));
    }
  }

  #judge(came: Came, oneOf: readonly Expected[]): string | null {
    const asExpected = oneOf.some((expected) => matches(expected, came));
    const words = wordsOfCame(came);
    this.#see(classOf(came), asExpected, words);
    return asExpected ? null : `${words}, not ${wordsOfExpected(oneOf)}`;
  }

  #see(answer: AnswerClass, asExpected: boolean, came: string): void {
    const now = performance.now();
    const ms = now - this.#lastMs;
    this.#lastMs = now;
    this.#played.requests.push({ label: this.#label, answer, asExpected, came, ms });
  }
}

/** k6's numbers where k6 has one (results/answers.ts), else a word. */
export function classOf(came: Came): AnswerClass {
  switch (came.kind) {
    case 'answer':
      return String(came.response.status);
    case 'closed':
      return came.reset ? 'error:1220' : 'error:closed';
    case 'silent':
      return came.held ? 'error:silent' : 'error:1050';
    case 'malformed':
    case 'more':
      return 'error:malformed';
    case 'unconnected':
      if (came.code === 'ECONNREFUSED') return 'error:1212';
      if (came.code === 'ETIMEDOUT') return 'error:1211';
      if (came.code === 'ENOTFOUND' || came.code === 'EAI_AGAIN') return 'error:1100';
      return /CERT|EPROTO|TLS|SSL|ISSUER|ALTNAME/.test(came.code) ? 'error:1300' : 'error:1210';
  }
}

/**
 * Sends one request on a connection of its own. @param onSent called when the connection stands, right before the first byte
 * @returns what came; null: there was no connection, or all was stopped
 */
export async function askOnce(
  request: Uint8Array,
  options: PlayOptions,
  onSent: () => void = () => undefined,
): Promise<Came | null> {
  if (options.signal.aborted) return null;
  const connection = new Connection(options);
  try {
    if ((await connection.opened()) !== null) return null;
    onSent();
    await connection.write(request);
    return await connection.answer();
  } catch (error) {
    if (error instanceof Stopped) return null;
    throw error;
  } finally {
    await connection.close();
  }
}

/**
 * How far the target's clock is ahead of ours, in milliseconds, from the Date header of its answer to `request`.
 * @returns null if it gave none, or took longer than the edges of cases allow for
 */
export async function clockOffsetOf(
  request: Uint8Array,
  nowMs: () => number,
  options: PlayOptions,
): Promise<number | null> {
  let sentMs = 0;
  const came = await askOnce(request, options, () => (sentMs = nowMs()));
  const tookMs = nowMs() - sentMs;
  if (came?.kind !== 'answer' || tookMs > MAX_CLOCK_ANSWER_MS) return null;
  const secondMs = Date.parse(came.response.headers.get('date') ?? '');
  // The Date is a second cut off: half a second more is its mean.
  return Number.isNaN(secondMs) ? null : secondMs + 500 - (sentMs + tookMs / 2);
}

const MAX_CLOCK_ANSWER_MS = 1000;

/** One connection, its bytes read as answers. */
class Connection {
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal;
  readonly #reader = new ResponseReader();
  readonly #onAbort = () => this.#socket.destroy();
  #open = false;
  /** The other side ended, or all is over. */
  #over = false;
  #closed = false;
  #error: NodeJS.ErrnoException | null = null;
  /** Called at whatever happens. */
  #wake: () => void = () => undefined;

  constructor({ address, timeoutMs, signal }: PlayOptions) {
    const { host, port, tls } = address;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    const to = { host, port, allowHalfOpen: true, noDelay: true };
    this.#socket = tls
      ? connectTls({ ...(isIP(host) ? {} : { servername: host }), ...tls, ...to })
      : connectTcp(to);
    this.#socket.once(tls ? 'secureConnect' : 'connect', () => {
      this.#open = true;
      this.#wake();
    });
    this.#socket.on('data', (chunk: Buffer) => {
      this.#reader.push(chunk);
      this.#wake();
    });
    this.#socket.once('end', () => this.#end());
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#error ??= error;
      this.#wake();
    });
    this.#socket.once('close', () => {
      this.#closed = true;
      this.#end();
    });
    signal.addEventListener('abort', this.#onAbort);
    if (signal.aborted) this.#socket.destroy();
  }

  #end(): void {
    this.#over = true;
    this.#reader.end();
    this.#wake();
  }

  /** @returns null when it is open, else why not */
  async opened(): Promise<string | null> {
    await this.#until(() => this.#open || this.#over, this.#timeoutMs);
    if (this.#open) return null;
    if (!this.#over) return 'ETIMEDOUT';
    return this.#error?.code ?? 'closed';
  }

  /** Waits until the bytes are with the system; one who does not take them is seen at the answer. */
  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#socket.writable) return;
    let written = false;
    this.#socket.write(bytes, () => {
      written = true;
      this.#wake();
    });
    await this.#until(() => written || this.#over, this.#timeoutMs);
  }

  finish(): void {
    this.#socket.end();
  }

  drop(): void {
    // RST instead of FIN; node cannot through TLS, but the end of TLS is missing there as well.
    if (!(this.#socket instanceof TLSSocket) && !this.#over) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  /** The next answer, or why there is none. */
  async answer(): Promise<Came> {
    return (await this.#next(this.#timeoutMs)) ?? this.#silence(this.#timeoutMs, false);
  }

  /** What comes within `ms`. */
  async hold(ms: number): Promise<Came> {
    return (await this.#next(ms)) ?? this.#silence(ms, true);
  }

  #silence(ms: number, held: boolean): Came {
    const { rest } = this.#reader;
    return rest === ''
      ? { kind: 'silent', ms, held }
      : { kind: 'malformed', what: 'an answer that does not end', bytes: rest };
  }

  /** @returns whether anything came within the time */
  async somethingWithin(ms: number): Promise<boolean> {
    return this.#until(() => this.#over || this.#reader.rest !== '', ms);
  }

  async #next(ms: number): Promise<Came | null> {
    let response = this.#reader.next();
    await this.#until(() => {
      response ??= this.#reader.next();
      return response !== null || this.#reader.fault !== null || this.#over;
    }, ms);
    response ??= this.#reader.next();
    if (response !== null) return { kind: 'answer', response };
    const { fault, rest } = this.#reader;
    if (fault !== null) return { kind: 'malformed', what: fault, bytes: rest };
    return this.#over ? this.#closedBy() : null;
  }

  /** The end of the connection, with nothing before it. */
  async ended(): Promise<Came> {
    await this.#until(() => this.#over || this.#reader.rest !== '', this.#timeoutMs);
    const { rest } = this.#reader;
    if (rest !== '') return { kind: 'more', bytes: rest };
    return this.#over ? this.#closedBy() : this.#silence(this.#timeoutMs, false);
  }

  #closedBy(): Came {
    return { kind: 'closed', reset: this.#error !== null };
  }

  /** Destroys it and waits until the system has it back. */
  async close(): Promise<void> {
    this.#socket.destroy();
    if (!this.#closed) await new Promise<void>((resolve) => this.#socket.once('close', resolve));
    this.#signal.removeEventListener('abort', this.#onAbort);
  }

  /** Waits until `holds` or the time is over. @returns whether it held. @throws Stopped when the run ends */
  async #until(holds: () => boolean, ms: number): Promise<boolean> {
    const endMs = performance.now() + ms;
    for (;;) {
      if (this.#signal.aborted) throw new Stopped();
      if (holds()) return true;
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.ceil(leftMs));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = () => undefined;
    }
  }
}
