/**
 * Signed records, made just before they are handed out. The plan (who submits which block) comes in order and follows from
 * the seed; created_at is the second in which a record is signed. So the same seed and plan send the same bytes but for
 * created_at and signature, which follow the clock.
 *
 * A record is handed out at most {@link FRESH_MS} after it was signed, else it is signed anew; with the whole second that
 * created_at is cut to, it is less than 3 s old when its request begins, and never in the future.
 *
 * Memory: blocks of {@link BLOCK} submissions, from their planning until all of them are handed out: those signed ahead, and one
 * for each VU that is behind. What is signed ahead is half a second's need, 4,096 at most.
 */
import { RECORD } from '../../mina/envelope.ts';
import type { PlannedChunk } from '../../producers/corpus-plan.ts';
import type { BatchSigner } from './batch-signer.ts';

/** Submissions planned and signed together: 3 ms of signing. */
export const BLOCK = 64;
export const FRESH_MS = 1000;
const LEAST_AHEAD = BLOCK;
const MOST_AHEAD = 4096;
const AHEAD_MS = 500;
/** Blocks given to the signer at once: what waits longer would be signed with an old time. */
const SIGNING_AT_ONCE = 8;
/** No sender is as far ahead of what was handed out: each VU has one lease at most. */
const FARTHEST = 1_000_000;

/** `taken`: it was handed out before; `outside`: no such submission is due. */
export class StockError extends Error {
  readonly reason: 'taken' | 'outside';
  constructor(reason: 'taken' | 'outside', message: string) {
    super(message);
    this.reason = reason;
  }
}

type Block = Omit<PlannedChunk, 'createdAt'> & {
  /** Seconds since 1970, as handed out; 0: not yet. */
  handedOut: Uint32Array;
  left: number;
  /** The last signing: when it began, in ms since 1970, and the records of the whole block. */
  signing: Signing | null;
};

type Signing = { atMs: number; records: Promise<Uint8Array> };
const NOTHING = Promise.resolve(new Uint8Array());

export type StockOptions = {
  /** The plan in order, in chunks of {@link BLOCK}. */
  chunks: Iterator<PlannedChunk, void>;
  /** Submissions in all. */
  count: number;
  signer: BatchSigner;
  /** A block was handed out whole, or is left when all ends: created_at of each submission (seconds since 1970), 0 for none. */
  onHandedOut: (first: number, createdAt: Uint32Array) => void;
  /** Expected submissions per second, for the first second. */
  ratePerSecond: number;
  /** Milliseconds since 1970. */
  now?: () => number;
};

export class RecordStock {
  readonly #options: Required<StockOptions>;
  readonly #blocks = new Map<number, Block>();
  #plannedBlocks = 0;
  #signing = 0;
  readonly #queue: (() => void)[] = [];
  #highest = 0;
  /** What the last whole second needed. */
  #pace: number;
  #second = 0;
  #inSecond = 0;

  constructor(options: StockOptions) {
    this.#options = { now: Date.now, ...options };
    this.#pace = options.ratePerSecond;
  }

  /** Blocks in memory. */
  get blocks(): number {
    return this.#blocks.size;
  }

