/** What the page gets of an end-to-end run each second: small figures whole, counts over time since the last message. Types alone. */
import type { Mark } from '../../plots/marks.ts';

export type Counts = Record<string, number | null>;

/**
 * `kept`: its state is there and nobody works on it: its next step may be done on another day. `unfinished`: it left results, and nothing says how
 * it ended.
 */
export type E2eState =
  'running' | 'kept' | 'passed' | 'failed' | 'no data' | 'broken' | 'interrupted' | 'unfinished';

export type E2eStep = {
  name: string;
  title: string;
  status: 'to do' | 'running' | 'done' | 'failed' | 'left out';
  /** ms since 1970; null: not known. */
  beganMs: number | null;
  /** How long it took, or has taken so far; null: not known. */
  ms: number | null;
  /** What it counted last. */
  counts: Counts | null;
  message: string | null;
  hint: string | null;
};

/** What is waited for; `heldMs` null: it does not hold yet. */
export type E2eCondition = { words: string; heldMs: number | null };

/** Counts as they stood at the end of a step of time. */
type CountPoint = { startS: number; counts: Counts };

export type E2eMessage = {
  state: E2eState;
  sentence: string | null;
  /** What it is made of, a line each. */
  topology: string[];
  /** ms since 1970; null: not known. */
  startedMs: number | null;
  endedMs: number | null;
  steps: E2eStep[];
  conditions: E2eCondition[];
  /** The last ones. */
  counts: Counts | null;
  /** Of its axis: whole seconds from the first event to the last. */
  seconds: number;
  stepS: number;
  /** What was there before is void. */
  isAnew: boolean;
  /** Those that changed. */
  points: CountPoint[];
  /** Steps, conditions and disturbances on the axis. */
  marks: Mark[];
  /** What its program said; empty: another one's, or it is over. */
  lines: string[];
  /** null: nothing was judged yet. */
  judged: { held: number; failed: number; noData: number } | null;
};
