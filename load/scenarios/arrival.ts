/** An open model: submissions begin at a constant rate, however long answers take. */
import { pacedShape } from '../shape.ts';
import type { Definition } from './definition.ts';
import { paceOptions, SIGNED, signed, whyNoPace } from './pieces.ts';

export const arrival: Definition = {
  name: 'arrival',
  summary: 'a constant --rate',
  options: [],
  defaults: { rate: '100/s' },
  uses: (values) => [...paceOptions(values, { stages: false }), 'steerable', ...SIGNED],
  whyUnused: whyNoPace,
  shape: pacedShape,
  source: signed,
  pictures: [],
};
