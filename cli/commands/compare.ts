/** `npm run compare -- BASE RUN…`, `npm run compare -- SESSION`: runs side by side, and rounds judged, from their folders only. */
import { resolve } from 'node:path';
import { exitCodeOf } from '../../judge/compare/comparison.ts';
import { compareSideBySide } from '../../report/compare/side-by-side.ts';
import { calibrateBy, calibrationPathOf, judgeSession } from '../../report/compare/session.ts';
import { printMarkdown } from '../../report/print-markdown.ts';
import { readRun } from '../../results/reader.ts';
import { isSession } from '../../results/session.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command, CommandCall } from '../command.ts';

type CompareCall = Pick<CommandCall, 'values' | 'stdout'>;

async function compareSession(folder: string, { values, stdout }: CompareCall): Promise<number> {
  const options = {
    unlike: values.unlike === true,
    calibrationPath: (values.calibration as string | undefined) ?? calibrationPathOf(folder),
  };
  if (values.calibrate === true) {
    stdout.write(`${await calibrateBy(folder, options)}\n`);
    return EXIT.passed;
  }
  const { comparison, page } = await judgeSession(folder, options);
  stdout.write(page);
  return exitCodeOf(comparison);
}

async function compareRuns(
  folders: readonly string[],
  { values, stdout }: CompareCall,
): Promise<number> {
  const [base, ...others] = await Promise.all(folders.map((folder) => readRun(folder)));
  const { page, unlike } = compareSideBySide(base, others);
  if (unlike.length > 0 && values.unlike !== true)
    throw new UserError(unlike.join('\n'), {
      hint: 'compare runs of one load on one machine, or add --unlike to see them side by side all the same',
      exitCode: EXIT.usage,
    });
  stdout.write(printMarkdown(page));
  if (values.show === true) return EXIT.passed;
  stdout.write(
    '\nNO DATA: one run each decides nothing; with --show this ends with 0, and npm run load -- --ab URL_A URL_B compares in rounds.\n',
  );
  return EXIT.noData;
}

export const compare: Command = {
  name: 'compare',
  summary: 'Show runs side by side, or judge the rounds of a session (npm run load -- --ab).',
  operands: 'BASE RUN… | SESSION',
  prints: 'its result',
  options: [
    {
      name: 'unlike',
      type: 'flag',
      help: 'compare also what differs in machine, load, bodies or programs',
    },
    {
      name: 'show',
      type: 'flag',
      help: 'of single runs: end with 0 after the table, which decides nothing',
    },
    {
      name: 'calibrate',
      type: 'flag',
      help: 'of a session of one thing against itself: keep its noise, from which later comparisons say what they could have seen',
    },
    {
      name: 'calibration',
      type: 'path',
      argument: 'FILE',
      help: 'where the noise is kept; by default calibration.json beside the session',
    },
  ],
  async run({ values, operands, stdout, cwd }) {
    const folders = operands.map((folder) => resolve(cwd, folder));
    const call = { values, stdout };
    if (folders.length === 1 && isSession(folders[0])) return compareSession(folders[0], call);
    const problems = [
      ...(folders.length < 2 ? [`a comparison needs a base and a run, or a session, but ${folders.length} ${folders.length === 1 ? 'run was' : 'were'} given`] : []), // prettier-ignore
      ...(folders.length > 1 && folders.some(isSession)
        ? ['a session is judged alone: it holds both sides']
        : []),
      ...(values.calibrate === true ? ['--calibrate needs a session'] : []),
      ...(values.calibration !== undefined ? ['--calibration needs a session'] : []),
    ];
    if (problems.length > 0)
      throw new UserError(problems.join('\n'), {
        hint: 'npm run compare -- BASE RUN… or npm run compare -- SESSION',
        exitCode: EXIT.usage,
      });
    return compareRuns(folders, call);
  },
};
