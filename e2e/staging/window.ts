/** Times of batches in a network's own time, and a topology in which something can be seen to go wrong. Pure. */
import { ERAS } from '../../mina/eras.ts';
import type { Topology } from '../topology.ts';
import type { PlanWindow } from './plan-changes.ts';

/** From so many on one supporter selects no state. */
const LEAST_PRODUCERS = 24;
/** The batch in which something happens, from 0: one is before it, in which all is right. */
export const BATCH = 1;
/** What arrives later than planned must still be in its batch. */
export const LEAD_MS = 1500;
/** A branch that leaves the chain so long before is not near any state of its batch; of the network's time. */
export const FAR_MS = 20 * ERAS.mesa.slotTimeMs;

export const withLeast = (topology: Topology, batches = BATCH + 1): Topology => ({
  ...topology,
  network: {
    ...topology.network,
    producers: Math.max(LEAST_PRODUCERS, topology.network.producers),
  },
  batches: Math.max(batches, topology.batches),
});

/** The time of a batch, with what is sent shortly before. */
export const windowOf = (
  { intervalSeconds, network: { speedup } }: Topology,
  batch = BATCH,
  leadMs = LEAD_MS,
): PlanWindow => ({
  fromMs: (batch * intervalSeconds * 1000 - leadMs) * speedup,
  untilMs: (batch + 1) * intervalSeconds * 1000 * speedup,
});

/** Places of all block producers. */
export const allOf = ({ network: { producers } }: Topology): number[] =>
  Array.from({ length: producers }, (_, i) => i);
