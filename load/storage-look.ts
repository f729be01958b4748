/** The look into the storage of one run: what was sent, and how it is compared. */
import { type LookOutcome, lookIntoStorage } from '../reconcile/look.ts';
import type { Answers } from '../reconcile/outcomes.ts';
import type { SendTimes } from '../reconcile/send-times.ts';
import { sentOf, type SentSubmissions } from '../reconcile/sent.ts';
import type { K6Plan } from '../scenarios/lib/plan.ts';
import type { Feed } from './feeder/feed.ts';
import type { StorageChoice } from './storage-choice.ts';
import { isAsNetworkSends } from './timed-starts.ts';

/** After an interrupt somebody waits. */
const INTERRUPTED_WAIT_MS = 5000;

/** Where the run's submissions came from. */
export type SentFrom = { feed: Pick<Feed, 'sent'> | null; k6Plan: K6Plan };

/** What the run sent; close it. @throws Error of node:fs */
export function sentByRun({ feed, k6Plan }: SentFrom): SentSubmissions {
  const sent = feed === null ? sentOf(k6Plan) : feed.sent();
  if (sent === null) throw new Error('the run has a feeder and none to ask');
  return sent;
}

/** Looks into the storage when all was sent. Never throws: what fails stands in the outcome. */
export async function lookAfterRun(call: {
  choice: StorageChoice;
  from: SentFrom;
  /** Public keys of the hostile sender beside the load. */
  others: readonly string[];
  /** The run's, for the list. */
  folder: string;
  answers: Answers;
  times: SendTimes;
  beganMs: number;
  endedMs: number;
  interrupted: boolean;
  signal: AbortSignal;
  onStatus(text: string): void;
}): Promise<LookOutcome> {
  const { choice, from, others, interrupted, ...rest } = call;
  let sent: SentSubmissions;
  try {
    sent = sentByRun(from);
  } catch (error) {
    const failure = `what was sent cannot be read again: ${(error as Error).message}`;
    return {
      look: { storage: choice.name, complete: false, failure, waitedMs: 0, readings: 0 },
      stored: null,
      notStored: null,
      notes: [failure],
    };
  }
  return lookIntoStorage({
    ...rest,
    storage: choice.name,
    open: () => choice.open(),
    sent,
    lease: from.k6Plan.load.lease,
    others: new Set(others),
    pairsAreMeant: isAsNetworkSends(from.k6Plan.load.timed),
    waitMs: interrupted ? Math.min(choice.waitMs, INTERRUPTED_WAIT_MS) : choice.waitMs,
  });
}
