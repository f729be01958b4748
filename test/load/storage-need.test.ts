import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkRoom, freeBytes, storedBytes } from '../../load/storage-need.ts';
import { UserError } from '../../user-error.ts';

const body = (snarkWorkBytes: number, weight: number) => ({ snarkWorkBytes, weight });

test('a file for each submission, in whole blocks, by the weights of what is sent', () => {
  assert.equal(storedBytes([body(0, 1)], 1000), 4_096_000);
  assert.equal(storedBytes([body(3596, 1)], 1), 4096);
  assert.equal(storedBytes([body(3597, 1)], 1), 8192);
  assert.equal(storedBytes([body(0, 3), body(10_000, 1)], 4), 3 * 4096 + 12_288);
});

test('too little room is refused with both figures, and there is always some in a folder to come', async () => {
  const free = await freeBytes(join(tmpdir(), 'not', 'there', 'yet'));
  assert.ok(free !== null && free > 0);
  checkRoom(tmpdir(), { bytes: 1, freeBytes: free });
  checkRoom(tmpdir(), { bytes: 1e18, freeBytes: null });
  checkRoom(tmpdir(), null);
  assert.throws(
    () => checkRoom(tmpdir(), { bytes: 1e18, freeBytes: free }),
    (error: unknown) =>
      error instanceof UserError &&
      /would store about 1,000,000 TB, but .* left/.test(error.message),
  );
});
