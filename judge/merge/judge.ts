/** Gates and verdict of a merged run, over the sums. Pure. */
import { costOf } from '../../results/cost.ts';
import type { Run } from '../../results/reader.ts';
import type { Summary } from '../../results/types.ts';
import { defaultGatesOf, factsOfRun, gateRules, judgeGates, parseGate } from '../gates.ts';
import { lossesOf, reasonsOf } from '../reasons.ts';
import { verdictFrom } from '../verdict.ts';
import type { Merged } from './merge.ts';

/**
 * Over the sums, the gates of every part: those of the user, and those that a part had by default, because its storage was looked into or
 * for any other reason that only it knows. Of parts without a summary, those that any such load has.
 */
export function judgeMerged(merged: Merged, runs: readonly Run[]): Summary {
  const { plan, summary, reconcile, samples, resources } = merged;
  const given = plan.options.gate?.value;
  const own = typeof given === 'string' && given !== '' ? given.split(', ') : [];
  const ofParts = runs
    .flatMap((run) => run.summary?.gates ?? [])
    .map(({ name }) => name)
    .filter((name) => !('problem' in parseGate(name)));
  const rules = gateRules(
    [...new Set([...own, ...ofParts])],
    defaultGatesOf(factsOfRun(plan.load, summary)),
  );
  const gates = judgeGates(rules, {
    ...summary.figures,
    hostile: summary.hostile,
    logs: summary.logs,
    ...(reconcile && { reconcile }),
  });
  const reasons = reasonsOf(
    {
      figures: summary.figures,
      broken: [],
      missing: reconcile && lossesOf(reconcile),
      interrupted: summary.interrupted,
      generatorLimit: null,
    },
    gates,
  );
  const verdict = verdictFrom([...merged.reasons, ...reasons], summary.figures);
  const cost = costOf([{ samples, resources, warmUpMs: plan.load.warmUpMs }]);
  return { ...summary, ...(cost && { cost }), gates, verdict };
}
