/** What a load sent and what came back, submission by submission, for whoever follows them further down the chain. Types alone. */
import type { Answers } from './outcomes.ts';
import type { SendTimes } from './send-times.ts';
import type { SentSubmissions } from './sent.ts';

export type SentLoad = {
  sent: SentSubmissions;
  answers: Answers;
  times: Pick<SendTimes, 'beginOf' | 'endOf'>;
  /** Submissions per lease, as in the plan. */
  lease: number;
};
