import type { WayFault } from '../fault.ts';
import { readStatus } from '../value.ts';

/** As a load balancer answers whose backends are gone. */
export const status: WayFault = {
  name: 'status',
  of: 'way',
  what: 'such a share of the requests (without one: all) is answered with that status, and the target never sees it',
  shows: 'that status, with a body that says whose it is',
  value: { argument: 'STATUS[:SHARE]', example: '503:10%' },
  readsRequests: true,
  read(value) {
    const read = readStatus(value);
    return 'problem' in read ? read : { kind: 'status', ...read };
  },
};
