/** Blocks that were seen in their place lately: many block producers submit the same one, and it need not be looked for each time. */

/** So soon somebody may take a block away again, and it is written once more. */
const TRUST_MS = 1000;
const MOST = 10_000;

export class KnownBlocks {
  readonly #nowMs: () => number;
  /** When a block was last known to be in its place, by hash; the longest ago first. */
  readonly #seen = new Map<string, number>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  has(hash: string): boolean {
    return this.#nowMs() - (this.#seen.get(hash) ?? -Infinity) <= TRUST_MS;
  }

  add(hash: string): void {
    this.#seen.delete(hash);
    this.#seen.set(hash, this.#nowMs());
    if (this.#seen.size > MOST) this.#seen.delete(this.#seen.keys().next().value!);
  }
}
