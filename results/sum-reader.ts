/**
 * Reads a run for its pictures and report: its lines are summed while they are read, so that a week takes no more memory than an hour. Long
 * files of samples are read by several threads (sum-worker.ts), each a part of the file.
 */
import { existsSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { distFile } from '../paths.ts';
import { UserError } from '../user-error.ts';
import { bytePiecesOf, type FilePart, type Piece, piecesOf, tailOf } from './line-reader.ts';
import { LineTemplates } from './line-template.ts';
import { type LineShape, LINE_SHAPES, NOT_ENDED, readWholeFiles, runFolder, valuesOf } from './reader.ts'; // prettier-ignore
import { SampleSums, type SampleSumsMessage, type SampleSumsOptions } from './sample-sums.ts';
import type { LineEnds } from './steps.ts';
import { addLog, beginSums, type RunView } from './sums.ts';
import type { LogSecond, ResourceLine, SampleLine } from './types.ts';
import { FILES } from './writer.ts';

/** A thread takes some 0.1 s to start: of less than this there is one part, read here. */
const PART_BYTES = 48 * 1024 * 1024;
/** Lines of a file are in the order of their times but for a few that were written late. */
const TAIL_BYTES = 64 * 1024;

const NEWLINE = 0x0a;
/** Of both long files, what has another text in each line. */
const TEXT_FIELDS = ['hdr'];

export type SumJob = { file: string; from: number; to: number; options: SampleSumsOptions };
export type SumAnswer = { sums: SampleSumsMessage; notes: string[] } | { failure: string };

/** Calls `add` with each line of a part of a file, which it does not keep. @throws UserError naming file and line */
async function eachLine<T>(
  file: string,
  shape: LineShape,
  notes: string[],
  add: (line: T) => void,
  part?: FilePart,
): Promise<void> {
  const { looksRight } = shape;
  const templates = new LineTemplates(TEXT_FIELDS);
  let lineNumber = 1;
  for await (const { bytes, complete } of bytePiecesOf(file, part))
    for (let at = 0; at < bytes.length; lineNumber++) {
      const line = looksRight === undefined ? null : templates.read(bytes, at);
      if (line !== null && looksRight!(line)) {
        add(line as T);
        at = templates.end;
        continue;
      }
      const newline = bytes.indexOf(NEWLINE, at);
      const end = newline === -1 ? bytes.length : newline;
      const text = bytes.toString('utf8', at, end);
      at = end + 1;
      for (const value of valuesOf(file, { text, lineNumber, complete }, shape, notes)) {
        if (line === null && looksRight?.(value) === true) templates.learn(text);
        add(value as T);
      }
    }
}

/** Sums a part of samples.ndjson. @throws UserError naming the file; lines are counted from the part's beginning */
export async function sumSamples(
  { file, options, from, to }: SumJob,
  notes: string[],
): Promise<SampleSums> {
  const sums = new SampleSums(options);
  const add = (line: SampleLine) => {
    try {
      sums.add(line);
    } catch (cause) {
      throw new UserError(`${file} cannot be read: ${(cause as Error).message}`, {
        hint: 'samples.ndjson was changed or damaged after the run: restore it, or delete that line (the rest of the run is then shown without it)',
        cause,
      });
    }
  };
  await eachLine<SampleLine>(file, LINE_SHAPES.samples, notes, add, { from, to });
  return sums;
}

/** First and last line of a file, as far as a few of its lines say. */
async function endsOf<T>(
  file: string,
  shape: LineShape,
  of: (line: T) => number,
): Promise<{ first: T; last: T } | null> {
  if (!existsSync(file) || statSync(file).size === 0) return null;
  const parse = (piece: Piece): T[] => [...valuesOf(file, piece, shape, [])] as T[];
  let head: T[] = [];
  for await (const piece of piecesOf(file)) {
    const [line] = piece.text.split('\n');
    // Blank lines, and readings of a kind that is not known, are passed over.
    head = parse({ ...piece, ...(piece.complete && { text: line }) });
    if (head.length === 0) head = parse(piece);
    if (head.length > 0) break;
  }
  const text = await tailOf(file, TAIL_BYTES);
  const tail = parse({ text, lineNumber: 1, complete: false });
  const last = [...head, ...tail].reduce<T | null>((most, line) => (most === null || of(line) >= of(most) ? line : most), null); // prettier-ignore
  return last === null ? null : { first: head[0] ?? last, last };
}

async function inThreads(
  file: string,
  size: number,
  options: SampleSumsOptions,
  notes: string[],
): Promise<SampleSums> {
  const parts = Math.min(Math.max(2, availableParallelism()), Math.floor(size / PART_BYTES), 8);
  if (parts < 2) return sumSamples({ file, from: 0, to: Infinity, options }, notes);
  const edges = Array.from({ length: parts + 1 }, (_, i) => i === parts ? Infinity : Math.floor((size * i) / parts)); // prettier-ignore
  const answers = await Promise.all(
    edges.slice(1).map((to, i) => askWorker({ file, from: edges[i], to, options })),
  );
  const whole = new SampleSums(options);
  for (const answer of answers) {
    // Lines are numbered from the file's beginning by who reads it from there.
    if ('failure' in answer) return sumSamples({ file, from: 0, to: Infinity, options }, notes);
    whole.addSums(SampleSums.fromMessage(answer.sums, options));
    notes.push(...answer.notes);
  }
  return whole;
}

function askWorker(job: SumJob): Promise<SumAnswer> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(distFile('sum-worker.js'), {
      workerData: job,
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`a reading thread ended with code ${code}`)));
  });
}

