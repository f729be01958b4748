/**
 * What a gate may look at: names, figures, units, what a run must have for it. Parser, help and docs read this table. Pure.
 */
import { SHORTEST_GROWTH_LOAD_MS } from '../results/growth.ts';
import type { Reconcile, Summary } from '../results/types.ts';
import { onTimeAtMost } from './few-starts.ts';
import { queueGrowth } from './queue-growth.ts';

/** What gates look at. */
export type GateFigures = Summary['figures'] &
  Pick<Summary, 'hostile' | 'breakpoint' | 'logs'> & { reconcile?: Pick<Reconcile, 'look'> };
type Figures = GateFigures;
export type Kind = 'time' | 'share' | 'rate' | 'count' | 'bytes' | 'growth';

/** What a run must have so that there is such a figure; `nothing`: every load has it. */
export type Need =
  | 'nothing'
  | 'open model'
  | 'constant rate'
  | 'unchanged rate'
  | 'retries'
  | 'storage'
  | 'log'
  | 'hostile requests'
  | 'search'
  | 'backend readings'
  | 'backend growth'
  | 'growth';

export type Metric = {
  kind: Kind;
  /** The figure in words, without a full stop. */
  what: string;
  needs?: Need;
  /** In the kind's base unit: ms, share 0 to 1, per second, a count, bytes per minute; null: no data. */
  read: (figures: Figures) => number | null;
  /** Where chance has a part in it: the most that the figure may be. A gate that asks for more of it does not hold only if that is too little. */
  atMost?: (figures: Figures) => number | null;
};

/** A latency of answers that nobody wanted says nothing: without an expected one there is no data. */
const ofExpected = (
  { accepted, expected = accepted }: Pick<Figures, 'accepted' | 'expected'>,
  value: number | undefined,
): number | null => (expected === 0 ? null : (value ?? null));

const latency = (
  what: string,
  field: 'p50Ms' | 'p90Ms' | 'p95Ms' | 'p99Ms' | 'p999Ms' | 'maxMs' | 'meanMs',
) => ({
  kind: 'time' as const,
  what: `${what} latency of expected answers`,
  read: ({ latency: figures, ...counts }: Figures) => ofExpected(counts, figures?.[field]),
});

