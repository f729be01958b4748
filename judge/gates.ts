/**
 * Gates: conditions that a run must meet, such as `p95<800ms`. Three states: pass, fail, and no data, which counts as
 * a failure: a run that measured nothing proves nothing. Pure.
 */
import { SHORTEST_GROWTH_LOAD_MS } from '../results/growth.ts';
import type { Gate, LoadShape, Summary } from '../results/types.ts';
import { formatDuration } from '../results/units.ts';
import { GATE_METRICS, type GateFigures, type Need, UNITS } from './gate-table.ts';

export { GATE_METRICS, type GateFigures } from './gate-table.ts';

const OPERATORS = {
  '<=': (value: number, limit: number) => value <= limit,
  '>=': (value: number, limit: number) => value >= limit,
  '<': (value: number, limit: number) => value < limit,
  '>': (value: number, limit: number) => value > limit,
} as const;
type Operator = keyof typeof OPERATORS;

export type GateRule = {
  /** As the user wrote it, without blanks. */
  expression: string;
  metric: string;
  operator: Operator;
  /** In the metric's base unit. */
  limit: number;
};

/** @returns the rule, or what is wrong with `text`, to stand after its name */
export function parseGate(text: string): GateRule | { problem: string } {
  const expression = text.replaceAll(/\s+/g, '');
  const match = /^([a-z][a-z0-9.-]*)(<=|>=|<|>)(\d+(?:\.\d+)?)([^\d]*)$/.exec(expression);
  if (!match)
    return {
      problem: `must be a condition such as "p95<800ms" or "error-rate<=1%", but is "${text}"`,
    };
  const [, name, operator, amount, unit] = match as unknown as [
    string,
    string,
    Operator,
    string,
    string,
  ];
  const metric = Object.hasOwn(GATE_METRICS, name) ? GATE_METRICS[name] : undefined;
  if (metric === undefined)
    return {
      problem: `knows no figure "${name}"; use one of ${Object.keys(GATE_METRICS).join(', ')}`,
    };
  const factor = UNITS[metric.kind][unit];
  if (factor === undefined || Number.isNaN(factor)) {
    const units = Object.keys(UNITS[metric.kind]).filter((one) => one !== '');
    return {
      problem: `must give ${name} ${units.length > 0 ? `in ${units.join(', ')}` : 'as a plain number'}, but is "${text}"`,
    };
  }
  // A plain 1 is all of it, which nobody means: as a limit it would let everything pass, or nothing.
  if (metric.kind === 'share' && unit === '' && Number(amount) >= 1)
    return {
      problem: `must give a share of 1 or more with its % sign: ${name}${operator}${amount}%, but is "${text}"`,
    };
  // 95 * 0.01 is a little more than 0.95.
  const limit = Number((Number(amount) * factor).toPrecision(12));
  return { expression, metric: name, operator, limit };
}

/** The figure that a gate looks at; null: `text` is no gate. */
export function metricOfGate(text: string): string | null {
  const rule = parseGate(text);
  return 'metric' in rule ? rule.metric : null;
}

/** What a run is and has, as far as gates ask. */
export type GateFacts = {
  /** k6 begins submissions by its own clock. */
  isOpen: boolean;
  /** Of an open model: the rate does not change. */
  isConstantRate: boolean;
  /** The rate may be changed while it runs; absent: it may not. */
  isSteerable?: boolean;
  durationMs: number;
  /** Failed submissions are sent again. */
  retries: boolean;
  /** Hostile requests are played. */
  hostile: boolean;
  /** It is a search for the highest rate, or a trial of one. */
  search: boolean;
  /** It runs long at one load to show whether anything grows. */
  soak: boolean;
  /** The backend's process is read. */
  watched: boolean;
  /** A log of the target is followed. */
  log: boolean;
  /** What is looked for in the target's storage; null: it is not looked into. */
  storage: 'signed' | 'recorded' | null;
};

/** @param load of the plan. @param more what it does not say */
export const factsOfLoad = (
  load: LoadShape,
  more: Omit<GateFacts, 'isOpen' | 'isConstantRate' | 'isSteerable' | 'durationMs' | 'retries'>,
): GateFacts => ({
  isOpen: load.rate !== undefined || load.timed !== undefined,
  isConstantRate: load.rate !== undefined && load.stages === undefined,
  ...(load.steered !== undefined && { isSteerable: true }),
  durationMs: load.durationMs,
  retries: load.timed?.retry !== undefined,
  ...more,
});

