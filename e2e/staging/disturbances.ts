/**
 * What a run can be disturbed by (`--disturb NAME`), as data: what, when, and what is expected then. Block producers are disturbed in the second batch, another
 * one by each; components when the run has come so far. Pure.
 */
import type { ComponentName } from '../../stack/components/component.ts';
import type { DisturbedFields } from '../dump/types.ts';
import type { Disturbance } from './disturbance.ts';
import type { Topology } from '../topology.ts';
import { lagging, onOwnBranches, silenced } from './plan-changes.ts';
import type { Staging } from './staging.ts';
import { BATCH, FAR_MS, windowOf, withLeast } from './window.ts';

type Of = { name: string; what: string; expects: string };
type OfProducer = Of & {
  of: 'producer';
  expected: DisturbedFields['expected'];
  /** Nothing of it counts in that time, and that is no surprise. */
  isAway: boolean;
  change: (producers: ReadonlySet<number>) => Staging;
};
type OfComponent = Of & {
  of: 'component';
  when: (topology: Topology) => Disturbance['when'];
  do: { kind: 'restart' | 'crash'; component: ComponentName };
  /** Errors that it must bring: words of log lines, share of requests without an answer or with one of 5xx. */
  logWords: readonly string[];
  serverErrors: number;
};

/** One before, the disturbed one, and one after it. */
const LEAST_BATCHES = BATCH + 2;

const WAITS_FOR = 'is tried again, and nobody loses a point';

/** What everybody says who has lost a connection or a service for a moment. */
const LOST = ['connection', 'connect ECONNREFUSED', 'ECONNRESET', 'fetch failed', 'socket hang up'];

export const DISTURBANCES: readonly (OfProducer | OfComponent)[] = [
  {
    name: 'silent',
    of: 'producer',
    what: 'a block producer submits nothing for a batch',
    expects: 'no row and no point in that batch',
    expected: 'nothing accepted',
    isAway: true,
    change: (producers) => ({
      plan: (plan, topology) => silenced(plan, producers, windowOf(topology)),
    }),
  },
  {
    name: 'lags',
    of: 'producer',
    what: 'a block producer submits, for a batch, a block from before that batch',
    expects: 'rows that count, and no point in that batch',
    expected: 'no point',
    isAway: false,
    change: (producers) => ({
      plan: (plan, topology) => lagging(plan, producers, windowOf(topology), FAR_MS),
    }),
  },
  {
    name: 'forks',
    of: 'producer',
    what: 'a block producer is, for a batch, on a chain of its own',
    expects: 'rows that count, and no point in that batch',
    expected: 'no point',
    isAway: false,
    change: (producers) => ({
      plan: (plan, topology) => onOwnBranches(plan, producers, windowOf(topology), FAR_MS),
    }),
  },
  {
    name: 'signs-wrongly',
    of: 'producer',
    what: 'a block producer signs, for a batch, for another network',
    expects: '401, no row and no point in that batch',
    expected: 'refused',
    isAway: true,
    change: (producers) => ({
      network(network, topology) {
        const { fromMs, untilMs } = windowOf(topology);
        const { speedup } = topology.network;
        return {
          ...network,
          sends: network.sends.map((send) =>
            producers.has(network.nodes[send.node].producer) &&
            send.atMs * speedup >= fromMs &&
            send.atMs * speedup < untilMs
              ? { ...send, signedFor: 'mainnet' as const }
              : send,
          ),
        };
      },
    }),
  },
  {
    name: 'backend-restart',
    of: 'component',
    what: 'the backend is stopped and started again',
    expects: `what was not answered ${WAITS_FOR}`,
    when: ({ network }) => ({ count: 'accepted', atLeast: 2 * network.producers }),
    do: { kind: 'restart', component: 'backend' },
    logWords: [],
    serverErrors: 0.5,
  },
  {
    name: 'storage-restart',
    of: 'component',
    what: 'PostgreSQL is stopped and started again: submissions, scores and leaderboard are without it',
    expects: `what was not stored is answered 503, ${WAITS_FOR}`,
    when: ({ network }) => ({ count: 'stored', atLeast: 2 * network.producers }),
    do: { kind: 'restart', component: 'postgres' },
    logWords: [
      ...LOST,
      'did not keep a submission',
      'the database system is shutting down',
      'the batch comes again',
      'could not be written',
      'a row was not written',
    ],
    serverErrors: 0.5,
  },
  {
    name: 'coordinator-crash',
    of: 'component',
    what: 'the coordinator is killed and started again',
    expects: 'it goes on after the last counted batch, none is lost or counted twice',
    when: () => ({ count: 'batches', atLeast: 1 }),
    do: { kind: 'crash', component: 'coordinator' },
    // PostgreSQL finds nobody at the other end.
    logWords: ['connection to client lost', 'the verifier stops', 'aborted'],
    serverErrors: 0,
  },
  {
    name: 'verifier-crash',
    of: 'component',
    what: 'the verifier is killed and started again',
    expects: `a part of a batch that was not verified ${WAITS_FOR}`,
    when: () => ({ count: 'verified', atLeast: 1 }),
    do: { kind: 'crash', component: 'verifier' },
    logWords: [...LOST, 'connection to client lost', 'the batch comes again'],
    serverErrors: 0,
  },
];