const growth = (process: string, words: string, needs: Need = 'growth') => ({
  kind: 'growth' as const,
  needs,
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
    read: ({ felt, ...counts }) => ofExpected(counts, felt?.p95Ms),
  },
  'error-rate': {
    kind: 'share',
    what: 'share of requests without the expected answer',
    read: ({ errorRate }) => errorRate,
  },
  rate: {
    kind: 'rate',
    what: "submissions begun per second of the load's own time",
    read: ({ submissionsPerSecond }) => submissionsPerSecond,
  },
  'accepted-rate': {
    kind: 'rate',
    what: "accepted submissions per second of the load's own time",
    read: ({ acceptedPerSecond }) => acceptedPerSecond ?? null,
  },
  'on-time': {
    needs: 'open model',
    kind: 'share',
    what: 'share of the planned starts that came in time (open models); so few late ones that chance makes them fail no gate: 1 of 25 or less, but not 2',
    read: ({ schedule }) => schedule?.onTimeShare ?? null,
    atMost: ({ schedule }) => (schedule ? onTimeAtMost(schedule) : null),
  },
  'achieved-rate': {
    needs: 'open model',
    kind: 'share',
    what: 'share of the planned starts that came, late or not (open models)',
    read: ({ schedule }) =>
      schedule && schedule.planned > 0 ? schedule.started / schedule.planned : null,
  },
  'keeping-up': {
    needs: 'constant rate',
    kind: 'share',
    what: 'expected answers of the second half of a constant rate over the starts due in it: less than all when requests queue',
    read: ({ schedule }) => schedule?.keepingUpShare ?? null,
  },
  'queue-growth': {
    needs: 'unchanged rate',
    kind: 'share',
    what: 'growth of what is in flight, from the first to the last quarter of a constant rate, beyond what chance makes, over the starts between them',
    read: ({ schedule }) => (schedule ? (queueGrowth(schedule)?.share ?? null) : null),
  },
  'p95-since-intended': {
    needs: 'open model',
    kind: 'time',
    what: '95th percentile from the intended start to the expected answer (open models)',
    read: ({ sinceIntended, ...counts }) => ofExpected(counts, sinceIntended?.p95Ms),
  },
  retries: {
    needs: 'retries',
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
    needs: 'storage',
    kind: 'share',
    what: 'share of the accepted submissions that the storage holds as they were sent; two of a submitter that the run itself sent within a second count once',
    read: ({ reconcile }) => {
      const { right, different, missing, sameSecond } = reconcile?.look?.classes ?? NOTHING_STORED;
      // What the run sent too near to another one of the submitter no storage can hold.
      const own = reconcile?.look?.ownPairs ?? 0;
      const accepted = right + different + missing + sameSecond - own;
      return accepted === 0 ? null : right / accepted;
    },
  },
  missing: {
    needs: 'storage',
    kind: 'count',
    what: 'accepted submissions that the storage lacks though no other one of the submitter was stored at that second',
    read: ({ reconcile }) => {
      const { right, different, missing, sameSecond } = reconcile?.look?.classes ?? NOTHING_STORED;
      return right + different + missing + sameSecond === 0 ? null : missing;
    },
  },
  'refused-stored': {
    kind: 'count',
    needs: 'storage',
    what: 'submissions that were refused and that the storage holds all the same',
    read: ({ reconcile }) => reconcile?.look?.classes?.refusedStored ?? null,
  },
  doubles: {
    kind: 'count',
    needs: 'storage',
    what: 'entries of one submission beyond its first, without those that were sent again after a failure',
    read: ({ reconcile }) => reconcile?.look?.classes?.doubles ?? null,
  },
  'failed-iterations': {
    kind: 'count',
    what: 'iterations of the generator that threw',
    read: ({ sent, failedIterations }) => (sent + failedIterations === 0 ? null : failedIterations),
  },
  'log-errors': {
    needs: 'log',
    kind: 'count',
    what: "records of level error in the target's log that --log-allow does not know",
    // A log of which not one line was read may have been the wrong one.
    read: ({ logs }) =>
      logs === undefined || logs.lines === 0 || logs.unread !== undefined ? null : logs.errors,
  },
  'hostile-unexpected': {
    needs: 'hostile requests',
    kind: 'count',
    what: 'hostile cases that were not answered as they must be',
    // What was not played for want of keys in the whitelist may be wrong all the same.
    read: ({ hostile }) =>
      !hostile ||
      hostile.played === 0 ||
      (hostile.unlisted !== undefined && hostile.unexpected === 0)
        ? null
        : hostile.unexpected,
  },
  breakpoint: {
    needs: 'search',
    kind: 'rate',
    what: 'the highest rate that holds, as a search found it',
    read: ({ breakpoint }) => breakpoint?.rate ?? null,
  },
  'backend-memory': {
    needs: 'backend readings',
    kind: 'bytes',
    what: 'peak memory (RSS) of the backend',
    read: ({ processes }) => processes.backend?.rssBytesMax ?? null,
  },
  'backend-memory-growth': growth('backend', 'the backend', 'backend growth'),
  'k6-memory-growth': growth('k6', 'k6'),
  'toolkit-memory-growth': growth('toolkit', 'this program'),
  'backend-cpu': {
    needs: 'backend readings',
    kind: 'count',
    what: 'mean CPU of the backend, in cores',
    read: ({ processes }) => processes.backend?.cpuCoresMean ?? null,
  },
};

const NOTHING_STORED = { right: 0, different: 0, missing: 0, sameSecond: 0 };

/** Factor to the base unit by the unit as written; the first is the one that is shown. */
export const UNITS: Record<Kind, Record<string, number>> = {
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
