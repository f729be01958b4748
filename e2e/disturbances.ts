/**
 * What disturbs a run on purpose, as data: when something is so, something is done. A run has a list of them in its state; the step `wait` looks at it with every
 * reading of the counts, does what is due, once, and writes an event for it.
 */
import type { Counts } from './conditions.ts';
import type { AddEvent } from './events.ts';
import { restartComponent } from './stacks.ts';
import type { Disturbance, OpenState } from './state.ts';

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
    await restartComponent(open, deed.component, env, { byCrash: deed.kind === 'crash', signal });
    event('disturbance', { name, ...deed, status: 'done' });
  }
}
