/** `npm run report -- RUN…`: the Markdown page of runs, with their pictures, from their result folders only. */
import { relative, resolve } from 'node:path';
import { renderRun } from '../../plots/render.ts';
import { writeReport } from '../../report/markdown.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command } from '../command.ts';

export const report: Command = {
  name: 'report',
  summary: 'Write report.md with its pictures for one or more runs from their result folders.',
  operands: 'RUN…',
  options: [],
  async run({ operands, cwd, stdout }) {
    if (operands.length === 0)
      throw new UserError('no run was given', {
        hint: 'give one or more result folders, e.g. npm run report -- results/2026-01-02T03-04-05Z-load',
        exitCode: EXIT.usage,
      });
    for (const operand of operands) {
      const folder = resolve(cwd, operand);
      await renderRun(folder);
      stdout.write(`${relative(cwd, await writeReport(folder))}\n`);
    }
    return EXIT.passed;
  },
};
