import type { WayFault } from '../fault.ts';
import { readTimes } from '../value.ts';

/** Each request comes later to the target. */
export const latency: WayFault = {
  name: 'latency',
  of: 'way',
  what: 'what the load sends reaches the target so much later',
  shows: 'answers as before, each later by that time',
  value: { argument: 'TIME[-TIME]', example: '200ms' },
  read(value) {
    const read = readTimes(value);
    return 'problem' in read ? read : { kind: 'latency', ...read };
  },
};
