/** What a search for the highest rate has found, and its trials. Pure. */
import type { BreakpointFigures } from '../../results/types.ts';
import { formatDuration, formatMs, formatNumber, formatShare } from '../../results/units.ts';
import { type Align, orNoData, paragraph, type Section, table } from '../page.ts';

const HEAD: readonly [words: string, align: Align][] = [
  ['Trial', 'right'],
  ['Submissions/s', 'right'],
  ['Outcome', 'left'],
  ['Answered in time', 'right'],
  ['Errors', 'right'],
  ['p50', 'right'],
  ['p95', 'right'],
  ['p99', 'right'],
  ['Backend cores', 'right'],
  ['Gates that failed', 'left'],
];

export function searchSection(figures: BreakpointFigures | undefined): Section[] {
  if (!figures) return [];
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
    trial.failedGates.join(', '),
  ]);
  const found =
    rate === null || low === null || high === null
      ? 'No rate was seen to hold.'
      : `The knee lies at ${formatNumber(rate)} submissions/s; with 95 % probability between ${formatNumber(low)} and ${formatNumber(high)}.`;
  const confirmed =
    confirmedRate === null
      ? ''
      : ` The last load, at ${formatNumber(confirmedRate)}/s, held; the other figures of this page are its own.`;
  return [
    {
      id: 'search',
      title: 'Highest rate that holds',
      blocks: [
        paragraph([
          `${found}${confirmed} Each trial held its rate for ${formatDuration(holdMs)}; `,
          { em: 'answered in time' },
          ' is the share of the starts in its second half that were answered in it.',
        ]),
        table(
          HEAD.map(([words]) => words),
          rows,
          HEAD.map(([, align]) => align),
        ),
      ],
    },
  ];
}
