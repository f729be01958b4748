/** What the benchmarks share: the form of a figure, and timing that a busy machine disturbs least. */

/** One figure: a JSON line on standard output. */
export type BenchLine = {
  bench: string;
  case: string;
  value: number;
  unit: string;
  /** Measured in the same run; null where there is none on this machine. */
  peer: string | null;
  peer_value: number | null;
  /** `value / peer_value`: above 1 is better for us unless the unit says otherwise. */
  ratio: number | null;
};

/**
 * Best of `rounds` after one to warm up, in seconds: other work on the machine only ever adds time.
 * @param rounds at least 1
 */
export function bestSeconds(work: () => void, rounds = 3): number {
  work();
  let best = Infinity;
  for (let round = 0; round < rounds; round++) {
    const startedMs = performance.now();
    work();
    best = Math.min(best, (performance.now() - startedMs) / 1000);
  }
  return best;
}
