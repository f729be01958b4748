/** Pictures, how the run was made, and on which machine. Pure. */
import type { ChartDefinition } from '../../plots/charts.ts';
import { paceInWords } from '../../results/pace.ts';
import type { OptionValue, Plan } from '../../results/types.ts';
import { countOf, formatBytes, formatDuration, formatNumber } from '../../results/units.ts';
import {
  type Block,
  code,
  joined,
  orNoData,
  paragraph,
  type Section,
  type Span,
  table,
} from '../page.ts';

/** @param pictures file names beside the page; a chart that was not drawn is left out */
export function picturesSection(
  pictures: readonly string[],
  charts: readonly ChartDefinition[],
): Section[] {
  const shown = charts.flatMap(({ name, title, caption, isUsual, whyEmpty }): Block[] => {
    const file = pictures.find((picture) => picture.startsWith(`${name}.`));
    return file === undefined || whyEmpty !== null
      ? []
      : [{ kind: 'picture', title, file, caption, ...(!isUsual && { isFolded: true }) }];
  });
  if (shown.length === 0) return [];
  return [{ id: 'pictures', title: 'Pictures', blocks: [...shown, ...leftOut(charts)] }];
}

/** What a reader would look for: not one that has to be asked for. */
function leftOut(charts: readonly ChartDefinition[]): Block[] {
  const byReason = new Map<string, string[]>();
  for (const { name, isUsual, whyEmpty } of charts)
    if (isUsual && whyEmpty !== null)
      byReason.set(whyEmpty, [...(byReason.get(whyEmpty) ?? []), name]);
  return [...byReason].map(
    ([why, names]) =>
    paragraph(['Not drawn: ', ...joined(names.map((name) => [code(name)]), ', '), ` (${why}).`]), // prettier-ignore
  );
}

/** Where an option's value came from, in words. */
const SOURCES = new Map<string, string>([
  ['flag', 'command line'],
  ['environment', 'environment'],
  ['file', 'file'],
  ['scenario', 'scenario'],
  ['default', 'default'],
]);

/** What was sent to what. */
export function sentSection(plan: Plan | null): Section[] {
  if (plan === null) return [];
  const { url, embedded } = plan.target;
  const target: Span[] = [' Target: ', code(url), embedded ? ' (embedded backend).' : '.'];
  return [
    {
      id: 'what-was-sent',
      title: 'What was sent',
      blocks: [paragraph([...loadWords(plan), ...target])],
    },
  ];
}

export function howItRanSection(plan: Plan | null): Section[] {
  if (plan === null) return [];
  const options = Object.entries(plan.options)
    // What nobody touched says nothing; where the results lie is where this page lies.
    .filter(
      ([name, { value, source }]) => value !== null && source !== 'default' && !PLACES.has(name),
    ) // prettier-ignore
    .sort(([a], [b]) => a.localeCompare(b, 'en'));
  const rows = options.map(([name, { value, source }]) => [
    [code(`--${name}`)],
    [code(String(value))],
    SOURCES.get(source) ?? source,
  ]);
  const words = commandWords(options);
  const isHidden = words.some((word) => word.includes(HIDDEN));
  return [
    {
      id: 'how-it-was-run',
      title: 'How to run it again',
      blocks: [
        ...(plan.parts === undefined
          ? [
              { kind: 'code', language: 'sh', text: words.join(' ') } as const,
              ...(isHidden ? [paragraph(`${HIDDEN} stands for what no result shows: put it back.`)] : []), // prettier-ignore
            ]
          : [paragraph('These are the runs of several generators as one: each has its own command in its own report.')]), // prettier-ignore
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

/** Options that say where something lies, not what is done. */
const PLACES: ReadonlySet<string> = new Set(['results', 'results-dir']);
/** What stands for a secret in a plan. */
const HIDDEN = '***';

/** A command line of a POSIX shell; a scenario's own values come with it. */
function commandWords(options: readonly (readonly [string, OptionValue])[]): string[] {
  const given = options.filter(([, { source }]) => source !== 'scenario');
  return [
    'npm run load --',
    ...given.flatMap(([name, { value, values }]) => {
      if (typeof value === 'boolean') return [value ? `--${name}` : `--no-${name}`];
      // A value that begins with a hyphen would be an option of its own.
      return (values ?? [String(value)]).map((one) => `--${name}${one.startsWith('-') ? '=' : ' '}${quoted(one)}`); // prettier-ignore
    }),
  ];
}

/** As one word of a shell, on one line: what cannot be seen is written as bash has it. */
function quoted(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  if (!UNSEEN.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  const escaped = text
    .replaceAll(/[\\']/g, '\\$&')
    .replaceAll(UNSEEN_ALL, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `$'${escaped}'`;
}

const UNSEEN = /[\p{Cc}\u2028\u2029]/u;
const UNSEEN_ALL = new RegExp(UNSEEN.source, 'gu');

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
