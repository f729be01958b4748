/**
 * What a stateless verifier says of a submission that it refuses, in the words of both eras: coordinators and people read them.
 * Source: MinaProtocol/mina, src/app/delegation_verify (known_blocks.ml, submission.ml, delegation_verify.ml) and
 * src/lib/transaction_snark; o1-labs/submission-updater at 00cc565, src/command.go.
 */
import type { EraName } from '../../mina/eras.ts';

export const ERROR_TEXTS = {
  /** Empty or foreign bytes; a missing block arrives as no bytes. */
  undecodableBlock: 'Fail to decode block',
  /** Of files only. */
  unreadableBlock: 'Fail to load block',
  undecodableSnarkWork: 'Fail to decode snark work',
  /** Of a block's proof or of snark work; which of Pickles' checks failed is not known here. */
  invalidProof: '(Pickles.verify dlog_check)',
} as const;

const SOK_MISMATCH = {
  /** Binaries up to 3.5.0 compare inside the transaction snark's own verification. */
  beforeMesa: 'Transaction_snark.verify: Mismatched sok_message',
  mesa: "proof's sok message digest does not match the sok message",
};

export const sokMismatchText = (era: EraName): string =>
  era === 'mesa' ? SOK_MISMATCH.mesa : SOK_MISMATCH.beforeMesa;

/** As the updater looks for them: verifiers put words around. */
const SOK_MARKS = ['sok message digest does not match the sok message', 'Mismatched sok_message'];

export const isSokMismatch = (text: string | null): boolean =>
  text !== null && SOK_MARKS.some((mark) => text.includes(mark));
