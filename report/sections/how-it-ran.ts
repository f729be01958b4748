/** Pictures, how the run was made, and on which machine. Pure. */
import { CHART_NAMES, CHART_TITLES, isUsualChart } from '../../plots/charts.ts';
import { paceInWords } from '../../results/pace.ts';
import type { Plan } from '../../results/types.ts';
import { countOf, formatBytes, formatDuration, formatNumber } from '../../results/units.ts';
import { type Block, code, orNoData, paragraph, type Section, type Span, table } from '../page.ts';

/**
 * @param pictures file names beside the page; a chart that was not drawn is left out
 * @param captions what one sees in them, by chart
 * @param own pictures of the run's scenario
 */
export function picturesSection(
  pictures: readonly string[],
  captions: ReadonlyMap<string, string> = new Map(),
  own: readonly string[] = [],
): Section[] {
  const blocks = CHART_NAMES.flatMap((name): Block[] => {
    const file = pictures.find((picture) => picture.startsWith(`${name}.`));
    return file === undefined
      ? []
      : [
          {
            kind: 'picture',
            title: CHART_TITLES[name],
            file,
            ...(captions.has(name) && { caption: captions.get(name)! }),
            ...(!isUsualChart(name, own) && { isFolded: true }),
          },
        ];
  });
  return blocks.length === 0 ? [] : [{ id: 'pictures', title: 'Pictures', blocks }];
}

/** Where an option's value came from, in words. */
const SOURCES = new Map<string, string>([
  ['flag', 'command line'],
  ['environment', 'environment'],
  ['file', 'file'],
  ['scenario', 'scenario'],
  ['default', 'default'],
]);

export function howItRanSection(plan: Plan | null): Section[] {
  if (plan === null) return [];
  const rows = Object.entries(plan.options)
    // What nobody touched says nothing; where the results lie is where this page lies.
    .filter(
      ([name, { value, source }]) => value !== null && source !== 'default' && name !== 'results',
    )
    .sort(([a], [b]) => a.localeCompare(b, 'en'))
    .map(([name, { value, source }]) => [
      [code(`--${name}`)],
      [code(String(value))],
      SOURCES.get(source) ?? source,
    ]);
  return [
    {
      id: 'how-it-was-run',
      title: 'How it was run',
      blocks: [
        paragraph(loadWords(plan)),
        ...(rows.length === 0
          ? [paragraph('All options had their defaults.')]
          : [
              table(['Option', 'Value', 'Set by'], rows, ['left', 'left', 'left']),
              paragraph('All other options had their defaults.'),
            ]),
      ],
    },
  ];
}

function loadWords({ corpus, load, seed, estimate }: Plan): Span[] {
  const think =
    load.rate !== undefined || load.timed !== undefined
      ? `open model with ${countOf(load.vus, 'VU')} ready`
      : load.think.maxMs === 0
        ? 'no think time'
        : `think time ${formatDuration(load.think.minMs)} to ${formatDuration(load.think.maxMs)}`;
  const bodies: Span[] =
    corpus.producers === 0
      ? [`${countOf(corpus.submissions, 'recorded body', 'recorded bodies')}, sent as they are`]
      : [
          `The corpus held ${countOf(corpus.submissions, 'signed submission')} of ${countOf(corpus.producers, 'block producer')} on ${corpus.network}, from seed `,
          code(seed),
        ];
  const planned =
    estimate.submissions === null
      ? 'as many as the target answers'
      : countOf(estimate.submissions, 'submission');
  return [
    `${paceInWords(load)} (${load.executor}), ${think}, request timeout ${formatDuration(load.requestTimeoutMs)}. `,
    ...bodies,
    `, ${formatBytes(corpus.meanBodyBytes)} each on average (${formatBytes(corpus.maxBodyBytes)} at most). Planned: ${planned}.`,
  ];
}

/** `memoryBytes` -> `memory`, `cpuModel` -> `cpu model`: the unit stands with the value. */
const wordsOf = (name: string): string =>
  name
    .replace(/Bytes$/, '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();

const factText =
  (name: string) =>
  (fact: string | number): string =>
    typeof fact !== 'number' ? fact : /bytes/i.test(name) ? formatBytes(fact) : formatNumber(fact);

export function machineSection(plan: Plan | null): Section[] {
  if (plan === null) return [];
  const rows = [
    ...Object.entries(plan.versions).map(([name, version]) => [name, version]),
    ...Object.entries(plan.host).map(([name, value]) => [
      wordsOf(name),
      orNoData(value, factText(name)),
    ]),
  ];
  return [
    {
      id: 'machine',
      title: 'Versions and machine',
      blocks: [table(['Fact', 'Value'], rows, ['left', 'left'])],
    },
  ];
}
