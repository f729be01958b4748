/** Each scenario with the real k6 against a good backend and against bad ones; and each of them interrupted. Prints the table. */
import { after, describe, test } from 'node:test';
import { markdownTable } from 'markdown-table';
import { runCli } from '../support/cli.ts';
import { runHere } from '../support/run-command.ts';
import { checkCell, checkInterrupt, type Row, SCENARIOS, TARGETS } from '../support/matrix.ts';

const rows: Row[] = [];

describe('scenario and target', { concurrency: 4 }, () => {
  for (const scenario of Object.keys(SCENARIOS))
    for (const target of TARGETS)
      test(`${scenario}, the target: ${target}`, async () => {
        // The good backend stands for whole commands; the others in this process, which saves half of their CPU.
        rows.push(await checkCell(scenario, target, target === 'embedded' ? runCli : runHere));
      });
});

describe('interrupted once, the results are valid', { concurrency: 3 }, () => {
  for (const scenario of Object.keys(SCENARIOS)) test(scenario, () => checkInterrupt(scenario));
});

after(() => {
  const header = ['scenario', 'target', 'exit code', 'sent', 'accepted', 'answers', 'verdict'];
  const lines = rows.map(({ answers, sentence, exitCode, sent, accepted, ...row }) => [
    ...[row.scenario, row.target, `${exitCode}`, `${sent}`, `${accepted}`],
    Object.entries(answers)
      .map(([answer, count]) => `${count} ${answer}`)
      .join(', '),
    sentence,
  ]);
  console.log(markdownTable([header, ...lines]));
});