/** The same of a run that is over, as far as its files say. */
export const factsOfRun = (
  load: LoadShape,
  summary: Pick<Summary, 'figures' | 'hostile' | 'breakpoint' | 'logs'>,
): GateFacts =>
  factsOfLoad(load, {
    hostile: summary.hostile !== undefined,
    search: summary.breakpoint !== undefined,
    soak: false,
    watched: summary.figures.processes.backend !== undefined,
    log: summary.logs !== undefined,
    storage: null,
  });

/**
 * A collector's saw-tooth of 30 MB in 2 or 3 minutes (measured: the embedded backend) makes 1 MB a minute of a load of 10 minutes that
 * does not grow at all, so a soak must be a longer one to be judged by it.
 */
const SHORTEST_JUDGED_SOAK_MS = 30 * 60_000;

type DefaultGate = { gate: string; where: string; when: (facts: GateFacts) => boolean };

/** What a load must meet unless the user says otherwise, and where. */
const DEFAULTS: readonly DefaultGate[] = [
  { gate: 'error-rate<=1%', where: 'every load', when: () => true },
  { gate: 'failed-iterations<=0', where: 'every load', when: () => true },
  { gate: 'on-time>=99%', where: 'open models', when: ({ isOpen }) => isOpen },
  {
    gate: 'hostile-unexpected<=0',
    where: 'loads with hostile requests',
    when: ({ hostile }) => hostile,
  },
  // A queue that grows is the sign of a rate above what the target can do.
  {
    gate: 'queue-growth<=0.2%',
    where: 'each trial of a search for the highest rate',
    when: ({ search, isConstantRate }) => search && isConstantRate,
  },
  {
    gate: 'backend-memory-growth<=1MB/min',
    where: 'soaks of 30 minutes or more whose backend is watched',
    when: ({ soak, watched, durationMs }) =>
      soak && watched && durationMs >= SHORTEST_JUDGED_SOAK_MS,
  },
  // Nothing that was accepted is lost or altered.
  {
    gate: 'stored-share>=100%',
    where: 'loads of signed submissions whose storage is looked into',
    when: ({ storage }) => storage === 'signed',
  },
  // Recorded bodies are of a few submitters several a second, of which every storage of the program keeps one.
  {
    gate: 'missing<=0',
    where: 'loads of recorded bodies whose storage is looked into',
    when: ({ storage }) => storage === 'recorded',
  },
  {
    gate: 'refused-stored<=0',
    where: 'loads whose storage is looked into',
    when: ({ storage }) => storage !== null,
  },
  {
    gate: 'doubles<=0',
    where: 'loads of signed submissions whose storage is looked into',
    when: ({ storage }) => storage === 'signed',
  },
];

/** The gates of a load that the user says nothing about. */
export const defaultGatesOf = (facts: GateFacts): string[] =>
  DEFAULTS.filter(({ when }) => when(facts)).map(({ gate }) => gate);

const NOWHERE: GateFacts = {
  isOpen: false,
  isConstantRate: false,
  durationMs: 0,
  retries: false,
  hostile: false,
  search: false,
  soak: false,
  watched: false,
  log: false,
  storage: null,
};

/** What every load must meet. */
export const DEFAULT_GATES: readonly string[] = defaultGatesOf(NOWHERE);
/** What a load must meet as well where a storage is looked into for signed submissions. */
export const STORED_GATES: readonly string[] = defaultGatesOf({
  ...NOWHERE,
  storage: 'signed',
}).slice(DEFAULT_GATES.length);
/** The same for recorded bodies that are sent as they are. */
export const REPLAY_STORED_GATES: readonly string[] = defaultGatesOf({
  ...NOWHERE,
  storage: 'recorded',
}).slice(DEFAULT_GATES.length);

/** The gate that looks at a whole search, not at a trial. */
export const BREAKPOINT_METRIC = 'breakpoint';
/** Whether a run has what a figure needs, and what to say where it has not. */
const NEEDS: Readonly<
  Record<Need, { has: (facts: GateFacts) => boolean; words: string; lacks: string }>
