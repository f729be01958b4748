/**
 * Gates: conditions that a run must meet, such as `p95<800ms`. Three states: pass, fail, and no data, which counts as
 * a failure: a run that measured nothing proves nothing. Pure.
 */
import { SHORTEST_GROWTH_LOAD_MS } from '../results/growth.ts';
import type { Gate, LoadShape, Reconcile, Summary } from '../results/types.ts';

/** What gates look at. */
export type GateFigures = Summary['figures'] &
  Pick<Summary, 'hostile' | 'breakpoint' | 'logs'> & { reconcile?: Pick<Reconcile, 'look'> };
type Figures = GateFigures;
type Kind = 'time' | 'share' | 'rate' | 'count' | 'bytes' | 'growth';

type Metric = {
  kind: Kind;
  what: string;
  /** In the kind's base unit: ms, share 0 to 1, per second, a count, bytes per minute; null: no data. */
  read: (figures: Figures) => number | null;
};

const latency = (
  what: string,
  field: 'p50Ms' | 'p90Ms' | 'p95Ms' | 'p99Ms' | 'p999Ms' | 'maxMs' | 'meanMs',
) => ({
  kind: 'time' as const,
  what: `${what} latency of expected answers`,
  read: ({ latency: figures }: Figures) => figures?.[field] ?? null,
});

const growth = (process: string, words: string) => ({
  kind: 'growth' as const,
  what: `growth of the memory (RSS) of ${words}, from two minutes after the start on; no data in a load of less than ${Math.ceil(SHORTEST_GROWTH_LOAD_MS / 1000)} s`,
  read: ({ processes }: Figures) => processes[process]?.rssGrowth?.bytesPerMinute ?? null,
});

/** What a gate may look at, by its name in an expression. */
export const GATE_METRICS: Record<string, Metric> = {
  p50: latency('median', 'p50Ms'),
  p90: latency('90th percentile of the', 'p90Ms'),
  p95: latency('95th percentile of the', 'p95Ms'),
  p99: latency('99th percentile of the', 'p99Ms'),
  'p99.9': latency('99.9th percentile of the', 'p999Ms'),
  max: latency('highest', 'maxMs'),
  mean: latency('mean', 'meanMs'),
  'felt-p95': {
    kind: 'time',
    what: '95th percentile of what a producer feels: with connecting and TLS',
    read: ({ felt }) => felt?.p95Ms ?? null,
  },
  'error-rate': {
    kind: 'share',
    what: 'share of requests without the expected answer',
    read: ({ errorRate }) => errorRate,
  },
  rate: {
    kind: 'rate',
    what: 'submissions per second',
    read: ({ submissionsPerSecond }) => submissionsPerSecond,
  },
  'on-time': {
    kind: 'share',
    what: 'share of the planned starts that came in time (open models)',
    read: ({ schedule }) => schedule?.onTimeShare ?? null,
  },
  'achieved-rate': {
    kind: 'share',
    what: 'share of the planned starts that came, late or not (open models)',
    read: ({ schedule }) =>
      schedule && schedule.planned > 0 ? schedule.started / schedule.planned : null,
  },
  'keeping-up': {
    kind: 'share',
    what: 'expected answers of the second half of a constant rate over the starts due in it: less than all when requests queue',
    read: ({ schedule }) => schedule?.keepingUpShare ?? null,
  },
  'p95-since-intended': {
    kind: 'time',
    what: '95th percentile from the intended start to the expected answer (open models)',
    read: ({ sinceIntended }) => sinceIntended?.p95Ms ?? null,
  },
  retries: {
    kind: 'count',
    what: 'requests that failed and were sent again (fleet)',
    read: ({ sent, retries = {} }) =>
      sent === 0 ? null : Object.values(retries).reduce((sum, count) => sum + count, 0),
  },
  accepted: {
    kind: 'count',
    what: 'submissions answered with 200',
    read: ({ sent, accepted }) => (sent === 0 ? null : accepted),
  },
  'stored-share': {
    kind: 'share',
    what: 'share of the accepted submissions that the storage holds as they were sent',
    read: ({ reconcile }) => {
      const { right, different, missing, sameSecond } = reconcile?.look?.classes ?? NOTHING_STORED;
      const accepted = right + different + missing + sameSecond;
      return accepted === 0 ? null : right / accepted;
    },
  },
  missing: {
    kind: 'count',
    what: 'accepted submissions that the storage lacks though no other one of the submitter was stored at that second',
    read: ({ reconcile }) => {
      const { right, different, missing, sameSecond } = reconcile?.look?.classes ?? NOTHING_STORED;
      return right + different + missing + sameSecond === 0 ? null : missing;
    },
  },
  'failed-iterations': {
    kind: 'count',
    what: 'iterations of the generator that threw',
    read: ({ sent, failedIterations }) => (sent + failedIterations === 0 ? null : failedIterations),
  },
  'log-errors': {
    kind: 'count',
    what: "errors in the target's logs that --log-allow does not know; a log without one line is no data",
    read: ({ logs }) =>
      logs === undefined || logs.lines === 0 || logs.unread !== undefined ? null : logs.errors,
  },
  'hostile-unexpected': {
    kind: 'count',
    what: 'hostile cases of the scenario hostile that were not answered as they must be',
    read: ({ hostile }) => (!hostile || hostile.played === 0 ? null : hostile.unexpected),
  },
  breakpoint: {
    kind: 'rate',
    what: 'the rate that the scenario breakpoint found',
    read: ({ breakpoint }) => breakpoint?.rate ?? null,
  },
  'backend-memory': {
    kind: 'bytes',
    what: 'peak memory (RSS) of the backend',
    read: ({ processes }) => processes.backend?.rssBytesMax ?? null,
  },
  'backend-memory-growth': growth('backend', 'the backend'),
  'k6-memory-growth': growth('k6', 'k6'),
  'toolkit-memory-growth': growth('toolkit', 'this program'),
  'backend-cpu': {
    kind: 'count',
    what: 'mean CPU of the backend, in cores',
    read: ({ processes }) => processes.backend?.cpuCoresMean ?? null,
  },
};

