/** The page of a night: the verdict, each scenario, what was suspected and what came of it, the trends. Pure. */
import { levelsOf } from '../../judge/compare/series.ts';
import { countOf, formatDate, formatDuration, formatNumber } from '../../results/units.ts';
import { formatRatio } from '../compare/page.ts';
import { describeTrend } from '../../plots/trend.ts';
import { lineChart } from '../mermaid.ts';
import { type Block, code, joined, NO_DATA, type Page, paragraph, type Section, table, type Text } from '../page.ts'; // prettier-ignore
import { againstLevel, endReason, endWord, nightSentence, type NightReport, type NightSeries, ratioWords, trendFile } from './night.ts'; // prettier-ignore
import { trendOf } from './trend.ts';

/** Nights with a suspicion that are listed. */
const MOST_LISTED = 30;

/** @param pictures files beside the page, or as text that GitHub draws; a job summary cannot show files */
export function pageOfNight(report: NightReport, pictures: 'files' | 'mermaid' | 'none'): Page {
  const { id, startedAt, tookMs, ci, removed } = report;
  const facts: Text[] = [
    formatDate(startedAt),
    `took ${formatDuration(tookMs)}`,
    ...(ci.commit === undefined ? [] : [['commit ', code(ci.commit.slice(0, 12))]]),
    ...(ci.url === undefined ? [] : [['CI run ', code(ci.url)]]),
    ...(removed === 0 ? [] : [`${countOf(removed, 'old run')} removed`]),
  ];
  return {
    title: `Night ${id}`,
    sections: [
      {
        id: 'verdict',
        title: null,
        blocks: [paragraph(joined(facts, ' · ')), paragraph([{ strong: [nightSentence(report)] }])],
      },
      { id: 'scenarios', title: 'Scenarios', blocks: [scenariosTable(report)] },
      ...seriesSection(report),
      ...suspicionsSection(report),
      ...(pictures === 'none' ? [] : trendSection(report, pictures)),
    ],
  };
}

const scenariosTable = ({ ends }: NightReport): Block =>
  table(
    ['Scenario', 'Result', 'Why', 'Folder'],
    ends.map((end) => [
      end.name,
      endWord(end),
      endReason(end),
      end.entry?.run ? [code(end.entry.run)] : '-',
    ]),
    ['left', 'left', 'left', 'left'],
  );

function seriesSection({ series }: NightReport): Section[] {
  if (series.length === 0) return [];
  const rows = series.map((one) => {
    const { scenario, figure, nights } = one;
    const levels = levelsOf(nights);
    const level = levels.at(-1)!;
    return [
      scenario,
      figure.what,
      formatNumber(nights.at(-1)!.value),
      ratioWords(againstLevel(one)),
      formatNumber(level.value),
      formatNumber(level.to - level.from + 1),
      formatNumber(levels.length),
    ];
  });
  return [
    {
      id: 'series',
      title: 'Figures and their level',
      blocks: [
        table(
          ['Scenario', 'Figure', 'This night', 'Against the level', 'Level (median)', 'Its nights', 'Levels'], // prettier-ignore
          rows,
          ['left', 'left', 'right', 'right', 'right', 'right', 'right'],
        ),
        paragraph(
          'A night counts where machine, programs and load are those of the nights before it. One that is far out, or a change of level, is a suspicion only: it is measured again at once, and only what is confirmed then fails the night and opens a new level.',
        ),
      ],
    },
  ];
}

function suspicionsSection({ series }: NightReport): Section[] {
  const all = series
    .flatMap(({ scenario, figure, nights }) =>
      nights.flatMap(({ night, suspicion }) =>
        suspicion === null ? [] : [{ scenario, figure, night, suspicion }],
      ),
    )
    .sort((a, b) => (a.night < b.night ? 1 : -1));
  if (all.length === 0) return [];
  const shown = all.slice(0, MOST_LISTED);
  return [
    {
      id: 'suspicions',
      title: 'Suspicions and what came of them',
      blocks: [
        table(
          ['Night', 'Scenario', 'Figure', 'Suspected', 'Since', 'Result', 'Measured again', 'Rounds'], // prettier-ignore
          shown.map(({ scenario, figure, night, suspicion }) => [
            [code(night)],
            scenario,
            figure.name,
            `${formatRatio(suspicion.ratio)} (${suspicion.kind})`,
            suspicion.since === night ? 'this night' : [code(suspicion.since)],
            suspicion.outcome === 'open' ? 'not decided' : suspicion.outcome,
            suspicion.words,
            suspicion.session === null ? NO_DATA : [code(suspicion.session)],
          ]),
          ['left', 'left', 'left', 'right', 'left', 'left', 'left', 'left'],
        ),
        ...(all.length > shown.length
          ? [paragraph(`${countOf(all.length - shown.length, 'older one')} not shown.`)]
          : []),
      ],
    },
  ];
}

function trendSection({ series }: NightReport, pictures: 'files' | 'mermaid'): Section[] {
  const shown = series.filter(({ nights }) => pictures === 'files' || nights.length > 1);
  if (shown.length === 0) return [];
  const title = ({ scenario, figure }: NightSeries): string => `${scenario}: ${figure.what}`;
  return [
    {
      id: 'trends',
      title: 'Trends',
      blocks: shown.map((one): Block =>
        pictures === 'files'
          ? {
              kind: 'picture',
              title: `${title(one)}: ${describeTrend(trendOf(one))}`,
              file: `${trendFile(one)}.png`,
              link: `${trendFile(one)}.svg`,
            }
          : { kind: 'code', language: 'mermaid', text: mermaidOf(title(one), one) },
      ),
    },
  ];
}

/** More points than this are a blur. */
const MOST_POINTS = 60;

function mermaidOf(title: string, { figure, nights }: NightSeries): string {
  const from = Math.max(0, nights.length - MOST_POINTS);
  const levels = levelsOf(nights);
  return lineChart({
    title,
    xTitle: 'nights, and their level',
    from: from + 1,
    to: nights.length,
    unit: figure.unit,
    values: nights.slice(from).map(({ value }) => value),
    second: nights
      .map((_, i) => levels.find((level) => i >= level.from && i <= level.to)!.value)
      .slice(from),
  });
}
