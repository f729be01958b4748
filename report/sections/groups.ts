/** What came of each size or kind of submissions. Pure. */
import type { PartFigures } from '../../results/types.ts';
import { formatBytes, formatMs, formatNumber, formatShare } from '../../results/units.ts';
import { type Align, NO_DATA, paragraph, type Section, table } from '../page.ts';
import { otherAnswers } from './answers.ts';

type Column = {
  head: string;
  align: Align;
  cell: (group: PartFigures, all: readonly PartFigures[]) => string;
};

const figure = (head: string, cell: Column['cell']): Column => ({ head, align: 'right', cell });

/** Of hostile requests a case is what is expected, and it is judged in a table of its own. */
const COUNTS: readonly Column[] = [
  figure('Sent', ({ sent }) => formatNumber(sent)),
  figure('Accepted', ({ accepted }) => formatNumber(accepted)),
  figure('As expected', ({ expected }) =>
    expected === null ? 'see below' : formatNumber(expected),
  ),
];

const latency = (head: string, key: 'p50Ms' | 'p95Ms' | 'maxMs'): Column =>
  figure(head, ({ latency: figures, expected }) =>
    figures === null ? (expected === null ? '' : NO_DATA) : formatMs(figures[key]),
  );
const LATENCIES: readonly Column[] = [
  latency('p50', 'p50Ms'),
  latency('p95', 'p95Ms'),
  latency('max', 'maxMs'),
];
const OTHERS: Column = {
  head: 'Other answers',
  align: 'left',
  cell: ({ answers }) => otherAnswers(answers),
};

const name = (head: string): Column => ({ head, align: 'left', cell: (group) => group.name });
const sumOf = (all: readonly PartFigures[], of: (group: PartFigures) => number): number =>
  all.reduce((sum, group) => sum + of(group), 0);

const SIZES: readonly Column[] = [
  name('Size'),
  figure('Body', ({ bodyBytes = 0 }) => formatBytes(bodyBytes)),
  ...COUNTS,
  ...LATENCIES,
  figure('Speed', ({ bytesPerSecond }) =>
    bytesPerSecond === null ? '' : `${formatBytes(bytesPerSecond)}/s`,
  ),
  OTHERS,
];

const KINDS: readonly Column[] = [
  name('Kind'),
  figure('Share, planned', ({ weight = 0 }, all) =>
    formatShare(weight / sumOf(all, (one) => one.weight ?? 0)),
  ),
  figure('Share, sent', ({ sent }, all) => {
    const inAll = sumOf(all, (one) => one.sent);
    return inAll === 0 ? NO_DATA : formatShare(sent / inAll);
  }),
  ...COUNTS,
  ...LATENCIES,
  OTHERS,
];

function sectionOf(
  id: string,
  title: string,
  columns: readonly Column[],
  groups: readonly PartFigures[] | undefined,
  more = '',
): Section[] {
  if (groups === undefined) return [];
  return [
    {
      id,
      title,
      blocks: [
        table(
          columns.map(({ head }) => head),
          groups.map((group) => columns.map(({ cell }) => cell(group, groups))),
          columns.map(({ align }) => align),
        ),
        paragraph(`Latency of expected answers: sending, waiting, receiving.${more}`),
      ],
    },
  ];
}

export const sizesSection = (groups: readonly PartFigures[] | undefined): Section[] =>
  sectionOf(
    'sizes',
    'Sizes',
    SIZES,
    groups,
    ' The speed is that of one body on its way, answer included.',
  );

export const kindsSection = (groups: readonly PartFigures[] | undefined): Section[] =>
  sectionOf('kinds', 'Kinds', KINDS, groups);
