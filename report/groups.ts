/** Tables of what came of each size (`big-blocks`) or kind (`mixed`) of submissions. Pure. */
import { markdownTable } from 'markdown-table';
import { ACCEPTED, compareAnswers, labelAnswer } from '../results/answers.ts';
import type { GroupFigures } from '../results/types.ts';
import { formatBytes, formatMs, formatNumber, formatShare } from '../results/units.ts';

/** @returns a section, or nothing where there are no groups */
export function groupSection(
  groups: readonly GroupFigures[] | undefined,
  what: 'sizes' | 'kinds',
): string {
  if (groups === undefined) return '';
  const [title, head, align, row] = what === 'sizes' ? SIZES : KINDS;
  const rows = groups.map((group) => row(group, groups));
  const words =
    what === 'sizes'
      ? 'Latency of expected answers: sending, waiting, receiving. The speed is that of one body on its way, answer included.'
      : 'Latency of expected answers: sending, waiting, receiving.';
  return `## ${title}\n\n${markdownTable([head, ...rows], { align })}\n\n${words}`;
}

type Layout = [
  title: string,
  head: string[],
  align: ('left' | 'right')[],
  row: (group: GroupFigures, all: readonly GroupFigures[]) => string[],
];

const SIZES: Layout = [
  'Sizes',
  [
    'Size',
    'Body',
    'Sent',
    'Accepted',
    'As expected',
    'p50',
    'p95',
    'max',
    'Speed',
    'Other answers',
  ],
  ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'left'],
  (group) => [
    group.name,
    formatBytes(group.bodyBytes ?? 0),
    ...counts(group),
    ...latency(group),
    group.bytesPerSecond === null ? '' : `${formatBytes(group.bytesPerSecond)}/s`,
    others(group),
  ],
];

const KINDS: Layout = [
  'Kinds',
  [
    'Kind',
    'Share, planned',
    'Share, sent',
    'Sent',
    'Accepted',
    'As expected',
    'p50',
    'p95',
    'max',
    'Other answers',
  ],
  ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'left'],
  (group, all) => {
    const weights = all.reduce((sum, { weight = 0 }) => sum + weight, 0);
    const sent = all.reduce((sum, one) => sum + one.sent, 0);
    return [
      group.name,
      formatShare((group.weight ?? 0) / weights),
      sent === 0 ? NO_DATA : formatShare(group.sent / sent),
      ...counts(group),
      ...latency(group),
      others(group),
    ];
  },
];

const NO_DATA = 'no data';

/** Of hostile requests a case is what is expected, and it is judged in a table of its own. */
const counts = ({ sent, accepted, expected }: GroupFigures): string[] => [
  formatNumber(sent),
  formatNumber(accepted),
  expected === null ? 'see below' : formatNumber(expected),
];

const latency = ({ latency: figures, expected }: GroupFigures): string[] =>
  (['p50Ms', 'p95Ms', 'maxMs'] as const).map((key) =>
    figures === null ? (expected === null ? '' : NO_DATA) : formatMs(figures[key]),
  );

const others = ({ answers }: GroupFigures): string =>
  Object.entries(answers)
    .filter(([answer, count]) => answer !== ACCEPTED && count > 0)
    .sort(([a], [b]) => compareAnswers(a, b))
    .map(([answer, count]) => `${formatNumber(count)} × ${labelAnswer(answer)}`)
    .join(', ');
