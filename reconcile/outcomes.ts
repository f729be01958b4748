/** What the sender knows of each submission, one byte each. */
import type { AnswerTable } from './answer-table.ts';

/** What {@link outcomesOf} needs of a table of answers. */
export type Answers = Pick<AnswerTable, 'length' | 'answerOf' | 'inFlight' | 'retriesOf'>;

export const OUTCOME = {
  notSent: 0,
  /** The answer of a submission that was taken came. */
  accepted: 1,
  /** Another answer came: the target says that it did not take it. */
  refused: 2,
  /**
   * Nobody knows whether the target took it: it was under way at the stop; there was no answer (time-out, reset …); or a gateway
   * answered in the target's place, since that did not (502 and 504, RFC 9110, 15.6.3 and 15.6.5).
   */
  unknown: 3,
} as const;

/** Answers of a gateway about a target of which it does not know. */
const OF_A_GATEWAY: readonly string[] = ['502', '504'];

/** @param lease submissions per lease, as in the plan. @returns an {@link OUTCOME} for each index that was handed out */
export function outcomesOf(answers: Answers, lease: number): Uint8Array {
  const inFlight = [...answers.inFlight(lease)];
  // The last of a lease may lie beyond all that was reported.
  const length = inFlight.reduce((most, index) => Math.max(most, index + 1), answers.length);
  const outcomes = new Uint8Array(length);
  for (let index = 0; index < length; index++) {
    const answer = answers.answerOf(index);
    if (answer === null) continue;
    outcomes[index] = answer.accepted
      ? OUTCOME.accepted
      : answer.class.startsWith('error:') || OF_A_GATEWAY.includes(answer.class)
        ? OUTCOME.unknown
        : OUTCOME.refused;
  }
  for (const index of inFlight) outcomes[index] = OUTCOME.unknown;
  return outcomes;
}
