/**
 * The Node part of the `hostile` scenario: plays the hostile cases in rounds, at a bounded rate, beside the good load of k6.
 * k6 cannot send them: it always gives a length, always ends its bodies, and has no raw sockets.
 */
import { setMaxListeners } from 'node:events';
import type { ConnectionOptions } from 'node:tls';
import { RandomStream } from '../../producers/random.ts';
import type { AnswerClass, HostileCaseFigures, HostileFigures } from '../../results/types.ts';
import { submitUrl } from '../target/target.ts';
import { type HostileCase, type HostileContext, SAME_SECOND } from './cases.ts';
import { hostileKeysCommand, LEAST_LISTED } from './material.ts';
import {
  type Address,
  askOnce,
  clockOffsetOf,
  type Played,
  type PlayOptions,
  playScript,
} from './player.ts';
import { RateGate } from './rate-gate.ts';
import { wordsOfScript } from './script.ts';
import { askWhitelist } from './whitelist-question.ts';

export type HostileOptions = {
  /** As the good load has it, with or without `/v1/submit`. Whether it may be loaded was checked before. */
  url: string;
  /** For https, beside what the URL says. */
  tls?: ConnectionOptions;
  cases: readonly HostileCase[];
  context: Omit<HostileContext, 'host' | 'path'>;
  /** New connections per second, all cases together. */
  ratePerSecond: number;
  /** Decides the order. */
  seed: string;
  /** How long one answer, one connect or one write may take. */
  timeoutMs: number;
  /** Ends it, like stop(). */
  signal?: AbortSignal;
  /** Rounds through all cases; default: until it is stopped. */
  rounds?: number;
  /** Connections of short cases at a time, {@link MAX_SHORT}, and of cases that are held, {@link MAX_HELD}. */
  maxShort?: number;
  maxHeld?: number;
  onOutcome?: (outcome: HostileOutcome) => void;
};

/** One case that was played. */
export type HostileOutcome = Played & {
  /** When it ended, milliseconds since 1970. */
  t: number;
  name: string;
  durationMs: number;
};

export type HostileRun = {
  /** Resolves when all rounds are done, or after a stop, with every socket closed. Rejects for an error of ours only. */
  done: Promise<HostileFigures>;
  /** Ends what is under way; those requests count as cut. */
  stop(): Promise<HostileFigures>;
};

const MAX_SHORT = 8;
const MAX_HELD = 64;
const MAX_EXAMPLES = 3;
/** A Date header has whole seconds, so less than this says nothing. */
const CLOCK_TOLERANCE_MS = 1500;

/**
 * The order in which cases are played: cases of kind `once` first, then round after round, each in a new order by the seed.
 * @param rounds may be Infinity
 */
export function* hostileOrder(
  cases: readonly HostileCase[],
  seed: string,
  rounds: number,
): Generator<{ round: number; hostile: HostileCase }> {
  const random = new RandomStream(seed, 'hostile');
  const repeated = cases.filter(({ kind }) => kind !== 'once');
  for (const hostile of cases) if (hostile.kind === 'once') yield { round: 0, hostile };
  const order = Uint32Array.from(repeated, (_, i) => i);
  for (let round = 0; round < rounds && order.length > 0; round++) {
    random.shuffle(order);
    for (const i of order) yield { round, hostile: repeated[i] };
  }
}

/** Starts at once. @throws RangeError for a rate that is not above 0 */
export function startHostile(options: HostileOptions): HostileRun {
  const sender = new HostileSender(options);
  const done = sender.run();
  return {
    done,
    stop() {
      sender.stop();
      return done;
    },
  };
}

class HostileSender {
  readonly #options: HostileOptions;
  readonly #context: HostileContext;
  readonly #address: Address;
  readonly #stopping = new AbortController();
  readonly #gate: RateGate;
  readonly #figures: Map<string, HostileCaseFigures>;
  readonly #short = new Set<Promise<void>>();
  readonly #held = new Set<Promise<void>>();
  readonly #onSignal = () => this.stop();
  #rounds = 0;
  #answers: Record<AnswerClass, number> = {};
  #error: unknown = null;
  /** What the target's whitelist lacks; null: nothing, or it is not known. */
  #unlisted: NonNullable<HostileFigures['unlisted']> | null = null;

