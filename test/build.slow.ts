/** Six commands started at once from one checkout, five times: a fresh one, then one whose sources have changed. */
import './build.test.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeSource, checkout, run } from './support/checkout.ts';

test('six commands at once from one checkout, five times: thirty exit codes of 0', async () => {
  const root = checkout();
  for (let round = 0; round < 5; round++) {
    if (round % 2 === 0) changeSource(root, round);
    const ends = await Promise.all(
      Array.from({ length: 6 }, () => run(root, ['--run', 'producers', '--count', '2'])),
    );
    for (const { exitCode, stdout, stderr } of ends) {
      assert.equal(exitCode, 0, stderr);
      assert.equal(stdout.trimEnd().split('\n').length, 2);
    }
  }
});
