import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkMutations } from './block-fuzz.ts';

test('100,000 mutated blocks', () => {
  const { accepted, refused } = checkMutations({ count: 100_000, seed: 2 });
  assert.equal(accepted + refused, 100_000);
  assert.ok(accepted > 10_000 && refused > 10_000, `${accepted} accepted, ${refused} refused`);
});
