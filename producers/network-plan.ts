/**
 * Who submits which block when, in a network of block producers: a simulation in the network's own time.
 *
 * A node submits once each five slots of its era (uptime-service.ts): when its cycle begins it takes the best tip that it knows, and sends it
 * when its snark work is made. A node that makes a block within three minutes of its cycle's beginning sends that too, at once and
 * without snark work. In which of the five slots a node's cycles begin follows from when it started, so nodes fall into five waves.
 * Simpler than the network: each slot has one block (no slot stays empty), and its maker is a node that sends it.
 *
 * What disturbs this: forks of a slot (two blocks of one height, part of the wave sees the other first), late nodes (they see blocks some
 * slots late), lagging nodes (always some blocks behind), and nodes of one key that started together (network-nodes.ts).
 *
 * A hard fork (fork-times.ts): the old chain has no more transactions, then no more blocks; nodes go on submitting the last one; then the new
 * era begins with its genesis, on the last block with transactions. Nodes that stay behind go on with the old chain's last block.
 *
 * Pure but for the random streams: everything follows from the shape and its seed.
 */
import { type EraName, ERAS, submissionPeriodMs } from '../mina/eras.ts';
import type { HardFork } from './fork-times.ts';
import { makeNodes, mostPairs, type NetworkNodes, nodeCount, pairCount } from './network-nodes.ts';
import { RandomStream } from './random.ts';
import { JITTER_MS, MAKING_MS, ownBlockSlots, SENDING_MS } from './uptime-service.ts';

/** How many slots late a late node sees a block, and how many blocks behind a lagging one is; each equally likely. */
const LATE_SLOTS = { least: 1, most: 3 } as const;
const LAGGING_BLOCKS = { least: 2, most: 5 } as const;
/** Blocks from before the beginning, for those who are behind: a tip is one slot older than the cycle. */
const BLOCKS_BEFORE = LAGGING_BLOCKS.most + 1;

/** `shares`: 0 to 1. */
export type NetworkShape = {
  /** Whose slots and cycles; with a hard fork those after it. */
  era: EraName;
  /** null: there is none. */
  hardFork: HardFork | null;
  /** Keys, at least 1. */
  producers: number;
  nodesPerProducer: number;
  sameSecondShare: number;
  /** In the network's time. */
  durationMs: number;
  seed: string;
  /** Share of slots with a second block of the same height; where a wave has one node only there is none. */
  forkShare: number;
  /** Share of submissions whose node sees blocks late. */
  lateShare: number;
  /** Share of nodes that lag behind, rounded to whole ones. */
  laggingShare: number;
  /** Share of nodes that stay on the old chain at a hard fork, rounded to whole ones. */
  stayedShare: number;
  /** Two submissions of one producer are at least this far apart, but for those of nodes that started together. */
  leastGapMs: number;
};

export type NetworkBlock = {
  era: EraName;
  /** From 0 at the beginning, of a hard fork's genesis 0 again; those before the beginning are below. */
  slot: number;
  /** When its slot begins, ms of the network's time. */
  fromMs: number;
  /** Place of its parent in the list; -1: it is the first. */
  parent: number;
  /** Place of its maker in the fleet; -1: nobody, it is a genesis. */
  maker: number;
  /** It lost against another block of its slot: nothing follows it. */
  isFork: boolean;
  /** Else nobody has snark work for it. */
  hasTransactions: boolean;
};

/**
 * Why a node submits the block that it does; `stayed`: it did not go with the hard fork, and submits the end of the old chain.
 */
export const SUBMISSION_KINDS = ['maker', 'tip', 'late', 'lagging', 'stayed'] as const;
export type SubmissionKind = (typeof SUBMISSION_KINDS)[number];

