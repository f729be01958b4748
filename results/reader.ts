/**
 * Reads a result folder, whole or as a killed run left it. Whatever is missing is null or empty and
 * named in `notes`; a file that is there but broken is an error with file and line, never a guess.
 */
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { z } from 'zod';
import { UserError, EXIT } from '../user-error.ts';
import { isSession } from './session.ts';
import { fillAbsent, migrate, UnknownFormat, type WholeFile } from './migrations.ts';
import { looksLikeReading, looksLikeSample } from './quick-check.ts';
import { parseTogether, type Piece, piecesOf } from './line-reader.ts';
import * as shapes from './schema.ts';
import { FILES } from './writer.ts';
import type {
  ControlLine,
  FleetLine,
  LogSecond,
  MarkLine,
  Plan,
  Reconcile,
  ReconcileLiveLine,
  ResourceLine,
  SampleLine,
  Summary,
} from './types.ts';

export type Run = {
  /** Absolute path. */
  folder: string;
  plan: Plan | null;
  /** In the order of their seconds. */
  samples: SampleLine[];
  /** In the order of their times. */
  resources: ResourceLine[];
  /** Of the scenario fleet; absent for all others. */
  fleet?: FleetLine[];
  /** Looks into the storage while the load ran; absent: none. */
  live?: ReconcileLiveLine[];
  /** Error lines of the target's log, in the order of their seconds; empty where none was followed. */
  logs: LogSecond[];
  /** What was asked of it while it ran; absent: nothing was, and its pace could not be changed. */
  control?: ControlLine[];
  /** Faults that were put in, as they were written (marks.ts has what they come to); absent: none. */
  marks?: MarkLine[];
  reconcile: Reconcile | null;
  summary: Summary | null;
  /** One sentence for each part that is missing or was cut short. */
  notes: string[];
};

/** Where and why, e.g. `sent: Invalid input: expected number, received string`. */
function complaint(error: z.ZodError): string {
  const [issue] = error.issues;
  const where = issue.path.map(String).join('.');
  return where === '' ? issue.message : `${where}: ${issue.message}`;
}

/** @param part what may be left out of the run */
const broken = (
  file: string,
  line: number,
  why: string,
  cause: unknown,
  part: 'it' | 'that line' = 'that line',
): UserError =>
  new UserError(`${file}, line ${line}, cannot be read: ${why}`, {
    hint: `the file was changed or damaged after the run: restore it, or delete ${part} (the rest of the run is then shown without it)`,
    cause,
  });

/** The line of `text` on which JSON.parse stopped, from the position in its message; else the last. */
function lineOfSyntaxError(text: string, message: string): number {
  const position = /position (\d+)/.exec(message)?.[1];
  const before = position === undefined ? text.trimEnd() : text.slice(0, Number(position));
  return before.split('\n').length;
}

/** The version of the toolkit that made the run, as far as its plan says, whatever its format. */
async function madeBy(folder: string): Promise<string | null> {
  try {
    const text = await readFile(join(folder, FILES.plan), 'utf8');
    const { versions } = JSON.parse(text) as { versions?: { toolkit?: unknown } };
    return typeof versions?.toolkit === 'string' ? versions.toolkit : null;
  } catch {
    return null;
  }
}

/** One of the whole files, in today's format; null, with a note, if it is not there. */
async function readWhole<T>(folder: string, kind: WholeFile, notes: string[]): Promise<T | null> {
  const file = join(folder, FILES[kind]);
  if (!existsSync(file)) {
    notes.push(`${FILES[kind]} is missing.`);
    return null;
  }
  const text = await readFile(file, 'utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = (error as SyntaxError).message;
    throw broken(file, lineOfSyntaxError(text, why), why, error, 'it');
  }
  try {
    value = migrate(kind, value, await madeBy(folder));
  } catch (error) {
    if (!(error instanceof UnknownFormat)) throw error;
    throw new UserError(`${file} ${error.message}`, {
      hint: 'use the version of the toolkit that made the run, or a newer one',
    });
  }
  const checked = shapes[kind].safeParse(value);
  if (!checked.success) throw broken(file, 1, complaint(checked.error), checked.error, 'it');
  return fillAbsent(kind, value as T);
}

