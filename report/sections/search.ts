/** What a search for the highest rate has found, and its trials. Pure. */
import type { BreakpointFigures } from '../../results/types.ts';
import { formatDuration, formatMs, formatNumber, formatShare } from '../../results/units.ts';
import { type Align, orNoData, paragraph, type Section, table } from '../page.ts';

/** Of the trials of an older toolkit: what they were judged by. */
const ANSWERED: [words: string, align: Align] = ['Answered in time', 'right'];
const HEAD: readonly [words: string, align: Align][] = [
  ['Trial', 'right'],
  ['Submissions/s', 'right'],
  ['Outcome', 'left'],
  ['Queue growth', 'right'],
  ['Errors', 'right'],
  ['p50', 'right'],
  ['p95', 'right'],
  ['p99', 'right'],
  ['Backend cores', 'right'],
  ['Gates that failed', 'left'],
];

export function searchSection(figures: BreakpointFigures | undefined): Section[] {
  if (!figures) return [];
  const { trials, holdMs } = figures;
  const isOld = trials.every(({ queueGrowth }) => queueGrowth === undefined);
  const head = HEAD.map((column) => (isOld && column[0] === 'Queue growth' ? ANSWERED : column));
  const share = (value: number | null) => orNoData(value, formatShare);
  const rows = trials.map((trial, i) => [
    trial.confirmsForMs === undefined
      ? String(i + 1)
      : `${i + 1}, for ${formatDuration(trial.confirmsForMs)}`,
    formatNumber(trial.rate),
    trial.outcome,
    share(isOld ? trial.keepingUpShare : (trial.queueGrowth ?? null)),
    share(trial.errorRate),
    orNoData(trial.p50Ms, formatMs),
    orNoData(trial.p95Ms, formatMs),
    orNoData(trial.p99Ms, formatMs),
    orNoData(trial.backendCores, formatNumber),
    trial.failedGates.join(', '),
  ]);
  return [
    {
      id: 'search',
      title: 'Highest rate that holds',
      blocks: [
        paragraph([
          `${found(figures)} Each trial held its rate for ${formatDuration(holdMs)}; `,
          ...(isOld
            ? [
                { em: 'answered in time' },
                ' is the share of the starts in its second half that were answered in it.',
              ]
            : [
                { em: 'queue growth' },
                ' is by how much more was in flight in its last quarter than in its first, beyond what chance makes, as a share of the starts between them.',
              ]),
        ]),
        table(
          head.map(([words]) => words),
          rows,
          head.map(([, align]) => align),
        ),
      ],
    },
  ];
}

/** Within so many blurs of the knee 19 of 20 trials do not go the same way: the logistic function is 0.95 at 3. */
const UNSURE_BLURS = 3;

function found({
  rate,
  low,
  high,
  blur,
  confirmedRate,
  notConfirmed,
  trials,
}: BreakpointFigures): string {
  if (notConfirmed !== undefined) {
    const { rate: tried, throttlesAfterMs } = notConfirmed;
    return throttlesAfterMs === null
      ? `No knee is given: no longer load held (the last at ${formatNumber(tried)}/s).`
      : `No knee is given: at ${formatNumber(tried)}/s, which shorter trials say it takes, the target throttles after ${formatDuration(throttlesAfterMs)}.`;
  }
  if (rate === null || low === null || high === null)
    return trials.some(({ outcome }) => outcome === 'held')
      ? 'No knee is given: no longer load confirmed it.'
      : 'No rate was seen to hold.';
  const sentences = [
    `The knee lies at ${formatNumber(rate)} submissions/s; with 95 % probability between ${formatNumber(low)} and ${formatNumber(high)}.`,
  ];
  if (blur !== null && blur !== undefined)
    sentences.push(`Within ${formatShare(UNSURE_BLURS * blur)} of it a trial may go either way.`);
  if (confirmedRate !== null)
    sentences.push(
      `The last load, at ${formatNumber(confirmedRate)}/s, held; the other figures of this page are its own.`,
    );
  return sentences.join(' ');
}
