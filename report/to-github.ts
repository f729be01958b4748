/** The report of a run for the GitHub Actions job that it is part of, where it is part of one. */
import { statSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import type { RunView as Run } from '../results/sums.ts';
import { jobSummary } from './describe.ts';
import { annotationsOf } from './github.ts';
import { outcomeOf } from './outcome.ts';
import { SUMMARY_LIMIT_BYTES } from './print-summary.ts';

/**
 * Appends to the job summary where GITHUB_STEP_SUMMARY names its file, and writes annotations where GITHUB_ACTIONS is `true`. Never
 * throws: what cannot be written is a line, and takes nothing from the run.
 * @param write gets a line for the terminal
 */
export const reportToGithub = (
  run: Run,
  env: NodeJS.ProcessEnv,
  write: (line: string) => void,
): Promise<void> =>
  toGithub(
    {
      summary: (limitBytes) => jobSummary(run, limitBytes),
      annotations: () => annotationsOf(outcomeOf(run)),
    },
    env,
    write,
  );

/** What a job of GitHub Actions shows. */
export type ForGithub = {
  /** '' if not even a note fits. */
  summary: (limitBytes: number) => string;
  /** Workflow commands. */
  annotations: () => string[];
};

/** As {@link reportToGithub}, of anything. */
export async function toGithub(
  { summary, annotations }: ForGithub,
  env: NodeJS.ProcessEnv,
  write: (line: string) => void,
): Promise<void> {
  const { GITHUB_STEP_SUMMARY: path = '', GITHUB_ACTIONS } = env;
  try {
    if (path !== '') {
      // The limit is that of the step: what is there already counts.
      const used = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      const text = summary(SUMMARY_LIMIT_BYTES - used - 1);
      if (text === '') write('note: the job summary is full, so the run is not in it');
      else await appendFile(path, used === 0 ? text : `\n${text}`);
    }
  } catch (error) {
    write(`note: the job summary could not be written (${(error as Error).message})`);
  }
  try {
    if (GITHUB_ACTIONS === 'true') annotations().forEach(write);
  } catch (error) {
    write(`note: no annotations could be made (${(error as Error).message})`);
  }
}
