/** The plan of a fleet. Pure. */
import { planNetwork, type NetworkPlan } from '../../producers/network-plan.ts';
import { hardForkOf } from '../fork/rehearsal.ts';
import { LEAST_GAP_MS, sendingMs, type Topology } from '../topology.ts';

/** The plan in the network's own time. */
export function planOf(topology: Topology): NetworkPlan {
  const { network, seed } = topology;
  const { era, producers, nodesPerProducer, sameSecondShare, speedup } = network;
  return planNetwork({
    era,
    hardFork: hardForkOf(topology),
    producers,
    nodesPerProducer,
    sameSecondShare,
    durationMs: sendingMs(topology) * speedup,
    seed,
    forkShare: network.forkShare,
    lateShare: network.lateShare,
    laggingShare: network.laggingShare,
    stayedShare: topology.fork?.stayedShare ?? 0,
    // What the speedup would squeeze into one second of the backend is set apart again.
    leastGapMs: LEAST_GAP_MS * speedup,
  });
}
