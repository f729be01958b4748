/** `npm run plot -- RUN…`: the pictures of runs, from their result folders only. */
import { relative, resolve } from 'node:path';
import { PICTURE_FORMATS, renderRun } from '../../plots/render.ts';
import { drawComparison } from '../../report/compare/picture.ts';
import { isSession } from '../../results/session.ts';
import { type Theme, THEMES } from '../../plots/theme.ts';
import { listProblems } from '../../system/problems.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command } from '../command.ts';

export const plot: Command = {
  name: 'plot',
  summary:
    'Draw the pictures of runs, or of comparisons, as PNG and SVG from their result folders.',
  operands: 'RUN…',
  options: [
    {
      name: 'out',
      type: 'path',
      argument: 'DIR',
      help: "write the pictures there instead of into the run's own folder",
    },
    {
      name: 'format',
      type: 'choice',
      choices: [...PICTURE_FORMATS, 'both'],
      default: 'both',
      help: 'picture format',
    },
    {
      name: 'theme',
      type: 'choice',
      choices: [...THEMES],
      default: 'light',
      help: 'colours of the pictures: on a light ground, also for print, or on a dark one',
    },
    {
      name: 'all',
      type: 'flag',
      help: 'also those for a closer look: latency against the rate, what was asked for, bytes, what is stored',
    },
  ],
  async run({ values, sources, operands, cwd, stdout }) {
    if (operands.length === 0)
      throw new UserError('no run was given', {
        hint: 'give one or more result folders, e.g. npm run plot -- results/2026-01-02T03-04-05Z-load',
        exitCode: EXIT.usage,
      });
    const out = values.out as string | undefined;
    if (out !== undefined && operands.length > 1)
      throw new UserError(
        `--out takes the pictures of one run, but ${operands.length} runs were given`,
        {
          hint: 'draw them one by one, or leave --out away: each run then gets its own pictures',
          exitCode: EXIT.usage,
        },
      );
    const formats = PICTURE_FORMATS.filter(
      (format) => values.format === 'both' || values.format === format,
    );
    // A comparison has one look; who asks for another one waits for it in vain.
    listProblems(
      operands.some((operand) => isSession(resolve(cwd, operand)))
        ? ['theme', 'all'].filter((name) => sources[name] === 'flag').map((name) => `--${name} has no effect on a comparison`) // prettier-ignore
        : [],
      'draw comparisons by themselves, without it',
    );
    const look = { out, formats, theme: values.theme as Theme };
    for (const folder of operands.map((operand) => resolve(cwd, operand)))
      for (const path of isSession(folder)
        ? (await drawComparison(folder, { out, formats })).paths
        : await renderRun(folder, { ...look, all: values.all === true }))
        stdout.write(`${relative(cwd, path)}\n`);
    return EXIT.passed;
  },
};
