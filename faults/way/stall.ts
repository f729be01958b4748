import type { WayFault } from '../fault.ts';

/** Nothing goes through, and nobody says so. */
export const stall: WayFault = {
  name: 'stall',
  of: 'way',
  what: 'connections are taken, and nothing goes through until the end',
  shows: 'no answer: time-outs, or late answers after the end',
  read: () => ({ kind: 'stall' }),
};
