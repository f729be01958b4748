import type { WayFault } from '../fault.ts';

/** As if no program listened. */
export const refuse: WayFault = {
  name: 'refuse',
  of: 'way',
  what: 'nobody listens: open connections are reset, new ones refused',
  shows: 'connection refused',
  read: () => ({ kind: 'refuse' }),
};
