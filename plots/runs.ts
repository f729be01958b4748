/** The picture of single runs beside a base: each figure's change in each run, with what the noise within the two runs allows. Pure. */
import { countOf } from '../results/units.ts';
import {
  dots,
  numberedUpTo,
  OTHER_HEIGHT,
  PANEL_HEIGHT,
  percent,
  ticksFor,
  WIDTH,
} from './comparison.ts';
import { chart, COLOUR, GAP, INK_SOFT, line, linearAxis, type LineConfiguration, type Panel } from './panels.ts'; // prettier-ignore
import type { Point } from './point.ts';
import { type Theme, themed } from './theme.ts';

/** Ratios are now / base; `low` and `high` are null where a run is too short for them, all of it where one side has no such figure. */
export type RunChange = { ratio: number; low: number | null; high: number | null } | null;

export type RunsPicture = {
  /** Id of the base. */
  base: string;
  /** Ids, in the order in which they stand. */
  runs: readonly string[];
  figures: readonly {
    name: string;
    worse: 'higher' | 'lower';
    gates: boolean;
    /** Changes up to this share are no finding. */
    minimumEffect: number;
    /** By run. */
    changes: readonly RunChange[];
  }[];
};

/** With more runs their ids would run into each other, and stand as numbers. */
const MOST_IDS = 4;
const LONGEST_ID = 32;

const shortened = (id: string): string =>
  id.length > LONGEST_ID ? `…${id.slice(1 - LONGEST_ID)}` : id;

type Figure = RunsPicture['figures'][number];

const hasChanges = ({ changes }: Figure): boolean => changes.some((one) => one !== null);

function panelOf(figure: Figure, hasLegend: boolean): Panel {
  const { name, worse, gates, minimumEffect, changes } = figure;
  const limit = (worse === 'higher' ? 100 : -100) * minimumEffect;
  const label = (text: string): string => (hasLegend ? text : '');
  const points = changes.map((one, i) => ({
    x: i + 1,
    y: one === null ? GAP : percent(one.ratio),
  }));
  // A gap after each, so that the next run's is a line of its own.
  const ranges = changes.flatMap((one, i): Point[] =>
    one === null || one.low === null || one.high === null
      ? []
      : [percent(one.low), percent(one.high), GAP].map((y) => ({ x: i + 1, y })),
  );
  const level = (y: number): Point[] => [
    { x: 0.4, y },
    { x: changes.length + 0.6, y },
  ];
  return {
    id: name,
    title: name,
    weight: gates ? 3 : 2,
    ...ticksFor([...points, ...ranges].map(({ y }) => y).filter(Number.isFinite).concat(limit), gates ? 5 : 3), // prettier-ignore
    datasets: [
      dots(points, name, { label: label('a run against the base'), colour: COLOUR.blue, shape: 'circle', radius: 5 }), // prettier-ignore
      line({ label: label('90 % by the noise within both runs'), yAxisID: name, colour: COLOUR.blue, width: 3, data: ranges }), // prettier-ignore
      line({ label: label('no change'), yAxisID: name, colour: INK_SOFT, width: 1.25, data: level(0) }), // prettier-ignore
      line({ label: label('in rounds a change counts from here'), yAxisID: name, colour: COLOUR.vermillion, width: 1.5, dash: [6, 4], data: level(limit) }), // prettier-ignore
    ],
  };
}

/** Figures that no run shares with the base are left out. */
export function runsChart({ base, runs, figures: all }: RunsPicture): {
  width: number;
  height: number;
  config(theme?: Theme): LineConfiguration;
} {
  const figures = all.filter(hasChanges);
  return {
    width: WIDTH,
    height: OTHER_HEIGHT + PANEL_HEIGHT * Math.max(figures.length, 2),
    config: (theme = 'light') =>
      themed(
        chart({
          title: `${countOf(runs.length, 'run')} beside a base`,
          subtitle: `base ${shortened(base)}  ·  one run each decides nothing`,
          x: linearAxis(
            'Run (change of now against base)',
            { from: 0.4, to: runs.length + 0.6 },
            {
              values: numberedUpTo(runs.length),
              label: (n) => (runs.length <= MOST_IDS ? shortened(runs[n - 1]) : String(n)),
            },
          ),
          panels:
            figures.length === 0
              ? [{ id: 'none', title: 'change', weight: 1, datasets: [] }]
              : figures.map((figure, i) => panelOf(figure, i === 0)).reverse(),
          markers: [],
          legend: true,
        }),
        theme,
      ),
  };
}

const words = (change: RunChange): string =>
  change === null ? 'no data' : `${percent(change.ratio).toFixed(1)} %`;

/** For readers who cannot see the picture. */
export const describeRuns = ({ base, runs, figures }: RunsPicture): string =>
  `change of each figure against ${base}: ${runs
    .map(
      (id, i) =>
        `${id} ${figures
          .filter(hasChanges)
          .map(({ name, changes }) => `${name} ${words(changes[i])}`)
          .join(', ')}`,
    )
    .join('; ')}`;

/** Which run is which, where numbers stand for them; null: their ids stand there. */
export const keyOfRuns = ({ runs }: RunsPicture): string | null =>
  runs.length <= MOST_IDS ? null : `${runs.map((id, i) => `${i + 1}: ${id}`).join(', ')}.`;
