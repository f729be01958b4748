/** Bodies of several sizes one after another, up to the backend's limit and just over it, with figures for each size. */
import { sizedParts, unpacedRateOf } from '../parts.ts';
import { pacedShape } from '../shape.ts';
import type { Definition } from './definition.ts';
import { paceOptions, SIGNERS, whyNoPace } from './pieces.ts';
import { describeSizes, SIZES_OPTIONS, sizesOf } from './sizes.ts';

export const bigBlocks: Definition = {
  name: 'big-blocks',
  summary: 'bodies up to 50 MB and just over the limit',
  options: SIZES_OPTIONS,
  // In a minute some 80 bodies, 1.4 GB; k6 holds two or three of them for each VU.
  defaults: { vus: '4', sizes: '17.5KB,64KB,1MB,4MB,14MB,50MB,over' },
  uses: (values) => [...paceOptions(values, { stages: false }), 'sizes', ...SIGNERS],
  whyUnused: whyNoPace,
  request: (values) => ({ sizes: sizesOf(values) }),
  shape: pacedShape,
  unpacedRate: ({ sizes }, most) => unpacedRateOf(sizes!, 1, most),
  source: () => ({ kind: 'parts', fed: 'never', asRecorded: false }),
  parts: { figures: 'sizes', templates: sizedParts },
  describe: ({ sizes }) => [describeSizes(sizes!)],
  pictures: [],
};
