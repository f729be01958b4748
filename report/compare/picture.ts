/** The picture of a session, from `session.json` and `comparison.json` alone: its runs need not be there any more. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import {
  type ComparedRatios,
  comparisonChart,
  describeComparison,
  type ComparisonPicture,
} from '../../plots/comparison.ts';
import { COMPARISON_FILE, readSession } from '../../results/session.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { comparisonSentence } from './page.ts';
import type { Comparison } from '../../judge/compare/comparison.ts';

/** Its file, without the ending. */
export const COMPARISON_PICTURE = 'comparison';

const ratio = z.number().positive().nullable();
const comparisonFile = z.looseObject({
  format: z.literal(1),
  state: z.enum(['worse', 'not worse', 'no data', 'unlike']),
  reasons: z.array(z.string()),
  rounds: z.number(),
  figures: z.array(
    z.looseObject({
      figure: z.looseObject({
        name: z.string(),
        what: z.string(),
        worse: z.enum(['higher', 'lower']),
        gates: z.boolean(),
        minimumEffect: z.number(),
      }),
      state: z.string(),
      ratio: z.looseObject({ estimate: z.number().positive(), low: ratio, high: ratio }).nullable(),
      logRatios: z.array(z.number()),
      /** Absent in files of before there were pictures. */
      changes: z.array(ratio).optional(),
    }),
  ),
});
type ComparisonFile = z.infer<typeof comparisonFile>;

/** @throws UserError (exit 2) if the session was not judged yet, or the file is another one */
async function readComparison(folder: string): Promise<ComparisonFile> {
  const path = join(folder, COMPARISON_FILE);
  try {
    return comparisonFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    const why =
      cause instanceof z.ZodError
        ? `${cause.issues[0].path.map(String).join('.')}: ${cause.issues[0].message}`
        : (cause as Error).message;
    throw new UserError(`${path} cannot be read: ${why}`, {
      hint: `npm run compare -- ${folder} judges the session and writes it`,
      exitCode: EXIT.usage,
      cause,
    });
  }
}

type StoredFigure = ComparisonFile['figures'][number];

/** Of an older file: where all rounds count, their logarithms are in the rounds' order. */
function changesOf(
  { changes, logRatios, figure }: StoredFigure,
  rounds: number,
): ComparedRatios['rounds'] {
  if (changes !== undefined) return changes;
  const sign = figure.worse === 'higher' ? 1 : -1;
  return logRatios.length === rounds ? logRatios.map((one) => Math.exp(sign * one)) : [];
}

/** @throws UserError (exit 2) if a file is missing or damaged */
export async function pictureOfSession(folder: string): Promise<ComparisonPicture> {
  const session = await readSession(folder);
  const comparison = await readComparison(folder);
  return {
    title: comparisonSentence(comparison as unknown as Comparison),
    subtitle: `base ${session.base.name}  ·  now ${session.now.name}`,
    first: session.rounds.map(({ first }) => first),
    figures: comparison.figures.map((one) => ({
      ...one.figure,
      state: one.state,
      rounds: changesOf(one, session.rounds.length),
      ratio: one.ratio,
    })),
  };
}

/** @param out default: the session's folder. @returns the paths written, and what the picture shows in words. @throws UserError */
export async function drawComparison(
  folder: string,
  {
    out = folder,
    formats,
  }: { out?: string | undefined; formats?: readonly ('png' | 'svg')[] } = {},
): Promise<{ paths: string[]; description: string }> {
  const picture = await pictureOfSession(folder);
  const definition = comparisonChart(picture);
  const { writePicture } = await import('../../plots/render.ts');
  try {
    const paths = await writePicture(definition, out, COMPARISON_PICTURE, formats);
    return { paths, description: describeComparison(picture) };
  } catch (cause) {
    throw new UserError(`the picture cannot be written to ${out}: ${(cause as Error).message}`, {
      hint: 'check the folder and its rights',
      cause,
    });
  }
}
