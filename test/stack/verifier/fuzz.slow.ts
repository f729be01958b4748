import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzVerifier } from './fuzz.ts';

test('100,000 mutated submissions: always an answer', async () => {
  const { valid, refused, notCheckable } = await fuzzVerifier(100_000, 20_261_126);
  assert.ok(valid > 10_000 && refused > 10_000 && notCheckable > 3000);
});
