/** How long each stage took: percentiles over all submissions, and over time for the picture. Pure. */
import type { LagsOverTime } from '../../results/types.ts';
import type { TraceLine } from './trace.ts';

type Lag = { name: string; what: string; ofMs: (line: TraceLine) => number | undefined };

/** Since the first request was sent; where the stage was reached. */
const LAGS: readonly Lag[] = [
  { name: 'answered', what: 'the answer came', ofMs: ({ answered_ms: at }) => at },
  {
    name: 'verified',
    what: 'its part of the batch was verified',
    ofMs: (line) => line.verified_ms,
  },
  { name: 'counted', what: 'its batch was committed', ofMs: (line) => line.counted_ms },
  { name: 'shown', what: 'the leaderboard was asked', ofMs: ({ shown_ms: at }) => at },
];

export type LagFigures = {
  name: string;
  /** What the time is of. */
  what: string;
  count: number;
  /** Since the request was sent, milliseconds; of no submission: null. */
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
  maxMs: number | null;
};

/** Steps of time in the picture. */
const STEPS = 120;
const PERCENTS = [50, 95, 99, 100] as const;

/** The value below or at which so many percent of the sorted values lie (nearest rank). */
const percentile = (sorted: Float64Array, percent: number): number =>
  sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];

/** Takes lines as they come; memory: 8 bytes a line and stage. */
export class LagMeter {
  readonly #times: number[] = [];
  readonly #lags = LAGS.map((): number[] => []);

  add(line: TraceLine): void {
    this.#times.push(line.sent_ms);
    LAGS.forEach(({ ofMs }, i) => {
      const at = ofMs(line);
      this.#lags[i].push(at === undefined ? NaN : Math.max(0, at - line.sent_ms));
    });
  }

  figures(): LagFigures[] {
    return LAGS.map(({ name, what }, i) => {
      const sorted = Float64Array.from(this.#lags[i].filter((lag) => !Number.isNaN(lag))).sort();
      const of = (percent: number) => (sorted.length === 0 ? null : percentile(sorted, percent));
      const [p50Ms, p95Ms, p99Ms, maxMs] = PERCENTS.map(of);
      return { name, what, count: sorted.length, p50Ms, p95Ms, p99Ms, maxMs };
    });
  }

  /** @param batches in the order of time; `countedMs`: when it was committed, null: not known */
  picture(batches: readonly { endMs: number; countedMs: number | null }[]): LagsOverTime {
    let [startMs, endMs] = [Infinity, -Infinity];
    for (const at of this.#times) {
      startMs = Math.min(startMs, at);
      endMs = Math.max(endMs, at);
    }
    if (this.#times.length === 0) [startMs, endMs] = [0, 0];
    const stepS = Math.max(1, Math.ceil((endMs - startMs + 1) / 1000 / STEPS));
    const seconds = Math.ceil((endMs - startMs + 1) / 1000 / stepS) * stepS;
    return {
      beganMs: startMs,
      seconds,
      stepS,
      batches: batches
        .map(({ endMs: at, countedMs }) => ({
          endS: (at - startMs) / 1000,
          countedAfterS: countedMs === null ? null : (countedMs - at) / 1000,
        }))
        .filter(({ endS }) => endS > 0 && endS <= seconds),
      stages: LAGS.map(({ name }, i) => {
        const byStep = new Map<number, number[]>();
        this.#lags[i].forEach((lag, place) => {
          if (Number.isNaN(lag)) return;
          const step = Math.floor((this.#times[place] - startMs) / 1000 / stepS);
          const of = byStep.get(step);
          if (of === undefined) byStep.set(step, [lag]);
          else of.push(lag);
        });
        return {
          name,
          steps: [...byStep]
            .sort(([a], [b]) => a - b)
            .map(([step, lags]) => {
              const sorted = Float64Array.from(lags).sort();
              return {
                startS: step * stepS,
                endS: (step + 1) * stepS,
                p50S: percentile(sorted, 50) / 1000,
                maxS: percentile(sorted, 100) / 1000,
              };
            }),
        };
      }),
    };
  }
}