export type NetworkPlan = {
  shape: NetworkShape;
  /** In order of time; a slot's fork follows its main block. */
  blocks: NetworkBlock[];
  nodes: NetworkNodes;
  /** Submissions in order of time: entry i is of submission i. */
  submissions: {
    count: number;
    /** Milliseconds of the network's time from the beginning, ascending, below `durationMs`. */
    atMs: Float64Array;
    /** Places in `nodes`. */
    nodes: Uint32Array;
    producers: Uint32Array;
    /** Places in `blocks`. */
    blocks: Uint32Array;
    /** Places in {@link SUBMISSION_KINDS}. */
    kinds: Uint8Array;
  };
};

/** How many submissions a plan has at most: each node once a cycle, and two makers each slot. */
export function mostSubmissions(shape: NetworkShape): number {
  const periodMs = submissionPeriodMs(shape.era);
  const cycles = Math.ceil(shape.durationMs / periodMs);
  return cycles * (nodeCount(shape) + 2 * ERAS[shape.era].submissionSlots);
}

/** A stretch of one era: its slots begin at `fromMs`. */
type Section = { era: EraName; fromMs: number; untilMs: number };

export const sectionsOf = ({ era, hardFork, durationMs }: Pick<NetworkShape, 'era' | 'hardFork' | 'durationMs'>): Section[] =>
  hardFork === null
    ? [{ era, fromMs: 0, untilMs: durationMs }]
    : [
        { era: hardFork.from, fromMs: 0, untilMs: Math.min(durationMs, hardFork.genesisMs) },
        { era, fromMs: hardFork.genesisMs, untilMs: durationMs },
      ]; // prettier-ignore

type Planned = { atMs: number; node: number; block: number; kind: SubmissionKind };

