/** The class of an answer whose reason stands in k6's log: `status 401 [reason …]: …`. Pure. */
import type { AnswerClass } from '../../results/types.ts';

/** Of answers that never came the log has no class: their words stand for all of them. */
export const NO_ANSWER: AnswerClass = 'error';

export const classOfStatus = (line: string): AnswerClass =>
  /^status (\d+) /.exec(line)?.[1] ?? NO_ANSWER;
