/** A component of a running stack, in the hand of whoever kills or restarts it; for e2e and tests. */
import type { ComponentName } from '../stack/components/component.ts';
import type { RunningStack } from '../stack/up.ts';
import { killed } from './component/kill.ts';
import { stopped } from './component/stop.ts';
import type { Held } from './fault.ts';

export const componentOf = (
  stack: Pick<RunningStack, 'killOne' | 'stopOne' | 'startOne'>,
  name: ComponentName,
  signal?: AbortSignal,
): Pick<Held, 'kill' | 'stop' | 'start'> => ({
  kill: () => stack.killOne(name),
  stop: () => stack.stopOne(name),
  start: () => stack.startOne(name, signal),
});

/** The same fault without a time: down, and up again at once. @throws UserError if it does not come up */
export async function restart(
  held: Pick<Held, 'kill' | 'stop' | 'start'>,
  how: { byCrash: boolean },
): Promise<void> {
  const undo = await (how.byCrash ? killed(held) : stopped(held));
  await undo();
}
