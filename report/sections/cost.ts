/** What a submission cost the target. Pure. */
import { isFigure } from '../../results/cost.ts';
import type { CostFigures, Estimate } from '../../results/types.ts';
import {
  countOf,
  formatBytes,
  formatDuration,
  formatMs,
  formatNumber,
  formatShare,
} from '../../results/units.ts';
import { paragraph, type Section, table } from '../page.ts';

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
/** An interval around zero, as older summaries have them, is no figure. */
const withRange = (value: Estimate | null, format: (value: number) => string): string | null =>
  value === null ? null : isFigure(value) ? range(value, format) : NOTHING;
const NOTHING = 'not known: it may as well be nothing';

/** @returns nothing where the target's processes were not watched */
export function costSection(cost: CostFigures | undefined): Section[] {
  if (cost === undefined) return [];
  const { submissions, seconds, readings, r2, stretchSeconds, unknown, target } = cost;
  const rows = ROWS.map(([name, words, read]) => [
    words,
    read(cost) ?? `not known: ${unknown[name] ?? 'no reason given'}`,
  ]);
  const basis =
    `Of the processes of ${target}, over ${countOf(submissions, 'submission')} in ` +
    `${formatDuration(seconds * 1000)} with ${countOf(readings, 'reading')}.` +
    (r2 === null || stretchSeconds === null
      ? ''
      : ` The regression over stretches of ${formatDuration(stretchSeconds * 1000)} explains ${formatShare(r2)} of the variation of the CPU.`) +
    ' In brackets: the 95 % confidence interval.';
  return [
    {
      id: 'cost',
      title: 'What a submission costs',
      blocks: [paragraph(basis), table(['Figure', 'Value'], rows, ['left', 'left'])],
    },
  ];
}
