/** Judges a session from its folder alone, and writes what came of it beside its runs. */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import {
  calibrationOf,
  compare,
  type Comparison,
  type Round,
} from '../../judge/compare/comparison.ts';
import { COMPARED_FIGURES, type ReadFigure } from '../../judge/compare/figures.ts';
import { randomOf } from '../../judge/random.ts';
import { readRun } from '../../results/reader.ts';
import { COMPARISON_FILE, readSession, type Session } from '../../results/session.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { printMarkdown } from '../print-markdown.ts';
import { writeWhole } from '../../whole-file.ts';
import { comparisonSentence, pageOfComparison } from './page.ts';
import { COMPARISON_PICTURE, drawComparison } from './picture.ts';

const PAGE_FILE = 'comparison.md';
const CALIBRATION_FILE = 'calibration.json';

const calibrationFile = z.looseObject({
  format: z.literal(1),
  byFingerprint: z.record(
    z.string(),
    z.object({ rounds: z.number(), deviations: z.record(z.string(), z.number()) }),
  ),
});
type CalibrationFile = z.infer<typeof calibrationFile>;

/** Where the noise of this results folder's machine is kept unless somebody says otherwise. */
export const calibrationPathOf = (session: string): string => join(session, '..', CALIBRATION_FILE);

/** @throws UserError (exit 2) for a file that is no calibration */
async function readCalibrations(path: string): Promise<CalibrationFile> {
  if (!existsSync(path)) return { format: 1, byFingerprint: {} };
  try {
    if (!(await stat(path)).isFile()) throw new Error('it is no file');
    return calibrationFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new UserError(`${path} is no calibration: ${whyNot(cause)}`, {
      hint: 'name another one with --calibration, or delete it and calibrate again: npm run compare -- --calibrate SESSION',
      exitCode: EXIT.usage,
      cause,
    });
  }
}

/** The message of a shape that does not fit is JSON of many lines. */
const whyNot = (cause: unknown): string =>
  cause instanceof z.ZodError
    ? `${cause.issues[0].path.map(String).join('.')}: ${cause.issues[0].message}`.replace(/^: /, '')
    : (cause as Error).message;

/** Rounds of which both runs came to their end; @throws UserError (exit 3) if there is none */
async function roundsOf(folder: string, session: Session): Promise<Round[]> {
  const rounds: Round[] = [];
  for (const { base, now } of session.rounds) {
    if (base === null || now === null) continue;
    const [a, b] = [await readRun(join(folder, base)), await readRun(join(folder, now))];
    if (a.plan && a.summary && b.plan && b.summary)
      rounds.push({
        base: { plan: a.plan, summary: a.summary },
        now: { plan: b.plan, summary: b.summary },
      });
  }
  if (rounds.length === 0)
    throw new UserError(`${folder} has no round in which both runs came to their end`, {
      hint: 'let npm run load -- --ab URL_A URL_B run to its end',
      exitCode: EXIT.noData,
    });
  return rounds;
}

/** Which of them gate may be the session's own. */
const figuresOf = ({ gates }: Session): ReadFigure[] =>
  COMPARED_FIGURES.map((figure) => ({
    ...figure,
    gates: gates === undefined ? figure.gates : gates.includes(figure.name),
  }));

export type JudgedSession = { comparison: Comparison; page: string };

/**
 * Writes `comparison.json`, its picture and `comparison.md` into the session.
 * @param calibrationPath a file that need not be there
 * @throws UserError if a file cannot be read (exit 2), or no round is whole (exit 3)
 */
export async function judgeSession(
  folder: string,
  {
    unlike,
    calibrationPath,
    pictures = true,
  }: { unlike: boolean; calibrationPath: string; pictures?: boolean },
): Promise<JudgedSession> {
  const session = await readSession(folder);
  const rounds = await roundsOf(folder, session);
  const { byFingerprint } = await readCalibrations(calibrationPath);
  const figures = figuresOf(session);
  const alone = compare(rounds, { figures, unlike, random: randomOf(session.id) });
  const calibration = byFingerprint[alone.fingerprint];
  const comparison =
    calibration === undefined
      ? alone
      : compare(rounds, { figures, unlike, random: randomOf(session.id), calibration });
  const data = `${JSON.stringify({ format: 1, ...comparison }, null, 2)}\n`;
  await writeWhole(join(folder, COMPARISON_FILE), data);
  const drawn = pictures ? await drawComparison(folder) : null;
  const page = printMarkdown(
    pageOfComparison(
      comparison,
      { base: session.base.name, now: session.now.name },
      drawn && { file: `${COMPARISON_PICTURE}.png`, description: drawn.description },
    ),
  );
  await writeWhole(join(folder, PAGE_FILE), page);
  return { comparison, page };
}

/**
 * Keeps the noise of a session of one thing against itself.
 * @returns a sentence. @throws UserError (exit 3) if its rounds say nothing
 */
export async function calibrateBy(
  folder: string,
  { unlike, calibrationPath }: { unlike: boolean; calibrationPath: string },
): Promise<string> {
  const session = await readSession(folder);
  const { byFingerprint } = await readCalibrations(calibrationPath);
  const comparison = compare(await roundsOf(folder, session), {
    unlike,
    random: randomOf(session.id),
  });
  const calibration = calibrationOf(comparison);
  if (comparison.state === 'unlike' || Object.keys(calibration.deviations).length === 0)
    throw new UserError(`nothing to calibrate with: ${comparisonSentence(comparison)}`, {
      hint: 'run one target against itself: npm run load -- --ab URL URL --rounds 12',
      exitCode: EXIT.noData,
    });
  const file = {
    format: 1,
    byFingerprint: { ...byFingerprint, [comparison.fingerprint]: calibration },
  };
  await writeWhole(calibrationPath, `${JSON.stringify(file, null, 2)}\n`);
  const figures = Object.entries(calibration.deviations)
    .map(([name, deviation]) => `${name} ${(100 * deviation).toFixed(1)} %`)
    .join(', ');
  return `noise of ${calibration.rounds} rounds, kept for fingerprint ${comparison.fingerprint}: ${figures}`;
}
