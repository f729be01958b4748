/** Loads in which each start has a time of its own: those of a simulated network, and of a recording at its own times. Pure. */
import type { EraName } from '../mina/eras.ts';
import {
  leastGapMs,
  mostSubmissions,
  type NetworkPlan,
  type NetworkShape,
  planNetwork,
  RETRY_MS,
} from '../producers/network-plan.ts';
import type { Payload } from '../producers/payloads.ts';
import type { LoadShape, TimedStarts } from '../results/types.ts';
import { UserError, EXIT } from '../user-error.ts';
import { LONGEST_MS } from './pace.ts';
import type { LoadRequest } from './request.ts';
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
};

/** A backend keeps one submission of a submitter and second: two of a producer stay a little more than that apart. */
const LEAST_REAL_GAP_MS = 1100;
/** Producers of this number can all wait at once for an answer or for a retry, and cost little. */
const A_VU_EACH = 100;
/** A corpus of so many takes 0.5 GB. */
const MOST_SUBMISSIONS = 2_000_000;

const networkShape = (
  { durationMs, seed, fleet, era }: Pick<LoadRequest, 'durationMs' | 'seed' | 'fleet' | 'era'>,
  producers: number,
  known: EraName | null,
): NetworkShape => {
  const { speedup, ...shares } = fleet!;
  return {
    // Before anything is read `auto` may be any; the shorter slots ask for more.
    era: known ?? (era === 'berkeley' ? 'berkeley' : 'mesa'),
    producers,
    durationMs: durationMs * speedup,
    seed,
    ...shares,
  };
};

/** What is wrong with a fleet of so many producers; each stands alone. @param era null: not known yet */
export function fleetProblems(
  request: Pick<LoadRequest, 'durationMs' | 'seed' | 'fleet' | 'era'>,
  producers: number,
  era: EraName | null = null,
): string[] {
  const { speedup } = request.fleet!;
  const problems: string[] = [];
  const shape = networkShape(request, producers, era);
  const gapMs = leastGapMs(shape.era);
  const fastest = Math.floor(gapMs / LEAST_REAL_GAP_MS);
  if (speedup > fastest)
    problems.push(
      `--speedup must be at most ${fastest}, but is ${speedup}: a producer would submit each ${(gapMs / speedup / 1000).toFixed(2)} s, ` +
        'and a backend keeps one submission of a producer and second',
    );
  const count = mostSubmissions(shape);
  if (count > MOST_SUBMISSIONS)
    problems.push(
      `--producers ${producers} submit up to ${count} times in ${request.durationMs / 1000} s at --speedup ${speedup}, but ${MOST_SUBMISSIONS} is the most that is signed beforehand`,
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
    everyMs: RETRY_MS / speedup,
    // Until the producer's next submission may be due.
    withinMs: leastGapMs(network.shape.era) / speedup,
  };
  const timed: TimedStarts = {
    of: 'fleet',
    speedup,
    peakPerSecond: mostWithin(offsetsMs, 1000),
    retry,
  };
  const shape = timedShape(request, { offsetsMs, durationMs: request.durationMs, timed });
  // No producer has two submissions under way, so no more VUs than producers are ever at work.
  const most = Math.min(producers, offsetsMs.length);
  const vus = request.vusChosen ? shape.vus : Math.min(most, Math.max(shape.vus, A_VU_EACH));
  return { shape: { ...shape, vus }, offsetsMs, network, payloads: null };
}

/** The starts of a recording. @throws UserError for one that lasts too long */
export function recordedStarts(request: LoadRequest, recorded: readonly Payload[]): TimedLoad {
  const factor = request.timeFactor!;
  const payloads = [...recorded].sort((a, b) => a.createdAtMs - b.createdAtMs);
  const firstMs = payloads[0].createdAtMs;
  const spanMs = payloads.at(-1)!.createdAtMs - firstMs;
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
    ({ createdAtMs }) => (createdAtMs - firstMs) / factor,
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