/** @throws RangeError for a shape outside its ranges */
export function planNetwork(shape: NetworkShape): NetworkPlan {
  checkShape(shape);
  const { producers, seed, hardFork } = shape;
  const nodes = makeNodes(shape, ERAS[shape.era].submissionSlots);
  // Streams of their own, so that one share does not move what another decides.
  const random = new RandomStream(seed, 'network times');
  const lagging = new RandomStream(seed, 'network lagging');
  const forks = new RandomStream(seed, 'network forks');
  const between = ({ least, most }: { least: number; most: number }, stream = random) =>
    least + stream.below(most - least + 1);
  const happens = (share: number, stream = random) => stream.next() < share * 2 ** 32;
  const some = (share: number, purpose: string): Uint32Array => {
    const ranked = Uint32Array.from({ length: nodes.count }, (_, i) => i);
    new RandomStream(seed, purpose).shuffle(ranked);
    return ranked.subarray(0, Math.round(nodes.count * share));
  };
  const behind = new Uint8Array(nodes.count);
  for (const node of some(shape.laggingShare, 'network lagging'))
    behind[node] = between(LAGGING_BLOCKS, lagging);
  const stayed = new Uint8Array(nodes.count);
  if (hardFork !== null)
    for (const node of some(shape.stayedShare, 'network stayed')) stayed[node] = 1;

  const blocks: NetworkBlock[] = [];
  const planned: Planned[] = [];
  /** The last main block of the section before. */
  let frozen = -1;
  for (const [place, section] of sectionsOf(shape).entries()) {
    const { era, fromMs, untilMs } = section;
    const { slotTimeMs, submissionSlots } = ERAS[era];
    const isAfterFork = place > 0;
    const waves: number[][] = Array.from({ length: submissionSlots }, () => []);
    for (let node = 0; node < nodes.count; node++)
      if (!isAfterFork || stayed[node] === 0) waves[nodes.waves[node]].push(node);
    /** Main blocks of the section in their order, and of each slot from the first on the place in it of the newest one before it ends. */
    const main: number[] = [];
    const newest: { main: number; fork: number }[] = [];
    const firstSlot = isAfterFork ? 0 : -BLOCKS_BEFORE;
    const tipOf = (slot: number) => newest[Math.max(0, slot - firstSlot)];
    const makers = ownBlockSlots(era);

    for (let slot = firstSlot; fromMs + slot * slotTimeMs < untilMs; slot++) {
      const from = fromMs + slot * slotTimeMs;
      const wave = slot < 0 ? [] : waves[slot % submissionSlots];
      const isGenesis = isAfterFork && slot === 0;
      const hasBlock = isAfterFork || hardFork === null || from < hardFork.chainEndMs;
      // Without a new block one of two rivals has won.
      let tip = { main: newest.at(-1)?.main ?? -1, fork: -1 };
      if (hasBlock) {
        // Whose cycle began so long ago that both of its submissions lie well apart, but not too long to be waited for.
        const cycle = (slot + submissionSlots - (makers % submissionSlots)) % submissionSlots;
        const able = slot < 0 ? [] : waves[cycle].filter((node) => behind[node] === 0);
        const maker = able.length > 0 && !isGenesis ? able[random.below(able.length)] : undefined;
        const block: NetworkBlock = {
          era,
          slot,
          fromMs: from,
          parent: isGenesis ? forkBlockOf(blocks, hardFork!) : (main.at(-1) ?? -1),
          maker: isGenesis ? -1 : maker === undefined ? random.below(producers) : nodes.producers[maker], // prettier-ignore
          isFork: false,
          hasTransactions: !isGenesis && (isAfterFork || hardFork === null || from < hardFork.transactionsEndMs), // prettier-ignore
        };
        main.push(blocks.length);
        blocks.push(block);
        const others = able.filter((node) => nodes.producers[node] !== block.maker);
        const forkMaker =
          slot >= 0 && !isGenesis && happens(shape.forkShare, forks) && others.length > 0
            ? others[forks.below(others.length)]
            : undefined;
        tip = { main: main.length - 1, fork: -1 };
        if (forkMaker !== undefined) {
          tip.fork = blocks.length;
          blocks.push({ ...block, maker: nodes.producers[forkMaker], isFork: true });
        }
        for (const [node, made] of [[maker, main.at(-1)!], [forkMaker, tip.fork]] as const)
          if (node !== undefined)
            planned.push({ atMs: from + between(MAKING_MS) + between(SENDING_MS), node, block: made, kind: 'maker' }); // prettier-ignore
      }
      newest.push(tip);

      // What was the tip when the cycle began: of the genesis itself where there is nothing before it.
      const known = isGenesis ? tip : tipOf(slot - 1);
      const jitters = new Map<number, number>();
      for (const node of wave) {
        const jitter = jitters.get(nodes.partners[node]) ?? between({ least: -JITTER_MS, most: JITTER_MS }); // prettier-ignore
        jitters.set(node, jitter);
        const isLate = happens(shape.lateShare);
        const lateSlots = between(LATE_SLOTS);
        const seesFork = happens(0.5);
        const late = tipOf(slot - 1 - lateSlots).main;
        const atMs = from + nodes.readyMs[node] + jitter;
        const add = (block: number, kind: SubmissionKind) => planned.push({ atMs, node, block, kind }); // prettier-ignore
        if (behind[node] > 0) add(main[Math.max(0, known.main - behind[node])], 'lagging');
        else if (isLate && late !== known.main) add(main[late], 'late');
        else add(known.fork !== -1 && seesFork ? known.fork : main[known.main], 'tip');
      }
    }
    if (place === 0) frozen = main.at(-1) ?? -1;
  }
  if (hardFork !== null) planned.push(...ofTheOldChain(shape, nodes, stayed, frozen, between));
  return { shape, blocks, nodes, submissions: inOrder(planned, nodes, shape) };
}

/** The last main block before transactions ended: the new era's ledger is that of it. */
function forkBlockOf(blocks: readonly NetworkBlock[], { transactionsEndMs }: HardFork): number {
  return blocks.findLastIndex(({ fromMs, isFork }) => !isFork && fromMs < transactionsEndMs);
}

