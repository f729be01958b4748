/** Pictures and page of a run's folder, from its files only, which are read once: a day's run takes a while. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { CHART_NAMES } from '../plots/charts.ts';
import { readRun, type Run } from '../results/reader.ts';
import { FILES } from '../results/writer.ts';
import { UserError } from '../user-error.ts';
import { printMarkdown } from './print-markdown.ts';
import { pageOfRun } from './run-page.ts';

export const REPORT_FILE = 'report.md';

/** The page of a run as Markdown. @param pictures file names beside it */
export const markdownReport = (run: Run, pictures: readonly string[]): string =>
  printMarkdown(pageOfRun(run, pictures));

/**
 * Writes `report.md` into the folder of a run that was read, with links to the pictures that lie there.
 * @returns the path written. @throws UserError if the page cannot be written
 */
export async function writeReport(run: Run): Promise<string> {
  const pictures = CHART_NAMES.flatMap((name) =>
    [`${name}.png`, `${name}.svg`].filter((file) => existsSync(join(run.folder, file))).slice(0, 1),
  );
  const path = join(run.folder, REPORT_FILE);
  try {
    await writeFileAtomic(path, markdownReport(run, pictures));
  } catch (cause) {
    throw new UserError(`the report ${path} cannot be written: ${(cause as Error).message}`, {
      hint: 'check the folder and its rights, and that samples.ndjson was not changed after the run',
      cause,
    });
  }
  return path;
}

/** The results vanished while somebody worked on them. */
export class ResultsGone extends UserError {}

/** @throws ResultsGone (exit 5) if the summary is gone: results that nobody can read any more have not passed */
function checkIsWhole(folder: string): void {
  const summary = join(folder, FILES.summary);
  if (existsSync(summary)) return;
  const what = existsSync(folder) ? summary : folder;
  throw new ResultsGone(`the results are gone: ${what} was deleted before the run had ended`, {
    hint: 'nothing is left to look at: run again, and keep the folder until the last line',
  });
}

/**
 * Draws all pictures of the run in `folder` and writes its report.
 * @param how `justEnded`: the run has just written its summary, so a folder without one was deleted meanwhile. `pictures`: false for the
 * report alone, with the pictures that lie there already
 * @returns the path of the report
 * @throws UserError if the folder cannot be read or written; ResultsGone (exit 5) if it vanished
 */
export async function describeRun(
  folder: string,
  { justEnded = false, pictures = true }: { justEnded?: boolean; pictures?: boolean } = {},
): Promise<string> {
  const check = () => {
    if (justEnded) checkIsWhole(resolve(folder));
  };
  check();
  try {
    const run = await readRun(folder);
    if (pictures) {
      // Not before it is needed: chart.js and the canvas take 0.2 s of CPU and 30 MB, which a load has better use for.
      const { renderPictures } = await import('../plots/render.ts');
      await renderPictures(run);
    }
    return await writeReport(run);
  } finally {
    // Whatever failed: that the results are gone is the reason, and counts more.
    check();
  }
}
