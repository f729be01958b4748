/** A verdict on a submission, and the JSON line in which it leaves: the fields of the original, and `checks`, which its readers pass over. */

/** `absent`: there is nothing to check. `not checkable`: nobody here can say; that is neither valid nor invalid. */
export type CheckState = 'passed' | 'failed' | 'not done' | 'not checkable' | 'absent';

export type Checks = {
  /** The block's bytes, to the last one. */
  decoding: CheckState;
  /** What the block says of itself in two places, its body and its block hash included. */
  consistency: CheckState;
  block_proof: CheckState;
  /** Decoding of the snark work. */
  snark_work: CheckState;
  /** That the snark work names this submitter. */
  sok_digest: CheckState;
  snark_work_proof: CheckState;
  /** What is inconsistent, why something is not checkable, where decoding stopped. */
  notes?: string[];
};

/** What a block says; as the coordinator reads it. */
export type BlockFacts = {
  /** `3N…`. */
  stateHash: string;
  parent: string;
  height: number;
  /** Global slot since genesis. */
  slot: number;
};

export type Verdict = {
  /** null where the submission is refused, as the original. */
  facts: BlockFacts | null;
  /** null: not refused. */
  error: string | null;
  /** As the original: looked at, refused or not. False where it is not checkable, so it neither counts nor stands as refused. */
  verified: boolean;
  checks: Checks;
};

/** The six fields of an answer, in the original's order, then `checks`. */
export type ResultFields = {
  state_hash: string | null;
  parent: string | null;
  height: number | null;
  slot: number | null;
  validation_error: string | null;
  verified: boolean;
  checks: Checks;
};

export const resultFields = ({ facts, error, verified, checks }: Verdict): ResultFields => ({
  state_hash: facts?.stateHash ?? null,
  parent: facts?.parent ?? null,
  height: facts?.height ?? null,
  slot: facts?.slot ?? null,
  validation_error: error,
  verified,
  checks,
});

/** A submission as it comes in by JSON; whatever else it holds goes out again. */
export type SubmissionJson = Record<string, unknown>;

/** Large, and known to whoever asked; JSON leaves out what is undefined. */
const NOT_RETURNED = { raw_block: undefined, snark_work: undefined };
const RESULT_NAMES: readonly (keyof ResultFields)[] = [
  'state_hash',
  'parent',
  'height',
  'slot',
  'validation_error',
  'verified',
  'checks',
];

/** What of the submission goes out again, in its own order, and then the results. */
export function answerLine(submission: SubmissionJson, verdict: Verdict): string {
  const results = resultFields(verdict);
  if (!RESULT_NAMES.some((name) => Object.hasOwn(submission, name)))
    return JSON.stringify({ ...submission, ...NOT_RETURNED, ...results });
  // Names of ours would keep the place that they had.
  const echoed = Object.entries(submission).filter(([name]) => !Object.hasOwn(results, name));
  return JSON.stringify({ ...Object.fromEntries(echoed), ...NOT_RETURNED, ...results });
}
