import type { WayFault } from '../fault.ts';
import { readShare } from '../value.ts';

/** The target sees the beginning of a body. */
export const cut: WayFault = {
  name: 'cut',
  of: 'way',
  what: 'the connection of such a share of the requests (without one: of all) ends in the middle of the body',
  shows: 'connection reset; the target sees half a body, and must not store it',
  value: { argument: 'SHARE', example: '5%', isOptional: true },
  readsRequests: true,
  read(value) {
    const read = readShare(value);
    return 'problem' in read ? read : { kind: 'cut', ...read };
  },
};
