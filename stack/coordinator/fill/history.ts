/**
 * Days of the program as the tables would hold them, from a seed: block producers that follow a chain, send every fifth slot, now and then are away,
 * lag behind, or are refused; batches scored by the coordinator's own rules. Same seed, same rows. Pure.
 * Figures: mainnet in 2026: 106 producers, a slot of 90 s, a cycle of five slots, batches of 20 minutes; 1.9 million rows in 90 days.
 */
import { encode } from '../../../mina/base58check.ts';
import { scoreBatch, type StateScore } from '../scoring.ts';
import type { CountingRow } from '../rows.ts';
import type { Window } from '../window.ts';

export type HistoryPlan = {
  seed: number;
  producers: number;
  batches: number;
  startSeconds: number;
  intervalSeconds: number;
};

/** A row of `submissions`. */
export type HistoryRow = CountingRow & {
  producer: number;
  blockHash: string;
  slot: number;
  error: string;
};

export type HistoryBatch = {
  window: Window;
  /** In the order of time. */
  rows: HistoryRow[];
  /** Those that count, newest first, and which of them are points. */
  counting: HistoryRow[];
  points: number[];
  shortlist: StateScore[];
  /** Producers with a point. */
  scored: number[];
};

const SLOT_SECONDS = 90;
const CYCLE_SLOTS = 5;
/** Slots in which a block is made. */
const FILLED_SLOTS = 0.75;
/** In so many cycles a producer sends two: the block it made itself, too. */
const MAKER_SHARE = 0.075;
const LAG_SHARE = 0.02;
const REFUSED_SHARE = 0.01;
const FIRST_HEIGHT = 548_147;
const FIRST_GLOBAL_SLOT = 958_440;
/** Blocks that stay in sight. */
const SEEN_BLOCKS = 8;

/** Uniform numbers from 0 to 1 (Mulberry32, public domain). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function bytesOf(random: () => number, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

/** Public keys as text; the last byte of a key is a parity. */
export function producerKeys({ seed, producers }: HistoryPlan): string[] {
  const random = randomOf(seed ^ 0x5bd1e995);
  return Array.from({ length: producers }, () => {
    const bytes = bytesOf(random, 33);
    bytes[31] &= 0x3f;
    bytes[32] &= 1;
    return encode('publicKey', bytes);
  });
}

type Block = { stateHash: string; blockHash: string; parent: string; height: number; slot: number };
type Habit = { offset: number; away: number; isAway: boolean };

export function* historyOf(plan: HistoryPlan): Generator<HistoryBatch> {
  const random = randomOf(plan.seed);
  const keys = producerKeys(plan);
  const hash = (kind: 'stateHash' | 'blockHash'): string => {
    const bytes = bytesOf(random, 32);
    bytes[31] &= 0x3f;
    return encode(kind, bytes);
  };
  // Each sends at its own slot of the cycle; a few are away often.
  const habits = keys.map((): Habit => ({
    offset: Math.floor(random() * CYCLE_SLOTS),
    away: random() < 0.1 ? 0.02 : 0.002,
    isAway: false,
  }));
  let slot = 0;
  let blocks: Block[] = [
    {
      stateHash: hash('stateHash'),
      blockHash: hash('blockHash'),
      parent: hash('stateHash'),
      height: FIRST_HEIGHT,
      slot: 0,
    },
  ];
  /** Of the slots that have begun before the batch's end and not been used. */
  let waiting: HistoryRow[] = [];
  const send = (producer: number, slotStart: number, block: Block, delay: number): HistoryRow => ({
    producer,
    submitter: keys[producer],
    submittedAtUs: (slotStart + delay) * 1e6,
    createdAtMs: (slotStart + Math.max(0, delay - 2)) * 1000,
    stateHash: block.stateHash,
    parent: block.parent,
    blockHash: block.blockHash,
    height: block.height,
    slot: block.slot,
    error: '',
  });
  for (let batch = 0; batch < plan.batches; batch++) {
    const startSeconds = plan.startSeconds + batch * plan.intervalSeconds;
    const window = { startSeconds, endSeconds: startSeconds + plan.intervalSeconds };
    for (; plan.startSeconds + slot * SLOT_SECONDS < window.endSeconds; slot++) {
      const slotStart = plan.startSeconds + slot * SLOT_SECONDS;
      const tip = blocks.at(-1)!;
      if (random() < FILLED_SLOTS)
        blocks = [
          ...blocks.slice(-SEEN_BLOCKS),
          {
            stateHash: hash('stateHash'),
            blockHash: hash('blockHash'),
            parent: tip.stateHash,
            height: tip.height + 1,
            slot: FIRST_GLOBAL_SLOT + slot,
          },
        ];
      habits.forEach((habit, producer) => {
        if (slot % CYCLE_SLOTS !== habit.offset) return;
        if (habit.isAway ? random() < 0.1 : random() < habit.away) habit.isAway = !habit.isAway;
        if (habit.isAway) return;
        const lag = random() < LAG_SHARE ? 1 + Math.floor(random() * 5) : 0;
        const row = send(
          producer,
          slotStart,
          blocks[Math.max(0, blocks.length - 1 - lag)],
          1 + Math.floor(random() * 20),
        );
        if (random() < REFUSED_SHARE)
          Object.assign(row, {
            error: "proof's sok message digest does not match the sok message",
            stateHash: null,
            parent: null,
            height: null,
          });
        waiting.push(row);
        if (random() < MAKER_SHARE)
          waiting.push(send(producer, slotStart, blocks.at(-1)!, 30 + Math.floor(random() * 50)));
      });
    }
    waiting.sort((a, b) => a.submittedAtUs - b.submittedAtUs);
    const end = window.endSeconds * 1e6;
    const count = waiting.findIndex(({ submittedAtUs }) => submittedAtUs >= end);
    const rows = count === -1 ? waiting : waiting.slice(0, count);
    waiting = count === -1 ? [] : waiting.slice(count);
    const counting = rows.filter(({ error }) => error === '').reverse();
    const { states, points } = scoreBatch(counting);
    yield {
      window,
      rows,
      counting,
      points,
      shortlist: states.filter(({ shortlisted }) => shortlisted),
      scored: [...new Set(points.map((place) => counting[place].producer))],
    };
  }
}
