/**
 * How often the 95 % interval of a search for the knee holds the truth, how far its middle is off, and how many trials it takes: searches
 * over simulated targets of known capacity. Search, judge and gate are those of a real run; only k6 and the target are made up. No
 * machine is measured.
 */
import { defaultGatesOf, gateRules, judgeGates } from '../judge/gates.ts';
import { searchState, type Trial } from '../load/breakpoint/search.ts';
import { sendableRate } from '../load/breakpoint/trial.ts';
import { breakpoint, searchOf } from '../load/scenarios/breakpoint.ts';
import type { ScheduleFigures } from '../results/types.ts';
import type { BenchLine } from './measure.ts';
import { randomOf } from '../judge/random.ts';
import { playLoad, type SimulatedTarget } from './simulated-target.ts';

/** A target without its capacity, and how often a trial says the opposite of what it saw. */
export type SearchCase = Omit<SimulatedTarget, 'capacity'> & { lies?: number };

export type Coverage = {
  searches: number;
  /** Share of the searches whose interval holds the capacity. */
  held: number;
  /** Median of what the knee is off by, with its sign and without, as a share of the capacity. */
  bias: number;
  error: number;
  /** Median width of the interval, as a share of the knee. */
  width: number;
  meanTrials: number;
};

/** As without an option but for `--max-rate`. */
const OPTIONS = {
  rate: breakpoint.defaults.rate,
  'max-rate': 2000,
  ...Object.fromEntries(
    breakpoint.options
      .filter(({ name }) => ['precision', 'max-trials'].includes(name))
      .map(({ name, default: value }) => [name, Number(value)]),
  ),
  hold: 10_000,
  settle: 0,
} as const;
const LEAST_CAPACITY = 60;
const MOST_CAPACITY = 600;

const QUEUE_GATES = gateRules(
  [],
  defaultGatesOf({
    isOpen: true,
    isConstantRate: true,
    durationMs: OPTIONS.hold,
    retries: false,
    hostile: false,
    search: true,
    soak: false,
    watched: false,
    log: false,
    storage: null,
  }),
).filter(({ metric }) => metric === 'queue-growth');

/** What the gate of a trial says. */
export function keepsUp(seen: Pick<ScheduleFigures, 'planned' | 'queue'>): boolean {
  const schedule: ScheduleFigures = {
    ...seen,
    started: seen.planned,
    late: 0,
    dropped: 0,
    droppedWhileFree: 0,
    onTimeShare: 1,
    latenessP99Ms: 0,
    toleranceMs: 10,
  };
  const figures = { schedule } as Parameters<typeof judgeGates>[1];
  return judgeGates(QUEUE_GATES, figures).every(({ state }) => state === 'pass');
}

/** Searches over targets whose capacities are spread evenly by their logarithm. */
export function coverageOf(
  { lies = 0, ...target }: SearchCase,
  searches: number,
  seed = 1,
): Coverage {
  const random = randomOf(seed);
  const offs: number[] = [];
  const widths: number[] = [];
  let [held, count] = [0, 0];
  for (let i = 0; i < searches; i++) {
    const capacity = LEAST_CAPACITY * (MOST_CAPACITY / LEAST_CAPACITY) ** random();
    const options = searchOf(OPTIONS);
    const trials: Trial[] = [];
    let state = searchState(options, trials);
    while (state.next !== null) {
      const rate = sendableRate(state.next);
      const seen = playLoad({ ...target, capacity }, { rate, durationMs: OPTIONS.hold }, random);
      const isHeld = keepsUp(seen) !== random() < lies;
      trials.push({ rate, outcome: isHeld ? 'held' : 'failed' });
      state = searchState(options, trials);
    }
    const { rate, low, high } = state.knee;
    if (low <= capacity && capacity <= high) held++;
    count += trials.length;
    offs.push(rate / capacity - 1);
    widths.push((high - low) / rate);
  }
  return {
    searches,
    held: held / searches,
    bias: median(offs),
    error: median(offs.map(Math.abs)),
    width: median(widths),
    meanTrials: count / searches,
  };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1];

const TOKENS = { arrivals: 'D', service: 'D', servers: 1 } as const;
const RANDOM = { arrivals: 'D', service: 'M', servers: 4 } as const;

/** In Kendall's notation; D/D/1 is a steady target under k6's even starts, e.g. one that a token bucket paces. */
export const CASES: Readonly<Record<string, SearchCase>> = {
  'D/D/1': TOKENS,
  'M/D/1': { ...TOKENS, arrivals: 'M' },
  'D/M/4': RANDOM,
  'M/M/4': { ...RANDOM, arrivals: 'M' },
  'D/D/1, blurred by 5 %': { ...TOKENS, blur: 0.05 },
  'D/D/1, blurred by 10 %': { ...TOKENS, blur: 0.1 },
  'D/M/4, blurred by 5 %': { ...RANDOM, blur: 0.05 },
  'D/D/1, 1 of 20 trials lies': { ...TOKENS, lies: 0.05 },
  'D/M/4, 1 of 20 trials lies': { ...RANDOM, lies: 0.05 },
};

const SEARCHES = 300;

export function bench(report: (line: BenchLine) => void): Promise<void> {
  for (const [name, of] of Object.entries(CASES)) {
    const { searches, held, bias, error, width, meanTrials } = coverageOf(of, SEARCHES);
    const line = (what: string, value: number, unit: string, digits = 1) =>
      report({
        bench: 'breakpoint',
        case: `${what}: ${name}`,
        value: Number(value.toFixed(digits)),
        unit,
        peer: null,
        peer_value: null,
        ratio: null,
      });
    line('95 % interval holds the capacity', 100 * held, `% of ${searches} simulated searches`);
    line('middle less capacity', 100 * bias, '% of the capacity, median', 2);
    line('middle off by', 100 * error, '% of the capacity, median', 2);
    line('width of the interval', 100 * width, '% of the knee, median');
    line('trials', meanTrials, 'a search, mean');
  }
  return Promise.resolve();
}
