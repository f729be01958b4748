/** The report of a run in all its forms: report.md, junit.xml, and on GitHub the job's summary and annotations. */
import { statSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { annotationsOf } from '../../report/github.ts';
import type { Outcome } from '../../report/outcome.ts';
import type { Page } from '../../report/page.ts';
import { printJunit } from '../../report/print-junit.ts';
import { printMarkdown } from '../../report/print-markdown.ts';
import { printSummary, SUMMARY_LIMIT_BYTES } from '../../report/print-summary.ts';
import type { CiFacts } from '../../results/types.ts';
import { writeWhole } from '../../whole-file.ts';

export const REPORT_FILE = 'report.md';
export const JUNIT_FILE = 'junit.xml';

/** @throws Error of node:fs */
export async function writeReport(folder: string, page: Page, outcome: Outcome): Promise<void> {
  await writeWhole(join(folder, REPORT_FILE), printMarkdown(page));
  await writeWhole(join(folder, JUNIT_FILE), printJunit(outcome));
}

/** Never throws: what cannot be written is a line, and takes nothing from the run. */
export async function reportToGithub(
  page: Page,
  outcome: Outcome,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<void> {
  const { GITHUB_STEP_SUMMARY: path = '', GITHUB_ACTIONS } = env;
  if (path !== '')
    try {
      // The limit is that of the step: what is there already counts.
      const used = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      const text = printSummary(page, SUMMARY_LIMIT_BYTES - used - 1);
      if (text === '') say('note: the job summary is full, so the run is not in it');
      else await appendFile(path, used === 0 ? text : `\n${text}`);
    } catch (error) {
      say(`note: the job summary could not be written (${(error as Error).message})`);
    }
  if (GITHUB_ACTIONS === 'true') annotationsOf(outcome).forEach(say);
}

/** Variables of GitHub Actions (docs.github.com, "Default environment variables"); what is no commit and no address is left out. */
export function ciFactsOf(env: NodeJS.ProcessEnv): CiFacts {
  const { GITHUB_SHA = '', GITHUB_SERVER_URL = '', GITHUB_REPOSITORY, GITHUB_RUN_ID } = env;
  const isPlace =
    /^https?:\/\/[^/@\s]+$/.test(GITHUB_SERVER_URL) &&
    /^[\w.-]+\/[\w.-]+$/.test(GITHUB_REPOSITORY ?? '') &&
    /^\d+$/.test(GITHUB_RUN_ID ?? '');
  return {
    ...(/^[0-9a-f]{40,64}$/i.test(GITHUB_SHA) && { commit: GITHUB_SHA }),
    ...(isPlace && {
      url: `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}`,
    }),
  };
}
