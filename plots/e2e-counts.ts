/** What an end-to-end run counted while it went on: submissions from planned to scored, and batches, with steps, conditions and disturbances as marks. Pure. */
import type { ChartDefinition } from './charts.ts';
import type { Mark } from './marks.ts';
import { COLOUR, line, type LineConfiguration, timeChart } from './panels.ts';
import type { Point } from './point.ts';

export type E2eCounts = {
  /** Of its axis, from its first event on. */
  seconds: number;
  stepS: number;
  /** As they stood from `startS` on; a count that could not be read is null. */
  points: { startS: number; counts: Record<string, number | null> }[];
  marks: Mark[];
};

const TITLE = 'Counts of an end-to-end run';
const SUBMISSIONS = ['planned', 'sent', 'accepted', 'stored', 'verified', 'scored'] as const;
const BATCHES = ['batches', 'full batches', 'disturbed'] as const;
const COLOURS: Record<string, string> = {
  planned: COLOUR.grey,
  sent: COLOUR.accepted,
  accepted: COLOUR.blue,
  stored: COLOUR.orange,
  verified: COLOUR.green,
  scored: COLOUR.purple,
  batches: COLOUR.vermillion,
  'full batches': COLOUR.blue,
  disturbed: COLOUR.purple,
};
/** Counts that should meet lie under each other: wider, so that they show. */
const WIDTHS: Record<string, number> = { planned: 1.5, sent: 7, accepted: 5, stored: 3.5, verified: 2.25, scored: 2.25 }; // prettier-ignore

export const e2eCountsChart = (
  data: E2eCounts,
): Pick<ChartDefinition, 'title' | 'description' | 'width' | 'height' | 'config'> & {
  name: 'e2e-counts';
} => ({
  name: 'e2e-counts',
  title: TITLE,
  description: describe(data),
  width: 1200,
  height: 620,
  config: () => configOf(data),
});

/** Level until it changes. */
function levels({ points, seconds }: E2eCounts, name: string): Point[] {
  const drawn: Point[] = [];
  let last: number | null = null;
  for (const { startS, counts } of points) {
    const value = counts[name] ?? null;
    if (value === null) continue;
    if (last !== null && value !== last) drawn.push({ x: startS, y: last });
    if (value !== last) drawn.push({ x: startS, y: value });
    last = value;
  }
  if (last !== null) drawn.push({ x: seconds, y: last });
  return drawn;
}

function configOf(data: E2eCounts): LineConfiguration {
  const { seconds, stepS, marks } = data;
  const linesOf = (names: readonly string[], yAxisID: string) =>
    names.flatMap((name) => {
      const points = levels(data, name);
      return points.length === 0
        ? []
        : [line({ label: name, yAxisID, colour: COLOURS[name], width: WIDTHS[name] ?? 2.25, data: points, ...(name === 'planned' && { dash: [6, 4] }) })]; // prettier-ignore
    });
  return timeChart({
    title: TITLE,
    subtitle: '',
    span: { startT: 0, seconds, stepS },
    markers: marks.map(({ atS, text, kind }) => ({ x: atS, label: text, kind })),
    panels: [
      { id: 'batches', title: 'Batches', weight: 1, min: 0, datasets: linesOf(BATCHES, 'batches') },
      { id: 'submissions', title: 'Submissions', weight: 3, min: 0, datasets: linesOf(SUBMISSIONS, 'submissions') }, // prettier-ignore
    ],
  });
}

function describe({ points }: E2eCounts): string {
  const last = points.at(-1)?.counts ?? {};
  const words = [...SUBMISSIONS, ...BATCHES].flatMap((name) => {
    const value = last[name] ?? null;
    return value === null ? [] : [`${name} ${value}`];
  });
  return words.length === 0 ? 'nothing is counted yet' : `counts over time; the last ones: ${words.join(', ')}`; // prettier-ignore
}
