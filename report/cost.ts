/** The sections of the report on what a submission cost the target, and on what the target's log said. Pure. */
import { markdownTable } from 'markdown-table';
import type { CostFigures, Estimate, LogFigures } from '../results/types.ts';
import {
  formatBytes,
  formatDuration,
  formatMs,
  formatNumber,
  formatShare,
} from '../results/units.ts';

type Escape = (text: string) => string;

const range = ({ value, low, high }: Estimate, format: (value: number) => string): string =>
  `${format(value)} (${format(low)} to ${format(high)})`;

const cores = (value: number): string => `${formatNumber(value)} cores`;

/** Each figure of {@link CostFigures} that has a row: its words, and how its value reads. */
const ROWS: readonly [
  name: keyof CostFigures,
  words: string,
  read: (cost: CostFigures) => string | null,
][] = [
  [
    'cpuMsPerSubmission',
    'CPU per submission, mean',
    (cost) => plain(cost.cpuMsPerSubmission, formatMs),
  ],
  ['fixedCores', 'CPU at no load', (cost) => withRange(cost.fixedCores, cores)],
  [
    'cpuMsPerFurtherSubmission',
    'CPU that each submission adds',
    (cost) => withRange(cost.cpuMsPerFurtherSubmission, formatMs),
  ],
  ['bytesInPerSubmission', 'Body', (cost) => plain(cost.bytesInPerSubmission, formatBytes)],
  ['bytesOutPerSubmission', 'Answer', (cost) => plain(cost.bytesOutPerSubmission, formatBytes)],
  [
    'bytesWrittenPerSubmission',
    'Written to storage',
    (cost) => plain(cost.bytesWrittenPerSubmission, formatBytes),
  ],
  [
    'bytesStoredPerSubmission',
    'Stored',
    (cost) => plain(cost.bytesStoredPerSubmission, formatBytes),
  ],
  ['writeAmplification', 'Written / body', (cost) => plain(cost.writeAmplification, formatNumber)],
  [
    'memoryBytesPerSubmission',
    'Memory that each submission adds (RSS)',
    (cost) => withRange(cost.memoryBytesPerSubmission, formatBytes),
  ],
  [
    'memoryBytesPerVu',
    'Memory per VU (RSS)',
    (cost) => withRange(cost.memoryBytesPerVu, formatBytes),
  ],
];

const plain = (value: number | null, format: (value: number) => string): string | null =>
  value === null ? null : format(value);
const withRange = (value: Estimate | null, format: (value: number) => string): string | null =>
  value === null ? null : range(value, format);

/** @returns nothing where the target's processes were not watched */
export function costSection(cost: CostFigures | undefined, escape: Escape): string {
  if (cost === undefined) return '';
  const { submissions, seconds, readings, r2, stretchSeconds, unknown, target } = cost;
  const rows = ROWS.map(([name, words, read]) => [
    words,
    read(cost) ?? `not known: ${escape(unknown[name] ?? 'no reason given')}`,
  ]);
  const basis =
    `Of the processes of ${escape(target)}, over ${formatNumber(submissions)} submissions in ` +
    `${formatDuration(seconds * 1000)} with ${formatNumber(readings)} readings.` +
    (r2 === null || stretchSeconds === null
      ? ''
      : ` The regression over stretches of ${formatDuration(stretchSeconds * 1000)} explains ${formatShare(r2)} of the variation of the CPU.`) +
    ' In brackets: the 95 % confidence interval.';
  return `## What a submission costs\n\n${basis}\n\n${markdownTable([['Figure', 'Value'], ...rows], { align: ['left', 'left'] })}`;
}

/** Rows of the table; what is left is summed up. */
const MOST_ROWS = 20;

const clock = (rfc3339: string): string => rfc3339.slice(11, 19);

/** @returns nothing where no log was followed */
export function logSection(logs: LogFigures | undefined, escape: Escape): string {
  if (logs === undefined) return '';
  const { sources, lines, errors, allowed, skippedBytes = 0, groups } = logs;
  const expected = allowed > 0 ? `, and ${formatNumber(allowed)} that --log-allow knows` : '';
  const skipped =
    skippedBytes > 0
      ? ` ${formatBytes(skippedBytes)} came faster than they could be read, and were passed over: there may be more.`
      : '';
  const sentence =
    `${sources.map(escape).join(', ')}: ${formatNumber(lines)} lines, ` +
    `${errors === 0 ? 'no' : formatNumber(errors)} error${errors === 1 ? '' : 's'}${expected}.${skipped}`;
  if (groups.length === 0) return `## The target's log\n\n${sentence}`;
  const rows = groups
    .slice(0, MOST_ROWS)
    .map(({ shape, level, count, allowed: isKnown, firstAt, lastAt, example }) => [
      formatNumber(count),
      escape(isKnown ? `${level}, allowed` : level),
      escape(shape),
      clock(firstAt),
      clock(lastAt),
      escape(example === '' ? '' : example.slice(0, 160)),
    ]);
  const more =
    groups.length > MOST_ROWS
      ? `\n\n${formatNumber(groups.length - MOST_ROWS)} more kinds of lines are in summary.json.`
      : '';
  const head = ['Count', 'Level', 'What', 'First (UTC)', 'Last (UTC)', 'One of them'];
  const table = markdownTable([head, ...rows], {
    align: ['right', 'left', 'left', 'left', 'left', 'left'],
  });
  return `## The target's log\n\n${sentence}\n\n${table}${more}`;
}
