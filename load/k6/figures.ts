/** What a summary takes from the samples. Pure. */
import { countFigures } from '../../results/figures.ts';
import { ratesOf } from '../../results/rates.ts';
import type { Summary } from '../../results/types.ts';
import type { SampleAggregator } from './samples.ts';

export type LoadEnd = {
  /** The load's own time (results/rates.ts). */
  loadMs: number;
  /** Submissions that were begun and whose end was not reported. */
  inFlight: number;
  /** It did not run to its end: what was due after its last sample is not counted as missed. */
  isCut: boolean;
};

export function figuresOf(
  aggregator: SampleAggregator,
  { loadMs, inFlight, isCut }: LoadEnd,
): Omit<Summary['figures'], 'processes'> {
  const { schedule, warmUpAnswers } = aggregator;
  const { totals } = aggregator;
  const { sent, accepted, expected, answers, bytesSent, bytesReceived } = totals;
  const { failedIterations, retries, ...times } = totals;
  const started = sent + inFlight;
  return {
    ...countFigures({ sent, started, accepted, expected, answers }),
    ...ratesOf({ started, accepted }, loadMs),
    bytesSent,
    bytesReceived,
    latency: aggregator.latency.figures(),
    felt: aggregator.felt.figures(),
    failedIterations,
    ...(schedule !== null && {
      schedule: schedule.figures(isCut ? (times.lastEndMs ?? 0) : null),
      sinceIntended: schedule.sinceIntended,
      lateness: schedule.lateness,
    }),
    ...(warmUpAnswers > 0 && { warmUpAnswers }),
    ...(Object.keys(retries).length > 0 && { retries }),
  };
}