/**
 * @param folder the folder of one run; need not be absolute
 * @throws UserError if it is no result folder, or one of its files is broken (named, with the line)
 */
export async function readSummed(folder: string): Promise<RunView> {
  const path = runFolder(folder);
  const { notes: ofWhole, ...whole } = await readWholeFiles(path);
  const notes: Record<'samples' | 'resources' | 'logs', string[]> = {
    samples: [],
    resources: [],
    logs: [],
  };
  const [samplesFile, resourcesFile, logsFile] = [FILES.samples, FILES.resources, FILES.logs].map((name) => join(path, name)); // prettier-ignore
  const samples = await endsOf<SampleLine>(samplesFile, LINE_SHAPES.samples, (line) => line.elapsedS); // prettier-ignore
  const readings = await endsOf<ResourceLine>(resourcesFile, LINE_SHAPES.resources, ({ t }) => t);
  const ends: LineEnds = {
    samples,
    readings: readings && { firstT: readings.first.t, lastT: readings.last.t },
  };
  const sums = beginSums(whole, ends);
  const tasks: Promise<unknown>[] = [];
  if (existsSync(samplesFile)) {
    const size = statSync(samplesFile).size;
    tasks.push(inThreads(samplesFile, size, sums.samples.options, notes.samples).then((read) => sums.samples.addSums(read))); // prettier-ignore
  } else notes.samples.push(`${FILES.samples} is missing.`);
  if (existsSync(resourcesFile))
    tasks.push(eachLine<ResourceLine>(resourcesFile, LINE_SHAPES.resources, notes.resources, (line) => sums.readings.add(line))); // prettier-ignore
  else notes.resources.push(`${FILES.resources} is missing.`);
  await Promise.all(tasks);
  if (existsSync(logsFile))
    await eachLine<LogSecond>(logsFile, LINE_SHAPES.logs, notes.logs, (line) => addLog(sums, line));
  return {
    ...whole,
    notes: [
      ...ofWhole.before,
      ...notes.samples,
      ...notes.resources,
      ...notes.logs,
      ...ofWhole.after,
      ...(whole.summary === null ? [NOT_ENDED] : []),
    ],
    sums,
  };
}
