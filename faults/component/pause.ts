import type { ComponentName } from '../../stack/components/component.ts';
import type { ComponentFault } from '../fault.ts';

/** It takes connections, for the system does that, and says nothing. */
export const pause = (component: ComponentName): ComponentFault => ({
  name: `${component}-pause`,
  of: 'component',
  component,
  what: `${component} stands still (SIGSTOP), and goes on at the end (SIGCONT)`,
  shows: 'no answer: time-outs, or late answers after the end',
  isImpossible: (platform) =>
    platform === 'win32' ? 'Windows cannot make a process stand still' : null,
  begin(held) {
    held.pause();
    return Promise.resolve(() => {
      held.resume();
      return Promise.resolve();
    });
  },
});
