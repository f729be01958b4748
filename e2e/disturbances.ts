/**
 * What disturbs a run on purpose, as data: when something is so, something is done. A run has a list of them in its state; the step `wait` looks at it with every
 * reading of the counts, does what is due, once, and writes an event for it.
 */
import type { Counts } from './conditions.ts';
import type { AddEvent } from './events.ts';
import { serviceVerifier } from '../stack/coordinator/given-verifier.ts';
import { UserError } from '../user-error.ts';
import { programAddresses, restartComponent } from './stacks.ts';
import type { Disturbance } from './staging/disturbance.ts';
import type { OpenState } from './state.ts';

/** Those that are to be done now, in the order of the list. Pure. @param sinceMs the network's beginning; null: it has not begun */
export function dueOf(
  disturbances: readonly Disturbance[],
  done: ReadonlySet<string>,
  counts: Counts,
  sinceMs: number | null,
): Disturbance[] {
  return disturbances.filter(({ name, when }) => {
    if (done.has(name)) return false;
    if ('afterMs' in when) return sinceMs !== null && sinceMs >= when.afterMs;
    const value = counts[when.count];
    return typeof value === 'number' && value >= when.atLeast;
  });
}

/** Does what is due. It is written down before it is done: a harness that is killed in between does nothing twice. */
export async function disturb(
  open: OpenState,
  counts: Counts,
  call: { env: NodeJS.ProcessEnv; signal: AbortSignal; event: AddEvent; nowMs: number },
): Promise<void> {
  const { env, signal, event, nowMs } = call;
  const { disturbances, disturbed, startSeconds } = open.state;
  const sinceMs = startSeconds === null ? null : nowMs - startSeconds * 1000;
  for (const { name, do: deed } of dueOf(disturbances, new Set(disturbed), counts, sinceMs)) {
    open.change((state) => void state.disturbed.push(name));
    event('disturbance', { name, ...deed, status: 'begun' });
    if (deed.kind === 'verify') await verifyBatch(open, deed.batch, env, signal);
    else
      await restartComponent(open, deed.component, env, { byCrash: deed.kind === 'crash', signal });
    event('disturbance', { name, ...deed, status: 'done' });
  }
}

/** @param batch from 0 */
async function verifyBatch(
  open: OpenState,
  batch: number,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<void> {
  const { startSeconds, topology } = open.state;
  const { verifier } = await programAddresses(open, env);
  if (verifier?.kind !== 'http' || startSeconds === null)
    throw new UserError('no verifier of this run can be asked once more', {
      hint: 'is it the embedded one, and was the run started?',
    });
  const fromMs = (startSeconds + batch * topology.intervalSeconds) * 1000;
  await serviceVerifier(verifier.url).verifyWindow(fromMs, fromMs + topology.intervalSeconds * 1000, signal); // prettier-ignore
}
