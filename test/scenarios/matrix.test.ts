/** A few cells of the table of scenario and target; matrix.slow.ts has all of it. */
import { describe, test } from 'node:test';
import { checkCell, type Target } from '../support/matrix.ts';
import { runHere } from '../support/run-command.ts';

const CELLS: [scenario: string, target: Target][] = [
  ['load', 'stalls'],
  ['replay', 'lies, and its storage is known'],
];

describe('scenario and target', { concurrency: 2 }, () => {
  for (const [scenario, target] of CELLS)
    test(`${scenario}, the target: ${target}`, async () => {
      await checkCell(scenario, target, runHere);
    });
});
