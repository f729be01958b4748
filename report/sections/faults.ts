/** What was made to go wrong on purpose, and what it did to the load. Pure. */
import { FaultMeter } from '../../results/faults.ts';
import type { RunView } from '../../results/sums.ts';
import { type FaultFigures, type FaultWindow } from '../../results/types.ts';
import { countOf, formatMs, formatNumber, formatShare } from '../../results/units.ts';
import { NO_DATA, paragraph, type Section, table } from '../page.ts';

/** Rows of a table; what is left stands in summary.json. */
const MOST_ROWS = 50;

/** @returns nothing where no fault was asked for */
export function faultsSection({ plan, summary, marks = [] }: RunView): Section[] {
  const planned = plan?.faults ?? [];
  if (planned.length === 0) return [];
  const faults = summary?.faults ?? withoutSeconds(planned, marks);
  const shown = faults.slice(0, MOST_ROWS);
  const failed = faults.filter(({ problem }) => problem !== undefined);
  return [
    {
      id: 'faults',
      title: 'Faults on purpose',
      blocks: [
        paragraph(
          'Errors and latencies of the answers that came up to 30 s before each fault, within it, and up to 30 s after it; it has recovered with the first of three seconds whose errors and p95 are no higher than those of the seconds before (p95: by no more than a quarter).',
        ),
        table(
          ['Fault', 'From', 'To', 'Errors before', 'within', 'after', 'p95 before', 'within', 'after', 'Recovered after', 'Lost'], // prettier-ignore
          shown.map(rowOf),
        ),
        ...failed.map(({ fault, problem }) => paragraph(`${fault}: ${problem!}.`)),
        ...(faults.length > MOST_ROWS
          ? [paragraph(`${countOf(faults.length - MOST_ROWS, 'more fault')}: summary.json.`)]
          : []),
      ],
    },
  ];
}

/** Of a run that did not end by itself: when they were on. */
function withoutSeconds(
  planned: NonNullable<NonNullable<RunView['plan']>['faults']>,
  marks: NonNullable<RunView['marks']>,
): FaultFigures[] {
  const meter = new FaultMeter(planned);
  for (const mark of marks) meter.mark(mark);
  const [first] = marks;
  const index = first === undefined ? 0 : Number(first.id.split('-').at(-1));
  // Where the load began is known by the plan: the first mark came at its time.
  return meter.figures(first === undefined ? 0 : first.fromMs - (planned[index]?.fromMs ?? 0));
}

const seconds = (ms: number | null): string =>
  ms === null ? '-' : `${formatNumber(Number((ms / 1000).toFixed(1)))} s`;

const errorsOf = (window: FaultWindow | null): string =>
  window === null
    ? '-'
    : window.sent === 0
      ? 'no answer'
      : `${formatNumber(window.errors)} (${formatShare(window.errors / window.sent)})`;

const p95Of = (window: FaultWindow | null): string =>
  window === null ? '-' : window.p95Ms === null ? NO_DATA : formatMs(window.p95Ms);

function rowOf(one: FaultFigures): string[] {
  const { fault, fromMs, untilMs, before, within, after, recoveryMs, lost, struck } = one;
  const name = struck === undefined ? fault : `${fault} (struck ${formatNumber(struck)})`;
  return [
    name,
    one.state === 'skipped' ? 'not on: the load ended before' : seconds(fromMs),
    untilMs === null && fromMs !== null ? 'not ended' : seconds(untilMs),
    ...[before, within, after].map(errorsOf),
    ...[before, within, after].map(p95Of),
    recoveryMs === null ? recoveryWords(one) : seconds(Math.max(0, recoveryMs)),
    lost === undefined ? '-' : `${formatNumber(lost)} of ${formatNumber(within?.accepted ?? 0)}`,
  ];
}

const recoveryWords = ({ unrecovered }: FaultFigures): string =>
  unrecovered === 'not seen'
    ? 'not seen'
    : unrecovered === 'no seconds before'
      ? 'not known: nothing before it'
      : '-';
