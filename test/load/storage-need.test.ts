import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { checkRoom, storedBytes } from '../../load/storage-need.ts';
import type { SubmissionTemplate } from '../../producers/templates.ts';
import { UserError } from '../../user-error.ts';

const template = (snarkBytes: number, weight: number): SubmissionTemplate => ({
  name: '',
  weight,
  hasSnarkWork: snarkBytes > 0,
  load: () =>
    Promise.resolve({
      block: Buffer.from('""'),
      snarkWork: snarkBytes > 0 ? Buffer.alloc(snarkBytes) : undefined,
      graphqlControlPort: 0n,
      builtWithCommitSha: '',
    }),
});

test('a file for each submission, in whole blocks, by the weights of what is sent', async () => {
  assert.equal(await storedBytes([template(0, 1)], 1000), 4_096_000);
  assert.equal(await storedBytes([template(3596, 1)], 1), 4096);
  assert.equal(await storedBytes([template(3597, 1)], 1), 8192);
  assert.equal(await storedBytes([template(0, 3), template(10_000, 1)], 4), 3 * 4096 + 12_288);
});

test('too little room is told with both figures', async () => {
  await checkRoom(tmpdir(), 1);
  await assert.rejects(
    checkRoom(tmpdir(), 1e18),
    (error: unknown) =>
      error instanceof UserError &&
      /would store about 1,000,000 TB, but .* left/.test(error.message),
  );
});