export const DISTURBANCE_NAMES: readonly string[] = DISTURBANCES.map(({ name }) => name);

/** Each by another producer: none of those of whom much is expected anyway. */
const producerOf = (name: string, { network: { producers } }: Topology): number =>
  (DISTURBANCES.filter(({ of }) => of === 'producer').findIndex((one) => one.name === name) * 5 + 2) % producers; // prettier-ignore

export const disturbanceStaging = (name: string): Staging => {
  const one = DISTURBANCES.find((other) => other.name === name)!;
  return one.of === 'producer' ? ofProducer(one) : ofComponent(one);
};

/** When the disturbed batch begins and ends, in milliseconds since 1970. */
const batchTime = ({ intervalSeconds }: Topology, startedMs: number) => ({
  fromMs: startedMs + BATCH * intervalSeconds * 1000,
  untilMs: startedMs + (BATCH + 1) * intervalSeconds * 1000,
});

function ofProducer({ name, expected, isAway, change }: OfProducer): Staging {
  const places = (topology: Topology) => new Set([producerOf(name, topology)]);
  return {
    topology: (asked) => withLeast(asked, LEAST_BATCHES),
    plan: (plan, topology) => change(places(topology)).plan?.(plan, topology) ?? plan,
    network: (network, topology) =>
      change(places(topology)).network?.(network, topology) ?? network,
    events(network, topology, startedMs) {
      const submitters = submittersOf(network.nodes, places(topology));
      const fields: DisturbedFields = { name, submitters, ...batchTime(topology, startedMs), expected }; // prettier-ignore
      return [{ at_ms: fields.fromMs, kind: 'disturbed', fields }];
    },
    ...(isAway && {
      head: (head, network, topology) => ({
        ...head,
        expected: {
          ...head.expected,
          exceptions: [
            ...head.expected.exceptions,
            ...submittersOf(network?.nodes ?? [], places(topology)).map((submitter) => {
              const { fromMs, untilMs } = batchTime(topology, head.startedMs);
              // With what is sent shortly before.
              return { submitter, fromMs: fromMs - windowLeadMs(topology), untilMs, why: name };
            }),
          ],
        },
      }),
    }),
  };
}

const windowLeadMs = (topology: Topology): number =>
  (windowOf(topology, BATCH, 0).fromMs - windowOf(topology).fromMs) / topology.network.speedup;

const submittersOf = (
  nodes: readonly { producer: number; submitter: string }[],
  places: ReadonlySet<number>,
): string[] => [
  ...new Set(
    nodes.filter(({ producer }) => places.has(producer)).map(({ submitter }) => submitter),
  ),
];

function ofComponent({ name, when, do: deed, logWords, serverErrors }: OfComponent): Staging {
  return {
    topology: (asked) => withLeast(asked, LEAST_BATCHES),
    disturbances: (topology) => [{ name, when: when(topology), do: deed }],
    head: (head) => ({
      ...head,
      allowed: {
        ...head.allowed,
        logWords: [...head.allowed.logWords, ...logWords],
        serverErrors: Math.max(head.allowed.serverErrors, serverErrors),
      },
    }),
    events: (_, topology, startedMs) => [
      {
        at_ms: startedMs,
        kind: 'disturbed',
        fields: { name, submitters: [], fromMs: startedMs, untilMs: startedMs + topology.batches * topology.intervalSeconds * 1000, expected: 'nothing lost' } satisfies DisturbedFields, // prettier-ignore
      },
    ],
  };
}
