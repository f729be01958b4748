/**
 * The stateless verifier: one submission in, one verdict out, whatever it holds. Order and words of the checks are the original's
 * (MinaProtocol/mina, src/app/delegation_verify/delegation_verify.ml): the block decodes; its proof; the snark work decodes; it names this submitter; its proof.
 * The first that fails is the error. Without checks, only the block decodes.
 */
import { decode } from '../../mina/base58check.ts';
import { BinProtError } from '../../mina/bin-prot.ts';
import { createSigner } from '../../mina/signer.ts';
import {
  parseSnarkWork,
  type SnarkWork,
  sokDigest,
  transactionInput,
} from '../../mina/snark-work.ts';
import { createStateHasher } from '../../mina/state-hasher.ts';
import { openStateHashPairs } from '../../mina/state-hash-pair.ts';
import { loadMinaPairWasm, loadMinaWasm } from '../../paths.ts';
import type { CheckState, Checks, Verdict } from './answer.ts';
import { createBlockReader, type KnownBlock, type ProofState } from './block-reader.ts';
import { type ForkRecord, isEqual } from './consistency.ts';
import { ERROR_TEXTS, sokMismatchText } from './error-texts.ts';
import { createKeyStore, type GivenKeys } from './keys.ts';
import type { ProofChecker, ProofJob } from './proof-pool.ts';
import type { Rule } from './rule.ts';
import { createStateHashing } from './state-hashing.ts';

/** What of a submission is verified. */
export type Submission = {
  /** What it says; compared with the hash of the block. null: it says none. */
  blockHash: string | null;
  /** `B62q…`. */
  submitter: string | null;
  /** Bytes; null: none. `undecodable`: what stood there is no base64. */
  snarkWork: Uint8Array | 'undecodable' | null;
  /** null: not to be had. `unreadable`: its file could not be read. `undecodable`: what stood there is no base64. */
  block: Uint8Array | 'unreadable' | 'undecodable' | null;
};

export type VerifierOptions = {
  rule: Rule;
  /** Refuses inconsistent blocks too, which the original takes. */
  strict: boolean;
  keys: GivenKeys;
  /** Of the configuration file. */
  fork: ForkRecord | null;
  /** Checks proofs; null: without checks. */
  proofs: ProofChecker | null;
  /** For tests of what else is checked: proofs of the rule's own circuits count as right, unread. Blocks of a made chain have the proofs of others. */
  takesProofs?: boolean;
};

export type Verifier = {
  /** @throws nothing that a submission could cause */
  verify(submission: Submission): Promise<Verdict>;
};

const NOT_DONE: Checks = {
  decoding: 'not done',
  consistency: 'not done',
  block_proof: 'not done',
  snark_work: 'not done',
  sok_digest: 'not done',
  snark_work_proof: 'not done',
};

export function createVerifier(options: VerifierOptions): Verifier {
  const { rule, strict, keys, fork, proofs, takesProofs = false } = options;
  const wasm = loadMinaWasm();
  const hasher = createStateHasher(wasm);
  const check = proofs === null ? null : checkWith(proofs);
  const readBlock = createBlockReader({
    rule,
    fork,
    keys: createKeyStore(rule, keys),
    takesProofs,
    check,
    hasher,
    stateHash: createStateHashing(hasher.cached(), openStateHashPairs(loadMinaPairWasm())),
    signer: createSigner(wasm),
  });
  return {
    async verify(submission) {
      const { block: bytes } = submission;
      if (bytes === 'unreadable')
        return refused(ERROR_TEXTS.unreadableBlock, { ...NOT_DONE, decoding: 'failed' });
      if (bytes === 'undecodable') return undecodable('it is no base64');
      if (bytes === null || bytes.length === 0) return undecodable('there is no block');
      const block = await readBlock(bytes);
      if ('why' in block) return undecodable(block.why);
      const unfit = unfitnessOf(block, submission);
      const checks: Checks = {
        ...NOT_DONE,
        decoding: 'passed',
        consistency: unfit.length === 0 ? 'passed' : 'failed',
        ...(unfit.length > 0 && { notes: unfit }),
      };
      if (strict && unfit.length > 0)
        return refused(`block is inconsistent: ${unfit.join('; ')}`, checks);
      if (check === null) return { facts: block.facts, error: null, verified: true, checks };
      return withProofs(block, submission, checks, check, takesProofs);
    },
  };
}

