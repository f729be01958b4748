/** A system for one load: set up and started before it, removed after it, whatever happens between. */
import { readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, UserError } from '../../user-error.ts';
import { doStep, type HarnessCall } from '../harness.ts';
import type { OpenState, StepName } from '../state.ts';

/**
 * @param action may stop what it wants to; after a failure of it, or of the start, the components' logs are kept
 * @throws what failed first
 */
export async function withOwnSystem<T>(
  open: OpenState,
  call: HarnessCall,
  action: () => Promise<T>,
): Promise<T> {
  // What follows an interrupt is still done.
  const always = { ...call, signal: call.giveUp };
  const after: StepName[] = ['stop', 'teardown'];
  let outcome: { result: T } | { error: unknown };
  try {
    await doStep(open, 'setup', call);
    await doStep(open, 'start', call);
    outcome = { result: await action() };
  } catch (error) {
    // What is stopped in its middle fails in many words.
    outcome = { error: call.signal.aborted ? call.signal.reason : error };
    if (!call.signal.aborted) after.splice(1, 0, 'dump-logs');
  }
  const { results } = open.state;
  for (const step of after)
    try {
      await doStep(open, step, always);
      if (step === 'dump-logs') call.say(`logs: ${join(results, 'logs')}`);
    } catch (error) {
      const message = call.giveUp.aborted ? 'interrupted' : (error as Error).message;
      call.say(`${step}: failed: ${message}`);
      if (step === 'teardown' && 'result' in outcome)
        outcome = {
          error: new UserError(`the system of this load is not removed: ${message}`, {
            hint: `npm run e2e -- teardown --name ${open.state.topology.name} removes it`,
            exitCode: call.giveUp.aborted ? EXIT.interrupted : EXIT.broken,
            cause: error,
          }),
        };
    }
  removeEmpty(results, 3);
  if ('error' in outcome) throw outcome.error;
  return outcome.result;
}

/** A folder in which nothing was kept, and those above it that hold nothing else. */
function removeEmpty(folder: string, levels: number): void {
  for (let path = folder, n = 0; n < levels; path = join(path, '..'), n++)
    try {
      if (readdirSync(path).length > 0) return;
      rmdirSync(path);
    } catch {
      return;
    }
}
