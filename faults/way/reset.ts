import type { WayFault } from '../fault.ts';
import { readShare } from '../value.ts';

/** The target sees nothing of the request. */
export const reset: WayFault = {
  name: 'reset',
  of: 'way',
  what: 'the connection of such a share of the requests (without one: of all) is reset before any of it is passed on',
  shows: 'connection reset, and nothing stored',
  value: { argument: 'SHARE', example: '5%', isOptional: true },
  read(value) {
    const read = readShare(value);
    return 'problem' in read ? read : { kind: 'reset', ...read };
  },
};
