/** What the page gets of a run each second: small figures whole, series since the last message. Types alone. */
import type { Mark } from '../../plots/marks.ts';
import type { LatencyStep, RateStep } from '../../plots/series.ts';
import type { Gate, Plan, ReconcileLiveLine } from '../../results/types.ts';
import type { ReadingOfStep } from './steps.ts';

/** `unfinished`: it was cut off, and no summary is there. */
export type RunState =
  | 'preparing'
  | 'running'
  | 'passed'
  | 'gate failed'
  | 'no data'
  | 'generator-limited'
  | 'broken'
  | 'interrupted'
  | 'unfinished';

export type SeriesPart = {
  stepS: number;
  /** What was there before is void. */
  isAnew: boolean;
  rates: RateStep[];
  latencies: LatencyStep[];
  processes: { name: string; points: ReadingOfStep[] }[];
  host: ReadingOfStep[];
};

/** A gate with its figure so far. */
export type LiveGate = Gate & {
  metric: string;
  /** Its limit as a line in a chart: which panel, and where on its axis; null: it has none. */
  line: { panel: 'latency' | 'rate'; at: number } | null;
  /** Only the end of the run knows its figure. */
  atTheEnd: boolean;
};

/** Answers of one class that were not the expected ones. */
export type AnswerGroup = {
  answer: string;
  label: string;
  what: string;
  count: number;
  /** Of all answers, 0 to 1. */
  share: number;
  /** Seconds since the beginning. */
  lastS: number;
  /** Words of such answers, as they came; empty: none were kept. */
  examples: string[];
};

/** Errors or warnings of the target's log that differ in numbers and keys only. */
export type LogGroup = {
  shape: string;
  level: string;
  count: number;
  allowed: boolean;
  firstT: number;
  lastT: number;
  example: string | null;
};

/** A record of the target's log as it came. */
export type TailLine = { n: number; t: number; source: string; level: string; text: string };

export type LogLine = { t: number; shape: string; count: number; level: string; allowed: boolean };

export type LiveMessage = {
  state: RunState;
  plan: PlanDigest | null;
  /** Of the preparation: what its program says; empty once the load runs. */
  preparing: string[];
  /** When the load began, ms since 1970; null: it has not. */
  startT: number | null;
  /** Whole seconds with samples. */
  seconds: number;
  elapsedMs: number;
  leftMs: number | null;
  /** The last whole second. */
  now: {
    sent: number;
    accepted: number;
    errors: number;
    vus: number | null;
    p50: number | null;
    p95: number | null;
    p99: number | null;
  } | null;
  totals: {
    sent: number;
    accepted: number;
    errors: number;
    errorRate: number | null;
    bytesSent: number;
    failedIterations: number;
    late: number;
    dropped: number;
    retries: number;
    p50: number | null;
    p95: number | null;
    p99: number | null;
    submissionsPerSecond: number | null;
  };
  gates: LiveGate[];
  answers: AnswerGroup[];
  logs: LogGroup[];
  /** New ones only. */
  logLines: LogLine[];
  /** Records of the target's log as they came, new ones only. */
  tail: TailLine[];
  /** Looks into the storage while it runs, or the one after it; null: none yet, or none at all. */
  stored:
    (Pick<ReconcileLiveLine, 'accepted' | 'stored' | 'notStored'> & { t: number | null }) | null;
  /** Last readings. */
  processes: { name: string; cpuCores: number | null; rssBytes: number | null }[];
  hostCores: number | null;
  events: { atS: number; text: string }[];
  rounds: { atS: number; text: string }[];
  /** Changes of the pace, and faults as bands, on the axis. */
  control: Mark[];
  /** The same faults in words, in the order of their beginnings. */
  faults: FaultLine[];
  /** Of a load whose pace can be changed; null: of all others. */
  pace: Pace | null;
  whole: SeriesPart;
  recent: SeriesPart;
  verdict: { passed: boolean; sentence: string; exitCode: number } | null;
  notes: string[];
};

/** A fault that was put into a run. */
export type FaultLine = {
  /** Seconds after the beginning of the load. */
  atS: number;
  /** null: it has not ended. */
  untilS: number | null;
  text: string;
  /** Why it could not be made or undone; null: it could. */
  problem: string | null;
};

/** What is asked of a steerable load. */
export type Pace = {
  /** Submissions per second; 0: none, in a pause; null: its VUs' own pace. */
  askedPerSecond: number | null;
  isPaused: boolean;
  /** null: no bound is known. */
  mostPerSecond: number | null;
};

export type PlanDigest = Pick<Plan, 'id' | 'scenario' | 'plannedAt' | 'seed' | 'target'> & {
  /** `500 VUs`, `300 submissions/s`. */
  pace: string;
  durationMs: number;
  producers: number;
  warmUpMs: number;
};
