/**
 * How sure the figures of one run are, from the run alone: its seconds are cut into blocks, and the run is put together again from blocks drawn
 * at random (Künsch 1989). Seconds alone would do as if each were independent; a queue or a garbage collection lasts longer than one.
 * That is the noise within a run only: two runs of one thing differ by more. Pure.
 */
import { decodeBuckets, type Bucket } from '../../results/histogram.ts';
import { takenIn } from '../../results/figures.ts';
import type { SampleLine } from '../../results/types.ts';

const SHORTEST_BLOCK_SECONDS = 3;
const MOST_BLOCKS = 30;
/** With fewer, the blocks that were drawn say more than the run. */
const FEWEST_BLOCKS = 6;
const DRAWS = 500;

type Block = { seconds: number; accepted: number; buckets: Bucket[] };

function blocksOf(samples: readonly SampleLine[]): Block[] {
  const length = Math.max(SHORTEST_BLOCK_SECONDS, Math.ceil(samples.length / MOST_BLOCKS));
  const blocks: Block[] = [];
  for (let from = 0; from + length <= samples.length; from += length) {
    const lines = samples.slice(from, from + length);
    const counts = new Map<number, Bucket>();
    for (const { latency } of lines)
      for (const bucket of latency === null ? [] : decodeBuckets(latency.hdr)) {
        const known = counts.get(bucket.lowUs);
        if (known) known.count += bucket.count;
        else counts.set(bucket.lowUs, { ...bucket });
      }
    blocks.push({
      seconds: length,
      accepted: lines.reduce((sum, line) => sum + takenIn(line).accepted, 0),
      buckets: [...counts.values()],
    });
  }
  return blocks;
}

/** By nearest rank, the upper end of the bucket, ms. */
function percentileOf(blocks: readonly Block[], percentile: number): number | null {
  const counts = new Map<number, { highUs: number; count: number }>();
  let all = 0;
  for (const { buckets } of blocks)
    for (const { lowUs, highUs, count } of buckets) {
      all += count;
      const known = counts.get(lowUs);
      if (known) known.count += count;
      else counts.set(lowUs, { highUs, count });
    }
  if (all === 0) return null;
  const rank = Math.ceil((percentile * all) / 100 - 1e-6);
  let passed = 0;
  for (const [, { highUs, count }] of [...counts].sort(([a], [b]) => a - b)) {
    passed += count;
    if (passed >= rank) return highUs / 1000;
  }
  return null;
}

const READERS: Readonly<Record<string, (blocks: readonly Block[]) => number | null>> = {
  p50: (blocks) => percentileOf(blocks, 50),
  p95: (blocks) => percentileOf(blocks, 95),
  p99: (blocks) => percentileOf(blocks, 99),
  throughput: (blocks) => {
    const seconds = blocks.reduce((sum, block) => sum + block.seconds, 0);
    return blocks.reduce((sum, block) => sum + block.accepted, 0) / seconds;
  },
};

/** Figures that have an interval within a run. */
export const FIGURES_WITHIN: readonly string[] = Object.keys(READERS);

export type Interval = { low: number; high: number };

/**
 * The 5th and the 95th percentile of now / base, each run drawn anew 500 times.
 * @param name one of {@link FIGURES_WITHIN} @param random uniform from 0 to 1, seeded by the caller
 * @returns null: a run is too short for it (six blocks of three seconds), or had no such figure
 */
export function ratioWithin(
  name: string,
  base: readonly SampleLine[],
  now: readonly SampleLine[],
  random: () => number,
): Interval | null {
  const read = READERS[name];
  const sides = [blocksOf(base), blocksOf(now)];
  if (read === undefined || sides.some((blocks) => blocks.length < FEWEST_BLOCKS)) return null;
  const draw = (blocks: readonly Block[]): number | null =>
    read(blocks.map(() => blocks[Math.floor(random() * blocks.length)]));
  const ratios: number[] = [];
  for (let i = 0; i < DRAWS; i++) {
    const [from, to] = [draw(sides[0]), draw(sides[1])];
    if (from !== null && to !== null && from > 0 && to > 0) ratios.push(to / from);
  }
  if (ratios.length < DRAWS) return null;
  ratios.sort((a, b) => a - b);
  return { low: ratios[Math.floor(0.05 * DRAWS)], high: ratios[Math.ceil(0.95 * DRAWS) - 1] };
}
