/**
 * Reads a result folder, whole or as a killed run left it. Whatever is missing is null or empty and
 * named in `notes`; a file that is there but broken is an error with file and line, never a guess.
 */
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { UserError, EXIT } from '../user-error.ts';
import { FILES } from './writer.ts';
import type { Plan, Reconcile, ResourceLine, SampleLine, Summary } from './types.ts';

export type Run = {
  /** Absolute path. */
  folder: string;
  plan: Plan | null;
  /** In the order of their seconds. */
  samples: SampleLine[];
  /** In the order of their times. */
  resources: ResourceLine[];
  reconcile: Reconcile | null;
  summary: Summary | null;
  /** One sentence for each part that is missing or was cut short. */
  notes: string[];
};

const FORMAT = 1;

// Only what a reader relies on is checked; unknown fields pass, so an older toolkit reads a newer run's additions.
const count = z.number().int().min(0);
const counts = z.record(z.string(), count);
const time = z.number().min(0);
const figure = z.number().optional();

const secondLatency = z.looseObject({
  count,
  p50: z.number(),
  p90: z.number(),
  p95: z.number(),
  p99: z.number(),
  max: z.number(),
  hdr: z.string(),
});

const sampleLine = z.looseObject({
  t: time,
  elapsedS: count,
  vus: z.number().min(0).nullable(),
  sent: count,
  answers: counts,
  failedIterations: count.optional(),
  bytesSent: z.number(),
  bytesReceived: z.number(),
  latency: secondLatency.nullable(),
  felt: secondLatency.nullable(),
});

const resourceLine = z.discriminatedUnion('kind', [
  z.looseObject({
    t: time,
    kind: z.literal('process'),
    name: z.string(),
    rootPid: z.number(),
    processes: z.number(),
    intervalMs: figure,
    cpuCores: figure,
    cpuPercentOfMachine: figure,
    rssBytes: figure,
    threads: figure,
    openFiles: figure,
    readBytesPerSecond: figure,
    writeBytesPerSecond: figure,
  }),
  z.looseObject({
    t: time,
    kind: z.literal('host'),
    cores: z.number(),
    cpuCores: figure,
    cpuPercentOfMachine: figure,
    memoryUsedBytes: figure,
    memoryTotalBytes: figure,
    load1: figure,
    networkReceivedBytesPerSecond: figure,
    networkSentBytesPerSecond: figure,
  }),
  z.looseObject({ t: time, kind: z.literal('note'), name: z.string(), text: z.string() }),
]);

const optionValue = z.looseObject({
  value: z.union([z.string(), z.number(), z.boolean(), z.null()]),
  source: z.string(),
});

const plan = z.looseObject({
  format: z.literal(FORMAT),
  id: z.string(),
  scenario: z.string(),
  plannedAt: z.string(),
  options: z.record(z.string(), optionValue),
  seed: z.string(),
  target: z.looseObject({ url: z.string(), embedded: z.boolean() }),
  load: z.looseObject({
    executor: z.string(),
    vus: z.number(),
    iterations: z.number().nullable(),
    durationMs: z.number(),
    think: z.looseObject({ minMs: z.number(), maxMs: z.number() }),
    requestTimeoutMs: z.number(),
    gracefulStopMs: z.number(),
  }),
  corpus: z.looseObject({
    submissions: z.number(),
    producers: z.number(),
    templates: z.number(),
    meanBodyBytes: z.number(),
    maxBodyBytes: z.number(),
    network: z.string(),
  }),
  estimate: z.looseObject({}),
  versions: z.looseObject({
    toolkit: z.string(),
    node: z.string(),
    k6: z.string(),
    platform: z.string(),
  }),
  host: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
});

const reconcile = z.looseObject({
  format: z.literal(FORMAT),
  planned: count,
  sent: count,
  answers: counts,
  accepted: count,
  unknown: count,
  resent: count,
  stored: count.nullable(),
  missing: count.nullable(),
});

const latencyFigures = z.looseObject({
  count,
  meanMs: z.number(),
  minMs: z.number(),
  p50Ms: z.number(),
  p90Ms: z.number(),
  p95Ms: z.number(),
  p99Ms: z.number(),
  p999Ms: z.number(),
  maxMs: z.number(),
  hdr: z.string(),
});

const summary = z.looseObject({
  format: z.literal(FORMAT),
  id: z.string(),
  scenario: z.string(),
  startedAt: z.string(),
  endedAt: z.string(),
  loadMs: z.number(),
  interrupted: z.boolean(),
  figures: z.looseObject({
    sent: count,
    accepted: count,
    answers: counts,
    errorRate: z.number().nullable(),
    submissionsPerSecond: z.number().nullable(),
    bytesSent: z.number(),
    bytesReceived: z.number(),
    latency: latencyFigures.nullable(),
    felt: latencyFigures.nullable(),
    failedIterations: z.number(),
    processes: z.record(
      z.string(),
      z.looseObject({
        cpuCoresMean: z.number().nullable(),
        cpuCoresMax: z.number().nullable(),
        rssBytesMax: z.number().nullable(),
        readings: z.number(),
      }),
    ),
  }),
  targets: z
    .array(
      z.looseObject({
        url: z.string(),
        weight: z.number(),
        sent: count,
        accepted: count,
        answers: counts,
      }),
    )
    .optional(),
  gates: z.array(
    z.looseObject({
      name: z.string(),
      state: z.enum(['pass', 'fail', 'no data']),
      value: z.number().nullable(),
      limit: z.number(),
      unit: z.string(),
    }),
  ),
  notes: z.array(z.string()),
  verdict: z.looseObject({ passed: z.boolean(), exitCode: z.number(), sentence: z.string() }),
});

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

async function readJson<T>(
  file: string,
  schema: z.ZodType,
  what: string,
  notes: string[],
): Promise<T | null> {
  if (!existsSync(file)) {
    notes.push(`${what} is missing.`);
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
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format > FORMAT)
    throw new UserError(`${file} has format ${format}, but this toolkit reads format ${FORMAT}`, {
      hint: 'use the version of the toolkit that made the run, or a newer one',
    });
  const checked = schema.safeParse(value);
  if (!checked.success) throw broken(file, 1, complaint(checked.error), checked.error);
  return value as T;
}

/** Reads one object a line. A last line without its line end may be cut: it is left out, with a note. */
async function readLines<T>(
  file: string,
  schema: z.ZodType,
  what: string,
  notes: string[],
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
  const run: Run = {
    folder: path,
    plan: await readJson<Plan>(join(path, FILES.plan), plan, FILES.plan, notes),
    samples: await readLines<SampleLine>(
      join(path, FILES.samples),
      sampleLine,
      FILES.samples,
      notes,
    ),
    resources: await readLines<ResourceLine>(
      join(path, FILES.resources),
      resourceLine,
      FILES.resources,
      notes,
    ),
    reconcile: await readJson<Reconcile>(
      join(path, FILES.reconcile),
      reconcile,
      FILES.reconcile,
      notes,
    ),
    summary: await readJson<Summary>(join(path, FILES.summary), summary, FILES.summary, notes),
    notes,
  };
  if (run.summary === null)
    notes.push('The run did not end by itself: its figures are those of its samples.');
  run.samples.sort((a, b) => a.elapsedS - b.elapsedS);
  run.resources.sort((a, b) => a.t - b.t);
  return run;
}
