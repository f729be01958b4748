/** Judges a session from its folder alone, and writes what came of it beside its runs. */
import { join } from 'node:path';
import {
  calibrationOf,
  compare,
  type Comparison,
  type Round,
} from '../../judge/compare/comparison.ts';
import { figuresWith } from '../../judge/compare/figures.ts';
import { randomOf } from '../../judge/random.ts';
import { readRun } from '../../results/reader.ts';
import { COMPARISON_FILE, readSession, type Session } from '../../results/session.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { printMarkdown } from '../print-markdown.ts';
import { writeWhole } from '../../whole-file.ts';
import { readCalibrations } from './calibration.ts';
import { comparisonSentence, pageOfComparison } from './page.ts';
import { COMPARISON_PICTURE, drawComparison } from './picture.ts';

export const PAGE_FILE = 'comparison.md';

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

export type JudgedSession = { comparison: Comparison; page: string };

/**
 * Writes `comparison.json`, its picture and `comparison.md` into the session.
 * @param calibrationPath a file that need not be there
 * @param effects before the session's own: from which change on a figure counts, as a share by name
 * @throws UserError if a file cannot be read (exit 2), or no round is whole (exit 3)
 */
export async function judgeSession(
  folder: string,
  {
    unlike,
    calibrationPath,
    pictures = true,
    effects = {},
  }: {
    unlike: boolean;
    calibrationPath: string;
    pictures?: boolean;
    effects?: Readonly<Record<string, number>>;
  },
): Promise<JudgedSession> {
  const session = await readSession(folder);
  const rounds = await roundsOf(folder, session);
  const { byFingerprint } = await readCalibrations(calibrationPath);
  const figures = figuresWith({
    gates: session.gates,
    effects: { ...session.effects, ...effects },
  });
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
