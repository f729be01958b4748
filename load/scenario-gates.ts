/** The gates that a scenario adds to those of every load. Pure. */
import type { LoadShape } from '../results/types.ts';

/**
 * A collector's saw-tooth of 30 MB in 2 or 3 minutes (measured: the embedded backend) makes 1 MB a minute of a load of 10 minutes that
 * does not grow at all, so a soak must be a longer one to be judged by it.
 */
const SHORTEST_JUDGED_SOAK_MS = 30 * 60_000;

/** @param isWatched the backend's memory is read: it is the embedded one, or its process is known */
export function scenarioGates(scenario: string, load: LoadShape, isWatched: boolean): string[] {
  // A queue that grows is the sign of a rate above what the target can do.
  if (scenario === 'breakpoint') return ['keeping-up>=97%'];
  return scenario === 'soak' && isWatched && load.durationMs >= SHORTEST_JUDGED_SOAK_MS
    ? ['backend-memory-growth<=1MB/min']
    : [];
}
