/** The picture of a series of nights: each night's figure, its levels, and what was suspected, cleared or confirmed. Pure. */
import { countOf } from '../results/units.ts';
import { chart, COLOUR, GAP, INK_SOFT, line, linearAxis, type LineConfiguration, type LineDataset } from './panels.ts'; // prettier-ignore
import type { Point } from './point.ts';
import { type Theme, themed } from './theme.ts';

export type TrendMark = 'open' | 'cleared' | 'confirmed';
export type Trend = {
  title: string;
  subtitle: string;
  /** With its unit. */
  axis: string;
  /** From the oldest on; `t`: RFC 3339. */
  nights: readonly { t: string; value: number; mark: TrendMark | null }[];
  /** Indices of their first and last night. */
  levels: readonly { from: number; to: number; value: number }[];
};

const MARKS: Record<TrendMark, { label: string; colour: string; shape: 'circle' | 'triangle' | 'crossRot'; radius: number }> = {
  confirmed: { label: 'regression confirmed', colour: COLOUR.vermillion, shape: 'crossRot', radius: 9 },
  cleared: { label: 'suspicion cleared', colour: COLOUR.green, shape: 'circle', radius: 9 },
  open: { label: 'suspicion not decided', colour: COLOUR.orange, shape: 'triangle', radius: 9 },
}; // prettier-ignore

const MOST_DATES = 11;

function markDataset(nights: Trend['nights'], mark: TrendMark): LineDataset[] {
  const { label, colour, shape, radius } = MARKS[mark];
  const data: Point[] = nights.map(({ value, mark: own }, x) => ({ x, y: own === mark ? value : GAP })); // prettier-ignore
  const count = nights.filter(({ mark: own }) => own === mark).length;
  if (count === 0) return [];
  return [
    {
      ...line({ label: `${label}: ${count}`, yAxisID: 'figure', colour, width: 2.5, data }),
      backgroundColor: '#ffffff00',
      showLine: false,
      pointStyle: shape,
      pointRadius: radius,
      pointBorderWidth: 3,
      order: 1,
    },
  ];
}

/** Flat from half a night before its first to half a night after its last. */
const levelData = (levels: Trend['levels']): Point[] =>
  levels.flatMap(({ from, to, value }) => [
    { x: from - 0.5, y: value },
    { x: to + 0.5, y: value },
    { x: to + 0.5, y: GAP },
  ]);

export function trendChart({ title, subtitle, axis, nights, levels }: Trend): {
  width: number;
  height: number;
  config(theme?: Theme): LineConfiguration;
} {
  const last = Math.max(nights.length - 1, 0);
  const every = Math.max(1, Math.ceil(nights.length / MOST_DATES));
  const dated = nights.flatMap((_, i) => ((last - i) % every === 0 ? [i] : []));
  return {
    width: 1200,
    height: 460,
    config: (theme = 'light') =>
      themed(
        chart({
          title,
          subtitle: `${subtitle}  ·  ${countOf(nights.length, 'night')}`,
          x: linearAxis(
            'Night (UTC)',
            { from: -0.6, to: last + 0.6 },
            { values: dated, label: (i) => nights[i]?.t.slice(5, 10) ?? '' },
          ),
          markers: levels
            .filter(({ from }) => from > 0)
            .map(({ from }) => ({ x: from - 0.5, label: 'new level' })),
          legend: true,
          panels: [
            {
              id: 'figure',
              title: axis,
              weight: 3,
              datasets: [
                {
                  ...line({
                    label: 'a night',
                    yAxisID: 'figure',
                    colour: COLOUR.blue,
                    width: 1.25,
                    data: nights.map(({ value }, x) => ({ x, y: value })),
                  }),
                  pointRadius: nights.length > 120 ? 2 : 4,
                },
                line({ label: 'level (median)', yAxisID: 'figure', colour: INK_SOFT, width: 2, dash: [7, 4], data: levelData(levels) }), // prettier-ignore
                ...(Object.keys(MARKS) as TrendMark[]).flatMap((mark) => markDataset(nights, mark)),
              ],
            },
          ],
        }),
        theme,
      ),
  };
}

/** For readers who cannot see the picture. */
export function describeTrend({ nights, levels, axis }: Trend): string {
  const of = (mark: TrendMark): number => nights.filter((night) => night.mark === mark).length;
  return `${axis} in ${countOf(nights.length, 'night')} on ${countOf(levels.length, 'level')}; ${of('confirmed')} confirmed, ${of('cleared')} cleared, ${of('open')} not decided`;
}
