/** Writes trace.ndjson and the picture of its lags beside it, and says where in it an example stands. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { renderPng, renderSvg } from '../../plots/render.ts';
import { stageLagsChart } from '../../plots/stage-lags.ts';
import type { Example } from '../assertions/assertion.ts';
import { Facts } from '../assertions/facts.ts';
import type { Evidence } from '../dump/evidence.ts';
import { timeOfUs } from '../dump/times.ts';
import { writeWhole } from '../../whole-file.ts';
import { type LagFigures, LagMeter } from './lags.ts';
import { STAGES, type Stage, traceOf } from './trace.ts';

export type WrittenTrace = {
  /** Submissions by the last stage that they reached. */
  reached: Record<Stage, number>;
  lags: LagFigures[];
  /** Line of a submission in trace.ndjson, from 1, by its id. */
  lineOf: ReadonlyMap<number, number>;
  files: string[];
};

const PAGE_LINES = 500;

/** @param folder is there @param name which run, for the picture @param facts of this evidence, where others looked at them @throws Error of the file system */
export async function writeTrace(
  evidence: Evidence,
  folder: string,
  name: string,
  facts = new Facts(evidence),
): Promise<WrittenTrace> {
  const path = join(folder, 'trace.ndjson');
  const file = createWriteStream(path);
  const lags = new LagMeter();
  const reached = Object.fromEntries(STAGES.map((stage) => [stage, 0])) as Record<Stage, number>;
  const lineOf = new Map<number, number>();
  let page: string[] = [];
  const flush = async (): Promise<void> => {
    if (!file.write(page.join(''))) await once(file, 'drain');
    page = [];
  };
  for (const line of traceOf(evidence, facts)) {
    lags.add(line);
    reached[line.reached]++;
    lineOf.set(line.id, lineOf.size + 1);
    page.push(`${JSON.stringify(line)}\n`);
    if (page.length === PAGE_LINES) await flush();
  }
  await flush();
  file.end();
  await finished(file);
  const chart = stageLagsChart(
    name,
    lags.picture(
      facts.windows.map(({ batch }) => ({
        endMs: batch.endSeconds * 1000,
        countedMs: facts.commits.get(batch.botLogId) ?? null,
      })),
    ),
  );
  const pictures = { png: renderPng(chart), svg: renderSvg(chart) };
  const files = [path];
  for (const [format, bytes] of Object.entries(pictures)) {
    files.push(join(folder, `${chart.name}.${format}`));
    await writeWhole(files.at(-1)!, bytes);
  }
  return { reached, lags: lags.figures(), lineOf, files };
}

/** Where to look on: `trace.ndjson, line 12`, and what asks the tables why. */
export type Leads = { trace: string | null; explain: string | null };

/**
 * @param database for the command: an address without a password, or a word for it
 */
export function leadsOf(
  { submission, submitter, batch }: Example,
  { lineOf }: Pick<WrittenTrace, 'lineOf'>,
  database = 'postgres://USER@HOST/DATABASE',
): Leads {
  const line = submission === undefined ? undefined : lineOf.get(submission);
  return {
    trace: line === undefined ? null : `trace.ndjson, line ${line}`,
    explain:
      submitter === undefined || !submitter.startsWith('B62')
        ? null
        : `npm run explain -- --producer ${submitter} --database ${database}${
            batch === undefined ? '' : ` --batch ${timeOfUs(batch.startSeconds * 1e6)}`
          }`,
  };
}
