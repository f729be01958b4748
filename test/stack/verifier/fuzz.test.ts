import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzVerifier } from './fuzz.ts';

test('3,000 mutated submissions: always an answer', async () => {
  const { valid, refused, notCheckable } = await fuzzVerifier(3000, 1);
  assert.ok(
    valid > 300 && refused > 300 && notCheckable > 100,
    `${valid} ${refused} ${notCheckable}`,
  );
});
