/** A few cells of the table of scenario and target; matrix.slow.ts has all of it. */
import { describe, test } from 'node:test';
import { checkCell, checkInterrupt, type Target } from '../support/matrix.ts';

const CELLS: [scenario: string, target: Target][] = [
  ['big-blocks', 'embedded'],
  ['mixed', 'embedded'],
  ['big-blocks', 'answers early'],
  ['load', 'stalls'],
  ['replay', 'lies, and its storage is known'],
  ['breakpoint', 'stalls'],
];

describe('scenario and target', { concurrency: 2 }, () => {
  for (const [scenario, target] of CELLS)
    test(`${scenario}, the target: ${target}`, async () => {
      await checkCell(scenario, target);
    });
  test('mixed, interrupted once', () => checkInterrupt('mixed'));
});
