/** A proof that is known to be valid: of the block of a recorded submission (release candidate 1), which every checker of proofs is tried with first. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseBlock } from '../../mina/block.ts';
import { bytesToIntegerLE } from '../../mina/field.ts';
import { proofText } from '../../mina/proof.ts';
import { referenceStateHash } from '../../mina/state-hash.ts';
import { projectRoot } from '../../paths.ts';
import { shippedKeys } from './keys.ts';
import type { ProofJob } from './proof-pool.ts';

const FILE = join(projectRoot, 'producers', 'data', 'submission-without-snark-work.json');

export function knownProof(): ProofJob {
  const { data } = JSON.parse(readFileSync(FILE, 'utf8')) as { data: { block: string } };
  const block = parseBlock(Buffer.from(data.block, 'base64'));
  return {
    proof: proofText(block.protocol_state_proof),
    publicInput: [
      String(bytesToIntegerLE(referenceStateHash.stateHash(block.protocol_state, block.era))),
    ],
    key: shippedKeys().rc1.block,
  };
}