  constructor(options: HostileOptions) {
    this.#options = options;
    const url = new URL(submitUrl(options.url));
    setMaxListeners(0, this.#stopping.signal); // one a connection
    const isTls = url.protocol === 'https:';
    this.#address = {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port) || (isTls ? 443 : 80),
      ...(isTls && { tls: options.tls ?? {} }),
    };
    this.#context = { ...options.context, host: url.host, path: url.pathname + url.search };
    this.#gate = new RateGate(options.ratePerSecond, this.#stopping.signal);
    this.#figures = new Map(
      options.cases.map(({ name, check, what }) => [
        name,
        {
          name,
          check,
          what,
          expected: '',
          played: 0,
          asExpected: 0,
          unexpected: 0,
          cut: 0,
          requests: 0,
          examples: [],
        },
      ]),
    );
  }

  stop(): void {
    this.#stopping.abort();
  }

  async run(): Promise<HostileFigures> {
    const { cases, seed, rounds = Infinity, signal } = this.#options;
    let begun = 0;
    signal?.addEventListener('abort', this.#onSignal);
    if (signal?.aborted) this.stop();
    try {
      await this.#setClock();
      await this.#askWhitelist();
      for (const { round, hostile } of hostileOrder(cases, seed, rounds)) {
        if (this.#stopping.signal.aborted) break;
        this.#rounds = round;
        await this.#begin(hostile);
        if (!this.#stopping.signal.aborted) begun = round + 1;
      }
      // What was stopped was no whole round.
      if (!this.#stopping.signal.aborted) this.#rounds = begun;
      await Promise.all([...this.#short, ...this.#held]);
    } finally {
      signal?.removeEventListener('abort', this.#onSignal);
    }
    if (this.#error !== null) throw this.#error as Error;
    return this.#result();
  }

  /** The edge of the future is in the target's time, as its Date header tells. */
  async #setClock(): Promise<void> {
    const { host, path, headers, nowMs } = this.#context;
    const request = [`POST ${path} HTTP/1.1`, `Host: ${host}`, ...headers, 'Content-Length: 2'];
    const bytes = Buffer.from(`${request.join('\r\n')}\r\nConnection: close\r\n\r\n{}`, 'latin1');
    const offsetMs = await clockOffsetOf(bytes, nowMs, this.#playOptions(false));
    if (offsetMs !== null && Math.abs(offsetMs) > CLOCK_TOLERANCE_MS)
      this.#context.nowMs = () => nowMs() + offsetMs;
  }

  /** Without its keys in the whitelist a case would only show that they are not in it. */
  async #askWhitelist(): Promise<void> {
    const context = this.#context;
    if (context.whitelist !== 'unknown') return;
    const { whitelist, listed } = await askWhitelist(context, (request) =>
      askOnce(request, this.#playOptions(false)),
    );
    context.whitelist = whitelist;
    const { members } = context.material;
    if (listed.length === members.length) return;
    if (listed.length >= LEAST_LISTED) context.material.keepOnly(listed);
    else
      this.#unlisted = {
        listed: listed.length,
        of: members.length,
        command: hostileKeysCommand(this.#options.seed),
      };
  }

  #playOptions(urgent: boolean): PlayOptions {
    return {
      address: this.#address,
      timeoutMs: this.#options.timeoutMs,
      signal: this.#stopping.signal,
      pace: () => this.#gate.next(urgent),
    };
  }

  /** Waits for its turn, then plays it beside the others. */
  async #begin(hostile: HostileCase): Promise<void> {
    const { maxShort = MAX_SHORT, maxHeld = MAX_HELD } = this.#options;
    const { kind, copies = 1 } = hostile;
    for (let copy = 0; copy < copies; copy++) {
      if (kind === undefined) {
        while (this.#short.size >= maxShort) await Promise.race(this.#short);
      } else if (this.#held.size >= maxHeld) {
        // The next round has it again. Without its turn, rounds of nothing else would spin.
        await this.#gate.next();
        return;
      }
      if (!(await this.#gate.next())) return;
      const among = kind === undefined ? this.#short : this.#held;
      const playing = this.#play(hostile)
        .catch((error: unknown) => {
          // An error of ours, or of who listens: it ends the sending.
          this.#error ??= error;
          this.stop();
        })
        .finally(() => among.delete(playing));
      among.add(playing);
    }
  }

  async #play(hostile: HostileCase): Promise<void> {
    const figures = this.#figures.get(hostile.name)!;
    const startedMs = performance.now();
    if (this.#unlisted !== null && hostile.needsListed) {
      const { listed, of, command } = this.#unlisted;
      figures.notRun = `the target's whitelist has ${listed} of its ${of} producers: ${command} prints their keys`;
      return;
    }
    const script = hostile.build(this.#context);
    if ('notRun' in script) {
      figures.notRun = script.notRun;
      return;
    }
    figures.expected ||= wordsOfScript(script.parts);
    // A submission that must wait for its second is right all the same.
    const parts = this.#context.faithful
      ? script.parts
      : script.parts.map((part) => ({ ...part, again: SAME_SECOND }));
    const played = await playScript(parts, this.#playOptions(hostile.kind === 'once'));
    this.#record(figures, played);
    const durationMs = performance.now() - startedMs;
    this.#options.onOutcome?.({ ...played, t: Date.now(), name: hostile.name, durationMs });
  }

  #record(figures: HostileCaseFigures, { verdict, requests, faults }: Played): void {
    figures.requests += requests.length;
    if (verdict === 'cut') figures.cut++;
    else figures.played++;
    if (verdict === 'expected') figures.asExpected++;
    if (verdict === 'unexpected') figures.unexpected++;
    for (const fault of faults)
      if (figures.examples.length < MAX_EXAMPLES && !figures.examples.includes(fault))
        figures.examples.push(fault);
    for (const { answer } of requests) this.#answers[answer] = (this.#answers[answer] ?? 0) + 1;
  }

  #result(): HostileFigures {
    const cases = [...this.#figures.values()];
    const sum = (key: 'requests' | 'played' | 'asExpected' | 'unexpected' | 'cut'): number =>
      cases.reduce((total, figures) => total + figures[key], 0);
    return {
      rounds: this.#rounds,
      requests: sum('requests'),
      answers: this.#answers,
      played: sum('played'),
      asExpected: sum('asExpected'),
      unexpected: sum('unexpected'),
      cut: sum('cut'),
      ...(this.#unlisted && { unlisted: this.#unlisted }),
      cases,
    };
  }
}
