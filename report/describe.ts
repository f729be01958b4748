/** Pictures and page of a run's folder, from its files only, which are read once: a day's run takes a while. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { COMPARED_FIGURES } from '../judge/compare/figures.ts';
import { CHART_NAMES } from '../plots/charts.ts';
import { readSummed } from '../results/sum-reader.ts';
import type { RunView as Run } from '../results/sums.ts';
import { FILES } from '../results/writer.ts';
import { UserError } from '../user-error.ts';
import { writeWhole } from '../whole-file.ts';
import { bencher, benchmarkAction, hgrm, measuredOf, otava } from './exports.ts';
import { htmlReport } from './html.ts';
import { chartsSection } from './mermaid.ts';
import { outcomeOf } from './outcome.ts';
import { printJunit } from './print-junit.ts';
import { printMarkdown } from './print-markdown.ts';
import { printSummary, withSectionsAfter } from './print-summary.ts';
import { pageOfRun } from './run-page.ts';

export const REPORT_FILE = 'report.md';

/** The page of a run as Markdown. @param pictures file names beside it */
export const markdownReport = (run: Run, pictures: readonly string[]): string =>
  printMarkdown(pageOfRun(run, pictures));

/** Pictures that lie in `folder`, one of each chart. */
const picturesIn = (folder: string): string[] =>
  CHART_NAMES.flatMap((name) =>
    [`${name}.png`, `${name}.svg`].filter((file) => existsSync(join(folder, file))).slice(0, 1),
  );

/** What a report is printed as, and the file of each; `line` is no file. */
export const FORM_FILES = {
  md: REPORT_FILE,
  html: 'report.html',
  junit: 'junit.xml',
  summary: 'job-summary.md',
  hgrm: 'latency.hgrm',
  'benchmark-smaller': 'benchmark-smaller.json',
  'benchmark-bigger': 'benchmark-bigger.json',
  bencher: 'bencher.json',
  otava: 'otava.csv',
} as const;
export type FileForm = keyof typeof FORM_FILES;
/** What every run gets. */
export const USUAL_FORMS: readonly FileForm[] = ['md', 'html', 'junit'];

const PRINT: Record<FileForm, (run: Run, folder: string) => string> = {
  md: (run, folder) => markdownReport(run, picturesIn(folder)),
  html: htmlReport,
  junit: (run) => printJunit(outcomeOf(run)),
  summary: (run) => jobSummary(run),
  hgrm,
  'benchmark-smaller': (run) => benchmarkAction([measuredOf(run)], 'smaller'),
  'benchmark-bigger': (run) => benchmarkAction([measuredOf(run)], 'bigger'),
  bencher: (run) => bencher([measuredOf(run)]),
  otava: (run) =>
    otava(
      [measuredOf(run)],
      COMPARED_FIGURES.map(({ name }) => name),
    ),
};

/** @param limitBytes of what is left in the file that it goes to */
export const jobSummary = (run: Run, limitBytes?: number): string =>
  printSummary(withSectionsAfter(pageOfRun(run, []), 'gates', chartsSection(run)), limitBytes);

/**
 * Writes a run that was read, in these forms. Pictures are linked where they lie in the same folder.
 * @param folder default: the run's own
 * @returns the paths written, in the order of `forms`. @throws UserError if one cannot be written
 */
export async function writeForms(
  run: Run,
  forms: readonly FileForm[],
  folder: string = run.folder,
): Promise<string[]> {
  const paths: string[] = [];
  for (const form of forms) {
    const path = join(folder, FORM_FILES[form]);
    try {
      await writeWhole(path, PRINT[form](run, folder));
    } catch (cause) {
      if (cause instanceof UserError) throw cause;
      throw new UserError(`the report ${path} cannot be written: ${(cause as Error).message}`, {
        hint: 'check the folder and its rights, and that samples.ndjson was not changed after the run',
        cause,
      });
    }
    paths.push(path);
  }
  return paths;
}

/** Writes `report.md` into the folder of a run that was read. @returns the path written. @throws UserError */
export const writeReport = async (run: Run): Promise<string> => (await writeForms(run, ['md']))[0];

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
 * Draws all pictures of the run in `folder` and writes its report in the usual forms.
 * @param how `justEnded`: the run has just written its summary, so a folder without one was deleted meanwhile. `pictures`: false for the
 * report alone, with the pictures that lie there already. `seen`: gets the run that was read, when its report is written
 * @returns the path of report.md
 * @throws UserError if the folder cannot be read or written; ResultsGone (exit 5) if it vanished
 */
export async function describeRun(
  folder: string,
  {
    justEnded = false,
    pictures = true,
    seen,
  }: { justEnded?: boolean; pictures?: boolean; seen?: (run: Run) => Promise<void> } = {},
): Promise<string> {
  const check = () => {
    if (justEnded) checkIsWhole(resolve(folder));
  };
  check();
  try {
    const run = await readSummed(folder);
    if (pictures) {
      // Not before it is needed: chart.js and the canvas take 0.2 s of CPU and 30 MB, which a load has better use for.
      const { renderPictures } = await import('../plots/render.ts');
      await renderPictures(run);
    }
    const [path] = await writeForms(run, USUAL_FORMS);
    await seen?.(run);
    return path;
  } finally {
    // Whatever failed: that the results are gone is the reason, and counts more.
    check();
  }
}
