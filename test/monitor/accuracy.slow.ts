/** The long intervals of accuracy.test.ts. */
import { test } from 'node:test';
import { checkBurner } from './burner.ts';

const linuxOnly = { skip: process.platform !== 'linux' };

for (const { share, intervalMs } of [
  { share: 0.5, intervalMs: 1000 },
  { share: 1, intervalMs: 5000 },
  { share: 0.5, intervalMs: 5000 },
])
  test(`a burner of ${share} core, read every ${intervalMs} ms`, linuxOnly, (t) =>
    checkBurner(t, { share, intervalMs, burnMs: 6000 }),
  );
