/** The picture of a comparison: each round's change, and what all rounds together say, with its interval. Pure. */
import { countOf } from '../results/units.ts';
import { chart, COLOUR, GAP, INK_SOFT, line, linearAxis, type LineConfiguration, type LineDataset, type Panel } from './panels.ts'; // prettier-ignore
import type { Point } from './point.ts';
import { type Theme, themed } from './theme.ts';

/** Ratios are now / base; null: there is none. */
export type ComparedRatios = {
  name: string;
  what: string;
  worse: 'higher' | 'lower';
  gates: boolean;
  /** Changes up to this share are no finding. */
  minimumEffect: number;
  state: string;
  /** By round. */
  rounds: readonly (number | null)[];
  ratio: { estimate: number; low: number | null; high: number | null } | null;
};

export type ComparisonPicture = {
  /** The verdict. */
  title: string;
  /** Names of both sides. */
  subtitle: string;
  /** Who ran first in each round. */
  first: readonly ('base' | 'now')[];
  figures: readonly ComparedRatios[];
};

export const WIDTH = 1200;
export const PANEL_HEIGHT = 150;
export const OTHER_HEIGHT = 190;

/** 1.05 -> 5. */
export const percent = (ratio: number): number => 100 * (ratio - 1);

/** Some round values that hold all of `values` and 0. @param most about so many */
export function ticksFor(
  values: readonly number[],
  most: number,
): {
  min: number;
  max: number;
  ticks: { y: number; label: string }[];
} {
  const low = Math.min(0, ...values);
  const high = Math.max(0, ...values);
  const span = Math.max(high - low, 1);
  const step = [0.5, 1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000].find((one) => span / one <= most) ?? span / most; // prettier-ignore
  const from = Math.floor(low / step - 0.1);
  const to = Math.ceil(high / step + 0.1);
  const ticks = Array.from({ length: to - from + 1 }, (_, i) => {
    const y = (from + i) * step;
    return { y, label: `${y > 0 ? '+' : ''}${Number(y.toFixed(2))} %` };
  });
  return { min: from * step, max: to * step, ticks };
}

export const dots = (
  data: Point[],
  yAxisID: string,
  style: {
    label: string;
    colour: string;
    shape: 'circle' | 'triangle' | 'rectRot';
    radius: number;
  },
): LineDataset => ({
  ...line({ label: style.label, yAxisID, colour: style.colour, width: 2, data }),
  showLine: false,
  pointStyle: style.shape,
  pointRadius: style.radius,
  pointBorderWidth: 2,
  order: 1,
});

function panelOf(figure: ComparedRatios, picture: ComparisonPicture, hasLegend: boolean): Panel {
  const { name, worse, gates, minimumEffect, rounds, ratio } = figure;
  const { first } = picture;
  const all = rounds.length + 1;
  const limit = (worse === 'higher' ? 100 : -100) * minimumEffect;
  const bounds =
    ratio === null ? [] : [ratio.low, ratio.high].map((one) => percent(one ?? ratio.estimate));
  const changes = rounds.map((one) => (one === null ? GAP : percent(one)));
  const points = (side: 'base' | 'now'): Point[] =>
    changes.map((y, i) => ({ x: i + 1, y: first[i] === side ? y : GAP }));
  const label = (text: string): string => (hasLegend ? text : '');
  const level = (y: number, from: number): Point[] => [
    { x: from, y },
    { x: all + 0.6, y },
  ];
  return {
    id: name,
    title: gates ? `${name} (gate)` : name,
    weight: gates ? 3 : 2,
    ...ticksFor([...changes.filter(Number.isFinite), limit, ...bounds], gates ? 5 : 3),
    datasets: [
      dots(points('base'), name, { label: label('a round, base first'), colour: COLOUR.blue, shape: 'circle', radius: 5 }), // prettier-ignore
      dots(points('now'), name, { label: label('a round, now first'), colour: COLOUR.orange, shape: 'triangle', radius: 6 }), // prettier-ignore
      ...(ratio === null
        ? []
        : [
            dots([{ x: all, y: percent(ratio.estimate) }], name, { label: label('all rounds: ratio and its 90 % interval'), colour: COLOUR.black, shape: 'rectRot', radius: 7 }), // prettier-ignore
            line({
              label: '',
              yAxisID: name,
              colour: COLOUR.black,
              width: 3,
              data: bounds.map((y) => ({ x: all, y })),
            }),
          ]),
      line({ label: label('no change'), yAxisID: name, colour: INK_SOFT, width: 1.25, data: level(0, 0.4) }), // prettier-ignore
      line({ label: label('a change counts from here'), yAxisID: name, colour: COLOUR.vermillion, width: 1.5, dash: [6, 4], data: level(limit, 0.4) }), // prettier-ignore
    ],
  };
}

/** Rounds or runs that have their number at the axis, from 1: all, or every second, fifth … of more than twenty. */
export function numberedUpTo(count: number): number[] {
  const every = [1, 2, 5, 10, 20].find((step) => count / step <= 20) ?? 20;
  return Array.from({ length: count }, (_, i) => i + 1).filter((n) => n % every === 0);
}

/** Figures without a single ratio are left out. */
export function comparisonChart(picture: ComparisonPicture): {
  width: number;
  height: number;
  config(theme?: Theme): LineConfiguration;
} {
  const figures = picture.figures.filter(({ rounds }) => rounds.some((one) => one !== null));
  const rounds = picture.first.length;
  const last = rounds + 1;
  const numbers = numberedUpTo(rounds);
  return {
    width: WIDTH,
    height: OTHER_HEIGHT + PANEL_HEIGHT * Math.max(figures.length, 2),
    config: (theme = 'light') =>
      themed(
        chart({
          title: picture.title,
          subtitle: `${picture.subtitle}  ·  ${countOf(rounds, 'round')}`,
          x: linearAxis(
            'Round (change of now against base; right: all rounds together)',
            { from: 0.4, to: last + 0.6 },
            {
              values: [...numbers, last],
              label: (value) => (value === last ? 'all' : String(value)),
            },
          ),
          panels:
            figures.length === 0
              ? [{ id: 'none', title: 'change', weight: 1, datasets: [] }]
              : figures.map((figure, i) => panelOf(figure, picture, i === 0)).reverse(),
          markers: [],
          legend: true,
        }),
        theme,
      ),
  };
}

/** For readers who cannot see the picture. */
export const describeComparison = ({ figures, first }: ComparisonPicture): string =>
  `change of each figure in each of ${countOf(first.length, 'round')}, and over all of them: ${figures
    .map(({ name, ratio, state }) =>
      ratio === null
        ? `${name} no data`
        : `${name} ${percent(ratio.estimate).toFixed(1)} % (${state})`,
    )
    .join(', ')}`;
