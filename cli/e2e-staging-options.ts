/** The options of `npm run e2e` that make something go wrong on purpose, and the topology with it. */
import { forkProblems } from '../e2e/fork/rehearsal.ts';
import { DISTURBANCE_NAMES } from '../e2e/staging/disturbances.ts';
import { INCIDENT_NAMES, stagedTopology } from '../e2e/staging/index.ts';
import { NETWORK_CHOICES } from '../e2e/network/kinds.ts';
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
  {
    name: 'fork-at',
    type: 'duration',
    argument: 'TIME',
    min: 1,
    help: 'rehearse a hard fork from Berkeley to Mesa so long after the beginning: frozen tip, new era, verifier by the cutover, stragglers; and report what it cost each block producer',
  },
  {
    name: 'fork-stayed',
    type: 'number',
    argument: 'SHARE',
    default: '0.08',
    min: 0,
    max: 1,
    help: 'with --fork-at: share of nodes that stay on the old chain, 0 to 1',
  },
  {
    name: 'fork-away',
    type: 'number',
    argument: 'SHARE',
    default: '0.5',
    min: 0,
    max: 1,
    help: 'with --fork-at: share of block producers that stop with the old chain and come back a batch after the new era began, 0 to 1',
  },
];

/** The network whose blocks and times are made. */
const [MADE] = NETWORK_CHOICES;

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
  const forkAtMs = (values['fork-at'] as number | undefined) ?? null;
  const asked = [
    ...(incident === null ? [] : ['--incident']),
    ...(disturbances.length === 0 ? [] : ['--disturb']),
    ...(forkAtMs === null ? [] : ['--fork-at']),
  ];
  if (asked.length === 0) return decided;
  const [option] = asked;
  const problems = [
    ...('problems' in decided ? decided.problems : []),
    ...(asked.length > 1
      ? [`${asked.join(' and ')} exclude each other: of two causes nobody could say which it was`]
      : []),
    ...(ask.network === MADE
      ? []
      : [`${option} needs --network ${MADE}, but it is ${ask.network}`]),
    ...(Object.keys(ask.images).length === 0
      ? []
      : [`${option} needs the embedded components: the real ones have no switches for it`]),
  ];
  if ('problems' in decided || problems.length > 0) return { problems };
  if (forkAtMs === null)
    return {
      ...decided,
      topology: stagedTopology(decided.topology, { staged: { incident, disturbances } }),
    };
  const topology = {
    ...decided.topology,
    fork: {
      atMs: forkAtMs,
      stayedShare: values['fork-stayed'] as number,
      awayShare: values['fork-away'] as number,
    },
  };
  const ofFork = forkProblems(topology);
  if (ofFork.length > 0) return { problems: ofFork };
  return { ...decided, topology: stagedTopology(topology, {}) };
}
