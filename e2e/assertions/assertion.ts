/** What an assertion is: a claim about a dump, judged by itself. Pure. */
import type { Evidence } from '../dump/evidence.ts';
import type { TableName } from '../dump/types.ts';
import type { Facts } from './facts.ts';

/** What there must be something of, or the assertion cannot be judged. */
export type Need =
  | 'requests sent'
  | 'expected submitters'
  | 'accepted submissions'
  | 'stored rows'
  | 'several storages'
  | 'blocks'
  | 'batches'
  | 'times of batches'
  | 'leaderboard answers'
  | 'logs'
  | 'searched lines'
  | 'verifier calls'
  | 'an hourly limit'
  | 'disturbances'
  | 'a cutover'
  | `table ${TableName}`;

export type Example = {
  what: string;
  /** Of sent.ndjson and trace.ndjson. */
  submission?: number;
  submitter?: string;
  /** The batch's window, in seconds. */
  batch?: { startSeconds: number; endSeconds: number };
};

export type Finding = {
  /** null: there was nothing to judge by; the note says what is missing. */
  held: boolean | null;
  /** What was looked at, and what was found; names for people. */
  counts: Record<string, number>;
  /** Of what makes it fail: a few. */
  examples: Example[];
  note?: string;
};

export type Assertion = {
  name: string;
  /** The claim, as a sentence. */
  title: string;
  needs: readonly Need[];
  check: (evidence: Evidence, facts: Facts) => Finding;
};

const MOST_EXAMPLES = 5;

/** Collects what is wrong: all are counted, a few kept. */
export class Faults {
  readonly examples: Example[] = [];
  count = 0;

  /** @param example made only where it is kept */
  add(example: () => Example): void {
    if (this.examples.length < MOST_EXAMPLES) this.examples.push(example());
    this.count++;
  }
}

/** Where data are there, and none that say anything about the claim. */
export const cannotJudge = (lack: string): Finding => ({
  held: null,
  counts: {},
  examples: [],
  note: lack,
});

/** Held where nothing was found. */
export const found = (faults: Faults, counts: Record<string, number>, note?: string): Finding => ({
  held: faults.count === 0,
  counts,
  examples: faults.examples,
  ...(note !== undefined && { note }),
});
