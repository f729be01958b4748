/**
 * How long after it was sent a submission reached each stage of the chain, over the time of sending. A coordinator that keeps up draws teeth of one
 * height, one a batch; one that falls behind draws them higher and higher. Pure.
 */
import type { LagsOverTime } from '../results/types.ts';
import { formatNumber } from '../results/units.ts';
import { CHART_TITLES } from './names.ts';
import type { Mark } from './marks.ts';
import {
  COLOUR,
  GAP,
  line,
  type LineConfiguration,
  markersOf,
  timeChart,
  withGaps,
} from './panels.ts';
import { type Theme, themed } from './theme.ts';

export type StageLags = Omit<LagsOverTime, 'beganMs'> & {
  /** What else happened on this axis, faults above all; absent: nothing. */
  marks?: readonly Mark[];
};

const WIDTH = 1200;
const HEIGHT = 760;
const COLOURS = [COLOUR.blue, COLOUR.green, COLOUR.orange, COLOUR.purple];
/** Later stages lie under earlier ones, and may coincide with them: wider, so that they show. */
const WIDTHS = [2.25, 2.25, 6, 10];
/** More lines of batches hide what is drawn. */
const MOST_MARKERS = 12;
const LEAST_S = 0.001;
const TITLE = CHART_TITLES['stage-lags'];

/** @param subtitle which run */
export const stageLagsChart = (
  subtitle: string,
  data: StageLags,
): {
  name: 'stage-lags';
  title: string;
  description: string;
  caption: string;
  width: number;
  height: number;
  config: (theme?: Theme) => LineConfiguration;
} => ({
  name: 'stage-lags',
  title: TITLE,
  description: describe(data),
  width: WIDTH,
  height: HEIGHT,
  caption: captionOf(data),
  config: (theme = 'light') => themed(configOf(subtitle, data), theme),
});

function configOf(
  subtitle: string,
  { seconds, stepS, batches, stages, marks = [] }: StageLags,
): LineConfiguration {
  const drawn = stages.filter(({ steps }) => steps.length > 0);
  const values = (steps: StageLags['stages'][number]['steps'], of: 'p50S' | 'maxS') =>
    // A logarithm has no place for 0.
    withGaps(steps.map((step) => ({ ...step, value: Math.max(LEAST_S, step[of]) })));
  return timeChart({
    title: TITLE,
    subtitle,
    span: { startT: 0, seconds, stepS },
    note: 'thin: the longest of each step',
    markers: [
      ...(batches.length <= MOST_MARKERS
        ? batches.map(({ endS }, i) => ({ x: endS, label: i === 0 ? 'end of a batch' : '' }))
        : []),
      ...markersOf(marks),
    ],
    panels: [
      // A load that is shorter than a batch has none on its axis.
      ...(batches.some(({ countedAfterS }) => countedAfterS !== null)
        ? [
            {
              id: 'batches',
              title: 'Counted (s after its end)',
              weight: 1,
              datasets: [
                line({
                  label: '',
                  yAxisID: 'batches',
                  colour: COLOUR.vermillion,
                  width: 2.25,
                  data: batches.map(({ endS, countedAfterS }) => ({
                    x: endS,
                    y: countedAfterS ?? GAP,
                  })),
                }),
              ],
            },
          ]
        : []),
      {
        id: 'lag',
        title: 'Seconds since it was sent (logarithmic)',
        weight: 3,
        logarithmic: true,
        datasets: drawn.flatMap(({ name, steps }) => {
          const place = stages.findIndex((stage) => stage.name === name);
          const style = { yAxisID: 'lag', colour: COLOURS[place % COLOURS.length] };
          const width = WIDTHS[place % WIDTHS.length];
          return [
            line({ ...style, label: `${name} (median)`, width, data: values(steps, 'p50S') }),
            line({ ...style, label: '', width: 0.9, dash: [4, 3], data: values(steps, 'maxS') }),
          ];
        }),
      },
    ],
  });
}

function describe({ stages }: StageLags): string {
  const longest = stages.flatMap(({ name, steps }) => {
    if (steps.length === 0) return [];
    const seconds = steps.reduce((most, { maxS }) => Math.max(most, maxS), 0);
    return [`${name} ${formatNumber(seconds)} s`];
  });
  return longest.length === 0
    ? 'no submission reached a stage'
    : `median and longest lag of each stage over the time of sending; the longest of all: ${longest.join(', ')}`;
}

const seconds = (value: number): string => `${formatNumber(Number(value.toPrecision(3)))} s`;

/** What one sees: how long after its sending a submission was counted, and whether the batches keep up. */
function captionOf({ stages, batches }: StageLags): string {
  const levels = stages.flatMap(({ name, steps }) => {
    const medians = steps.map(({ p50S }) => p50S).sort((a, b) => a - b);
    return medians.length === 0 ? [] : [`${name} ${seconds(medians[(medians.length - 1) >> 1])}`];
  });
  if (levels.length === 0) return 'There is nothing to see: no submission reached a stage.';
  const course = batchWords(batches.flatMap(({ countedAfterS }) => countedAfterS ?? []));
  return `Half of the submissions were, after they were sent: ${levels.join(', ')}${course === '' ? '' : `; ${course}`}.`;
}

/** Less is no delay that a batch could be said to have. */
const LEAST_DELAY_S = 1;

function batchWords(delays: readonly number[]): string {
  if (delays.length === 0) return '';
  const longest = delays.reduce((most, one) => Math.max(most, one), 0);
  const [first, last] = [delays[0], delays.at(-1)!];
  const isLater = delays.length >= 3 && last === longest && last >= 2 * Math.max(first, LEAST_DELAY_S); // prettier-ignore
  return isLater
    ? `the batches came later and later: the first was counted ${seconds(first)} after its end, the last ${seconds(last)}`
    : `each batch was counted within ${seconds(longest)} of its end`;
}
