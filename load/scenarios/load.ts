/** Virtual users that send for a given time, each resting for its think time after an answer. */
import { pacedShape } from '../shape.ts';
import type { Definition } from './definition.ts';
import { CLOSED, SIGNED, signed } from './pieces.ts';

export const load: Definition = {
  name: 'load',
  summary: 'constant VUs',
  options: [],
  defaults: {},
  uses: () => [...CLOSED, 'steerable', ...SIGNED],
  shape: pacedShape,
  source: signed,
  pictures: [],
};
