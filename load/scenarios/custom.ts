/** A scenario of the user's own: any file of scenarios/ that has no definition. Its pace comes from the options alone. */
import { pacedShape } from '../shape.ts';
import type { Definition } from './definition.ts';
import { paceOptions, SIGNED, whyNoPace } from './pieces.ts';

export const customScenario = (name: string): Definition => ({
  name,
  summary: 'your own',
  options: [],
  defaults: {},
  uses: (values) => [...paceOptions(values, { stages: true }), ...SIGNED],
  whyUnused: whyNoPace,
  shape: pacedShape,
  source: () => ({ kind: 'signed', fed: 'never', asRecorded: false }),
  pictures: [],
});
