/** What a run stages, by the names in its topology. Pure. */
import { LIVE } from '../incidents/live.ts';
import { INCIDENTS } from '../incidents/table.ts';
import type { Topology } from '../topology.ts';
import { disturbanceStaging } from './disturbances.ts';
import { combined, type Staging } from './staging.ts';

export const INCIDENT_NAMES: readonly string[] = INCIDENTS.map(({ name }) => name);

/** Nothing where it stages nothing. */
export function stagingOf({ staged }: Pick<Topology, 'staged'>): Staging {
  if (staged === undefined) return {};
  const { incident, disturbances } = staged;
  return combined([
    ...(incident === null ? [] : [LIVE[incident]]),
    ...disturbances.map(disturbanceStaging),
  ]);
}

/** @param staged what is to happen in it */
export function stagedTopology(asked: Topology, staged: NonNullable<Topology['staged']>): Topology {
  const topology = { ...asked, staged };
  return stagingOf(topology).topology?.(topology) ?? topology;
}
