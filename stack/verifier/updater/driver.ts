/**
 * What verifies the rows of a pass: the embedded verifier, or a program (the original's, or another). Both give answers as lines would, so that one rule matches them.
 */
import pLimit from 'p-limit';
import { Arrivals } from '../../storage/arrivals.ts';
import { bytesOfBase64 } from '../submission-json.ts';
import type { Submission, Verifier } from '../verifier.ts';
import type { Rule } from '../rule.ts';
import type { AnswerLine } from './answer-line.ts';
import type { Row } from './row.ts';

/** Finds a row's block; null: there is none. `unreachable`: nobody can say, so the row is left for another time. */
export type BlockOf = (row: Row) => Promise<Uint8Array | null | 'unreachable'>;

/** One run of a verifier over some rows. */
export type Pass = {
  rows: readonly Row[];
  blockOf: BlockOf;
  /** The verifier is not to look at the snark work. */
  withoutSnarkWork: boolean;
  signal: AbortSignal | undefined;
  log: (level: 'info' | 'warning' | 'error', text: string) => void;
};

export type VerifierDriver = {
  /** For the log: `embedded`, or the program's path. */
  readonly name: string;
  /** By which rule it judges; null: a program, whose rule it does not say. */
  readonly rule: Rule | null;
  /** Answers as they come; of rows with one key in their order. @throws UserError where the run fails as a whole */
  run(pass: Pass): AsyncIterable<AnswerLine>;
};

/** Rows under way, each with its block. */
const UNDER_WAY = 32;

export const embeddedDriver = (verifier: Verifier, rule: Rule): VerifierDriver => ({
  name: 'embedded',
  rule,
  async *run({ rows, blockOf, withoutSnarkWork, signal }) {
    const limit = pLimit(UNDER_WAY);
    const verify = async (row: Row): Promise<AnswerLine> => {
      const { fields } = row;
      signal?.throwIfAborted();
      const block = await blockOf(row);
      if (block === 'unreachable') return 'no answer';
      const submission: Submission = {
        blockHash: fields.block_hash,
        submitter: fields.submitter,
        snarkWork: withoutSnarkWork || !fields.snark_work ? null : bytesOfBase64(fields.snark_work),
        block,
      };
      const { facts, error, verified } = await verifier.verify(submission);
      return {
        answer: {
          id: fields.id,
          submitted_at: fields.submitted_at,
          submitter: fields.submitter,
          result: {
            stateHash: facts?.stateHash ?? null,
            parent: facts?.parent ?? null,
            height: facts?.height ?? null,
            slot: facts?.slot ?? null,
            validationError: error,
            verified,
          },
        },
      };
    };
    // In any order: each row has a key of its own, and an abort need not wait for a proof.
    const answers = new Arrivals<AnswerLine>(signal);
    try {
      for (const row of rows) {
        answers.expect(limit(verify, row));
        if (answers.expected >= 2 * UNDER_WAY) yield await answers.next();
      }
      while (answers.expected > 0) yield await answers.next();
    } finally {
      limit.clearQueue();
      answers.close();
    }
  },
});
