/**
 * The nodes of a simulated network: whose key each has, in which wave it submits, and which two of a key started together.
 * Pure but for the random streams: everything follows from the shape and its seed.
 */
import { SNARK_WORK_MS } from './uptime-service.ts';
import { RandomStream } from './random.ts';

export type NodesShape = {
  /** Keys. */
  producers: number;
  /** On average; a fraction above a whole number is that of producers with one more. At least 1. */
  nodesPerProducer: number;
  /**
   * Share of nodes that started together with another one of their key: both submit in the same second, each cycle. A backend's storages hold
   * one submission of a submitter and second, so one of the two is lost.
   */
  sameSecondShare: number;
  seed: string;
};

/** Entry n is of node n; the nodes of a producer stand together. */
export type NetworkNodes = {
  count: number;
  /** Places in the fleet. */
  producers: Uint32Array;
  /** 0 for the first node of its producer, 1 for the next … */
  ordinals: Uint8Array;
  /** In which slot of a cycle it submits: fixed by when it started. */
  waves: Uint8Array;
  /** How long after the beginning of a cycle its snark work is ready, ms. */
  readyMs: Float64Array;
  /** The node that started together with it; -1: none. */
  partners: Int32Array;
};

export const nodeCount = ({ producers, nodesPerProducer }: Pick<NodesShape, 'producers' | 'nodesPerProducer'>): number =>
  Math.max(producers, Math.round(producers * nodesPerProducer)); // prettier-ignore

/** Nodes of one key, at most. */
export const mostNodesOfOne = ({ nodesPerProducer }: Pick<NodesShape, 'nodesPerProducer'>): number =>
  Math.ceil(nodesPerProducer); // prettier-ignore

/** Pairs of nodes that start together. */
export const pairCount = (shape: NodesShape): number =>
  Math.round((shape.sameSecondShare * nodeCount(shape)) / 2);

/** How many pairs there can be: one of each producer with two nodes. */
export function mostPairs(shape: NodesShape): number {
  const { producers, nodesPerProducer } = shape;
  return nodesPerProducer >= 2 ? producers : nodeCount(shape) - producers;
}

/** @param slots of a cycle, which are the waves */
export function makeNodes(shape: NodesShape, slots: number): NetworkNodes {
  const { producers, seed } = shape;
  const count = nodeCount(shape);
  const each = Math.floor(count / producers);
  const ranked = shuffled(producers, new RandomStream(seed, 'network more nodes'));
  const owned = new Uint8Array(producers).fill(each);
  for (const producer of ranked.subarray(0, count - each * producers)) owned[producer]++;

  const random = new RandomStream(seed, 'network');
  const dealt = shuffled(producers, random);
  const base = new Uint8Array(producers);
  dealt.forEach((producer, place) => (base[producer] = place % slots));
  const nodes: NetworkNodes = {
    count,
    producers: new Uint32Array(count),
    ordinals: new Uint8Array(count),
    waves: new Uint8Array(count),
    readyMs: new Float64Array(count),
    partners: new Int32Array(count).fill(-1),
  };
  const first = new Uint32Array(producers);
  let node = 0;
  for (let producer = 0; producer < producers; producer++) {
    first[producer] = node;
    for (let ordinal = 0; ordinal < owned[producer]; ordinal++, node++) {
      nodes.producers[node] = producer;
      nodes.ordinals[node] = ordinal;
      // Started at other times: two nodes of a key are in one wave only where there are more of them than waves.
      nodes.waves[node] = (base[producer] + 2 * ordinal) % slots;
      nodes.readyMs[node] =
        SNARK_WORK_MS.least + random.below(SNARK_WORK_MS.most - SNARK_WORK_MS.least + 1);
    }
  }
  const able = shuffled(producers, new RandomStream(seed, 'network pairs')).filter((producer) => owned[producer] > 1); // prettier-ignore
  for (const producer of able.subarray(0, pairCount(shape))) {
    const [one, other] = [first[producer], first[producer] + 1];
    nodes.waves[other] = nodes.waves[one];
    nodes.readyMs[other] = nodes.readyMs[one];
    nodes.partners[one] = other;
    nodes.partners[other] = one;
  }
  return nodes;
}

function shuffled(length: number, random: RandomStream): Uint32Array {
  const list = Uint32Array.from({ length }, (_, i) => i);
  random.shuffle(list);
  return list;
}