type ReadBlock = Extract<KnownBlock, { era: string }>;

function unfitnessOf(block: ReadBlock, { blockHash }: Submission): string[] {
  const unfit = [...block.inconsistencies];
  if (blockHash !== null && blockHash !== block.blockHash)
    unfit.push(`block_hash is ${blockHash.slice(0, 100)}, and the block’s is ${block.blockHash}`);
  return unfit;
}

const refused = (error: string, checks: Checks): Verdict => ({
  facts: null,
  error,
  verified: true,
  checks,
});

const undecodable = (why: string): Verdict =>
  refused(ERROR_TEXTS.undecodableBlock, { ...NOT_DONE, decoding: 'failed', notes: [why] });

async function withProofs(
  block: ReadBlock,
  { submitter, snarkWork }: Submission,
  checks: Checks,
  check: (job: ProofJob) => Promise<ProofState>,
  takesProofs: boolean,
): Promise<Verdict> {
  const note = (text: string): void => void (checks.notes ??= []).push(text);
  const proved = async (what: string, checking: Promise<ProofState>): Promise<CheckState> => {
    const result = await checking;
    if (result.state === 'not checkable') note(`${what}: ${result.why}`);
    return result.state;
  };
  const done = (): Verdict => {
    const isCheckable = ![checks.block_proof, checks.snark_work_proof].includes('not checkable');
    return { facts: block.facts, error: null, verified: isCheckable, checks };
  };

  checks.block_proof = await proved('block proof', block.proof());
  if (checks.block_proof === 'failed') return refused(ERROR_TEXTS.invalidProof, checks);
  if (snarkWork === null) {
    Object.assign(checks, {
      snark_work: 'absent',
      sok_digest: 'absent',
      snark_work_proof: 'absent',
    });
    return done();
  }
  const work = readSnarkWork(snarkWork);
  checks.snark_work = 'why' in work ? 'failed' : 'passed';
  if ('why' in work) {
    note(`snark work: ${work.why}`);
    return refused(ERROR_TEXTS.undecodableSnarkWork, checks);
  }
  const prover = publicKeyOf(submitter);
  if (prover === null) {
    checks.sok_digest = 'failed';
    return refused('submitter is no public key', checks);
  }
  checks.sok_digest = isEqual(sokDigest(work, prover), work.statement.sok_digest)
    ? 'passed'
    : 'failed';
  if (checks.sok_digest === 'failed') return refused(sokMismatchText(block.era), checks);
  const { transactionKey: found } = block;
  checks.snark_work_proof = await proved(
    'snark work proof',
    takesProofs
      ? Promise.resolve({ state: 'passed' })
      : 'why' in found
        ? Promise.resolve({ state: 'not checkable', why: found.why })
        : check({
            proof: work.proof,
            publicInput: transactionInput(work.statement).map(String),
            key: found.key,
          }),
  );
  return checks.snark_work_proof === 'failed' ? refused(ERROR_TEXTS.invalidProof, checks) : done();
}

function readSnarkWork(bytes: Uint8Array | 'undecodable'): SnarkWork | { why: string } {
  if (bytes === 'undecodable') return { why: 'it is no base64' };
  try {
    return parseSnarkWork(bytes);
  } catch (error) {
    if (error instanceof BinProtError) return { why: error.message };
    throw error;
  }
}

function publicKeyOf(text: string | null): Uint8Array | null {
  try {
    return text === null ? null : decode('publicKey', text);
  } catch {
    return null;
  }
}

/** Of a checker that cannot run nothing is known of the proof. */
const checkWith =
  (proofs: ProofChecker) =>
  async (job: ProofJob): Promise<ProofState> => {
    try {
      return { state: (await proofs.check(job)) ? 'passed' : 'failed' };
    } catch (error) {
      return { state: 'not checkable', why: (error as Error).message };
    }
  };
