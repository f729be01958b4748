/** Writes the report of a night in all its forms beside its runs. */
import { join } from 'node:path';
import { EXIT, UserError } from '../../user-error.ts';
import { exitCodeOfNight, type ScenarioEnd } from '../../judge/compare/night-verdict.ts';
import { trendChart } from '../../plots/trend.ts';
import { figuresOfSamples } from '../../results/figures.ts';
import { readSummed } from '../../results/sum-reader.ts';
import type { Gate } from '../../results/types.ts';
import { formatDuration } from '../../results/units.ts';
import { type Annotation, annotationLines } from '../github.ts';
import { type Outcome, outcomeOf } from '../outcome.ts';
import { printJunitOf } from '../print-junit.ts';
import { chatLine } from '../print-line.ts';
import { printMarkdown } from '../print-markdown.ts';
import { printSummary } from '../print-summary.ts';
import type { ForGithub } from '../to-github.ts';
import { writeWhole } from '../../whole-file.ts';
import { againstLevel, endReason, nightSentence, type NightReport, type NightSeries, trendFile } from './night.ts'; // prettier-ignore
import { pageOfNight } from './page.ts';
import { trendOf } from './trend.ts';

/** Of the last night; each night replaces them. */
export const NIGHT_FILES = {
  page: 'nightly.md',
  junit: 'nightly.junit.xml',
  line: 'nightly.txt',
} as const;

export const nightLine = (report: NightReport): string =>
  chatLine(
    [
      `${exitCodeOfNight(report.ends) === EXIT.passed ? '✅' : '❌'} ${report.id}: ${nightSentence(report)}`,
      `took ${formatDuration(report.tookMs)}`,
    ],
    report.ci.url,
  );

export const nightForGithub = (report: NightReport): ForGithub => ({
  summary: (limitBytes) => printSummary(pageOfNight(report, 'mermaid'), limitBytes),
  annotations: () => annotationLines(annotationsOf(report)),
});

/** A regression that was confirmed is an error, what was not decided or not run a warning; gates are the runs' own. */
function annotationsOf({ ends }: NightReport): Annotation[] {
  return ends.flatMap(({ name, entry, fault }): Annotation[] => [
    ...(entry?.suspicions ?? []).flatMap(({ figure, outcome, words }): Annotation[] =>
      outcome === 'cleared'
        ? []
        : [
            {
              level: outcome === 'confirmed' ? 'error' : 'warning',
              title: `${name}: ${figure}`,
              text: outcome === 'confirmed' ? `got worse: ${words}` : `suspected, not decided: ${words}`, // prettier-ignore
            },
          ],
    ),
    // What a run says against itself, it has said already.
    ...(fault !== null && entry === null
      ? [{ level: 'warning' as const, title: name, text: fault }]
      : []),
  ]);
}

/** What a series says, as a gate: this night's change for the worse, against what counts. */
function gateOf(series: NightSeries, night: string): Gate {
  const { figure, nights } = series;
  const last = nights.at(-1);
  const name = `${figure.name} against its nights`;
  const limit = 100 * figure.minimumEffect;
  if (last?.night !== night) return { name, state: 'no data', value: null, limit, unit: '%' };
  const ratio = againstLevel(series);
  const outcome = last.suspicion?.outcome;
  return {
    name,
    state: outcome === 'confirmed' ? 'fail' : outcome === 'open' ? 'no data' : 'pass',
    value:
      ratio === null ? 0 : Number((100 * (figure.worse === 'higher' ? ratio - 1 : 1 - ratio)).toFixed(2)), // prettier-ignore
    limit,
    unit: '%',
  };
}

async function outcomeOfEnd(
  folder: string,
  { name, entry, fault, exitCode }: ScenarioEnd,
  report: NightReport,
): Promise<Outcome> {
  const series = report.series.filter(({ scenario }) => scenario === name);
  const gates = entry === null ? [] : series.map((one) => gateOf(one, report.id));
  if (entry?.run)
    try {
      const outcome = outcomeOf(await readSummed(join(folder, entry.run)));
      return { ...outcome, id: name, scenario: name, gates: [...outcome.gates, ...gates] };
    } catch (error) {
      // A folder that is gone or damaged: what is known of it stands in the history.
      if (!(error instanceof UserError)) throw error;
    }
  const words = fault ?? endReason({ name, entry, fault, exitCode });
  return {
    id: name,
    scenario: name,
    sentence: words,
    exitCode,
    passed: exitCode === EXIT.passed,
    gates,
    faults: exitCode === EXIT.passed ? [] : [{ words, kind: 'error' }],
    figures: figuresOfSamples([], []),
    startedAt: entry?.t ?? report.startedAt,
    durationMs: entry?.tookMs ?? 0,
    ci: report.ci,
  };
}

/**
 * @param folder of the nights @param pictures whether the trends are drawn
 * @returns the paths written. @throws UserError if one cannot be written
 */
export async function writeNight(
  folder: string,
  report: NightReport,
  pictures: boolean,
): Promise<string[]> {
  const paths: string[] = [];
  const put = async (name: string, text: string): Promise<void> => {
    await writeWhole(join(folder, name), text);
    paths.push(join(folder, name));
  };
  try {
    if (pictures) {
      const { writePicture } = await import('../../plots/render.ts');
      for (const series of report.series)
        paths.push(...(await writePicture(trendChart(trendOf(series)), folder, trendFile(series))));
    }
    await put(NIGHT_FILES.page, printMarkdown(pageOfNight(report, pictures ? 'files' : 'mermaid')));
    const outcomes: Outcome[] = [];
    for (const end of report.ends) outcomes.push(await outcomeOfEnd(folder, end, report));
    await put(NIGHT_FILES.junit, printJunitOf(outcomes));
    await put(NIGHT_FILES.line, `${nightLine(report)}\n`);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError(`the night's report cannot be written: ${(cause as Error).message}`, {
      hint: `check the folder ${folder} and its rights; npm run nightly -- --report writes it again`,
      cause,
    });
  }
  return paths;
}
