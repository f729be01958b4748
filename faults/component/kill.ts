import type { ComponentName } from '../../stack/components/component.ts';
import type { ComponentFault, Held, Undo } from '../fault.ts';

/** As a crash ends it. @returns starts it again */
export async function killed(held: Pick<Held, 'kill' | 'start'>): Promise<Undo> {
  await held.kill();
  return () => held.start();
}

export const kill = (component: ComponentName): ComponentFault => ({
  name: `${component}-kill`,
  of: 'component',
  component,
  what: `${component} is killed (SIGKILL), and started again at the end`,
  shows:
    component === 'backend'
      ? 'connection reset or refused; what was answered 200 is stored'
      : '503 until it is back; what was answered 200 is stored',
  ...(component === 'backend' && { isDown: true }),
  begin: killed,
});