  /**
   * Records of submissions `first` to `first + n - 1`; each is handed out once.
   * @param onTemplate gets the index of each one's body template
   * @returns n * RECORD.bytes
   * @throws StockError; Error when the signer fails
   */
  async take(
    first: number,
    n: number,
    onTemplate: (index: number, template: number) => void = () => undefined,
  ): Promise<Uint8Array> {
    const { count } = this.#options;
    if (first + n > count || first + n > this.#highest + FARTHEST)
      throw new StockError('outside', `submissions ${first} to ${first + n - 1} are not due`);
    const pieces: { block: Block; from: number; to: number }[] = [];
    for (let index = first; index < first + n;) {
      const number = Math.floor(index / BLOCK);
      const block = this.#blockAt(number);
      const from = index - number * BLOCK;
      const to = Math.min(BLOCK, from + first + n - index);
      if (block === null || block.handedOut.subarray(from, to).some((seconds) => seconds > 0))
        throw new StockError('taken', `of ${first} to ${first + n - 1} some were handed out`);
      // Marked at once, so that nobody else gets them while they are signed.
      block.handedOut.fill(1, from, to);
      pieces.push({ block, from, to });
      index += to - from;
    }
    this.#highest = Math.max(this.#highest, first + n);
    this.#count(n);
    const fresh = pieces.map(({ block }) => this.#fresh(block));
    this.#signAhead();
    const out = new Uint8Array(n * RECORD.bytes);
    let at = 0;
    for (const [p, { block, from, to }] of pieces.entries()) {
      const { atMs, records } = fresh[p];
      const whole = await records;
      out.set(whole.subarray(from * RECORD.bytes, to * RECORD.bytes), at);
      at += (to - from) * RECORD.bytes;
      block.handedOut.fill(secondsOf(atMs()), from, to);
      for (let k = from; k < to; k++) onTemplate(block.first + k, block.templates[k]);
      block.left -= to - from;
      if (block.left === 0) this.#close(block);
    }
    return out;
  }

  /** Signs some records and throws them away, so that the first sender need not wait for the thread to set up. */
  async warmUp(): Promise<void> {
    const block = this.#blockAt(0);
    if (block !== null) await this.#fresh(block).records;
  }

  /** What was handed out of blocks that are not done goes to `onHandedOut`. */
  end(): void {
    for (const block of [...this.#blocks.values()]) {
      // 1: asked for, and never signed.
      const seconds = block.handedOut.map((value) => (value > 1 ? value : 0));
      if (seconds.some((value) => value > 0)) this.#options.onHandedOut(block.first, seconds);
    }
    this.#blocks.clear();
  }

  #close(block: Block): void {
    this.#blocks.delete(block.first / BLOCK);
    this.#options.onHandedOut(block.first, block.handedOut);
  }

  /** @returns null if all of it was handed out */
  #blockAt(number: number): Block | null {
    while (this.#plannedBlocks <= number) {
      const next = this.#options.chunks.next();
      if (next.done === true) return null;
      const { first, templates, producers } = next.value;
      const size = templates.length;
      const block = { first, templates, producers, handedOut: new Uint32Array(size), left: size };
      this.#blocks.set(this.#plannedBlocks++, { ...block, signing: null });
    }
    return this.#blocks.get(number) ?? null;
  }

  /** The block's records, signed not long ago. `atMs`: when, known once they are there. */
  #fresh(block: Block): { atMs: () => number; records: Promise<Uint8Array> } {
    const { now, signer } = this.#options;
    if (block.signing === null || !isFresh(now() - block.signing.atMs)) {
      // It may wait for its turn: its time is that of its turn.
      const signing: Signing = { atMs: Infinity, records: NOTHING };
      signing.records = this.#turn(() => {
        signing.atMs = now();
        const { templates, producers } = block;
        const createdAt = new Uint32Array(templates.length).fill(secondsOf(signing.atMs));
        return signer.sign({ templates, producers, createdAt });
      });
      // Whoever takes it gets the error; one signed ahead may have nobody.
      signing.records.catch(() => undefined);
      block.signing = signing;
    }
    const { signing } = block;
    return { atMs: () => signing.atMs, records: signing.records };
  }

  #signAhead(): void {
    const { count } = this.#options;
    const ahead = Math.min(
      MOST_AHEAD,
      Math.max(LEAST_AHEAD, Math.ceil((this.#pace * AHEAD_MS) / 1000)),
    );
    const last = Math.min(count, this.#highest + ahead) - 1;
    for (let number = Math.floor(this.#highest / BLOCK); number * BLOCK <= last; number++) {
      if (this.#queue.length > 0) return;
      const block = this.#blockAt(number);
      if (block?.signing === null) this.#fresh(block);
    }
  }

  async #turn(sign: () => Promise<Uint8Array>): Promise<Uint8Array> {
    if (this.#signing >= SIGNING_AT_ONCE)
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#signing++;
    try {
      return await sign();
    } finally {
      this.#signing--;
      this.#queue.shift()?.();
    }
  }

  #count(n: number): void {
    const second = secondsOf(this.#options.now());
    if (second !== this.#second) {
      if (this.#second > 0) this.#pace = second === this.#second + 1 ? this.#inSecond : 0;
      this.#second = second;
      this.#inSecond = 0;
    }
    this.#inSecond += n;
  }
}

/** @param ageMs -Infinity: it waits for its turn. Below 0: the clock was set back, and its time would be in the future */
const isFresh = (ageMs: number): boolean =>
  ageMs === -Infinity || (ageMs >= 0 && ageMs <= FRESH_MS);

const secondsOf = (ms: number): number => Math.floor(ms / 1000);
