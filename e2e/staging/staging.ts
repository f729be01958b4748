/**
 * What a run has of its own on purpose, so that something goes wrong in it: an incident (incidents/), or a block producer that is disturbed. All hooks are data
 * and pure functions, each at one place of the steps; a run without them goes none of these ways.
 */
import type { NetworkPlan } from '../../producers/network-plan.ts';
import type { GivenVariables } from '../../stack/components/use.ts';
import type { DumpHead, EventRow } from '../dump/types.ts';
import type { PreparedNetwork } from '../network/prepared.ts';
import type { Disturbance } from './disturbance.ts';
import type { Topology } from '../topology.ts';

export type Staging = {
  /** The topology that it needs, made of the one that was asked for. */
  topology?: (asked: Topology) => Topology;
  /** Made in the folder of the run's state, and left empty. */
  folders?: readonly string[];
  /** Of components, beside their own. @param folder of the run's state */
  variables?: (folder: string, topology: Topology, startSeconds: number) => GivenVariables;
  /** Statements for when the tables are there, which may be done again; `$start` in them stands for the seconds at which the first batch begins. */
  sql?: (topology: Topology) => readonly string[];
  /** What the network sends, in its own time. */
  plan?: (plan: NetworkPlan, topology: Topology) => NetworkPlan;
  /** Each producer's snark work carries the digest of its own key, but for one, whose digest is zeros; null: none. Absent: that of the recorded submissions. */
  zeroDigestOf?: (plan: NetworkPlan, topology: Topology) => number | null;
  /** What the network sends, in real time. */
  network?: (network: PreparedNetwork, topology: Topology) => PreparedNetwork;
  /** A second one beside the one of the run. */
  double?: Double;
  /** What the harness does in the middle. */
  disturbances?: (topology: Topology) => readonly Disturbance[];
  /** What the dump says of it. @param startedMs when the network begins */
  events?: (network: PreparedNetwork, topology: Topology, startedMs: number) => EventRow[];
  /** What is expected of the run, made of what would be without this. */
  head?: (head: DumpHead, network: PreparedNetwork | null, topology: Topology) => DumpHead;
};

/** `laterMs`: so much later than the first one counts a batch. */
export type Double = { component: 'backend' } | { component: 'coordinator'; laterMs: number };

/** One after another. */
export function combined(parts: readonly Staging[]): Staging {
  const chain = <A, B extends unknown[]>(
    steps: readonly (((value: A, ...more: B) => A) | undefined)[],
  ): ((value: A, ...more: B) => A) | undefined => {
    const given = steps.filter((step) => step !== undefined);
    return given.length === 0
      ? undefined
      : (value, ...more) => given.reduce((before, step) => step(before, ...more), value);
  };
  const last = <K extends keyof Staging>(key: K): Staging[K] =>
    parts.findLast((part) => part[key] !== undefined)?.[key];
  return definedOf({
    topology: chain(parts.map(({ topology }) => topology)),
    plan: chain(parts.map(({ plan }) => plan)),
    network: chain(parts.map(({ network }) => network)),
    head: chain(parts.map(({ head }) => head)),
    zeroDigestOf: last('zeroDigestOf'),
    double: last('double'),
    variables: (...given) =>
      parts.reduce<GivenVariables>(
        (all, { variables }) => mergeVariables(all, variables?.(...given) ?? {}),
        {},
      ),
    folders: parts.flatMap(({ folders = [] }) => folders),
    sql: (topology) => parts.flatMap(({ sql }) => sql?.(topology) ?? []),
    disturbances: (topology) => parts.flatMap(({ disturbances }) => disturbances?.(topology) ?? []),
    events: (...given) => parts.flatMap(({ events }) => events?.(...given) ?? []),
  });
}

const definedOf = (staging: { [K in keyof Staging]: Staging[K] | undefined }): Staging =>
  Object.fromEntries(Object.entries(staging).filter(([, value]) => value !== undefined));

export function mergeVariables(one: GivenVariables, other: GivenVariables): GivenVariables {
  const merged: GivenVariables = { ...one };
  for (const [name, variables] of Object.entries(other) as [
    keyof GivenVariables,
    Record<string, string>,
  ][])
    merged[name] = { ...merged[name], ...variables };
  return merged;
}
