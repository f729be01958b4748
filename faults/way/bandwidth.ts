import type { WayFault } from '../fault.ts';
import { readBandwidth } from '../value.ts';

/** All connections together share a narrow way. */
export const bandwidth: WayFault = {
  name: 'bandwidth',
  of: 'way',
  what: 'all connections together carry no more than that, in each direction',
  shows: 'slower answers; time-outs where more is sent than goes through',
  value: { argument: 'SIZE/s', example: '1MB/s' },
  read(value) {
    const read = readBandwidth(value);
    return 'problem' in read ? read : { kind: 'bandwidth', ...read };
  },
};
