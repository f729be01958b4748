/** Every scenario with the real k6 against a target that logs: summary and target agree. */
import { test } from 'node:test';
import { CASES } from './cases.ts';
import { agree } from './compare.ts';
import { truthRun } from './run.ts';

for (const [scenario, { args, programme, known }] of Object.entries(CASES))
  test(`${scenario}: summary and target agree`, async () => {
    const run = await truthRun(args, programme);
    agree(run.log, run, known);
  });
