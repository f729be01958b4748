/** The plan of a load in rounds: when each submission is due, and who is left to send it. Pure but for the random stream. */
import { RandomStream } from '../producers/random.ts';
import type { Round } from '../results/types.ts';
import type { RoundsRequest } from './request.ts';

/** A backend keeps one submission of a submitter and second: two of a producer stay a little more than that apart. */
const LEAST_GAP_S = 1.1;
/** Room for starts that bunch, and for what an hour allows. */
const SPARE = 1.25;
const SUBMISSIONS_EACH = 100;

export type RoundsPlan = {
  /** Ms from the beginning, ascending. */
  offsetsMs: Uint32Array;
  /** Who submits each: places in the fleet. */
  producers: Uint32Array;
  durationMs: number;
  rounds: Round[];
  /** Of each round: who sends nothing in it, places in the fleet, ascending. */
  stopped: number[][];
};

/** Submissions of one round: those of its base time, and those of its stress. */
const startsOf = ({ basePerSecond, stressPerSecond, baseMs, stressMs }: RoundsRequest) => ({
  base: Math.floor((basePerSecond * baseMs) / 1000),
  stress: Math.floor((stressPerSecond * stressMs) / 1000),
});

/** After the last round there is no pause. */
export const roundsMs = ({ rounds, baseMs, stressMs, pauseMs }: RoundsRequest): number =>
  rounds * (baseMs + stressMs + pauseMs) - pauseMs;

export const roundsSubmissions = (request: RoundsRequest): number => {
  const { base, stress } = startsOf(request);
  return request.rounds * (base + stress);
};

const peakOf = ({ basePerSecond, stressPerSecond }: RoundsRequest): number =>
  Math.max(basePerSecond, stressPerSecond);

export const stoppedOf = ({ stoppedShare }: RoundsRequest, producers: number): number =>
  Math.round(stoppedShare * producers);

/** The fewest, from `from` on, of whom a round leaves enough: the number of the stopped is rounded. */
function enoughFrom(request: RoundsRequest, from: number): number {
  let producers = from;
  while (producers - stoppedOf(request, producers) < LEAST_GAP_S * peakOf(request)) producers++;
  return producers;
}

/** As many as the rates need while some are stopped. */
export const roundsProducers = (request: RoundsRequest): number =>
  enoughFrom(
    request,
    Math.max(
      2,
      Math.ceil((SPARE * LEAST_GAP_S * peakOf(request)) / (1 - request.stoppedShare)),
      Math.ceil(roundsSubmissions(request) / SUBMISSIONS_EACH),
    ),
  );

/** What is wrong with rounds of so many producers. */
export function roundsProblems(request: RoundsRequest, producers: number): string[] {
  const left = producers - stoppedOf(request, producers);
  const peak = peakOf(request);
  if (left < 1)
    return [
      `--stopped-share ${request.stoppedShare} of ${producers} producers leaves nobody to send`,
    ];
  if (left / peak >= LEAST_GAP_S) return [];
  const needed = enoughFrom(request, producers);
  return [
    `${peak} submissions/s by the ${left} producers that a round leaves of ${producers} would be one of each every ` +
      `${(left / peak).toFixed(2)} s, and a backend keeps one of a producer and second: take ${needed} producers or lower rates`,
  ];
}

/**
 * Producers take turns in an order of the seed; in each round the next ones of this order are stopped, so over the rounds every one
 * is stopped as often as any other, give or take one.
 */
export function planRounds(request: RoundsRequest, producers: number, seed: string): RoundsPlan {
  const { rounds, baseMs, stressMs, pauseMs, basePerSecond, stressPerSecond } = request;
  const order = Uint32Array.from({ length: producers }, (_, i) => i);
  new RandomStream(seed, 'turns in rounds').shuffle(order);
  const { base, stress } = startsOf(request);
  const count = rounds * (base + stress);
  const plan: RoundsPlan = {
    offsetsMs: new Uint32Array(count),
    producers: new Uint32Array(count),
    durationMs: roundsMs(request),
    rounds: [],
    stopped: [],
  };
  const stoppedEach = stoppedOf(request, producers);
  let next = 0;
  let i = 0;
  for (let round = 0; round < rounds; round++) {
    const fromMs = round * (baseMs + stressMs + pauseMs);
    const stressFromMs = fromMs + baseMs;
    const pauseFromMs = stressFromMs + stressMs;
    const isStopped = new Uint8Array(producers);
    for (let k = 0; k < stoppedEach; k++)
      isStopped[order[(round * stoppedEach + k) % producers]] = 1;
    const takeNext = (): number => {
      while (isStopped[order[next]] === 1) next = (next + 1) % producers;
      const taken = order[next];
      next = (next + 1) % producers;
      return taken;
    };
    for (const [starts, perSecond, at] of [
      [base, basePerSecond, fromMs],
      [stress, stressPerSecond, stressFromMs],
    ])
      for (let k = 0; k < starts; k++, i++) {
        plan.offsetsMs[i] = at + Math.floor((k * 1000) / perSecond);
        plan.producers[i] = takeNext();
      }
    const untilMs = round === rounds - 1 ? pauseFromMs : pauseFromMs + pauseMs;
    plan.rounds.push({ fromMs, stressFromMs, pauseFromMs, untilMs, stopped: stoppedEach });
    plan.stopped.push([...isStopped.keys()].filter((place) => isStopped[place] === 1));
  }
  return plan;
}
