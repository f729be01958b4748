/** What a step gets, and what a step is. */
import type { Counts } from '../conditions.ts';
import type { AddEvent } from '../events.ts';
import type { OpenState, StepName } from '../state.ts';
import type { Topology } from '../topology.ts';

export type StepContext = {
  open: OpenState;
  env: NodeJS.ProcessEnv;
  cwd: string;
  signal: AbortSignal;
  event: AddEvent;
  /** A line for the terminal. */
  say: (line: string) => void;
  /** The line that changes. */
  status: (text: string) => void;
  /** Kept in the state as the step's progress, and shown. */
  progress: (counts: Counts) => void;
};

export type Step = {
  name: StepName;
  /** In a few words, for reports. */
  title: string;
  /** Steps that must have been done. */
  needs: readonly StepName[];
  limitMs(topology: Topology): number;
  /** What it counts while it goes on. */
  counts: readonly string[];
  /** Done once is not enough: it may be asked for again, and judges anew. Absent: done is done. */
  repeats?: true;
  run(context: StepContext): Promise<void>;
};
