/**
 * A rehearsed hard fork: the old era stops, nodes go on with its frozen tip or go away, the new era begins, stragglers stay on the old chain. The verifier is in dual
 * mode by the cutover, which is the genesis of the new era. Pure.
 */
import { type EraName, ERAS, submissionPeriodMs } from '../../mina/eras.ts';
import { type HardFork, hardForkAt, LEAST_SLOTS_BEFORE } from '../../producers/fork-times.ts';
import { SUBMISSION_KINDS, type NetworkPlan } from '../../producers/network-plan.ts';
import type { ForkFields } from '../dump/types.ts';
import { silenced } from '../staging/plan-changes.ts';
import type { Staging } from '../staging/staging.ts';
import type { Topology } from '../topology.ts';

/** The fork of 2026. */
export const FORK_FROM: EraName = 'berkeley';
export const FORK_TO: EraName = 'mesa';

/** In the network's own time; null: none is rehearsed. */
export const hardForkOf = ({ fork, network }: Topology): HardFork | null =>
  fork === undefined ? null : hardForkAt(FORK_FROM, fork.atMs * network.speedup);

/** In real milliseconds after the beginning. */
const realTimes = (topology: Topology) => {
  const { transactionsEndMs, chainEndMs, genesisMs } = hardForkOf(topology)!;
  const real = (ms: number): number => Math.round(ms / topology.network.speedup);
  return {
    transactionsEndMs: real(transactionsEndMs),
    chainEndMs: real(chainEndMs),
    genesisMs: real(genesisMs),
  };
};

/** @returns what is wrong with it: sentences */
export function forkProblems(topology: Topology): string[] {
  const { fork, network, batches, intervalSeconds } = topology;
  if (fork === undefined) return [];
  const seconds = (ms: number): string => `${ms / 1000} s`;
  const leastMs = (LEAST_SLOTS_BEFORE * ERAS[FORK_FROM].slotTimeMs) / network.speedup;
  const mostMs = batches * intervalSeconds * 1000;
  return [
    ...(network.era === FORK_TO
      ? []
      : [`--fork-at goes from ${ERAS[FORK_FROM].label} to ${ERAS[FORK_TO].label}, so --era ${network.era} does not go with it`]),
    ...(fork.atMs >= leastMs && realTimes(topology).genesisMs < mostMs
      ? []
      : [`--fork-at must be from ${seconds(leastMs)} on and within the ${batches} batches, which last ${seconds(mostMs)}, but is ${seconds(fork.atMs)}`]),
  ]; // prettier-ignore
}

/** Block producers whose nodes stay on the old chain. */
function stayedOf({ submissions }: NetworkPlan): Set<number> {
  const kind = SUBMISSION_KINDS.indexOf('stayed');
  return new Set(submissions.producers.filter((_, i) => submissions.kinds[i] === kind));
}

/** Block producers whose nodes stop with the old chain and come back later: the first ones of those that do not stay. */
function awayOf(plan: NetworkPlan, { fork, network }: Topology): Set<number> {
  const stayed = stayedOf(plan);
  const able = Array.from({ length: network.producers }, (_, i) => i).filter((i) => !stayed.has(i));
  return new Set(able.slice(0, Math.round(fork!.awayShare * network.producers)));
}

/** How long after the genesis they come back: a batch, as most did on mainnet. */
const backMs = (topology: Topology): number =>
  realTimes(topology).genesisMs + topology.intervalSeconds * 1000;

/** @param planOf the plan of a topology, with its fork */
export function forkStaging(planOf: (topology: Topology) => NetworkPlan): Staging {
  return {
    topology: (asked) => ({ ...asked, noChecks: false }),
    // Blocks that are new have the proofs of others; all else is checked, the era of the circuits above all.
    variables: (_, topology, startSeconds) => ({
      verifier: {
        FORK_CUTOVER_TIME: new Date(startSeconds * 1000 + realTimes(topology).genesisMs).toISOString(), // prettier-ignore
        VERIFIER_TEST_TAKES_PROOFS: '1',
      },
    }),
    zeroDigestOf: () => null,
    plan(plan, topology) {
      const { speedup } = topology.network;
      return silenced(plan, awayOf(plan, topology), {
        fromMs: hardForkOf(topology)!.chainEndMs,
        untilMs: backMs(topology) * speedup,
      });
    },
    head(head, _, topology) {
      const { chainEndMs, genesisMs } = realTimes(topology);
      const cutoverMs = head.startedMs + genesisMs;
      const { stayed, away } = submittersOf(topology, head.expected.submitters, planOf);
      return {
        ...head,
        eras: [
          { name: FORK_FROM, fromMs: null, untilMs: cutoverMs },
          { name: FORK_TO, fromMs: cutoverMs, untilMs: null },
        ],
        cutoverMs,
        expected: {
          ...head.expected,
          periodMs: submissionPeriodMs(FORK_FROM) / topology.network.speedup,
          exceptions: [
            ...head.expected.exceptions,
            ...stayed.map((submitter) => ({ submitter, fromMs: cutoverMs, untilMs: Number.MAX_SAFE_INTEGER, why: 'it stays on the old chain' })),
            ...away.map((submitter) => ({ submitter, fromMs: head.startedMs + chainEndMs, untilMs: head.startedMs + backMs(topology), why: 'it goes over to the new era' })),
          ],
        },
      }; // prettier-ignore
    },
    events(network, topology, startedMs) {
      const times = realTimes(topology);
      const all = submittersByPlace(network.nodes);
      const fields: ForkFields = {
        from: FORK_FROM,
        to: FORK_TO,
        transactionsEndMs: startedMs + times.transactionsEndMs,
        chainEndMs: startedMs + times.chainEndMs,
        genesisMs: startedMs + times.genesisMs,
        backMs: startedMs + backMs(topology),
        ...submittersOf(topology, all, planOf),
      };
      return [{ at_ms: fields.genesisMs, kind: 'fork', fields }];
    },
  };
}

/** In the order of the fleet. */
function submittersByPlace(nodes: readonly { producer: number; submitter: string }[]): string[] {
  const all: string[] = [];
  for (const { producer, submitter } of nodes) all[producer] = submitter;
  return all;
}

function submittersOf(
  topology: Topology,
  all: readonly string[],
  planOf: (topology: Topology) => NetworkPlan,
): { stayed: string[]; away: string[] } {
  const plan = planOf(topology);
  const keysOf = (places: ReadonlySet<number>) => [...places].sort((a, b) => a - b).map((place) => all[place]); // prettier-ignore
  return { stayed: keysOf(stayedOf(plan)), away: keysOf(awayOf(plan, topology)) };
}
