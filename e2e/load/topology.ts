/** The system of a load that has none: everything embedded, as `e2e setup` makes it by default, with the load's own producers. Pure. */
import { LOAD_NETWORK, type Topology, type TopologyAsk, topologyOf } from '../topology.ts';

export type LoadSystemAsk = {
  name: string;
  seed: string;
  producers: number;
  /** Of the blocks that are sent. */
  era: TopologyAsk['era'];
  /** Submissions of a producer in an hour. */
  hourlyLimit: number;
  faithful: boolean;
};

/** Batches of ten seconds, as in a run of the harness: a load of a minute fills six. */
const INTERVAL_MS = 10_000;

/** @returns the topology, or all that is wrong with it */
export function loadTopology({
  name,
  seed,
  producers,
  era,
  hourlyLimit,
  faithful,
}: LoadSystemAsk): { topology: Topology } | { problems: string[] } {
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
    intervalMs: INTERVAL_MS,
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
