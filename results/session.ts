/**
 * `session.json`: which runs of a folder belong together as rounds. The runs themselves lie below `runs/`, each a result folder like any other.
 * Format version 1.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EXIT, UserError } from '../user-error.ts';

export const SESSION_FILE = 'session.json';
export const COMPARISON_FILE = 'comparison.json';

/** A run's place below the session's folder; never outside it. */
const inside = z
  .string()
  .refine(
    (path) => /^[^/\\]/.test(path) && !path.split(/[/\\]/).includes('..'),
    'a path below the session',
  );

const session = z.looseObject({
  format: z.literal(1),
  id: z.string(),
  startedAt: z.string(),
  /** What the sides are: URLs or versions. */
  base: z.looseObject({ name: z.string() }),
  now: z.looseObject({ name: z.string() }),
  /** Names of the figures that fail the comparison; absent: those that usually do. */
  gates: z.array(z.string()).optional(),
  /** From which change on a figure counts, as a share by name; absent: as usual. */
  effects: z.record(z.string(), z.number().min(0).lt(1)).optional(),
  /** In their order; a round that was cut off has no second run. */
  rounds: z.array(
    z.looseObject({
      first: z.enum(['base', 'now']),
      base: inside.nullable(),
      now: inside.nullable(),
    }),
  ),
});
export type Session = z.infer<typeof session>;

export const isSession = (folder: string): boolean => existsSync(join(folder, SESSION_FILE));

/** @throws UserError (exit 2) if it cannot be read or is no session */
export async function readSession(folder: string): Promise<Session> {
  const path = join(folder, SESSION_FILE);
  const refuse = (why: string, cause: unknown): UserError =>
    new UserError(`${path} cannot be read: ${why}`, {
      hint: 'npm run load -- --ab URL_A URL_B makes such a folder',
      exitCode: EXIT.usage,
      cause,
    });
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw refuse((error as Error).message, error);
  }
  const checked = session.safeParse(content);
  if (!checked.success) {
    const [{ path: where, message }] = checked.error.issues;
    throw refuse(`${where.map(String).join('.')}: ${message}`, checked.error);
  }
  return checked.data;
}
