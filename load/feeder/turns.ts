/**
 * Who waits at a paced feeder, and whose turn it is: always that of the lowest submission, so that what is sent stays in the order of the plan, by
 * which two submissions of one producer are kept apart.
 */
import { type AskedRate, Pacer } from './pacer.ts';

export type TurnsOptions = {
  /** At the beginning. */
  perSecond: AskedRate;
  isOpen: boolean;
  /** Milliseconds that never go back. */
  clock?: () => number;
  /** Milliseconds since 1970. */
  now?: () => number;
};

type Waiting = { index: number; untilMs: number; settle: (dueMs: number | null) => void };

/** Node's timers are good to a millisecond, and none is longer than an hour. */
const LONGEST_TIMER_MS = 3_600_000;

export class Turns {
  readonly #pacer: Pacer;
  readonly #clock: () => number;
  readonly #now: () => number;
  /** By index. */
  readonly #waiting: Waiting[] = [];
  /** Of the clock, and since 1970, when the first one asked; null: none has. */
  #began: { clockMs: number; epochMs: number } | null = null;
  /** Changes before the first one asked. */
  #first: AskedRate;
  readonly #isOpen: boolean;
  #timer: NodeJS.Timeout | null = null;
  #missedWhileFree = 0;
  #ended = false;

  constructor(options: TurnsOptions) {
    this.#clock = options.clock ?? (() => performance.now());
    this.#now = options.now ?? Date.now;
    this.#first = options.perSecond;
    this.#isOpen = options.isOpen;
    this.#pacer = new Pacer(options.perSecond, options.isOpen);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get perSecond(): AskedRate {
    return this.#began === null ? this.#first : this.#pacer.perSecond;
  }

  get missed(): number {
    return this.#pacer.missed;
  }

  /** Of these: while a VU waited for its turn, so that it was this program that came too late. */
  get missedWhileFree(): number {
    return this.#missedWhileFree;
  }

  /** Milliseconds since 1970; null: nobody has asked yet. */
  get beganMs(): number | null {
    return this.#began?.epochMs ?? null;
  }

  /** @param ms since {@link beganMs} */
  dueBefore(ms: number): number {
    return this.#pacer.dueBefore(ms);
  }

  /** From now on. @returns what was asked for before */
  change(perSecond: AskedRate): AskedRate {
    const before = this.perSecond;
    if (this.#began === null) {
      this.#first = perSecond;
      return before;
    }
    // Whoever waits for what is due by now has it.
    this.#serve();
    this.#pacer.change(this.#elapsedMs(), perSecond);
    this.#serve();
    return before;
  }

  /** @returns when submission `index` was due, in ms since {@link beganMs}; null: not within `waitMs` */
  turn(index: number, waitMs: number): Promise<number | null> {
    if (this.#began === null) {
      this.#began = { clockMs: this.#clock(), epochMs: this.#now() };
      if (this.#first !== this.#pacer.perSecond) this.#pacer.change(0, this.#first);
    }
    if (this.#ended) return Promise.resolve(null);
    return new Promise((settle) => {
      this.#insert({ index, untilMs: this.#elapsedMs() + waitMs, settle });
      this.#serve(1);
    });
  }

  /** Nobody waits any longer, or will. */
  end(): void {
    this.#ended = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const { settle } of this.#waiting.splice(0)) settle(null);
  }

  #elapsedMs(): number {
    return this.#clock() - this.#began!.clockMs;
  }

  #insert(one: Waiting): void {
    let [low, high] = [0, this.#waiting.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#waiting[middle].index < one.index) low = middle + 1;
      else high = middle;
    }
    this.#waiting.splice(low, 0, one);
  }

  /** Gives out the turns that are due, sends away whoever has waited long enough, and comes again. @param arrived of those that wait, just now */
  #serve(arrived = 0): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const nowMs = this.#elapsedMs();
    const [missed, isFree] = [this.missed, this.#waiting.length > arrived];
    while (this.#waiting.length > 0) {
      const dueMs = this.#pacer.take(nowMs);
      if (dueMs === null) break;
      this.#waiting.shift()!.settle(dueMs);
    }
    if (isFree) this.#missedWhileFree += this.missed - missed;
    for (let i = this.#waiting.length - 1; i >= 0; i--)
      if (this.#waiting[i].untilMs <= nowMs) this.#waiting.splice(i, 1)[0].settle(null);
    if (this.#waiting.length === 0) return;
    const nextMs = this.#waiting.reduce(
      (least, { untilMs }) => Math.min(least, untilMs),
      this.#pacer.nextMs(),
    );
    const inMs = Math.min(LONGEST_TIMER_MS, Math.max(0, nextMs - this.#elapsedMs()));
    this.#timer = setTimeout(() => this.#serve(), inMs);
  }
}
