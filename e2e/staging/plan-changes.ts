/** What becomes of the plan of a network where some of its producers do not as the others do. Pure. */
import { ERAS } from '../../mina/eras.ts';
import type { NetworkBlock, NetworkPlan } from '../../producers/network-plan.ts';

/** In the network's own time, milliseconds from its beginning. */
export type PlanWindow = { fromMs: number; untilMs: number };

type Producers = ReadonlySet<number>;

const isMeant =
  ({ submissions }: NetworkPlan, producers: Producers, { fromMs, untilMs }: PlanWindow) =>
  (i: number): boolean =>
    producers.has(submissions.producers[i]) &&
    submissions.atMs[i] >= fromMs &&
    submissions.atMs[i] < untilMs;

/** They submit nothing in that time. */
export function silenced(plan: NetworkPlan, producers: Producers, window: PlanWindow): NetworkPlan {
  const { submissions } = plan;
  const isSilent = isMeant(plan, producers, window);
  const stays = (_: unknown, i: number): boolean => !isSilent(i);
  const atMs = submissions.atMs.filter(stays);
  return {
    ...plan,
    submissions: {
      count: atMs.length,
      atMs,
      nodes: submissions.nodes.filter(stays),
      producers: submissions.producers.filter(stays),
      blocks: submissions.blocks.filter(stays),
      kinds: submissions.kinds.filter(stays),
    },
  };
}

/** The newest main block whose slot begins `beforeMs` before a moment or earlier; else the first one. */
function mainBefore({ blocks }: NetworkPlan, ms: number): number {
  const place = blocks.findLastIndex(
    ({ isFork, fromMs }, i) => !isFork && fromMs <= ms && i < blocks.length - 1,
  );
  return Math.max(0, place);
}

/** They submit a block that was old when that time began: `behindMs` of the network's time before it. */
export function lagging(
  plan: NetworkPlan,
  producers: Producers,
  window: PlanWindow,
  behindMs: number,
): NetworkPlan {
  const isLagging = isMeant(plan, producers, window);
  const old = mainBefore(plan, window.fromMs - behindMs);
  const blocks = plan.submissions.blocks.map((block, i) => (isLagging(i) ? old : block));
  return { ...plan, submissions: { ...plan.submissions, blocks } };
}

/** In that time each of them builds on a branch of its own, which leaves the others' chain `behindMs` of the network's time before. */
export function onOwnBranches(
  plan: NetworkPlan,
  producers: Producers,
  window: PlanWindow,
  behindMs: number,
): NetworkPlan {
  const { blocks, submissions } = plan;
  const isAlone = isMeant(plan, producers, window);
  const root = mainBefore(plan, window.fromMs - behindMs);
  // The last one stays the last: the chain ends with it.
  const last = blocks.length - 1;
  const own: NetworkBlock[] = [];
  const tips = new Map<number, number>();
  const blockAt = (place: number): NetworkBlock =>
    place >= last ? own[place - last] : blocks[place];
  const moved = submissions.blocks.map((block, i) => {
    if (!isAlone(i)) return block;
    const maker = submissions.producers[i];
    const like = blocks[block];
    const tip = tips.get(maker) ?? root;
    const before = blockAt(tip);
    if (tips.has(maker) && before.slot >= like.slot) return tip;
    const slot = Math.max(like.slot, before.slot + 1);
    const fromMs = like.fromMs + (slot - like.slot) * ERAS[like.era].slotTimeMs;
    own.push({ ...like, slot, fromMs, parent: tip, maker, isFork: true, hasTransactions: true });
    tips.set(maker, last + own.length - 1);
    return last + own.length - 1;
  });
  const isOwn = new Set(tips.keys());
  return {
    ...plan,
    blocks: [...blocks.slice(0, last), ...own, blocks[last]],
    submissions: {
      ...submissions,
      blocks: moved.map((block, i) =>
        block === last && !(isAlone(i) && isOwn.has(submissions.producers[i]))
          ? last + own.length
          : block,
      ),
    },
  };
}
