/** The system of a load that has none: everything embedded, as `e2e setup` makes it by default, with the load's own producers. Pure. */
import { LOAD_NETWORK } from '../network/kinds.ts';
import { type Topology, type TopologyAsk, topologyOf } from '../topology.ts';

export type LoadSystemAsk = {
  name: string;
  seed: string;
  producers: number;
  /** Of the blocks that are sent. */
  era: TopologyAsk['era'];
  /** Submissions of a producer in an hour. */
  hourlyLimit: number;
  faithful: boolean;
  /** Of the load. */
  durationMs: number;
};

/** So many batches, or a coordinator that falls behind would not show; of ten seconds at most, as in a run of the harness, and of two at least. */
const BATCHES = 6;
const INTERVAL_S = { least: 2, most: 10 };

/** @returns the topology, or all that is wrong with it */
export function loadTopology({
  name,
  seed,
  producers,
  era,
  hourlyLimit,
  faithful,
  durationMs,
}: LoadSystemAsk): { topology: Topology } | { problems: string[] } {
  const seconds = Math.round(durationMs / 1000 / BATCHES);
  const decided = topologyOf({
    name,
    seed,
    network: LOAD_NETWORK,
    era,
    producers,
    nodesPerProducer: 1,
    sameSecondShare: 0,
    speedup: null,
    payloads: null,
    minimina: '',
    topologyFile: null,
    genesisFile: null,
    allowsRemote: false,
    batches: 1,
    intervalMs: 1000 * Math.min(INTERVAL_S.most, Math.max(INTERVAL_S.least, seconds)),
    miniBatches: 5,
    storage: 'postgres',
    blocks: 'filesystem',
    database: null,
    noChecks: null,
    faithful,
    images: {},
  });
  if ('problems' in decided) return decided;
  return { topology: { ...decided.topology, hourlyLimit } };
}
