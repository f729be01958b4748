import type { ComponentName } from '../../stack/components/component.ts';
import type { ComponentFault, Held, Undo } from '../fault.ts';

/** In order. @returns starts it again */
export async function stopped(held: Pick<Held, 'stop' | 'start'>): Promise<Undo> {
  await held.stop();
  return () => held.start();
}

export const stop = (component: ComponentName): ComponentFault => ({
  name: `${component}-stop`,
  of: 'component',
  component,
  what: `${component} is stopped in order, and started again at the end`,
  shows:
    component === 'backend'
      ? 'requests under way are answered, then connection refused'
      : '503 until it is back; what was answered 200 is stored',
  ...(component === 'backend' && { isDown: true }),
  begin: stopped,
});
