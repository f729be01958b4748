/** `npm run compare -- BASE RUN…`, `npm run compare -- SESSION`: runs side by side, and rounds judged, from their folders only. */
import { relative, resolve } from 'node:path';
import { exitCodeOf } from '../../judge/compare/comparison.ts';
import { figuresWith } from '../../judge/compare/figures.ts';
import { calibrationPathOf, readCalibrations } from '../../report/compare/calibration.ts';
import { compareSideBySide } from '../../report/compare/side-by-side.ts';
import { calibrateBy, judgeSession } from '../../report/compare/session.ts';
import { writeRuns } from '../../report/compare/write-runs.ts';
import { printMarkdown } from '../../report/print-markdown.ts';
import { readRun } from '../../results/reader.ts';
import { isSession } from '../../results/session.ts';
import { EXIT, UserError } from '../../user-error.ts';
import type { Command, CommandCall } from '../command.ts';
import { effectOption, effectsOf } from '../effect.ts';
import { makeOutFolder } from '../out-folder.ts';

type CompareCall = Pick<CommandCall, 'values' | 'stdout' | 'cwd'>;

async function compareSession(folder: string, { values, stdout }: CompareCall): Promise<number> {
  const options = {
    unlike: values.unlike === true,
    effects: effectsOf(values).effects ?? {},
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
  { values, stdout, cwd }: CompareCall,
): Promise<number> {
  const path = (values.calibration as string | undefined) ?? calibrationPathOf(folders[0]);
  const { byFingerprint: calibrations } = await readCalibrations(path);
  const [base, ...others] = await Promise.all(folders.map((folder) => readRun(folder)));
  const compared = compareSideBySide(base, others, {
    calibrations,
    figures: figuresWith({ effects: effectsOf(values).effects ?? {} }),
  });
  const { unlike } = compared;
  if (unlike.length > 0 && values.unlike !== true)
    throw new UserError(unlike.join('\n'), {
      hint: 'compare runs of one load on one machine, or add --unlike to see them side by side all the same',
      exitCode: EXIT.usage,
    });
  const out = values.out as string | undefined;
  if (out === undefined) stdout.write(printMarkdown(compared.page));
  else {
    await makeOutFolder(out);
    const { page, paths } = await writeRuns(compared, out);
    stdout.write(`${page}\n${paths.map((one) => `${relative(cwd, one)}\n`).join('')}`);
  }
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
      name: 'out',
      type: 'path',
      argument: 'DIR',
      help: 'of single runs: also write the page (comparison.md) and its picture (comparison.png and .svg) there; a session has them in its own folder',
    },
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
    effectOption(),
    {
      name: 'calibrate',
      type: 'flag',
      help: 'of a session of one thing against itself: keep its noise, from which later comparisons say what they could have seen',
    },
    {
      name: 'calibration',
      type: 'path',
      argument: 'FILE',
      help: 'where the noise is kept; by default calibration.json beside the session, or the base',
    },
  ],
  async run({ values, operands, stdout, cwd }) {
    const folders = operands.map((folder) => resolve(cwd, folder));
    const call = { values, stdout, cwd };
    const isOne = folders.length === 1 && isSession(folders[0]);
    const out = values.out as string | undefined;
    const { problems: ofEffects } = effectsOf(values);
    const problems = isOne
      ? [
          ...ofEffects,
          ...(values.calibrate === true && values.effect !== undefined
            ? ['--effect has no effect with --calibrate, which judges nothing']
            : []),
          ...(out !== undefined
            ? ['--out needs single runs: a session has its page and picture in its own folder']
            : []),
        ]
      : [
          ...ofEffects,
          ...(folders.length < 2 ? [`a comparison needs a base and a run, or a session, but ${folders.length} ${folders.length === 1 ? 'run was' : 'were'} given`] : []), // prettier-ignore
          ...(folders.length > 1 && folders.some(isSession)
            ? ['a session is judged alone: it holds both sides']
            : []),
          ...(values.calibrate === true ? ['--calibrate needs a session'] : []),
          ...(out !== undefined && isSession(out)
            ? [`--out ${out} is the folder of a session, which has a comparison of its own`]
            : []),
        ];
    if (problems.length > 0)
      throw new UserError(problems.join('\n'), {
        hint: 'npm run compare -- BASE RUN… or npm run compare -- SESSION',
        exitCode: EXIT.usage,
      });
    return isOne ? compareSession(folders[0], call) : compareRuns(folders, call);
  },
};
