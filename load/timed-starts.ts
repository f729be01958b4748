/** Loads in which each start has a time of its own: those of a simulated network, and of a recording at its own times. Pure. */
import { type EraName, submissionPeriodMs } from '../mina/eras.ts';
import { hardForkAt } from '../producers/fork-times.ts';
import { mostNodesOfOne, mostPairs, pairCount } from '../producers/network-nodes.ts';
import {
  mostSubmissions,
  type NetworkPlan,
  type NetworkShape,
  planNetwork,
} from '../producers/network-plan.ts';
import type { Payload } from '../producers/payloads.ts';
import { RETRY } from '../producers/uptime-service.ts';
import type { LoadShape, TimedStarts } from '../results/types.ts';
import { UserError, EXIT } from '../user-error.ts';
import { LONGEST_MS } from './pace.ts';
import { FORK_FROM } from './hard-fork.ts';
import type { LoadRequest } from './request.ts';
import { planRounds, roundsProblems } from './rounds.ts';
import { mostWithin } from './schedule.ts';
import { timedShape } from './shape.ts';

/** When each submission is due. */
export type TimedLoad = {
  shape: LoadShape;
  /** When each start is due: milliseconds from the beginning, ascending. */
  offsetsMs: Uint32Array;
  /** Of a simulated network. */
  network: NetworkPlan | null;
  /** Of a recording: the payloads in the order of their times. */
  payloads: Payload[] | null;
  /** Who submits each, as places in the fleet, where the plan says it; absent: the seed does. */
  producers?: Uint32Array;
};

/** A backend keeps one submission of a submitter and second: two of a producer stay a little more than that apart. */
const LEAST_REAL_GAP_MS = 1100;
/** Producers of this number can all wait at once for an answer or for a retry, and cost little. */
const A_VU_EACH = 100;
/** A corpus of so many takes 0.5 GB. */
export const MOST_TIMED_SUBMISSIONS = 2_000_000;

/** Before anything is read `auto` may be any era; the shorter slots ask for more. */
const eraBefore = ({ era }: FleetOf): EraName => (era === 'berkeley' ? 'berkeley' : 'mesa');

type FleetOf = Pick<LoadRequest, 'durationMs' | 'seed' | 'fleet' | 'era' | 'forkAtMs'>;

/** @param known the era of new blocks; null: nothing was read yet */
function networkShape(request: FleetOf, producers: number, known: EraName | null): NetworkShape {
  const { durationMs, seed, forkAtMs = null, fleet } = request;
  const { speedup, forkShare, lateShare, laggingShare, stayedShare } = fleet!;
  const { nodesPerProducer, sameSecondShare } = fleet!;
  return {
    era: known ?? eraBefore(request),
    hardFork: forkAtMs === null ? null : hardForkAt(FORK_FROM, forkAtMs * speedup),
    producers,
    nodesPerProducer,
    sameSecondShare,
    durationMs: durationMs * speedup,
    seed,
    forkShare,
    lateShare,
    laggingShare,
    stayedShare,
    // What the speedup would squeeze into one second of the target is set apart again.
    leastGapMs: LEAST_REAL_GAP_MS * speedup,
  };
}

/** What is wrong with a fleet of so many producers; each stands alone. @param era null: not known yet */
export function fleetProblems(
  request: FleetOf,
  producers: number,
  era: EraName | null = null,
): string[] {
  const { speedup, nodesPerProducer, sameSecondShare } = request.fleet!;
  const problems: string[] = [];
  const shape = networkShape(request, producers, era);
  // Each node of a key once a cycle, and once more as a maker.
  const each = mostNodesOfOne(shape) + 1;
  const periodMs = submissionPeriodMs(shape.era);
  const fastest = Math.floor(periodMs / (each * LEAST_REAL_GAP_MS));
  if (speedup > fastest)
    problems.push(
      `--speedup must be at most ${fastest}, but is ${speedup}: a producer would submit up to ${each} times in ${(periodMs / speedup / 1000).toFixed(2)} s, ` +
        'and a backend keeps one submission of a producer and second',
    );
  if (pairCount(shape) > mostPairs(shape))
    problems.push(
      `--same-second-share ${sameSecondShare} asks for ${pairCount(shape)} pairs of nodes of one key, but with --nodes-per-producer ${nodesPerProducer} ${mostPairs(shape)} of ${producers} producers have two`,
    );
  const count = mostSubmissions(shape);
  if (count > MOST_TIMED_SUBMISSIONS)
    problems.push(
      `--producers ${producers} submit up to ${count} times in ${request.durationMs / 1000} s at --speedup ${speedup}, but ${MOST_TIMED_SUBMISSIONS} is the most that is signed beforehand`,
    );
  return problems;
}

