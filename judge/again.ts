/** A stored run, judged again by other gates: its files stay as they are. Pure. */
import { figuresOf, type RunView, sumsOf } from '../results/sums.ts';
import type { Gate, Verdict } from '../results/types.ts';
import {
  defaultGatesOf,
  factsOfLoad,
  type GateFigures,
  gateRules,
  judgeGates,
  metricOfGate,
} from './gates.ts';
import { reasonsOf, reasonsOfGates } from './reasons.ts';
import { verdictFrom } from './verdict.ts';

/**
 * The run's own gates stay, as they were judged, but for those that look at a figure that one of `own` looks at. What else stands against
 * the run (it broke, the generator was the limit) stays too. A run that did not end by itself keeps no gates, so the defaults of its load
 * stand in, and counts as interrupted.
 * @param own expressions that parseGate accepts
 * @throws RangeError if one is no gate; Error if a stored histogram is broken
 */
export function judgeAgain(
  run: RunView,
  own: readonly string[],
): { gates: Gate[]; verdict: Verdict } {
  const { summary, reconcile } = run;
  const figures = figuresOf(run);
  const seen: GateFigures = {
    ...figures,
    ...(summary && {
      hostile: summary.hostile,
      breakpoint: summary.breakpoint,
      logs: summary.logs,
    }),
    ...(reconcile && { reconcile }),
  };
  const judged = judgeGates(gateRules(own, []), seen);
  const replaced = new Set(own.map(metricOfGate));
  const kept = (summary?.gates ?? judgeGates(gateRules([], defaultsOf(run)), seen)).filter(
    ({ name }) => !replaced.has(metricOfGate(name)),
  );
  const gates = [...kept, ...judged];
  const reasons =
    summary === null
      ? reasonsOf({ figures, broken: [], interrupted: true, generatorLimit: null }, gates)
      : [
          ...(summary.verdict.reasons ?? []).filter(({ kind }) => kind !== 'gate'),
          ...reasonsOfGates(gates),
        ];
  return { gates, verdict: verdictFrom(reasons, figures) };
}

function defaultsOf(run: RunView): string[] {
  const { plan } = run;
  if (plan === null) return [];
  const { readings, logs } = sumsOf(run);
  return defaultGatesOf(
    factsOfLoad(plan.load, {
      hostile: false,
      search: false,
      soak: false,
      watched: readings.processes.has('backend'),
      log: logs.lines > 0,
      storage: null,
    }),
  );
}
