/** The way of one submission, found in trace.ndjson by any word of it, and how long each stage took over all of them. */
import { createReadStream, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type LagFigures, LagMeter } from '../../e2e/trace/lags.ts';
import { STAGES, type Stage, type TraceLine } from '../../e2e/trace/trace.ts';
import type { StageLags } from '../../plots/stage-lags.ts';

const TRACE_FILE = 'trace.ndjson';
/** Lines between which others get an answer. */
const AT_ONCE = 2000;

export type TraceLags = {
  submissions: number;
  /** Submissions by the last stage that they reached. */
  reached: Record<Stage, number>;
  lags: LagFigures[];
  picture: StageLags;
};

export type TraceFound = {
  lines: TraceLine[];
  /** There are others that hold these words. */ more: boolean;
};

/** What a search looks at. */
const wordsOf = ({
  submitter,
  node,
  created_at: at,
  block_hash: block,
  state_hash: state,
  reached,
  verdict,
}: TraceLine): string =>
  [submitter, node, at, block, state ?? '', reached, verdict ?? ''].join(' ').toLowerCase();

/** Whether a line holds all of these words; `#7` is the submission of that number. */
const holds = (line: TraceLine, search: string): boolean => {
  const text = wordsOf(line);
  return search.toLowerCase().split(/\s+/).filter((word) => word !== '').every((word) => word.startsWith('#') ? word === `#${line.id}` : text.includes(word)); // prettier-ignore
};

const isTraceLine = (value: unknown): value is TraceLine => {
  const { id, submitter, created_at: at, sent_ms: sent, reached } = (value ?? {}) as Partial<Record<keyof TraceLine, unknown>>; // prettier-ignore
  return typeof id === 'number' && typeof submitter === 'string' && typeof at === 'string' && typeof sent === 'number' && STAGES.includes(reached as Stage); // prettier-ignore
};

/** Of a run's results; nothing where it was not judged. */
export async function* traceLines(results: string): AsyncGenerator<TraceLine> {
  const lines = createInterface({ input: createReadStream(join(results, TRACE_FILE)), crlfDelay: Infinity }); // prettier-ignore
  let count = 0;
  for await (const text of lines) {
    if (++count % AT_ONCE === 0) await new Promise((turn) => setImmediate(turn));
    try {
      const line: unknown = JSON.parse(text);
      if (isTraceLine(line)) yield line;
    } catch {
      // A line that is broken.
    }
  }
}

/** @returns null: it is not there. Another one where the file is another */
export function traceMark(results: string): string | null {
  const found = lstatSync(join(results, TRACE_FILE), { throwIfNoEntry: false });
  return found?.isFile() === true ? `${found.mtimeMs} ${found.size}` : null;
}

type Lines = AsyncIterable<TraceLine> | Iterable<TraceLine>;

/** @param most lines of the answer */
export async function searchTrace(lines: Lines, search: string, most: number): Promise<TraceFound> {
  const found: TraceLine[] = [];
  for await (const line of lines) {
    if (!holds(line, search)) continue;
    if (found.length === most) return { lines: found, more: true };
    found.push(line);
  }
  return { lines: found, more: false };
}

export async function lagsOf(lines: Lines): Promise<TraceLags> {
  const meter = new LagMeter();
  const reached = Object.fromEntries(STAGES.map((stage) => [stage, 0])) as Record<Stage, number>;
  const batches = new Map<number, { endMs: number; countedMs: number | null }>();
  let submissions = 0;
  for await (const line of lines) {
    meter.add(line);
    reached[line.reached]++;
    submissions++;
    const { batch, counted_ms: countedMs } = line;
    if (batch === undefined) continue;
    const endMs = batch.end_seconds * 1000;
    const known = batches.get(batch.bot_log_id);
    if (known === undefined) batches.set(batch.bot_log_id, { endMs, countedMs: countedMs ?? null });
    else known.countedMs ??= countedMs ?? null;
  }
  const inOrder = [...batches.values()].sort((a, b) => a.endMs - b.endMs);
  return { submissions, reached, lags: meter.figures(), picture: meter.picture(inOrder) };
}