/** The starts of a simulated network. @throws UserError for a fleet that cannot be played so */
export function networkStarts(
  request: LoadRequest,
  producers: number,
  era: EraName | null,
): TimedLoad {
  const problems = fleetProblems(request, producers, era);
  if (problems.length > 0)
    throw new UserError(problems.join('\n'), {
      hint: 'lower --speedup, or take fewer producers',
      exitCode: EXIT.usage,
    });
  const { speedup } = request.fleet!;
  const network = planNetwork(networkShape(request, producers, era));
  if (network.submissions.count === 0)
    throw new UserError(
      `a fleet of ${producers} submits nothing in the first ${(request.durationMs * speedup) / 1000} s of the network's time`,
      {
        hint: 'take more --producers, a longer --duration or a higher --speedup',
        exitCode: EXIT.usage,
      },
    );
  const offsetsMs = Uint32Array.from(network.submissions.atMs, (ms) => ms / speedup);
  const retry = {
    // A node's pause is longer than a second of the backend, and stays so however fast the network's time goes.
    everyMs: Math.max(RETRY.everyMs / speedup, LEAST_REAL_GAP_MS),
    // What is not finished when the node's next cycle begins is given up.
    withinMs: submissionPeriodMs(network.shape.era) / speedup,
    attempts: RETRY.attempts,
    endedBy: [...RETRY.endedBy],
  };
  const timed: TimedStarts = {
    of: 'fleet',
    speedup,
    peakPerSecond: mostWithin(offsetsMs, 1000),
    retry,
  };
  const shape = timedShape(request, { offsetsMs, durationMs: request.durationMs, timed });
  // Hardly a node has two submissions under way, so no more VUs than nodes are ever at work.
  const most = Math.min(network.nodes.count, offsetsMs.length);
  const vus = request.vusChosen ? shape.vus : Math.min(most, Math.max(shape.vus, A_VU_EACH));
  return { shape: { ...shape, vus }, offsetsMs, network, payloads: null };
}

/** The starts of rounds. @throws UserError for rates that so many producers cannot have */
export function roundStarts(request: LoadRequest, producers: number): TimedLoad {
  const asked = request.rounds!;
  const problems = roundsProblems(asked, producers);
  if (problems.length > 0)
    throw new UserError(problems.join('\n'), {
      hint: 'list more producers, or lower --rate, --stress-rate or --stopped-share',
      exitCode: EXIT.usage,
    });
  const {
    offsetsMs,
    producers: who,
    durationMs,
    rounds,
  } = planRounds(asked, producers, request.seed);
  const timed: TimedStarts = {
    of: 'rounds',
    speedup: 1,
    peakPerSecond: mostWithin(offsetsMs, 1000),
    rounds: {
      basePerSecond: asked.basePerSecond,
      stressPerSecond: asked.stressPerSecond,
      times: rounds,
    },
  };
  const shape = timedShape(request, { offsetsMs, durationMs, timed });
  return { shape, offsetsMs, network: null, payloads: null, producers: who };
}

/** When it was sent: a recording says when it came, a file alone when its sender made it. */
const recordedMs = ({ receivedAtMs, createdAtMs }: Payload): number => receivedAtMs ?? createdAtMs;

/** The starts of a recording. @throws UserError for one that lasts too long */
export function recordedStarts(request: LoadRequest, recorded: readonly Payload[]): TimedLoad {
  const factor = request.timeFactor!;
  const payloads = [...recorded].sort((a, b) => recordedMs(a) - recordedMs(b));
  const firstMs = recordedMs(payloads[0]);
  const spanMs = recordedMs(payloads.at(-1)!) - firstMs;
  if (spanMs / factor > LONGEST_MS)
    throw new UserError(
      `the recorded requests span ${days(spanMs)} days, ${days(spanMs / factor)} with --time-factor ${factor}; a load lasts 7 days at most`,
      {
        hint: `--time-factor ${Math.ceil(spanMs / 3_600_000)} plays them within an hour`,
        exitCode: EXIT.usage,
      },
    );
  const offsetsMs = Uint32Array.from(
    payloads,
    (payload) => (recordedMs(payload) - firstMs) / factor,
  );
  const shape = timedShape(request, {
    offsetsMs,
    durationMs: Math.max(1000, offsetsMs.at(-1)! + 1),
    timed: { of: 'recorded', speedup: factor, peakPerSecond: mostWithin(offsetsMs, 1000) },
  });
  return { shape, offsetsMs, network: null, payloads };
}

const days = (ms: number): string => (ms / 86_400_000).toFixed(1);

/** The file of times as k6 reads it (scenarios/lib/timing.ts): u32 LE. */
export function offsetsFile(offsetsMs: Uint32Array): Buffer {
  const bytes = Buffer.alloc(offsetsMs.length * 4);
  offsetsMs.forEach((ms, i) => bytes.writeUInt32LE(ms, i * 4));
  return bytes;
}

/** Times as a simulated network's nodes have them: two nodes of one key that send in the same second belong to it. */
export const isAsNetworkSends = (timed: Pick<TimedStarts, 'of'> | undefined): boolean =>
  timed?.of === 'fleet';
