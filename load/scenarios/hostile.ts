/** A good load, and beside it requests of every wrong kind, each of which must get its own answer. */
import { pacedShape } from '../shape.ts';
import type { Definition } from './definition.ts';
import { CLOSED, describeHostile, SIGNED } from './pieces.ts';

export const hostile: Definition = {
  name: 'hostile',
  summary: 'constant VUs, and requests of every wrong kind beside them',
  options: [],
  defaults: { vus: '50' },
  uses: () => [...CLOSED, ...SIGNED, 'hostile-rate'],
  shape: pacedShape,
  source: () => ({ kind: 'signed', fed: 'never', asRecorded: false }),
  hostile: () => ({
    askedBy: '--scenario hostile',
    ratePerSecond: (_, otherwise) => otherwise,
  }),
  describe: (_, { hostilePerSecond }) => [describeHostile(hostilePerSecond!)],
  pictures: [],
};