/** After the fork: nodes that stayed go on in their old cycles with the end of the old chain. */
function ofTheOldChain(
  { hardFork, durationMs }: NetworkShape,
  nodes: NetworkNodes,
  stayed: Uint8Array,
  frozen: number,
  between: (range: { least: number; most: number }) => number,
): Planned[] {
  const { from, genesisMs } = hardFork!;
  const { slotTimeMs, submissionSlots } = ERAS[from];
  const planned: Planned[] = [];
  for (let slot = genesisMs / slotTimeMs; slot * slotTimeMs < durationMs; slot++)
    for (let node = 0; node < nodes.count; node++) {
      if (stayed[node] === 0 || nodes.waves[node] !== slot % submissionSlots) continue;
      const jitter = between({ least: -JITTER_MS, most: JITTER_MS });
      const atMs = slot * slotTimeMs + nodes.readyMs[node] + jitter;
      planned.push({ atMs, node, block: frozen, kind: 'stayed' });
    }
  return planned;
}

/** By time, no two of a producer nearer than they may be, up to the end. */
function inOrder(
  planned: readonly Planned[],
  nodes: NetworkNodes,
  { durationMs, leastGapMs }: NetworkShape,
): NetworkPlan['submissions'] {
  const byTime = (list: readonly Planned[]) =>
    list.toSorted((a, b) => a.atMs - b.atMs || a.node - b.node);
  /** Of each producer: when its last submission was planned, and when it comes. */
  const last = new Map<number, { node: number; plannedMs: number; atMs: number }>();
  const spaced = byTime(planned).map((one): Planned => {
    const producer = nodes.producers[one.node];
    const before = last.get(producer);
    const isPartner = before?.node === nodes.partners[one.node] && before.plannedMs === one.atMs;
    const atMs =
      before === undefined
        ? one.atMs
        : isPartner
          ? before.atMs
          : Math.max(one.atMs, before.atMs + leastGapMs);
    last.set(producer, { node: one.node, plannedMs: one.atMs, atMs });
    return { ...one, atMs };
  });
  const kept = byTime(spaced).filter(({ atMs }) => atMs < durationMs);
  return {
    count: kept.length,
    atMs: Float64Array.from(kept, ({ atMs }) => atMs),
    nodes: Uint32Array.from(kept, ({ node }) => node),
    producers: Uint32Array.from(kept, ({ node }) => nodes.producers[node]),
    blocks: Uint32Array.from(kept, ({ block }) => block),
    kinds: Uint8Array.from(kept, ({ kind }) => SUBMISSION_KINDS.indexOf(kind)),
  };
}

function checkShape(shape: NetworkShape): void {
  const { producers, durationMs, nodesPerProducer, leastGapMs, hardFork } = shape;
  if (!Number.isSafeInteger(producers) || producers < 1)
    throw new RangeError(`producers must be a whole number from 1, not ${producers}`);
  for (const [name, value] of Object.entries({ durationMs }))
    if (!(value > 0) || !Number.isFinite(value))
      throw new RangeError(`${name} must be above 0, not ${value}`);
  if (!(nodesPerProducer >= 1 && nodesPerProducer <= 100))
    throw new RangeError(`nodesPerProducer must be from 1 to 100, not ${nodesPerProducer}`);
  if (!(leastGapMs >= 0)) throw new RangeError(`leastGapMs must be from 0, not ${leastGapMs}`);
  for (const name of [
    'forkShare',
    'lateShare',
    'laggingShare',
    'sameSecondShare',
    'stayedShare',
  ] as const)
    if (!(shape[name] >= 0 && shape[name] <= 1))
      throw new RangeError(`${name} must be from 0 to 1, not ${shape[name]}`);
  if (pairCount(shape) > mostPairs(shape))
    throw new RangeError(
      `sameSecondShare asks for ${pairCount(shape)} pairs, but ${mostPairs(shape)} producers have two nodes`,
    );
  if (hardFork !== null && ERAS[hardFork.from].submissionSlots !== ERAS[shape.era].submissionSlots)
    throw new RangeError('both eras must have as many slots in a cycle');
}
