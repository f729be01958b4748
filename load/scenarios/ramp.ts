/** VUs, or a rate, that go up and down in stages. */
import { pacedShape } from '../shape.ts';
import type { Definition } from './definition.ts';
import { paceOptions, SIGNED, signed, whyNoPace } from './pieces.ts';

export const ramp: Definition = {
  name: 'ramp',
  summary: 'VUs or rate in --stages',
  options: [],
  defaults: { stages: '30s:100,1m:100,30s:0' },
  uses: (values) => [...paceOptions(values, { stages: true }), ...SIGNED],
  whyUnused: whyNoPace,
  shape: pacedShape,
  source: signed,
  pictures: ['rate-latency', 'asked'],
};
