/** How the load of an aggregator ended, where nothing else is known: with its last answer. */
import type { LoadEnd } from '../../load/k6/figures.ts';
import type { SampleAggregator } from '../../load/k6/samples.ts';

export function endOf(aggregator: SampleAggregator, isCut = false): LoadEnd {
  const { lastEndMs } = aggregator.totals;
  return {
    loadMs: (lastEndMs ?? 0) - (aggregator.startMs ?? 0),
    inFlight: aggregator.inFlight().length,
    isCut,
  };
}
