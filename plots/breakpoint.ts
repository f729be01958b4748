/** The picture of a search for the highest rate that holds: each trial at its rate, and where the knee lies. Pure. */
import type { BreakpointFigures, BreakpointTrial } from '../results/types.ts';
import { formatMs, formatNumber } from '../results/units.ts';
import {
  chart,
  COLOUR,
  GAP,
  INK_SOFT,
  line,
  type LineConfiguration,
  type LineDataset,
  logAxis,
} from './panels.ts';
import type { Point } from './point.ts';

const OUTCOMES: Record<BreakpointTrial['outcome'], { label: string; colour: string }> = {
  held: { label: 'held', colour: COLOUR.blue },
  failed: { label: 'a gate failed', colour: COLOUR.vermillion },
  'generator-limited': { label: 'the generator could not send it', colour: COLOUR.grey },
};

/** Shapes as well as colours: held is round, failed is crossed. */
const SHAPES: Record<BreakpointTrial['outcome'], 'circle' | 'crossRot' | 'triangle'> = {
  held: 'circle',
  failed: 'crossRot',
  'generator-limited': 'triangle',
};

/** Trials of one outcome as dots. */
function dots(
  trials: readonly BreakpointTrial[],
  outcome: BreakpointTrial['outcome'],
  y: (trial: BreakpointTrial) => number | null,
  yAxisID: string,
  labelled: boolean,
): LineDataset {
  const data: Point[] = trials
    .filter((trial) => trial.outcome === outcome)
    .map((trial) => ({ x: trial.rate, y: y(trial) ?? GAP }))
    .sort((a, b) => a.x - b.x);
  const { label, colour } = OUTCOMES[outcome];
  const count = data.length;
  return {
    ...line({
      label: labelled && count > 0 ? `${label}: ${count}` : '',
      yAxisID,
      colour,
      width: 2,
      data,
    }),
    showLine: false,
    pointStyle: SHAPES[outcome],
    pointRadius: 5,
    pointBorderWidth: 2,
    order: 1,
  };
}

/** Median of the trials at each rate, so that a rate tried twice makes no zigzag. */
function curve(
  trials: readonly BreakpointTrial[],
  y: (trial: BreakpointTrial) => number | null,
): Point[] {
  const byRate = new Map<number, number[]>();
  for (const trial of trials) {
    const value = y(trial);
    if (value !== null && trial.outcome !== 'generator-limited')
      byRate.set(trial.rate, [...(byRate.get(trial.rate) ?? []), value]);
  }
  return [...byRate]
    .sort(([a], [b]) => a - b)
    .map(([x, values]) => ({
      x,
      y: values.sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)],
    }));
}

const answeredPerSecond = ({ rate, keepingUpShare }: BreakpointTrial): number | null =>
  keepingUpShare === null ? null : rate * keepingUpShare;

/** @param title and `subtitle` as all pictures of the run have them */
export function breakpointConfig(
  title: string,
  subtitle: string,
  { trials, rate, low, high }: BreakpointFigures,
): LineConfiguration {
  const rates = trials.map((trial) => trial.rate);
  const lowest = 0.8 * Math.min(...rates);
  const highest = 1.25 * Math.max(...rates);
  const outcomes = Object.keys(OUTCOMES) as BreakpointTrial['outcome'][];
  const p95 = ({ p95Ms }: BreakpointTrial) => p95Ms;
  const ideal = Array.from({ length: 60 }, (_, i) => {
    const x = lowest * (highest / lowest) ** (i / 59);
    return { x, y: x };
  });
  const markers =
    rate === null
      ? []
      : [
          { x: low!, label: formatNumber(low!) },
          { x: rate, label: `knee ${formatNumber(rate)}/s` },
          { x: high!, label: formatNumber(high!) },
        ].filter(({ x }) => x >= lowest && x <= highest);
  return chart({
    title,
    subtitle: `${subtitle}  ·  ${trials.length} trials`,
    x: logAxis('Submissions begun per second (logarithmic)', lowest, highest),
    markers,
    legend: true,
    panels: [
      {
        id: 'p95',
        title: 'p95 of expected answers (ms)',
        weight: 3,
        logarithmic: true,
        datasets: [
          line({
            label: '',
            yAxisID: 'p95',
            colour: INK_SOFT,
            width: 1.25,
            data: curve(trials, p95),
          }),
          ...outcomes.map((outcome) => dots(trials, outcome, p95, 'p95', false)),
        ],
      },
      {
        id: 'answered',
        title: 'Answered per second',
        weight: 4,
        datasets: [
          line({
            label: 'as many as were begun',
            yAxisID: 'answered',
            colour: COLOUR.grey,
            width: 1.25,
            dash: [6, 4],
            data: ideal,
          }),
          line({
            label: '',
            yAxisID: 'answered',
            colour: INK_SOFT,
            width: 1.25,
            data: curve(trials, answeredPerSecond),
          }),
          ...outcomes.map((outcome) => dots(trials, outcome, answeredPerSecond, 'answered', true)),
        ],
      },
    ],
  });
}

/** For readers who cannot see the picture. */
export const describeBreakpoint = ({ rate, low, high, trials }: BreakpointFigures): string => {
  const last = trials.reduce((max, { p95Ms }) => Math.max(max, p95Ms ?? 0), 0);
  const knee =
    rate === null
      ? trials.some(({ outcome }) => outcome === 'held')
        ? 'no knee is given, since no longer load confirmed one'
        : 'no rate held'
      : `the knee at ${formatNumber(rate)}/s, between ${formatNumber(low!)} and ${formatNumber(high!)}`;
  return `answers per second and p95 latency of each trial over its rate; ${knee}; the highest p95 is ${formatMs(last)}`;
};
