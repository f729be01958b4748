/** The options of `npm run e2e` that make something go wrong on purpose, and the topology with it. */
import { DISTURBANCE_NAMES } from '../e2e/staging/disturbances.ts';
import { INCIDENT_NAMES, stagedTopology } from '../e2e/staging/index.ts';
import { type Topology, topologyOf } from '../e2e/topology.ts';
import type { OptionSpec, OptionValues } from '../system/option.ts';
import { topologyAsk } from './e2e-options.ts';

export const STAGING_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'incident',
    type: 'choice',
    argument: 'NAME',
    choices: INCIDENT_NAMES,
    help: 'put an incident of docs/incidents.md into the run: it passes (0) when exactly the assertions fail that must, and fails (99) when not',
  },
  {
    name: 'disturb',
    type: 'choice',
    argument: 'NAME',
    choices: DISTURBANCE_NAMES,
    repeatable: true,
    help: 'disturb the run, and prove that scores come out as computed; may be given several times',
  },
];

/** @returns the topology and notes, or all that is wrong with it */
export function decideTopology(
  values: OptionValues,
  name: string,
  cwd: string,
): { topology: Topology; notes: string[] } | { problems: string[] } {
  const ask = topologyAsk(values, name, cwd);
  const decided = topologyOf(ask);
  const incident = (values.incident as string | undefined) ?? null;
  const disturbances = [...new Set((values.disturb as string[] | undefined) ?? [])];
  if (incident === null && disturbances.length === 0) return decided;
  const option = incident === null ? '--disturb' : '--incident';
  const problems = [
    ...('problems' in decided ? decided.problems : []),
    ...(incident !== null && disturbances.length > 0
      ? ['--incident and --disturb exclude each other: of two causes nobody could say which it was']
      : []),
    ...(ask.network === 'fleet'
      ? []
      : [`${option} needs --network fleet, but it is ${ask.network}`]),
    ...(Object.keys(ask.images).length === 0
      ? []
      : [`${option} needs the embedded components: images have no switches for it`]),
  ];
  if ('problems' in decided || problems.length > 0) return { problems };
  return { ...decided, topology: stagedTopology(decided.topology, { incident, disturbances }) };
}
