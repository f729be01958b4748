/** The usual topology of a run of the harness. */
import { type Topology, type TopologyAsk, topologyOf } from '../../e2e/topology.ts';

export const E2E_ASK: TopologyAsk = {
  name: 'e2e',
  seed: 'a seed',
  network: 'fleet',
  era: 'mesa',
  producers: 24,
  nodesPerProducer: 1,
  sameSecondShare: 0,
  speedup: null,
  payloads: null,
  minimina: 'minimina',
  topologyFile: null,
  genesisFile: null,
  allowsRemote: false,
  batches: 3,
  intervalMs: null,
  miniBatches: 5,
  storage: 'postgres',
  blocks: 'filesystem',
  database: null,
  noChecks: null,
  faithful: false,
  images: {},
};

export function e2eTopology(change: Partial<TopologyAsk> = {}): Topology {
  const made = topologyOf({ ...E2E_ASK, ...change });
  if ('problems' in made) throw new Error(made.problems.join('\n'));
  return made.topology;
}
