/** What the tests of the verifier share. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../paths.ts';

type Key = { block: string; block_sha256: string; transaction: string; transaction_sha256: string };

/** The file as it ships, with the hashes that stand in it. */
export const shippedKeys = (): Record<'mainnet' | 'devnet' | 'rc1', Key> =>
  (
    JSON.parse(
      readFileSync(join(projectRoot, 'stack/verifier/data/verification-keys.json'), 'utf8'),
    ) as { keys: Record<'mainnet' | 'devnet' | 'rc1', Key> }
  ).keys;
