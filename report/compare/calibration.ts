/** `calibration.json`: the noise of rounds in which nothing changed, by fingerprint. Format version 1. */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EXIT, UserError } from '../../user-error.ts';

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
export async function readCalibrations(path: string): Promise<CalibrationFile> {
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
