/**
 * Who submits which block when, in a network of block producers: a simulation in the network's own time.
 *
 * A node submits once each five slots (MinaProtocol/mina, src/lib/uptime_service/uptime_service.ml): the block that
 * it makes, at once and without snark work; else the best tip that it knows, when its snark work is made. So the producers fall
 * into five waves, one a slot. Here each slot has one block (no slot stays empty), as the program's mock of 15
 * producers has: each block then comes from a wave, a fifth of the fleet. Simpler than the network: the maker of a slot's block
 * is one of the slot's wave, since only such a one submits its block.
 *
 * What disturbs this: forks (two blocks of one height, part of the wave sees the other first), late nodes (they see blocks some
 * slots late) and lagging nodes (always some blocks behind).
 *
 * Pure but for the random streams: everything follows from the shape and its seed.
 */
import { type EraName, ERAS, submissionPeriodMs } from '../mina/eras.ts';
import { RandomStream } from './random.ts';

/** How long a node waits after a failure before it sends the same again. */
export const RETRY_MS = 64_000;

/** A maker's block is made this long after its slot began, and sent so much later. */
const MAKING_MS = { least: 200, most: 2000 } as const;
const SENDING_MS = { least: 100, most: 500 } as const;
/** How long after the slot began a node's snark work is ready: its own time, the same each cycle, and a little more or less. */
const SNARK_WORK_MS = { least: 10_000, most: 60_000 } as const;
const JITTER_MS = 2000;
/** No submission comes later in its slot. */
const LATEST_IN_SLOT_MS = SNARK_WORK_MS.most + JITTER_MS;
/** How far two submissions of one producer are apart. */
export const leastGapMs = (era: EraName): number => submissionPeriodMs(era) - LATEST_IN_SLOT_MS;
export const mostGapMs = (era: EraName): number => submissionPeriodMs(era) + LATEST_IN_SLOT_MS;

/** How many slots late a late node sees a block, and how many blocks behind a lagging one is; each equally likely. */
const LATE_SLOTS = { least: 1, most: 3 } as const;
const LAGGING_BLOCKS = { least: 2, most: 5 } as const;
/** Blocks from before the beginning, for those who are behind. */
const BLOCKS_BEFORE = LAGGING_BLOCKS.most;

/** `shares`: 0 to 1. */
export type NetworkShape = {
  /** Whose slots and cycles. */
  era: EraName;
  /** At least 1. */
  producers: number;
  /** In the network's time. */
  durationMs: number;
  seed: string;
  /** Share of slots with a second block of the same height; where a wave has one node only there is none. */
  forkShare: number;
  /** Share of submissions whose node sees blocks late. */
  lateShare: number;
  /** Share of producers that lag behind, rounded to whole ones. */
  laggingShare: number;
};

export type NetworkBlock = {
  /** From 0 at the beginning; those before it are below. */
  slot: number;
  /** Place of its parent in the list; -1: it is the first. */
  parent: number;
  /** Place of its maker in the fleet. */
  maker: number;
  /** It lost against another block of its slot: nothing follows it. */
  isFork: boolean;
};

/** Why a node submits the block that it does. */
export const SUBMISSION_KINDS = ['maker', 'tip', 'late', 'lagging'] as const;
export type SubmissionKind = (typeof SUBMISSION_KINDS)[number];

export type NetworkPlan = {
  shape: NetworkShape;
  /** In order of slots; a slot's fork follows its main block. */
  blocks: NetworkBlock[];
  /** The wave of each producer: it submits in slots wave, wave + 5, … */
  waves: Uint8Array;
  /** Submissions in order of time: entry i is of submission i. */
  submissions: {
    count: number;
    /** Milliseconds of the network's time from the beginning, ascending, below `durationMs`. */
    atMs: Float64Array;
    producers: Uint32Array;
    /** Places in `blocks`. */
    blocks: Uint32Array;
    /** Places in {@link SUBMISSION_KINDS}. */
    kinds: Uint8Array;
  };
};

/** How many submissions a plan has at most. */
export const mostSubmissions = ({ era, producers, durationMs }: NetworkShape): number =>
  producers * Math.ceil(durationMs / submissionPeriodMs(era));

