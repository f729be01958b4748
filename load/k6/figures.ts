/** What a summary takes from the samples. Pure. */
import type { Summary } from '../../results/types.ts';
import type { SampleAggregator } from './samples.ts';

/** @param cut the load did not run to its end: what was due after its last sample is not counted as missed */
export function figuresOf(
  aggregator: SampleAggregator,
  cut = false,
): Omit<Summary['figures'], 'processes'> {
  const { schedule, warmUpAnswers } = aggregator;
  const { totals } = aggregator;
  const { sent, accepted, expected, answers, bytesSent, bytesReceived } = totals;
  const { failedIterations, retries, ...times } = totals;
  const spanMs = (times.lastEndMs ?? 0) - (times.firstEndMs ?? 0);
  return {
    sent,
    accepted,
    answers,
    ...(expected !== accepted && { expected }),
    errorRate: sent === 0 ? null : (sent - expected) / sent,
    // Between n ends lie n - 1 intervals.
    submissionsPerSecond: spanMs > 0 ? ((sent - 1) * 1000) / spanMs : null,
    bytesSent,
    bytesReceived,
    latency: aggregator.latency.figures(),
    felt: aggregator.felt.figures(),
    failedIterations,
    ...(schedule !== null && {
      schedule: schedule.figures(cut ? (times.lastEndMs ?? 0) : null),
      sinceIntended: schedule.sinceIntended,
      lateness: schedule.lateness,
    }),
    ...(warmUpAnswers > 0 && { warmUpAnswers }),
    ...(Object.keys(retries).length > 0 && { retries }),
  };
}