const NOTHING_STORED = { right: 0, different: 0, missing: 0, sameSecond: 0 };

const OPERATORS = {
  '<=': (value: number, limit: number) => value <= limit,
  '>=': (value: number, limit: number) => value >= limit,
  '<': (value: number, limit: number) => value < limit,
  '>': (value: number, limit: number) => value > limit,
} as const;
type Operator = keyof typeof OPERATORS;

/** Factor to the base unit by the unit as written; the first is the one that is shown. */
const UNITS: Record<Kind, Record<string, number>> = {
  time: { ms: 1, s: 1000, m: 60_000, '': NaN },
  share: { '%': 0.01, '': 1 },
  rate: { '/s': 1, '': 1, '/min': 1 / 60, '/h': 1 / 3600 },
  count: { '': 1 },
  bytes: { MB: 2 ** 20, GB: 2 ** 30, KB: 2 ** 10 },
  growth: {
    'MB/min': 2 ** 20,
    'KB/min': 2 ** 10,
    'GB/min': 2 ** 30,
    'MB/h': 2 ** 20 / 60,
    'GB/h': 2 ** 30 / 60,
  },
};

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
  // 95 * 0.01 is a little more than 0.95.
  const limit = Number((Number(amount) * factor).toPrecision(12));
  return { expression, metric: name, operator, limit };
}

/** The figure that a gate looks at; null: `text` is no gate. */
export function metricOfGate(text: string): string | null {
  const rule = parseGate(text);
  return 'metric' in rule ? rule.metric : null;
}

/** What every scenario must meet unless the user says otherwise. */
export const DEFAULT_GATES = ['error-rate<=1%', 'failed-iterations<=0'] as const;
/** What an open model must meet as well. */
const OPEN_GATES = ['on-time>=99%'] as const;
/** What a trial of the scenario breakpoint must meet as well: a queue that grows is the sign of a rate above what the target can do. */
const BREAKPOINT_GATES = ['keeping-up>=97%'] as const;
/**
 * What a soak must meet as well, where the backend is watched. A collector's saw-tooth of 30 MB in 2 or 3 minutes (measured: the
 * embedded backend) makes 1 MB a minute of a load of 10 minutes that does not grow at all, so it must be a longer one.
 */
const SOAK_GATES = ['backend-memory-growth<=1MB/min'] as const;
const SHORTEST_JUDGED_SOAK_MS = 30 * 60_000;
/** The gate that looks at a whole search of the scenario breakpoint, not at a trial. */
export const BREAKPOINT_METRIC = 'breakpoint';
/** Figures that only an open model has. */
export const OPEN_METRICS: readonly string[] = [
  'on-time',
  'achieved-rate',
  'keeping-up',
  'p95-since-intended',
];

/** What a load must meet as well where a storage is looked into: nothing that was accepted is lost or altered. */
export const STORED_GATES = ['stored-share>=100%'] as const;
/**
 * The same of recorded bodies that are sent as they are: of a few submitters several a second, of which every storage of the program
 * keeps one. What that does not explain is lost.
 */
export const REPLAY_STORED_GATES = ['missing<=0'] as const;

/**
 * The gates of a load that the user says nothing about.
 * @param watched whether the backend's memory is read: it is the embedded one, or its process is known
 */
export const defaultGates = (
  load: LoadShape,
  scenario: string,
  watched = true,
  withHostile = scenario === 'hostile',
): readonly string[] => [
  ...DEFAULT_GATES,
  ...(load.rate === undefined && load.timed === undefined ? [] : OPEN_GATES),
  ...(withHostile ? ['hostile-unexpected<=0'] : []),
  ...(scenario === 'breakpoint' ? BREAKPOINT_GATES : []),
  ...(scenario === 'soak' && watched && load.durationMs >= SHORTEST_JUDGED_SOAK_MS
    ? SOAK_GATES
    : []),
];

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
export function judgeGates(rules: readonly GateRule[], figures: Figures): Gate[] {
  return rules.map(({ expression, metric, operator, limit }) => {
    const { kind, read } = GATE_METRICS[metric];
    const value = read(figures);
    const [unit, factor] = Object.entries(UNITS[kind])[0];
    const state = value === null ? 'no data' : OPERATORS[operator](value, limit) ? 'pass' : 'fail';
    return {
      name: expression,
      state,
      value: value === null ? null : value / factor,
      limit: limit / factor,
      unit: unit === '' ? '' : unit,
    };
  });
}
