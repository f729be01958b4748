/**
 * Reads a result folder, whole or as a killed run left it. Whatever is missing is null or empty and
 * named in `notes`; a file that is there but broken is an error with file and line, never a guess.
 */
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { z } from 'zod';
import { UserError, EXIT } from '../user-error.ts';
import { fillAbsent, migrate, UnknownFormat, type WholeFile } from './migrations.ts';
import * as shapes from './schema.ts';
import { FILES } from './writer.ts';
import type {
  ControlLine,
  FleetLine,
  LogSecond,
  Plan,
  Reconcile,
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
  /** Error lines of the target's log, in the order of their seconds; empty where none was followed. */
  logs: LogSecond[];
  /** What was asked of it while it ran; absent: nothing was, and its pace could not be changed. */
  control?: ControlLine[];
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

const broken = (file: string, line: number, why: string, cause?: unknown): UserError =>
  new UserError(`${file}, line ${line}, cannot be read: ${why}`, {
    hint: 'the file was changed or damaged after the run: restore it, or delete that line (the rest of the run is then shown without it)',
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
    throw broken(file, lineOfSyntaxError(text, why), why, error);
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
  if (!checked.success) throw broken(file, 1, complaint(checked.error), checked.error);
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

/** Reads one object a line. A last line without its line end may be cut: it is left out, with a note. */
async function readLines<T>(
  file: string,
  schema: z.ZodType,
  what: string,
  notes: string[],
  isPassedOver: (line: unknown) => boolean = () => false,
): Promise<T[]> {
  if (!existsSync(file)) {
    notes.push(`${what} is missing.`);
    return [];
  }
  // Bytes, not one string: a day's samples come near the longest string that V8 allows.
  const bytes = await readFile(file);
  const lines: T[] = [];
  let number = 0;
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(0x0a, start);
    const complete = newline !== -1;
    const end = complete ? newline : bytes.length;
    const text = bytes.toString('utf8', start, end);
    start = end + 1;
    number++;
    if (text.trim() === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      if (!complete) {
        notes.push(`The last line of ${what} was cut when the run ended, and is left out.`);
        break;
      }
      throw broken(file, number, (error as SyntaxError).message, error);
    }
    if (isPassedOver(value)) continue;
    const checked = schema.safeParse(value);
    if (!checked.success) throw broken(file, number, complaint(checked.error), checked.error);
    lines.push(value as T);
  }
  return lines;
}

const HINT =
  'give the folder of one run, e.g. results/2026-01-02T03-04-05Z-load (npm run load makes it)';

/**
 * @param folder the folder of one run; need not be absolute
 * @throws UserError if it is no result folder, or one of its files is broken (named, with the line)
 */
export async function readRun(folder: string): Promise<Run> {
  const path = resolve(folder);
  if (!existsSync(path))
    throw new UserError(`there is no folder ${folder}`, { hint: HINT, exitCode: EXIT.usage });
  if (!statSync(path).isDirectory())
    throw new UserError(`${folder} is a file, not the folder of a run`, {
      hint: HINT,
      exitCode: EXIT.usage,
    });
  const parts = [FILES.plan, FILES.samples, FILES.resources, FILES.reconcile, FILES.summary];
  if (!parts.some((name) => existsSync(join(path, name))))
    throw new UserError(`${folder} is no result folder: it has none of ${parts.join(', ')}`, {
      hint: HINT,
      exitCode: EXIT.usage,
    });

  const notes: string[] = [];
  const lines = <T>(name: string, shape: z.ZodType, isPassedOver?: (line: unknown) => boolean) =>
    readLines<T>(join(path, name), shape, name, notes, isPassedOver);
  const run: Run = {
    folder: path,
    plan: await readWhole<Plan>(path, 'plan', notes),
    samples: await lines<SampleLine>(FILES.samples, shapes.sampleLine),
    resources: await lines<ResourceLine>(FILES.resources, shapes.resourceLine, isOtherReading),
    // Only where a log was followed.
    logs: existsSync(join(path, FILES.logs))
      ? await lines<LogSecond>(FILES.logs, shapes.logSecond)
      : [],
    ...(existsSync(join(path, FILES.fleet)) && {
      fleet: await lines<FleetLine>(FILES.fleet, shapes.fleetLine, isOtherFleetLine),
    }),
    ...(existsSync(join(path, FILES.control)) && {
      control: await lines<ControlLine>(FILES.control, shapes.controlLine),
    }),
    reconcile: await readWhole<Reconcile>(path, 'reconcile', notes),
    summary: await readWhole<Summary>(path, 'summary', notes),
    notes,
  };
  if (run.summary === null)
    notes.push('The run did not end by itself: its figures are those of its samples.');
  run.samples.sort((a, b) => a.elapsedS - b.elapsedS);
  run.resources.sort((a, b) => a.t - b.t);
  run.logs.sort((a, b) => a.t - b.t);
  return run;
}
