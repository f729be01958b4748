/**
 * How often the 95 % interval of a submission's cost holds the truth: made-up runs on ramps, steps and a spike whose fixed cost and slope are
 * known, with noise that is white and with noise in which a reading is like the one before it (AR(1)). No machine is measured. The aim
 * is 93 to 97 %; a run that gives no figure counts as one that does not hold it.
 */
import { costOf, type CostRun } from '../results/cost.ts';
import type { ProcessReading, SampleLine } from '../results/types.ts';
import type { BenchLine } from './measure.ts';
import { normalOf, randomOf } from '../judge/random.ts';

const T0 = Date.UTC(2026, 0, 1);
const FIXED_CORES = 0.2;
const CPU_MS = 3;
/** Standard deviation of a reading, in cores. */
const NOISE = 0.05;

export type Simulation = {
  /** Submissions that begin in a second. */
  rate: (second: number) => number;
  seconds: number;
  /** Correlation of a reading's noise with that of the one before; 0: white. */
  likeness: number;
};

/** Readings each second, a part of a second after it, of a target that costs what is known. */
function runOf({ rate, seconds, likeness }: Simulation, normal: () => number): CostRun {
  const samples = Array.from({ length: seconds }, (_, second): SampleLine => {
    const count = Math.round(rate(second));
    return {
      t: T0 + second * 1000,
      elapsedS: second,
      vus: 50,
      sent: count,
      started: count,
      answers: { '200': count },
      bytesSent: 0,
      bytesReceived: 0,
      latency: null,
      felt: null,
    };
  });
  const OFFSET = 0.37;
  let noise = (NOISE * normal()) / Math.sqrt(1 - likeness ** 2);
  const resources = samples.slice(1).map(({ t }, i): ProcessReading => {
    const submissions = (1 - OFFSET) * samples[i].sent + OFFSET * samples[i + 1].sent;
    noise = likeness * noise + NOISE * normal();
    return {
      t: t + OFFSET * 1000,
      kind: 'process',
      name: 'backend',
      rootPid: 7,
      intervalMs: 1000,
      cpuCores: FIXED_CORES + (CPU_MS * submissions) / 1000 + noise,
    };
  });
  return { samples, resources };
}

export type Coverage = { slope: number; fixed: number; given: number; medianWidth: number };

/** Shares of `runs` whose intervals hold the truth, and that gave a slope; width as a share of the slope. */
export function coverageOf(simulation: Simulation, runs: number, seed = 1): Coverage {
  const normal = normalOf(randomOf(seed));
  const widths: number[] = [];
  let [slopes, fixed] = [0, 0];
  for (let i = 0; i < runs; i++) {
    const cost = costOf([runOf(simulation, normal)])!;
    const slope = cost.cpuMsPerFurtherSubmission;
    if (slope === null) continue;
    widths.push((slope.high - slope.low) / 2 / CPU_MS);
    if (slope.low <= CPU_MS && CPU_MS <= slope.high) slopes++;
    const base = cost.fixedCores;
    // What may as well be nothing is not given: that is right where the truth is as near to it.
    if (base === null || (base.low <= FIXED_CORES && FIXED_CORES <= base.high)) fixed++;
  }
  return {
    slope: slopes / runs,
    fixed: fixed / runs,
    given: widths.length / runs,
    medianWidth: widths.sort((a, b) => a - b)[widths.length >> 1],
  };
}

export const SHAPES: Readonly<Record<string, Simulation['rate']>> = {
  ramp: (second) => 3 * second,
  steps: (second) => 60 * (1 + Math.floor(second / 15)),
  spike: (second) => (second > 20 && second < 30 ? 400 : 60),
};

const RUNS = 1000;

export function bench(report: (line: BenchLine) => void): Promise<void> {
  for (const [shape, rate] of Object.entries(SHAPES))
    for (const seconds of [60, 300])
      for (const likeness of [0, 0.3, 0.6]) {
        const { slope, given, medianWidth } = coverageOf({ rate, seconds, likeness }, RUNS);
        const noise = likeness === 0 ? 'white noise' : `AR(1) noise, ${likeness}`;
        const line = (what: string, value: number, unit: string) =>
          report({
            bench: 'cost',
            case: `${what}: ${shape}, ${seconds} s, ${noise}`,
            value: Number((100 * value).toFixed(1)),
            unit,
            peer: null,
            peer_value: null,
            ratio: null,
          });
        line('95 % interval holds the slope', slope, '% of 1,000 simulated runs');
        line('a slope is given', given, '% of 1,000 simulated runs');
        line('half the interval', medianWidth, '% of the slope, median');
      }
  return Promise.resolve();
}
