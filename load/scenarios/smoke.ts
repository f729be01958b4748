/** Ten submissions by one virtual user: does everything work at all? */
import { commonShape } from '../shape.ts';
import type { Definition } from './definition.ts';
import { SIGNED } from './pieces.ts';

const SUBMISSIONS = 10;
/** Two submissions of one submitter in one second share a storage key: these keep apart. */
const THINK_MS = 1100;

export const smoke: Definition = {
  name: 'smoke',
  summary: 'ten submissions, everything checked',
  options: [],
  defaults: {},
  uses: () => SIGNED,
  shape: (request) => ({
    ...commonShape(request),
    executor: 'shared-iterations',
    vus: 1,
    iterations: SUBMISSIONS,
    durationMs: SUBMISSIONS * (THINK_MS + request.requestTimeoutMs),
    think: { minMs: THINK_MS, maxMs: THINK_MS },
  }),
  source: () => ({ kind: 'signed', fed: 'never', asRecorded: false }),
  producers: () => 1,
  pictures: [],
};
