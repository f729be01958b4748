/** Hours of load in constant memory: submissions are signed while they are sent. */
import { pacedShape } from '../shape.ts';
import type { Definition } from './definition.ts';
import { paceOptions, SIGNED, whyNoPace } from './pieces.ts';

export const soak: Definition = {
  name: 'soak',
  summary: 'hours at a --rate, or of VUs with --think, in constant memory',
  options: [],
  defaults: { rate: '300/s', duration: '1h' },
  // It has a rate of its own, unless somebody asks for VUs with think times.
  adjusted: (values, isChosen) =>
    isChosen('think') && !isChosen('rate') ? { ...values, rate: undefined } : values,
  uses: (values) => [...paceOptions(values, { stages: false }), 'steerable', ...SIGNED],
  whyUnused: whyNoPace,
  problems: ({ rate, think }) =>
    rate === undefined && think === '0'
      ? [
          '--think must be above 0 in the scenario soak, or --rate be given: what is signed while it is sent needs a pace',
        ]
      : [],
  shape: pacedShape,
  source: () => ({ kind: 'signed', fed: 'always', asRecorded: false }),
  isSoak: true,
  pictures: [],
};
