/** The runs that are to be one: whether they are parts of one load. Pure. */
import type { Run } from '../../results/reader.ts';
import type { Plan, PlanPart } from '../../results/types.ts';
import { notTogether } from './clocks.ts';

export const isSameMachine = (a: Pick<Plan, 'host'>, b: Pick<Plan, 'host'>): boolean =>
  JSON.stringify(Object.entries(a.host).sort()) === JSON.stringify(Object.entries(b.host).sort());

/** What a run is made of: itself, or the parts that were merged before. */
export const partsOf = ({ id, plannedAt, host, parts }: Plan): PlanPart[] =>
  parts ?? [{ id, plannedAt, host }];

const isSamePart = (a: PlanPart, b: PlanPart): boolean =>
  a.id === b.id && a.plannedAt === b.plannedAt && isSameMachine(a, b);

/** What plans must have in common to be parts of one load; VUs, rate and seed are each generator's own. */
const commonOf = ({
  scenario,
  load,
  target,
  corpus,
  transport,
}: Plan): Record<string, unknown> => ({
  scenario,
  executor: load.executor,
  duration: load.durationMs,
  'think time': load.think,
  timeout: load.requestTimeoutMs,
  'warm-up': load.warmUpMs ?? 0,
  "stages' durations": load.stages?.map(({ durationMs }) => durationMs),
  'unit of the rate': load.rate?.timeUnitMs,
  // Each embedded backend has a port of its own.
  target: target.embedded ? 'embedded' : (target.targets ?? target.url),
  network: corpus.network,
  'HTTP version': transport?.http ?? null,
});

/**
 * Whether the runs are parts of one load.
 * @returns every reason why they are not; empty: they are
 */
export function mergeProblems(runs: readonly Run[]): string[] {
  const problems: string[] = [];
  const name = (i: number) => `run ${i + 1} (${runs[i].plan?.id ?? runs[i].folder})`;
  runs.forEach(({ plan, samples }, i) => {
    if (plan === null) problems.push(`${name(i)} has no plan.json, so nobody knows what it was`);
    if (samples.length === 0) problems.push(`${name(i)} has no samples: nothing was sent`);
  });
  if (problems.length > 0) return problems;
  const first = commonOf(runs[0].plan!);
  for (let i = 1; i < runs.length; i++) {
    const other = commonOf(runs[i].plan!);
    for (const [what, value] of Object.entries(other))
      if (JSON.stringify(value) !== JSON.stringify(first[what]))
        problems.push(
          `${what} differs: ${JSON.stringify(first[what] ?? null)} in run 1, ${JSON.stringify(value ?? null)} in ${name(i)}`,
        );
    for (let j = 0; j < i; j++) {
      const apart = notTogether(runs[j], runs[i]);
      if (apart !== null)
        problems.push(`${name(i)} and run ${j + 1} were not at work at the same time: ${apart}`);
      const twice = sharedPart(runs[j], runs[i]);
      if (twice !== null) problems.push(`run ${j + 1} and ${name(i)} ${twice}`);
    }
  }
  return problems;
}

/** @returns what two runs have in common, which would count twice; null: nothing */
function sharedPart(a: Run, b: Run): string | null {
  if (a.folder === b.folder) return 'are the same run';
  const [ofA, ofB] = [partsOf(a.plan!), partsOf(b.plan!)];
  const shared = ofB.find((part) => ofA.some((other) => isSamePart(part, other)));
  if (shared === undefined) return null;
  return ofA.length === 1 && ofB.length === 1
    ? 'are the same run'
    : `both hold ${shared.id}, which would count twice`;
}
