/**
 * What verifies the rows of a pass: the embedded verifier, or a program (the original's, or another). Both give answers as lines would, so that one rule matches them.
 */
import pLimit from 'p-limit';
import { bytesOfBase64 } from '../submission-json.ts';
import type { Submission, Verifier } from '../verifier.ts';
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
  /** Answers as they come, in the order of the rows. @throws UserError where the run fails as a whole */
  run(pass: Pass): AsyncIterable<AnswerLine>;
};

/** Rows under way, each with its block. */
const UNDER_WAY = 32;

export const embeddedDriver = (verifier: Verifier): VerifierDriver => ({
  name: 'embedded',
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
    // Some ahead of the one that is given next.
    const started: Promise<AnswerLine>[] = [];
    try {
      for (const row of rows) {
        const one = limit(verify, row);
        one.catch(() => undefined);
        started.push(one);
        if (started.length >= 2 * UNDER_WAY) yield await started.shift()!;
      }
      while (started.length > 0) yield await started.shift()!;
    } finally {
      limit.clearQueue();
    }
  },
});
