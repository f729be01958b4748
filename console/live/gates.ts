/** What a run must meet, and how it stands so far. Pure. */
import {
  defaultGatesOf,
  factsOfLoad,
  type GateFigures,
  gateRules,
  type GateRule,
  judgeGates,
  parseGate,
} from '../../judge/gates.ts';
import { GATE_METRICS } from '../../judge/gate-table.ts';
import type { Gate, Plan } from '../../results/types.ts';
import type { LiveGate } from './message.ts';

/** The gates that the plan names; of an older plan, those of its options and the defaults of its load. */
export function rulesOfPlan(plan: Plan): GateRule[] {
  if (plan.gates !== undefined) return gateRules(plan.gates, []);
  const own = String(plan.options.gate?.value ?? '')
    .split(', ')
    .filter((text) => 'metric' in parseGate(text));
  const facts = { hostile: false, search: false, soak: false, watched: false, log: false, storage: null }; // prettier-ignore
  return gateRules(own, defaultGatesOf(factsOfLoad(plan.load, facts)));
}

/** Figures that the end of a run makes: what is stored, cases that were played, a search, a slope over its halves. */
const AT_THE_END = new Set(
  Object.entries(GATE_METRICS)
    .filter(
      ([name, { needs = 'nothing' }]) =>
        [
          'storage',
          'hostile requests',
          'search',
          'constant rate',
          'backend growth',
          'growth',
        ].includes(needs) || name === 'p95-since-intended',
    ) // prettier-ignore
    .map(([name]) => name),
);

const LINES: Record<string, 'latency' | 'rate'> = {
  p50: 'latency',
  p90: 'latency',
  p95: 'latency',
  p99: 'latency',
  max: 'latency',
  rate: 'rate',
  'accepted-rate': 'rate',
};

/** @param figures so far */
export function gatesSoFar(rules: readonly GateRule[], figures: GateFigures): LiveGate[] {
  return judgeGates(rules, figures).map((gate, i) => withLine(gate, rules[i]));
}

/** Of a run that is over. */
export const gatesAtEnd = (gates: readonly Gate[]): LiveGate[] =>
  gates.map((gate) => {
    const rule = parseGate(gate.name);
    return 'problem' in rule
      ? { ...gate, metric: '', line: null, atTheEnd: false }
      : { ...withLine(gate, rule), atTheEnd: false };
  });

function withLine(gate: Gate, { metric, limit }: GateRule): LiveGate {
  const panel = LINES[metric];
  return {
    ...gate,
    metric,
    line: panel === undefined ? null : { panel, at: limit },
    atTheEnd: AT_THE_END.has(metric) && gate.value === null,
  };
}
