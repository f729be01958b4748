/** What a run stages, by the names in its topology. Pure. */
import { LIVE } from '../incidents/live.ts';
import { INCIDENTS } from '../incidents/table.ts';
import { forkStaging } from '../fork/rehearsal.ts';
import { planOf } from '../network/plan.ts';
import type { Topology } from '../topology.ts';
import { disturbanceStaging } from './disturbances.ts';
import { combined, type Staging } from './staging.ts';

export const INCIDENT_NAMES: readonly string[] = INCIDENTS.map(({ name }) => name);

const FORK = forkStaging(planOf);

/** Nothing where it stages nothing. */
export function stagingOf({ staged, fork }: Pick<Topology, 'staged' | 'fork'>): Staging {
  if (fork !== undefined) return FORK;
  if (staged === undefined) return {};
  const { incident, disturbances } = staged;
  return combined([
    ...(incident === null ? [] : [LIVE[incident]]),
    ...disturbances.map(disturbanceStaging),
  ]);
}

/** @param more what is to happen in it */
export function stagedTopology(asked: Topology, more: Partial<Topology>): Topology {
  const topology = { ...asked, ...more };
  return stagingOf(topology).topology?.(topology) ?? topology;
}
