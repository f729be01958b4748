/** What the target's log said. Pure. */
import type { LogFigures } from '../../results/types.ts';
import { countOf, formatBytes, formatNumber } from '../../results/units.ts';
import { paragraph, type Section, table } from '../page.ts';

/** Rows of the table; what is left is summed up. */
const MOST_ROWS = 20;
const MOST_EXAMPLE = 160;

const clock = (rfc3339: string): string => rfc3339.slice(11, 19);

/** @returns nothing where no log was followed */
export function logSection(logs: LogFigures | undefined): Section[] {
  if (logs === undefined) return [];
  const { sources, lines, errors, allowed, skippedBytes = 0, groups } = logs;
  const expected = allowed > 0 ? `, and ${formatNumber(allowed)} that --log-allow knows` : '';
  const skipped =
    skippedBytes > 0
      ? ` ${formatBytes(skippedBytes)} came faster than they could be read, and were passed over: there may be more.`
      : '';
  const found = errors === 0 ? 'no errors' : countOf(errors, 'error');
  const nothing = lines === 0 ? ' Not one line came, so this says nothing of the target.' : '';
  const sentence = `${sources.join(', ')}: ${countOf(lines, 'line')}, ${found}${expected}.${nothing}${skipped}`;
  const rows = groups
    .slice(0, MOST_ROWS)
    .map(({ shape, level, count, allowed: isKnown, firstAt, lastAt, example }) => [
      formatNumber(count),
      isKnown ? `${level}, allowed` : level,
      shape,
      clock(firstAt),
      clock(lastAt),
      example.slice(0, MOST_EXAMPLE),
    ]);
  const head = ['Count', 'Level', 'What', 'First (UTC)', 'Last (UTC)', 'One of them'];
  const left = groups.length - MOST_ROWS;
  return [
    {
      id: 'log',
      title: "The target's log",
      blocks: [
        paragraph(sentence),
        ...(rows.length === 0
          ? []
          : [table(head, rows, ['right', 'left', 'left', 'left', 'left', 'left'])]),
        ...(left > 0
          ? [
              paragraph(
                `${countOf(left, 'more kind of lines', 'more kinds of lines')} ${left === 1 ? 'is' : 'are'} in summary.json.`,
              ),
            ]
          : []),
      ],
    },
  ];
}