const READINGS: readonly string[] = [
  'process',
  'host',
  'postgres',
  'note',
] satisfies ResourceLine['kind'][];

/** Readings of a kind that a later toolkit added are passed over. */
function isOtherReading(line: unknown): boolean {
  const kind = (line as { kind?: unknown } | null)?.kind;
  return typeof kind === 'string' && !READINGS.includes(kind);
}

const FLEET_KINDS: readonly string[] = [
  'network',
  'block',
  'submission',
] satisfies FleetLine['kind'][];

function isOtherFleetLine(line: unknown): boolean {
  const kind = (line as { kind?: unknown } | null)?.kind;
  return typeof kind === 'string' && !FLEET_KINDS.includes(kind);
}

const isOtherMark = (line: unknown): boolean => {
  const kind = (line as { kind?: unknown } | null)?.kind;
  return typeof kind === 'string' && kind !== ('fault' satisfies MarkLine['kind']);
};

/** What a line must be, and which lines of a later toolkit are passed over. */
export type LineShape = {
  schema: z.ZodType;
  isPassedOver?: (line: unknown) => boolean;
  /** Says yes to nothing that the schema refuses, and much sooner. */
  looksRight?: (line: unknown) => boolean;
};

export const LINE_SHAPES = {
  samples: { schema: shapes.sampleLine, looksRight: looksLikeSample },
  resources: {
    schema: shapes.resourceLine,
    isPassedOver: isOtherReading,
    looksRight: looksLikeReading,
  },
  logs: { schema: shapes.logSecond },
  live: { schema: shapes.reconcileLiveLine },
  fleet: { schema: shapes.fleetLine, isPassedOver: isOtherFleetLine },
  control: { schema: shapes.controlLine },
  marks: { schema: shapes.markLine, isPassedOver: isOtherMark },
} satisfies Record<string, LineShape>;

/**
 * The lines of a piece of a file. A last line without its line end may be cut: it is left out, with a note.
 * @throws UserError naming file and line
 */
export function* valuesOf(
  file: string,
  { text, lineNumber, complete }: Piece,
  { schema, isPassedOver, looksRight }: LineShape,
  notes: string[],
): Generator<unknown> {
  const together = complete ? parseTogether(text) : null;
  if (together !== null && looksRight !== undefined && together.every(looksRight)) {
    yield* together;
    return;
  }
  const lines = text.split('\n');
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      if (!complete && i === lines.length - 1) {
        notes.push(
          `The last line of ${basename(file)} was cut when the run ended, and is left out.`,
        );
        return;
      }
      throw broken(file, lineNumber + i, (error as SyntaxError).message, error);
    }
    if (isPassedOver?.(value) === true) continue;
    const checked = schema.safeParse(value);
    if (!checked.success)
      throw broken(file, lineNumber + i, complaint(checked.error), checked.error);
    yield value;
  }
}

/** Reads one object a line; a file that is not there is a note. */
async function readLines<T>(file: string, shape: LineShape, notes: string[]): Promise<T[]> {
  if (!existsSync(file)) {
    notes.push(`${basename(file)} is missing.`);
    return [];
  }
  const lines: T[] = [];
  for await (const piece of piecesOf(file))
    for (const value of valuesOf(file, piece, shape, notes)) lines.push(value as T);
  return lines;
}

const HINT =
  'give the folder of one run, e.g. results/2026-01-02T03-04-05Z-load (npm run load makes it)';

