/** Each scenario with the real k6 against a good backend and against bad ones; and each of them interrupted. */
import { describe, test } from 'node:test';
import { checkCell, checkInterrupt, SCENARIOS, TARGETS } from '../support/matrix.ts';

describe('scenario and target', { concurrency: 3 }, () => {
  for (const scenario of Object.keys(SCENARIOS))
    for (const target of TARGETS)
      test(`${scenario}, the target: ${target}`, () => checkCell(scenario, target));
});

describe('interrupted once, the results are valid', { concurrency: 2 }, () => {
  for (const scenario of Object.keys(SCENARIOS)) test(scenario, () => checkInterrupt(scenario));
});
