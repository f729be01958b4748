/** What the tests of the verifier share: recorded submissions as rows, and checkers of proofs that only count. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from '../../mina/base58check.ts';
import { createSigner } from '../../mina/signer.ts';
import { loadMinaWasm, projectRoot } from '../../paths.ts';
import type { ProofChecker, ProofJob } from '../../stack/verifier/proof-pool.ts';
import {
  createVerifier,
  type Submission,
  type Verifier,
  type VerifierOptions,
} from '../../stack/verifier/verifier.ts';
import { readRecorded } from './recorded.ts';

type Key = { block: string; block_sha256: string; transaction: string; transaction_sha256: string };

/** The file as it ships, with the hashes that stand in it. */
export const shippedKeys = (): Record<'mainnet' | 'devnet' | 'rc1', Key> =>
  (
    JSON.parse(
      readFileSync(join(projectRoot, 'stack/verifier/data/verification-keys.json'), 'utf8'),
    ) as { keys: Record<'mainnet' | 'devnet' | 'rc1', Key> }
  ).keys;

const signer = createSigner(loadMinaWasm());
export const blockHashOf = (block: Uint8Array): string =>
  encode('blockHash', signer.blake2b256(block));

type Recorded = {
  submitter: string;
  data: { block: string; snark_work?: string; peer_id: string; created_at: string };
};
export const WITH_WORK = 'submission-with-snark-work.json';
export const WITHOUT_WORK = 'submission-without-snark-work.json';

export const recorded = (name: string): Recorded => JSON.parse(readRecorded(name)) as Recorded;

export function recordedInput(name: string): Submission & { block: Uint8Array } {
  const { submitter, data } = recorded(name);
  const block = Buffer.from(data.block, 'base64');
  return {
    blockHash: blockHashOf(block),
    submitter,
    snarkWork: data.snark_work === undefined ? null : Buffer.from(data.snark_work, 'base64'),
    block,
  };
}

/** A row as the updater gives it to a verifier. */
export function recordedRow(name: string, id: string): Record<string, unknown> {
  const { submitter, data } = recorded(name);
  return {
    id,
    submitted_at_date: '2024-02-21',
    shard: 0,
    submitted_at: '2024-02-21T09:06:18Z',
    submitter,
    created_at: data.created_at,
    block_hash: blockHashOf(Buffer.from(data.block, 'base64')),
    raw_block: data.block,
    remote_addr: '127.0.0.1:5',
    peer_id: data.peer_id,
    snark_work: data.snark_work ?? null,
    graphql_control_port: 0,
    built_with_commit_sha: '',
    state_hash: '',
    parent: '',
    height: 0,
    slot: 0,
    validation_error: '',
    verified: false,
  };
}

/** A real Mesa header with the body of an empty block. */
export const mesaBlock = (): Uint8Array =>
  readFileSync(join(projectRoot, 'test/vectors/mesa/mesa-mut-297736.header-and-empty-body.bin'));

export type CountingChecker = ProofChecker & { jobs: ProofJob[] };

/** @param say of each job */
export function checkerThat(say: (job: ProofJob) => boolean | Error): CountingChecker {
  const jobs: ProofJob[] = [];
  return {
    jobs,
    check(job) {
      jobs.push(job);
      const said = say(job);
      return said instanceof Error ? Promise.reject(said) : Promise.resolve(said);
    },
    close: () => Promise.resolve(),
  };
}

export const verifierWith = (options: Partial<VerifierOptions> = {}): Verifier =>
  createVerifier({
    rule: 'auto',
    strict: false,
    keys: { block: null, transaction: null },
    fork: null,
    proofs: null,
    ...options,
  });
