/** Several runs as one report: a section for each, and a case for each of its steps and assertions. Pure. */
import type { Outcome } from '../../report/outcome.ts';
import { code, type Page, paragraph, type Section, table } from '../../report/page.ts';
import { figuresOfSamples } from '../../results/figures.ts';
import { durationText } from '../../system/duration.ts';
import { EXIT } from '../../user-error.ts';
import { casesOf, type E2eRun, outcomeOf, sentenceOf } from './outcome.ts';
import { sectionsOf } from './page.ts';

/** `folder`: of its own results, seen from that of all runs. */
export type NamedRun = { name: string; run: E2eRun; folder: string };

/** The code of the worst: what broke before what failed, what failed before what proves nothing. */
export function mergedCode(runs: readonly NamedRun[]): number {
  const codes = runs.map(({ run }) => run.exitCode);
  for (const code of [EXIT.interrupted, EXIT.broken, EXIT.gateFailed, EXIT.usage, EXIT.noData])
    if (codes.includes(code)) return code;
  return codes.find((code) => code !== EXIT.passed) ?? EXIT.passed;
}

/** @param planned how many there should have been */
export function mergedSentence(runs: readonly NamedRun[], planned = runs.length): string {
  const passed = runs.filter(({ run }) => run.exitCode === EXIT.passed).length;
  if (runs.length < planned || runs.some(({ run }) => run.exitCode === EXIT.interrupted))
    return `interrupted: ${passed} of ${planned} combinations passed, ${planned - runs.length} were not begun`;
  return passed === runs.length
    ? `passed: all ${runs.length} combinations`
    : `failed: ${runs.length - passed} of ${runs.length} combinations`;
}

export function mergedOutcome(id: string, runs: readonly NamedRun[], planned?: number): Outcome {
  const exitCode = mergedCode(runs);
  const [{ run: first }] = runs;
  return {
    id,
    scenario: 'e2e',
    sentence: mergedSentence(runs, planned),
    exitCode,
    passed: exitCode === EXIT.passed,
    gates: runs.flatMap(({ name, run }) => casesOf(run, `${name}: `)),
    faults: runs.flatMap(({ name, run }) =>
      outcomeOf(run).faults.map(({ words, kind }) => ({ words: `${name}: ${words}`, kind })),
    ),
    figures: figuresOfSamples([], []),
    startedAt: new Date(first.startedMs).toISOString(),
    durationMs: runs.reduce((sum, { run }) => sum + run.endedMs - run.startedMs, 0),
    version: first.version,
    ci: first.ci,
  };
}

export const mergedPage = (id: string, runs: readonly NamedRun[], planned?: number): Page => ({
  title: `End-to-end runs ${id}`,
  sections: [overview(runs, planned), ...runs.flatMap(({ name, run }) => sectionsOf(run, name))],
});

const overview = (runs: readonly NamedRun[], planned?: number): Section => ({
  id: 'combinations',
  title: null,
  blocks: [
    paragraph([{ strong: [mergedSentence(runs, planned)] }]),
    table(
      ['combination', 'verdict', 'time', 'its own results'],
      runs.map(({ name, run, folder }) => [
        name,
        sentenceOf(run),
        durationText(Math.round((run.endedMs - run.startedMs) / 1000) * 1000),
        [code(folder)],
      ]),
      ['left', 'left', 'right', 'left'],
    ),
  ],
});
