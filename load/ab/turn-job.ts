/** What one turn of a comparison runs. Pure. */
import type { LoadJob } from '../job.ts';
import type { AbPlan, Turn } from './plan.ts';

/**
 * The job of one turn. In a round both send the same submissions, by one seed; where both addresses are the same, each side has
 * producers of its own, since a backend takes each submission once and counts the hour.
 */
export const turnJob = (
  job: LoadJob,
  plan: AbPlan,
  { round, side }: Turn,
  resultsFolder: string,
): LoadJob => ({
  ...job,
  ab: null,
  targets: [plan[side]],
  resultsFolder,
  // Said once, by the comparison.
  notes: [],
  request: {
    ...job.request,
    seed: `${job.request.seed}/${round}${plan.base.url === plan.now.url ? `/${side}` : ''}`,
  },
});