> = {
  nothing: { has: () => true, words: 'every load', lacks: '' },
  'open model': {
    has: ({ isOpen }) => isOpen,
    words: 'open models',
    lacks: 'this load has no planned starts (an open model has: --rate)',
  },
  'constant rate': {
    has: ({ isConstantRate }) => isConstantRate,
    words: 'open models of a constant rate',
    lacks: 'the starts of this load have no constant rate',
  },
  'unchanged rate': {
    has: ({ isConstantRate, isSteerable = false }) => isConstantRate && !isSteerable,
    words: 'open models of a constant rate that nobody changes',
    lacks: 'the starts of this load have no constant rate, or it may be changed while it runs',
  },
  retries: {
    has: ({ retries }) => retries,
    words: 'loads that send again what failed',
    lacks: 'this load sends nothing again',
  },
  storage: {
    has: ({ storage }) => storage !== null,
    words: 'loads whose storage is looked into',
    lacks: "nobody looks into the target's storage (--storage names it)",
  },
  log: {
    has: ({ log }) => log,
    words: "loads that follow the target's log",
    lacks: 'no log of the target is followed (--target-log names one)',
  },
  'hostile requests': {
    has: ({ hostile }) => hostile,
    words: 'loads with hostile requests',
    lacks: 'this load plays no hostile requests',
  },
  search: {
    has: ({ search }) => search,
    words: 'searches for the highest rate',
    lacks: 'this load is no search for the highest rate',
  },
  'backend readings': {
    has: ({ watched }) => watched,
    words: 'loads whose backend is watched',
    lacks: "the target's process is not watched (--target-pid or --target-container names it)",
  },
  'backend growth': {
    has: ({ watched, durationMs }) => watched && durationMs >= SHORTEST_GROWTH_LOAD_MS,
    words: `loads of ${formatDuration(SHORTEST_GROWTH_LOAD_MS)} or more whose backend is watched`,
    lacks: `memory has a slope only in a load of ${formatDuration(SHORTEST_GROWTH_LOAD_MS)} or more whose backend is watched`,
  },
  growth: {
    has: ({ durationMs }) => durationMs >= SHORTEST_GROWTH_LOAD_MS,
    words: `loads of ${formatDuration(SHORTEST_GROWTH_LOAD_MS)} or more`,
    lacks: `memory has a slope only in a load of ${formatDuration(SHORTEST_GROWTH_LOAD_MS)} or more`,
  },
};

/**
 * Gates that this run can't answer, which would only be "no data" after it. Ask before the load.
 * @param texts of the user; those that are no gates are passed over
 * @returns a problem for each, to stand after the option's name
 */
export function gateProblems(texts: readonly string[], facts: GateFacts): string[] {
  return texts.flatMap((text) => {
    const rule = parseGate(text);
    if ('problem' in rule) return [];
    const { has, lacks } = NEEDS[GATE_METRICS[rule.metric].needs ?? 'nothing'];
    return has(facts) ? [] : [`${rule.expression} would have no data: ${lacks}`];
  });
}

/** A figure that a gate may look at, for help and docs. */
export type GateRow = {
  name: string;
  /** One sentence. */
  what: string;
  /** As a limit is written, the first one is shown; empty: a plain number. */
  units: string[];
  /** The condition that holds without a word of the user, and where; null: there is none. */
  defaults: { gate: string; where: string }[];
  /** The loads that have this figure. */
  where: string;
};

export const GATES: readonly GateRow[] = Object.entries(GATE_METRICS).map(
  ([name, { kind, what, needs = 'nothing' }]) => ({
    name,
    what: `${what[0].toUpperCase()}${what.slice(1)}.`,
    units: Object.keys(UNITS[kind]).filter((unit) => unit !== ''),
    defaults: DEFAULTS.filter(({ gate }) => metricOfGate(gate) === name).map(({ gate, where }) => ({
      gate,
      where,
    })),
    where: NEEDS[needs].words,
  }),
);

/**
 * The rules of a run: the defaults, each replaced by those of the user that look at the same figure.
 * @param own expressions that {@link parseGate} accepts
 */
export function gateRules(
  own: readonly string[],
  defaults: readonly string[] = DEFAULT_GATES,
): GateRule[] {
  const rules = (texts: readonly string[]) =>
    texts.map((text) => {
      const rule = parseGate(text);
      if ('problem' in rule) throw new RangeError(`gate ${rule.problem}`);
      return rule;
    });
  const users = rules(own);
  const replaced = new Set(users.map(({ metric }) => metric));
  return [...rules(defaults).filter(({ metric }) => !replaced.has(metric)), ...users];
}

/** Each rule against the figures. */
export function judgeGates(rules: readonly GateRule[], figures: GateFigures): Gate[] {
  return rules.map(({ expression, metric, operator, limit }) => {
    const { kind, read, atMost } = GATE_METRICS[metric];
    const value = read(figures);
    const [unit, factor] = Object.entries(UNITS[kind])[0];
    const holds = (seen: number) => OPERATORS[operator](seen, limit);
    const mayHold = operator.startsWith('>') && holds(atMost?.(figures) ?? -Infinity);
    const isChance = value !== null && !holds(value) && mayHold;
    const state = value === null ? 'no data' : holds(value) || isChance ? 'pass' : 'fail';
    return {
      name: expression,
      state,
      value: value === null ? null : value / factor,
      limit: limit / factor,
      unit,
      ...(isChance && { isChance }),
    };
  });
}
