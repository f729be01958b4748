/** A run as a Markdown page: verdict first, pictures, tables. Ready for a GitHub wiki. Pure but for writeReport. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { markdownTable } from 'markdown-table';
import writeFileAtomic from 'write-file-atomic';
import { CHART_NAMES, CHART_TITLES } from '../plots/charts.ts';
import { ACCEPTED, compareAnswers, describeAnswer, labelAnswer } from '../results/answers.ts';
import { figuresOfSamples } from '../results/figures.ts';
import { costSection, logSection } from './cost.ts';
import { postgresFigures, type PostgresFigures } from '../results/postgres-figures.ts';
import { SETTLING_MS } from '../results/growth.ts';
import { paceInWords } from '../results/pace.ts';
import { readRun, type Run } from '../results/reader.ts';
import type {
  Gate,
  HostileCaseFigures,
  HostileFigures,
  LatencyFigures,
  Plan,
  Summary,
  TargetFigures,
} from '../results/types.ts';
import {
  formatBytes,
  formatGrowth,
  formatDate,
  formatDuration,
  formatMs,
  formatNumber,
  formatShare,
} from '../results/units.ts';
import { UserError } from '../user-error.ts';
import { storedSection } from './stored.ts';
import { groupSection } from './groups.ts';

export const REPORT_FILE = 'report.md';

type Figures = Summary['figures'];
type Align = 'left' | 'right';

const NO_DATA = 'no data';

const orNoData = <T>(value: T | null | undefined, format: (value: T) => string): string =>
  value === null || value === undefined ? NO_DATA : format(value);

/** What the user or a target chose must not become markup: table cells, links, HTML. */
export const escapeMarkdown = (text: string): string =>
  text.replace(/[\\`*_[\]<>|]/g, '\\$&').replace(/\s+/g, ' ');

/** Text that stands for itself, e.g. a URL, which GitHub would turn into a link. A pipe would end a cell. */
const code = (text: string): string => {
  const plain = text.replace(/\s+/g, ' ').replaceAll('|', '\\|');
  return plain.includes('`') ? `\`\` ${plain} \`\`` : `\`${plain}\``;
};

const table = (
  head: readonly string[],
  rows: readonly string[][],
  align: readonly Align[],
): string => markdownTable([[...head], ...rows], { align: [...align] });

/**
 * @param pictures file names of the pictures beside the page, in the order of the charts; a chart that
 *   was not drawn is left out
 * @returns the page, with a final newline
 * @throws Error if a stored histogram is broken and the summary is missing
 */
export function markdownReport(run: Run, pictures: readonly string[]): string {
  const { plan, summary } = run;
  const figures =
    summary?.figures ?? figuresOfSamples(run.samples, run.resources, plan?.load.warmUpMs);
  const sections = [
    heading(run),
    verdict(run, figures),
    notes(run),
    breakpointSection(summary?.breakpoint),
    '## Figures',
    figuresTable(run, figures),
    latencyTable(figures),
    gates(summary?.gates),
    answers(figures),
    storedSection(run.reconcile, escapeMarkdown),
    targets(summary?.targets),
    groupSection(summary?.sizes, 'sizes'),
    groupSection(summary?.kinds, 'kinds'),
    hostileSection(summary?.hostile),
    processes(figures),
    databases(run.resources),
    costSection(summary?.cost, escapeMarkdown),
    logSection(summary?.logs, escapeMarkdown),
    ...pictureSections(pictures),
    plan ? howItRan(plan) : '',
    plan ? environment(plan) : '',
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

function heading({ plan, summary, folder, samples }: Run): string {
  const id = plan?.id ?? summary?.id ?? folder.split(/[\\/]/).at(-1)!;
  const scenario = plan?.scenario ?? summary?.scenario;
  const facts: string[] = [];
  if (scenario !== undefined) facts.push(`scenario ${escapeMarkdown(scenario)}`);
  if (plan) {
    const { durationMs, iterations, executor } = plan.load;
    facts.push(paceInWords(plan.load));
    facts.push(
      executor === 'shared-iterations' && iterations !== null
        ? `${formatNumber(iterations)} submissions`
        : formatDuration(durationMs),
    );
    facts.push(
      `target ${code(plan.target.url)}${plan.target.embedded ? ' (embedded backend)' : ''}`,
    );
  }
  const startedAt =
    summary?.startedAt ??
    (samples.length > 0 ? new Date(samples[0].t).toISOString() : plan?.plannedAt);
  if (startedAt !== undefined) facts.push(formatDate(startedAt));
  return `# Load test ${escapeMarkdown(id)}\n\n${facts.join(' · ')}`;
}

function verdict({ summary }: Run, figures: Figures): string {
  if (summary) return `**${escapeMarkdown(summary.verdict.sentence)}**`;
  const counts = `${formatNumber(figures.accepted)} of ${formatNumber(figures.sent)} submissions were accepted until then`;
  return `**NO VERDICT: the run did not end by itself; ${counts}.**`;
}

function notes({ summary, resources, notes: readerNotes }: Run): string {
  const happened = resources
    .filter((line) => line.kind === 'note')
    .map(
      (line) => `${line.name}: ${line.text} (${new Date(line.t).toISOString().slice(11, 19)} UTC)`,
    );
  const all = [...(summary?.notes ?? []), ...readerNotes, ...happened];
  if (all.length === 0) return '';
  return `> **Note**\n${all.map((note) => `> - ${escapeMarkdown(note)}`).join('\n')}`;
}

function figuresTable({ summary, reconcile, samples }: Run, figures: Figures): string {
  const { sent, accepted, errorRate, submissionsPerSecond, failedIterations } = figures;
  const loadMs = summary?.loadMs ?? samples.length * 1000;
  const rows: [string, string][] = [
    ['Submissions sent', formatNumber(sent)],
    ['Accepted (answer 200)', formatNumber(accepted)],
    ...(figures.expected === undefined
      ? []
      : [['Answered as expected', formatNumber(figures.expected)] as [string, string]]),
    ['Error rate', orNoData(errorRate, formatShare)],
    ['Submissions per second', orNoData(submissionsPerSecond, formatNumber)],
    ['Time under load', sent === 0 ? NO_DATA : formatDuration(loadMs)],
    ['Bytes sent', formatBytes(figures.bytesSent)],
    ['Bytes received', formatBytes(figures.bytesReceived)],
  ];
  const { schedule } = figures;
  if (schedule) {
    const { planned, late, dropped, droppedWhileFree, onTimeShare, latenessP99Ms } = schedule;
    const free = droppedWhileFree > 0 ? ` (${formatNumber(droppedWhileFree)} with VUs free)` : '';
    const { lateWhileBusy = 0 } = schedule;
    const busy = lateWhileBusy > 0 ? ` (${formatNumber(lateWhileBusy)} waited for a VU)` : '';
    rows.push(
      ['Starts planned', formatNumber(planned)],
      ['Starts on time', orNoData(onTimeShare, formatShare)],
      [
        `Starts late, by more than ${formatMs(schedule.toleranceMs)}`,
        `${formatNumber(late)}${busy}`,
      ],
      ['Starts dropped: no VU took them', `${formatNumber(dropped)}${free}`],
      ['Lateness of the starts, p99', orNoData(latenessP99Ms, formatMs)],
    );
  }
  const retries = Object.values(figures.retries ?? {}).reduce((sum, count) => sum + count, 0);
  if (retries > 0) rows.push(['Sent again after a failure', formatNumber(retries)]);
  if (failedIterations > 0)
    rows.push(['Failed iterations (generator)', formatNumber(failedIterations)]);
  if (reconcile) {
    const { stored, notStored, unknown, resent, look } = reconcile;
    const noNumber = look === undefined ? 'not looked at' : 'not known';
    rows.push(['Stored by the target', stored === null ? noNumber : formatNumber(stored)]);
    if (notStored !== null) rows.push(['Accepted but not stored', formatNumber(notStored)]);
    if (unknown > 0) rows.push(['Begun, end unknown at the stop', formatNumber(unknown)]);
    if (resent > 0) rows.push(['Sent again (the load outran the corpus)', formatNumber(resent)]);
  }
  return table(['Figure', 'Value'], rows, ['left', 'right']);
}

function latencyTable({ latency, felt, sinceIntended, warmUpAnswers = 0 }: Figures): string {
  const row = (name: string, figures: LatencyFigures | null): string[] => [
    name,
    ...(['count', 'meanMs', 'p50Ms', 'p90Ms', 'p95Ms', 'p99Ms', 'p999Ms', 'maxMs'] as const).map(
      (key) =>
        figures === null
          ? NO_DATA
          : key === 'count'
            ? formatNumber(figures.count)
            : formatMs(figures[key]),
    ),
  ];
  const head = ['Latency', 'answers', 'mean', 'p50', 'p90', 'p95', 'p99', 'p99.9', 'max'];
  const rows = [row('of the target', latency), row('felt by a producer', felt)];
  const isOpen = sinceIntended !== undefined && sinceIntended !== null;
  if (isOpen) rows.push(row('since the intended start', sinceIntended));
  const align: Align[] = ['left', ...head.slice(1).map((): Align => 'right')];
  return `${table(head, rows, align)}\n\nLatency of expected answers only. Of the target: sending, waiting, receiving. Felt: with connecting and TLS before.${
    isOpen ? ' Since the intended start: also with the time by which it began late.' : ''
  }${
    warmUpAnswers > 0
      ? ` Without the ${formatNumber(warmUpAnswers)} answer${warmUpAnswers === 1 ? '' : 's'} of the warm-up.`
      : ''
  }`;
}

const GATE_WORD: Record<Gate['state'], string> = {
  pass: '✅ pass',
  fail: '❌ fail',
  'no data': '⚠️ no data',
};

function gates(all: readonly Gate[] | undefined): string {
  if (all === undefined) return '';
  if (all.length === 0) return '## Gates\n\nThe run had no gates.';
  const rows = all.map(({ name, state, value, limit, unit }) => [
    escapeMarkdown(name),
    GATE_WORD[state],
    orNoData(value, (observed) => `${formatNumber(observed)} ${unit}`),
    `${formatNumber(limit)} ${unit}`,
  ]);
  return `## Gates\n\n${table(['Gate', 'Result', 'Observed', 'Limit'], rows, ['left', 'left', 'right', 'right'])}`;
}

function answers(figures: Figures): string {
  const { sent, accepted, answers: byClass } = figures;
  const classes = Object.keys(byClass)
    .filter((answer) => byClass[answer] > 0)
    .sort(compareAnswers);
  if (classes.length === 0) return '## Answers\n\nNot one request was answered.';
  const rows = classes.map((answer) => [
    answer.startsWith('error:') ? `k6 ${answer.slice('error:'.length)}` : escapeMarkdown(answer),
    describeAnswer(answer),
    formatNumber(byClass[answer]),
    sent === 0 ? NO_DATA : formatShare(byClass[answer] / sent),
  ]);
  const unexpected = (byClass[ACCEPTED] ?? 0) - accepted;
  const caution =
    unexpected > 0
      ? `\n\n${formatNumber(unexpected)} of the answers 200 had another body than the backend's \`{"status":"ok"}\`, and do not count as accepted.`
      : '';
  return `## Answers\n\n${table(['Answer', 'Meaning', 'Count', 'Share'], rows, ['left', 'left', 'right', 'right'])}${caution}`;
}

/** Totals of each target, where there are several. */
function targets(all: readonly TargetFigures[] | undefined): string {
  if (all === undefined) return '';
  const weights = all.reduce((sum, { weight }) => sum + weight, 0);
  const sentInAll = all.reduce((sum, { sent }) => sum + sent, 0);
  const rows = all.map(({ url, weight, sent, accepted, answers: byClass }) => [
    code(url),
    formatShare(weight / weights),
    sentInAll === 0 ? NO_DATA : formatShare(sent / sentInAll),
    formatNumber(sent),
    formatNumber(accepted),
    Object.entries(byClass)
      .filter(([answer, count]) => answer !== ACCEPTED && count > 0)
      .sort(([a], [b]) => compareAnswers(a, b))
      .map(([answer, count]) => `${formatNumber(count)} × ${escapeMarkdown(labelAnswer(answer))}`)
      .join(', '),
  ]);
  const head = ['Target', 'Share, planned', 'Share, sent', 'Sent', 'Accepted', 'Other answers'];
  return `## Targets\n\n${table(head, rows, ['left', 'right', 'right', 'right', 'right', 'left'])}`;
}

const hostileCheck = (check: HostileCaseFigures['check']): string =>
  check === 'http' ? 'HTTP' : String(check);

function hostileOutcome({ played, unexpected, cut, examples, notRun }: HostileCaseFigures): string {
  const parts: string[] = [];
  if (unexpected > 0)
    parts.push(`❌ ${formatNumber(unexpected)}: ${examples.map(escapeMarkdown).join('; ')}`);
  if (cut > 0) parts.push(`${formatNumber(cut)} cut by the stop`);
  if (notRun !== undefined)
    parts.push(`${played + cut === 0 ? 'not run' : 'not always run'}: ${escapeMarkdown(notRun)}`);
  return parts.join(' · ');
}

/**
 * What came of the hostile requests beside the load: a sentence, and a row a case with those that were not answered as
 * they should be on top. @returns nothing when the run had none
 */
function hostileSection(hostile: HostileFigures | undefined): string {
  if (hostile === undefined) return '';
  const { played, unexpected, requests, rounds, cut, answers: byClass } = hostile;
  const counts = Object.entries(byClass)
    .sort(([a], [b]) => compareAnswers(a, b))
    .map(([answer, count]) =>
      answer.startsWith('error:')
        ? `${formatNumber(count)} × ${describeAnswer(answer)}`
        : `${formatNumber(count)} × ${escapeMarkdown(answer)}`,
    );
  const verdict =
    played === 0
      ? `No hostile case was played to its end.`
      : unexpected === 0
        ? `All ${formatNumber(played)} were answered as they should be.`
        : `**${formatNumber(unexpected)} of ${formatNumber(played)} were not answered as they should be.**`;
  const sentence =
    `Beside the load, requests that are wrong on purpose: ${formatNumber(requests)} in ${formatNumber(rounds)} whole ` +
    `round${rounds === 1 ? '' : 's'} of ${formatNumber(hostile.cases.length)} cases. ${verdict}` +
    (cut > 0 ? ` ${formatNumber(cut)} were cut by the stop.` : '') +
    (counts.length > 0 ? `\n\nWhat came: ${counts.join(', ')}.` : '');
  const rows = [...hostile.cases]
    .sort((a, b) => Number(b.unexpected > 0) - Number(a.unexpected > 0))
    .map((figures) => [
      hostileCheck(figures.check),
      code(figures.name),
      escapeMarkdown(figures.what),
      escapeMarkdown(figures.expected),
      formatNumber(figures.played),
      formatNumber(figures.asExpected),
      hostileOutcome(figures),
    ]);
  const head = ['Check', 'Case', 'What', 'Expected', 'Played', 'As expected', 'Otherwise'];
  const align: Align[] = ['left', 'left', 'left', 'left', 'right', 'right', 'left'];
  return `## Hostile requests\n\n${sentence}\n\n${table(head, rows, align)}`;
}

function processes({ processes: all }: Figures): string {
  const entries = Object.entries(all);
  if (entries.length === 0) return '## CPU and memory\n\nNo process was watched.';
  const cores = (value: number | null) => orNoData(value, formatNumber);
  const growths = entries.flatMap(([, { rssGrowth }]) => rssGrowth ?? []);
  const rows = entries.map(([name, figures]) => [
    escapeMarkdown(name),
    cores(figures.cpuCoresMean),
    cores(figures.cpuCoresMax),
    orNoData(figures.rssBytesMax, formatBytes),
    ...(growths.length > 0
      ? [orNoData(figures.rssGrowth?.bytesPerMinute ?? null, formatGrowth)]
      : []),
    formatNumber(figures.readings),
  ]);
  const head = [
    'Process',
    'CPU, mean (cores)',
    'CPU, peak (cores)',
    'Memory, peak (RSS)',
    ...(growths.length > 0 ? ['Memory growth'] : []),
    'Readings',
  ];
  const overMs = Math.max(...growths.map((growth) => growth.overMs));
  const explained =
    growths.length > 0
      ? `\n\nMemory growth is the median slope over ${formatDuration(overMs)}; the first ${formatDuration(SETTLING_MS)}, in which a process fills its caches, are left out.`
      : '';
  const align: Align[] = head.map((_, i) => (i === 0 ? 'left' : 'right'));
  return `## CPU and memory\n\n${table(head, rows, align)}${explained}`;
}

function breakpointSection(figures: Summary['breakpoint']): string {
  if (!figures) return '';
  const { trials, rate, low, high, confirmedRate, holdMs } = figures;
  const share = (value: number | null) => orNoData(value, formatShare);
  const rows = trials.map((trial, i) => [
    String(i + 1),
    formatNumber(trial.rate),
    trial.outcome,
    share(trial.keepingUpShare),
    share(trial.errorRate),
    orNoData(trial.p50Ms, formatMs),
    orNoData(trial.p95Ms, formatMs),
    orNoData(trial.p99Ms, formatMs),
    orNoData(trial.backendCores, formatNumber),
    escapeMarkdown(trial.failedGates.join(', ')),
  ]);
  const head = [
    'Trial',
    'Submissions/s',
    'Outcome',
    'Answered in time',
    'Errors',
    'p50',
    'p95',
    'p99',
    'Backend cores',
    'Gates that failed',
  ];
  const align: Align[] = ['right', 'right', 'left'];
  align.push(...Array.from({ length: 6 }, () => 'right' as const), 'left');
  const found =
    rate === null
      ? 'No rate was seen to hold.'
      : `The knee lies at ${formatNumber(rate)} submissions/s; with 95 % probability between ${formatNumber(low!)} and ${formatNumber(high!)}.`;
  const confirmed =
    confirmedRate === null
      ? ''
      : ` The last load, at ${formatNumber(confirmedRate)}/s, held; the other figures of this page are its own.`;
  return [
    '## Highest rate that holds',
    `${found}${confirmed} Each trial held its rate for ${formatDuration(holdMs)}; *answered in time* is the share of the starts in its second half that were answered in it.`,
    table(head, rows, align),
  ].join('\n\n');
}

/** PostgreSQL's own figures, one table a database; nothing when none was watched. */
function databases(resources: Run['resources']): string {
  const byName = postgresFigures(resources);
  const number = (value: number) => formatNumber(value);
  const rowsOf: [string, keyof PostgresFigures, (value: number) => string][] = [
    ['Connections', 'connections', number],
    ['Connections to all databases', 'serverConnections', number],
    ['Commits per second', 'commitsPerSecond', number],
    ['Rollbacks per second', 'rollbacksPerSecond', number],
    ['Rows inserted per second', 'rowsInsertedPerSecond', number],
    ['Blocks found in buffers', 'blockHitShare', formatShare],
    ['Deadlocks per reading', 'deadlocks', number],
    ['Bytes of temporary files per second', 'temporaryBytesPerSecond', formatBytes],
    ['Database', 'databaseBytes', formatBytes],
    ['Table submissions', 'submissionsBytes', formatBytes],
  ];
  return Object.entries(byName)
    .map(([name, figures]) => {
      const rows = rowsOf.flatMap(([title, key, format]) => {
        const figure = figures[key];
        return figure ? [[title, format(figure.mean), format(figure.max)]] : [];
      });
      const most = figures.maxConnections;
      const limit = most ? `\n\nThe server takes ${formatNumber(most.max)} connections.` : '';
      const body = table(['Figure', 'Mean', 'Highest'], rows, ['left', 'right', 'right']);
      return `## PostgreSQL ${escapeMarkdown(name)}\n\n${body}${limit}`;
    })
    .join('\n\n');
}

function pictureSections(pictures: readonly string[]): string[] {
  const sections = CHART_NAMES.flatMap((name) => {
    const picture = pictures.find((file) => file.startsWith(`${name}.`));
    return picture === undefined ? [] : [`![${CHART_TITLES[name]}](${encodeURI(picture)})`];
  });
  return sections.length === 0 ? [] : ['## Pictures', ...sections];
}

const SOURCE: Record<string, string> = {
  flag: 'command line',
  environment: 'environment',
  file: 'file',
  scenario: 'scenario',
  default: 'default',
};

function howItRan({ options, corpus, load, seed, estimate }: Plan): string {
  const think =
    load.rate !== undefined || load.timed !== undefined
      ? `open model with ${formatNumber(load.vus)} VUs ready`
      : load.think.maxMs === 0
        ? 'no think time'
        : `think time ${formatDuration(load.think.minMs)} to ${formatDuration(load.think.maxMs)}`;
  const sentence =
    `${paceInWords(load)} (${load.executor}), ${think}, ` +
    `request timeout ${formatDuration(load.requestTimeoutMs)}. ` +
    (corpus.producers === 0
      ? `${count(corpus.submissions, 'recorded body', 'recorded bodies')}, sent as they are, `
      : `The corpus held ${count(corpus.submissions, 'signed submission')} of ` +
        `${count(corpus.producers, 'block producer')} on ${corpus.network}, from seed ${code(seed)}, `) +
    `${formatBytes(corpus.meanBodyBytes)} each on average (${formatBytes(corpus.maxBodyBytes)} at most). ` +
    (estimate.submissions === null
      ? 'Planned: as many as the target answers.'
      : `Planned: ${count(estimate.submissions, 'submission')}.`);
  const rows = Object.entries(options)
    // What nobody touched says nothing; where the results lie is where this page lies.
    .filter(
      ([name, { value, source }]) => value !== null && source !== 'default' && name !== 'results',
    )
    .sort(([a], [b]) => a.localeCompare(b, 'en'))
    .map(([name, { value, source }]) => [
      code(`--${name}`),
      code(String(value)),
      SOURCE[source] ?? escapeMarkdown(source),
    ]);
  const chosen =
    rows.length === 0
      ? 'All options had their defaults.'
      : `${table(['Option', 'Value', 'Set by'], rows, ['left', 'left', 'left'])}\n\nAll other options had their defaults.`;
  return `## How it was run\n\n${sentence}\n\n${chosen}`;
}

const count = (n: number, one: string, many = `${one}s`): string =>
  `${formatNumber(n)} ${n === 1 ? one : many}`;

/** `memoryBytes` -> `memory`, `cpuModel` -> `cpu model`: the unit stands with the value. */
const wordsOf = (name: string): string =>
  name
    .replace(/Bytes$/, '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();

function environment({ versions, host }: Plan): string {
  const rows = [
    ...Object.entries(versions).map(([name, version]) => [name, version]),
    ...Object.entries(host).map(([name, value]) => [
      wordsOf(name),
      orNoData(value, (fact) =>
        typeof fact !== 'number'
          ? fact
          : /bytes/i.test(name)
            ? formatBytes(fact)
            : formatNumber(fact),
      ),
    ]),
  ].map((row) => row.map(escapeMarkdown));
  return `## Versions and machine\n\n${table(['Fact', 'Value'], rows, ['left', 'left'])}`;
}

/**
 * Writes `report.md` into the run's folder, with links to the pictures that lie there.
 * @returns the path written. @throws UserError if the run cannot be read or the page not be written
 */
export async function writeReport(folder: string): Promise<string> {
  const run = await readRun(folder);
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