/** @throws RangeError for a shape outside its ranges */
export function planNetwork(shape: NetworkShape): NetworkPlan {
  checkShape(shape);
  const { era, producers, durationMs, seed } = shape;
  const { slotTimeMs, submissionSlots } = ERAS[era];
  // Streams of their own, so that one share does not move what another decides.
  const random = new RandomStream(seed, 'network');
  const lagging = new RandomStream(seed, 'network lagging');
  const forks = new RandomStream(seed, 'network forks');
  const between = ({ least, most }: { least: number; most: number }, stream = random) =>
    least + stream.below(most - least + 1);
  const happens = (share: number, stream = random) => stream.next() < share * 2 ** 32;

  const dealt = Uint32Array.from({ length: producers }, (_, i) => i);
  random.shuffle(dealt);
  const waves = new Uint8Array(producers);
  const members: number[][] = Array.from({ length: submissionSlots }, () => []);
  dealt.forEach((producer, place) => {
    waves[producer] = place % submissionSlots;
    members[waves[producer]].push(producer);
  });
  const readyMs = Float64Array.from(dealt, () => between(SNARK_WORK_MS));
  const ranked = dealt.slice();
  lagging.shuffle(ranked);
  const behind = new Uint8Array(producers);
  for (const producer of ranked.subarray(0, Math.round(producers * shape.laggingShare)))
    behind[producer] = between(LAGGING_BLOCKS, lagging);

  const blocks: NetworkBlock[] = [];
  /** The main block of a slot; all slots have one. */
  const mainOf: number[] = [];
  const addMain = (slot: number, maker: number) => {
    mainOf.push(blocks.length);
    blocks.push({ slot, parent: mainOf.at(-2) ?? -1, maker, isFork: false });
  };
  const mainAt = (slot: number) => mainOf[slot + BLOCKS_BEFORE];
  for (let slot = -BLOCKS_BEFORE; slot < 0; slot++) addMain(slot, random.below(producers));

  const planned: { atMs: number; producer: number; block: number; kind: SubmissionKind }[] = [];
  for (let slot = 0; slot * slotTimeMs < durationMs; slot++) {
    const wave = members[slot % submissionSlots];
    const able = wave.filter((producer) => behind[producer] === 0);
    const maker = able.length > 0 ? able[random.below(able.length)] : undefined;
    addMain(slot, maker ?? random.below(producers));
    const main = mainAt(slot);
    const others = able.filter((producer) => producer !== maker);
    const forkMaker =
      happens(shape.forkShare, forks) && others.length > 0
        ? others[forks.below(others.length)]
        : undefined;
    const fork = main + 1;
    if (forkMaker !== undefined) blocks.push({ ...blocks[main], maker: forkMaker, isFork: true });

    const from = slot * slotTimeMs;
    const wavesSubmissions = wave.map((producer): (typeof planned)[number] => {
      if (producer === maker || producer === forkMaker) {
        const atMs = from + between(MAKING_MS) + between(SENDING_MS);
        return { atMs, producer, block: producer === maker ? main : fork, kind: 'maker' };
      }
      const atMs = from + readyMs[producer] + between({ least: -JITTER_MS, most: JITTER_MS });
      const isLate = happens(shape.lateShare);
      const lateSlots = between(LATE_SLOTS);
      const seesFork = happens(0.5);
      if (behind[producer] > 0)
        return { atMs, producer, block: mainAt(slot - behind[producer]), kind: 'lagging' };
      if (isLate) return { atMs, producer, block: mainAt(slot - lateSlots), kind: 'late' };
      const block = forkMaker !== undefined && seesFork ? fork : main;
      return { atMs, producer, block, kind: 'tip' };
    });
    // Waves do not overlap: sorted one by one, all are in order.
    wavesSubmissions.sort((a, b) => a.atMs - b.atMs || a.producer - b.producer);
    for (const submission of wavesSubmissions)
      if (submission.atMs < durationMs) planned.push(submission);
  }
  return {
    shape,
    blocks,
    waves,
    submissions: {
      count: planned.length,
      atMs: Float64Array.from(planned, ({ atMs }) => atMs),
      producers: Uint32Array.from(planned, ({ producer }) => producer),
      blocks: Uint32Array.from(planned, ({ block }) => block),
      kinds: Uint8Array.from(planned, ({ kind }) => SUBMISSION_KINDS.indexOf(kind)),
    },
  };
}

function checkShape({ producers, durationMs, ...shares }: NetworkShape): void {
  if (!Number.isSafeInteger(producers) || producers < 1)
    throw new RangeError(`producers must be a whole number from 1, not ${producers}`);
  if (!(durationMs > 0) || !Number.isFinite(durationMs))
    throw new RangeError(`durationMs must be above 0, not ${durationMs}`);
  for (const name of ['forkShare', 'lateShare', 'laggingShare'] as const)
    if (!(shares[name] >= 0 && shares[name] <= 1))
      throw new RangeError(`${name} must be from 0 to 1, not ${shares[name]}`);
}
