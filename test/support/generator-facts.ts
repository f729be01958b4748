/** Facts about a generator of which nothing else is known than what a test gives. */
import type { GeneratorFacts } from '../../judge/generator-limit.ts';

export const NO_OTHER_EVIDENCE: Omit<GeneratorFacts, 'schedule' | 'allowedMisses'> = {
  sent: 1000,
  loadMs: 10_000,
  generator: {},
  refusals: [],
  answerP50Ms: null,
  targetIsAmongOthers: false,
};
