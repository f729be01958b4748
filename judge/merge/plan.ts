/** The plan of a merged run. Pure. */
import type { LoadShape, Plan } from '../../results/types.ts';
import { ofGenerator } from './faults.ts';
import { partsOf } from './parts.ts';
import { sum } from './sums.ts';

function mergeShapes(shapes: readonly LoadShape[]): LoadShape {
  const [first] = shapes;
  const { rate, stages, iterations, startVus } = first;
  return {
    ...first,
    vus: sum(shapes, ({ vus }) => vus),
    iterations: iterations === null ? null : sum(shapes, (shape) => shape.iterations ?? 0),
    ...(rate && {
      rate: { ...rate, starts: sum(shapes, (shape) => shape.rate?.starts) },
    }),
    ...(stages && {
      stages: stages.map((stage, i) => ({
        ...stage,
        target: sum(shapes, (shape) => shape.stages?.[i].target),
      })),
    }),
    ...(startVus !== undefined && { startVus: sum(shapes, (shape) => shape.startVus) }),
  };
}

export function mergePlans(plans: readonly Plan[], id: string): Plan {
  const [first] = plans;
  const nullable = (of: (plan: Plan) => number | null) =>
    plans.some((plan) => of(plan) === null) ? null : sum(plans, (plan) => of(plan)!);
  const submissions = sum(plans, ({ corpus }) => corpus.submissions);
  return {
    ...first,
    id,
    plannedAt: plans.map(({ plannedAt }) => plannedAt).sort()[0],
    parts: plans.flatMap(partsOf),
    ...(plans.some(({ faults }) => faults !== undefined) && {
      faults: plans.flatMap(({ faults = [] }, i) =>
        faults.map((one) => ({ ...one, fault: ofGenerator(i, one.fault) })),
      ),
    }),
    seed: [...new Set(plans.map(({ seed }) => seed))].join(' + '),
    load: mergeShapes(plans.map(({ load }) => load)),
    corpus: {
      ...first.corpus,
      submissions,
      producers: sum(plans, ({ corpus }) => corpus.producers),
      templates: sum(plans, ({ corpus }) => corpus.templates),
      meanBodyBytes:
        submissions === 0
          ? first.corpus.meanBodyBytes
          : sum(plans, ({ corpus }) => corpus.meanBodyBytes * corpus.submissions) / submissions,
      maxBodyBytes: plans.reduce((most, { corpus }) => Math.max(most, corpus.maxBodyBytes), 0),
    },
    estimate: {
      submissions: nullable(({ estimate }) => estimate.submissions),
      peakRatePerSecond: nullable(({ estimate }) => estimate.peakRatePerSecond),
      bytesSent: nullable(({ estimate }) => estimate.bytesSent),
      k6MemoryBytes: sum(plans, ({ estimate }) => estimate.k6MemoryBytes),
      durationMs: plans.reduce((most, { estimate }) => Math.max(most, estimate.durationMs), 0),
    },
  };
}
