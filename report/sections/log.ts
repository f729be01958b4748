/** What the target's log said. Pure. */
import type { LogFigures, LogShape } from '../../results/types.ts';
import { countOf, formatBytes, formatNumber } from '../../results/units.ts';
import { type Block, paragraph, type Section, table } from '../page.ts';

/** Rows of a table; what is left is summed up. */
const MOST_ROWS = 20;
const MOST_EXAMPLE = 160;

const clock = (rfc3339: string): string => rfc3339.slice(11, 19);

/** @returns nothing where no log was followed */
export function logSection(logs: LogFigures | undefined): Section[] {
  if (logs === undefined) return [];
  const { groups, warningGroups = [] } = logs;
  return [
    {
      id: 'log',
      title: "The target's log",
      blocks: [
        paragraph(sentencesOf(logs).join(' ')),
        ...shapesTable('What', groups, ['more kind of lines', 'more kinds of lines']),
        ...shapesTable('Warning', warningGroups, [
          'more kind of warnings',
          'more kinds of warnings',
        ]),
      ],
    },
  ];
}

function sentencesOf(logs: LogFigures): string[] {
  const { sources, unread = [], lines, errors, allowed, caused = 0, warnings, groups } = logs;
  const { skippedBytes = 0 } = logs;
  const found = [
    countOf(lines, 'line'),
    errors === 0 ? 'no errors' : countOf(errors, 'error'),
    // Older folders did not count them.
    ...(warnings === undefined || warnings === 0 ? [] : [countOf(warnings, 'warning')]),
  ].join(', ');
  const expected = [
    ...(allowed > 0 ? [`, and ${formatNumber(allowed)} that --log-allow knows`] : []),
    ...(caused > 0 ? [`, and ${formatNumber(caused)} that the run itself caused`] : []),
  ].join('');
  const sentences = [`${sources.join(', ')}: ${found}${expected}.`];
  const lost = groups.reduce((sum, { means, count }) => sum + (means === 'loss' ? count : 0), 0);
  if (lost > 0)
    sentences.push(
      `${countOf(lost, 'of these says', 'of these say')} that something accepted was not kept.`,
    );
  if (unread.length > 0)
    sentences.push(
      `Not one line came from ${unread.join(', ')}, so nothing is known of errors there.`,
    );
  else if (lines === 0) sentences.push('Not one line came, so this says nothing of the target.');
  if (skippedBytes > 0)
    sentences.push(
      `${formatBytes(skippedBytes)} came faster than they could be read, and were passed over: there may be more.`,
    );
  return sentences;
}

/** The level, and what is known of such messages. */
function levelWords({ level, means, allowed }: LogShape): string {
  if (means !== undefined) return `${level}, ${means}`;
  return allowed ? `${level}, allowed` : level;
}

function shapesTable(
  what: string,
  groups: readonly LogShape[],
  [oneMore, manyMore]: readonly [string, string],
): Block[] {
  if (groups.length === 0) return [];
  const rows = groups
    .slice(0, MOST_ROWS)
    .map((group) => [
      formatNumber(group.count),
      levelWords(group),
      group.shape,
      clock(group.firstAt),
      clock(group.lastAt),
      group.example.slice(0, MOST_EXAMPLE),
    ]);
  const head = ['Count', 'Level', what, 'First (UTC)', 'Last (UTC)', 'One of them'];
  const left = groups.length - MOST_ROWS;
  return [
    table(head, rows, ['right', 'left', 'left', 'left', 'left', 'left']),
    ...(left > 0
      ? [
          paragraph(
            `${countOf(left, oneMore, manyMore)} ${left === 1 ? 'is' : 'are'} in summary.json.`,
          ),
        ]
      : []),
  ];
}
