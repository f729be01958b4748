/** A run in a wiki whose page names are global (GitHub's): names that carry the run's id, its page, its line in the list. Pure. */
import type { RunView as Run } from '../results/sums.ts';
import { formatDate } from '../results/units.ts';
import { outcomeOf } from './outcome.ts';
import type { Block, Page } from './page.ts';
import { escapeMarkdown } from './print-markdown.ts';
import { pageOfRun } from './run-page.ts';
import { idOf, titleOf } from './sections/head.ts';

export const LIST_FILE = 'Test-Reports.md';
const LIST_HEAD = '# Test reports\n';
const PAGE_PREFIX = 'Load-Test-';

/** What a file's name and a link take on every system. */
const nameOf = (run: Run): string => idOf(run).replaceAll(/[^\w.-]+/g, '-');

/** Without its ending, as a link has it. */
export const pageNameOf = (run: Run): string => `${PAGE_PREFIX}${nameOf(run)}`;

/** Of a chart's picture, from the wiki's root. */
export const pictureFileOf = (run: Run, chart: string, format: 'png' | 'svg'): string =>
  `images/${nameOf(run)}-${chart}.${format}`;

/** The report, its PNG pictures leading to the same as SVG. @param charts names of those that are drawn */
export function wikiPage(run: Run, charts: readonly string[]): Page {
  const page = pageOfRun(
    run,
    charts.map((chart) => `${chart}.png`),
  );
  const here = (block: Block): Block => {
    if (block.kind !== 'picture') return block;
    const chart = block.file.replace(/\.png$/, '');
    return {
      ...block,
      file: pictureFileOf(run, chart, 'png'),
      link: pictureFileOf(run, chart, 'svg'),
    };
  };
  return {
    ...page,
    sections: page.sections.map((section) => ({ ...section, blocks: section.blocks.map(here) })),
  };
}

export function listLine(run: Run): string {
  const { passed, sentence, scenario, startedAt } = outcomeOf(run);
  const facts = [
    ...(startedAt === undefined ? [] : [formatDate(startedAt)]),
    `scenario ${scenario}`,
    `${passed ? '✅' : '❌'} ${sentence}`,
  ];
  return `- [${escapeMarkdown(titleOf(run))}](${pageNameOf(run)}) · ${facts.map(escapeMarkdown).join(' · ')}`;
}

/** The page that a line of the list leads to. */
const pageOfLine = (line: string): string | null =>
  /^[-*] \[(?:[^\]\\]|\\.)*\]\((Load-Test-[\w.-]+)\)/.exec(line)?.[1] ?? null;

/**
 * The list with the run's line, newest first; everything else stays where it is. A line that is there already stays too, with what people
 * added to it, unless it is from before the run had a verdict.
 * @param list the file's text; null: there is none yet
 */
export function listWith(list: string | null, run: Run): string {
  const line = listLine(run);
  const name = pageNameOf(run);
  if (list === null || list.trim() === '') return `${LIST_HEAD}\n${line}\n`;
  const end = list.includes('\r\n') ? '\r\n' : '\n';
  const lines = list.split(/\r?\n/);
  const there = lines.findIndex((one) => pageOfLine(one) === name);
  if (there !== -1) {
    if (!lines[there].includes('NO VERDICT') || lines[there] === line) return list;
    return lines.with(there, line).join(end);
  }
  const pages = lines.map(pageOfLine);
  const older = pages.findIndex((page) => page !== null && page < name);
  const last = pages.findLastIndex((page) => page !== null);
  if (older !== -1) return lines.toSpliced(older, 0, line).join(end);
  if (last !== -1) return lines.toSpliced(last + 1, 0, line).join(end);
  return `${list.trimEnd()}${end}${end}${line}${end}`;
}