/** @returns the absolute path. @throws UserError if it is no result folder */
export function runFolder(folder: string): string {
  const path = resolve(folder);
  if (!existsSync(path))
    throw new UserError(`there is no folder ${folder}`, { hint: HINT, exitCode: EXIT.usage });
  if (!statSync(path).isDirectory())
    throw new UserError(`${folder} is a file, not the folder of a run`, {
      hint: HINT,
      exitCode: EXIT.usage,
    });
  if (isSession(path))
    throw new UserError(`${folder} holds a session of rounds, not one run`, {
      hint: `npm run compare -- ${folder} judges it; its runs are folders below it`,
      exitCode: EXIT.usage,
    });
  const parts = [FILES.plan, FILES.samples, FILES.resources, FILES.reconcile, FILES.summary];
  if (!parts.some((name) => existsSync(join(path, name))))
    throw new UserError(`${folder} is no result folder: it has none of ${parts.join(', ')}`, {
      hint: HINT,
      exitCode: EXIT.usage,
    });
  return path;
}

/** The files that are read whole, and the lines of a fleet, which are few. */
export type WholeFiles = Pick<
  Run,
  'folder' | 'plan' | 'reconcile' | 'summary' | 'fleet' | 'live' | 'control' | 'marks'
> & {
  /** On the plan, and on the others: those on the lines stand between them. */
  notes: { before: string[]; after: string[] };
};

/** @param path of a result folder. @throws UserError if one of its files is broken (named, with the line) */
export async function readWholeFiles(path: string): Promise<WholeFiles> {
  const before: string[] = [];
  const notes: string[] = [];
  return {
    folder: path,
    plan: await readWhole<Plan>(path, 'plan', before),
    ...(existsSync(join(path, FILES.fleet)) && {
      fleet: await readLines<FleetLine>(join(path, FILES.fleet), LINE_SHAPES.fleet, notes),
    }),
    ...(existsSync(join(path, FILES.reconcileLive)) && {
      live: await readLines<ReconcileLiveLine>(
        join(path, FILES.reconcileLive),
        LINE_SHAPES.live,
        notes,
      ),
    }),
    ...(existsSync(join(path, FILES.control)) && {
      control: await readLines<ControlLine>(join(path, FILES.control), LINE_SHAPES.control, notes),
    }),
    ...(existsSync(join(path, FILES.marks)) && {
      marks: await readLines<MarkLine>(join(path, FILES.marks), LINE_SHAPES.marks, notes),
    }),
    reconcile: await readWhole<Reconcile>(path, 'reconcile', notes),
    summary: await readWhole<Summary>(path, 'summary', notes),
    notes: { before, after: notes },
  };
}

/** Behind the notes of its files. */
export const NOT_ENDED = 'The run did not end by itself: its figures are those of its samples.';

/**
 * All lines of a run in memory: some 2 KB a second of it. Pictures and reports need their sums alone (sum-reader.ts).
 * @param folder the folder of one run; need not be absolute
 * @throws UserError if it is no result folder, or one of its files is broken (named, with the line)
 */
export async function readRun(folder: string): Promise<Run> {
  const path = runFolder(folder);
  const { notes: ofWhole, ...whole } = await readWholeFiles(path);
  const notes = [...ofWhole.before];
  const lines = <T>(name: 'samples' | 'resources' | 'logs') =>
    readLines<T>(join(path, FILES[name]), LINE_SHAPES[name], notes);
  const run: Run = {
    ...whole,
    samples: await lines<SampleLine>('samples'),
    resources: await lines<ResourceLine>('resources'),
    // Only where a log was followed.
    logs: existsSync(join(path, FILES.logs)) ? await lines<LogSecond>('logs') : [],
    notes,
  };
  notes.push(...ofWhole.after);
  if (run.summary === null) notes.push(NOT_ENDED);
  run.samples.sort((a, b) => a.elapsedS - b.elapsedS);
  run.resources.sort((a, b) => a.t - b.t);
  run.logs.sort((a, b) => a.t - b.t);
  return run;
}
