/** What was seen of the generator over the load: counters of its control group, its think times, whether it stood still. */
import { readCgroupLimits, readThrottling, type Throttling } from '../monitor/cgroup-limits.ts';
import type { GeneratorFigures, LoadShape } from '../results/types.ts';
import type { SampleAggregator } from './k6/samples.ts';

/** A think time that ends less than this too late is on time: a timer, some turns of the scheduler on a machine with work. */
const LEAST_TOLERANCE_MS = 50;
/** Lateness of less than this share of the target's own answer time changes no figure much. */
const TOLERANCE_SHARE = 0.25;

/** Counters from the load's beginning to its end; of this process's own group, in which k6 is too. */
export class QuotaWatch {
  readonly #before: Throttling | null;
  #after: Throttling | null = null;

  constructor() {
    this.#before = readThrottling(process.pid);
  }

  /** To be called when k6 has ended. */
  end(): void {
    this.#after = readThrottling(process.pid);
  }

  /** undefined: there is no quota, or it could not be read. */
  figures(): GeneratorFigures['throttling'] {
    const [before, after] = [this.#before, this.#after];
    if (before === null || after === null || after.periods <= before.periods) return undefined;
    return {
      periods: after.periods - before.periods,
      throttled: Math.max(0, after.throttled - before.throttled),
      quotaCores: readCgroupLimits(process.pid).cpuQuotaCores,
    };
  }
}

/** @param answerP50Ms median of what an answer took; null: none came */
export function generatorFigures(
  aggregator: SampleAggregator,
  { think, executor }: LoadShape,
  known: Pick<GeneratorFigures, 'cpu' | 'waitedShare' | 'throttling'>,
): GeneratorFigures {
  const { sent, standstillMs } = aggregator.totals;
  const answerMs = aggregator.latency.figures()?.p50Ms ?? 0;
  const toleranceMs = Math.max(LEAST_TOLERANCE_MS, TOLERANCE_SHARE * answerMs);
  const hasThinkTimes = think.maxMs > 0 && !executor.endsWith('arrival-rate');
  return {
    ...(known.cpu && { cpu: known.cpu }),
    ...(known.waitedShare !== undefined && { waitedShare: known.waitedShare }),
    ...(known.throttling && { throttling: known.throttling }),
    ...(hasThinkTimes &&
      sent > 0 && {
        thinkTimes: { count: sent, late: aggregator.overrunsOver(toleranceMs), toleranceMs },
      }),
    ...(standstillMs > 0 && { standstillMs }),
  };
}
