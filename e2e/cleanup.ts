/** Which runs are leftovers: nobody works on them, and nobody will go on. Pure. */
import type { RunState, StepName } from './state.ts';
import { STEP_NAMES } from './state.ts';

export type LeftoverFacts = {
  /** A harness holds its lock. */
  isHeld: boolean;
  /** Of a step's record: its process runs. */
  isRunning: (step: StepName) => boolean;
  nowMs: number;
};

export type Leftover = { is: boolean; why: string };

/**
 * Steps may be done on another day: a run that is whole is left alone until it is old.
 * @param olderThanMs since it was last touched
 */
export function leftoverOf(state: RunState, facts: LeftoverFacts, olderThanMs: number): Leftover {
  if (facts.isHeld) return { is: false, why: 'a harness works on it' };
  const records = STEP_NAMES.flatMap((step) => {
    const record = state.steps[step];
    return record === undefined ? [] : [{ step, record }];
  });
  const killed = records.find(
    ({ step, record }) => record.status === 'running' && !facts.isRunning(step),
  );
  if (killed !== undefined) return { is: true, why: `${killed.step} was killed in its middle` };
  const failed = records.find(({ record }) => record.status === 'failed');
  if (failed !== undefined) return { is: true, why: `${failed.step} failed` };
  if (records.length === 0) return { is: true, why: 'no step was ever begun' };
  const touchedMs = Math.max(
    state.createdMs,
    ...records.map(({ record }) => record.endedMs ?? record.beganMs),
  );
  return facts.nowMs - touchedMs > olderThanMs
    ? { is: true, why: `nobody went on with it since ${new Date(touchedMs).toISOString()}` }
    : { is: false, why: 'it may be gone on with' };
}
