/** Charts beside those that every report shows: latency against rate, what was asked for, bytes, what is stored. Pure. */
import { formatNumber } from '../results/units.ts';
import type { ChartData } from './data.ts';
import { limitLines } from './limits.ts';
import {
  chart,
  COLOUR,
  GAP,
  INK_SOFT,
  line,
  linearAxis,
  type LineConfiguration,
  type LineDataset,
  type Marker,
  type Panel,
  spreadDatasets,
  steps,
  timeChart,
  withGaps,
} from './panels.ts';
import type { Point } from './point.ts';
import type { RateStep } from './series.ts';
import { LOOKS } from './theme.ts';
import { roundTo125 } from './distribution.ts';

/** A step's rate and latency; a point of the picture. */
export type RatePoint = { rate: number; p50: number; p95: number };

/** Of each step with both; the warm-up, and a step of which only a part was seen, are left out. */
export function ratePoints({ rates, latencies, span, warmUpS = 0 }: ChartData): RatePoint[] {
  const byStart = new Map(latencies.map((step) => [step.startS, step]));
  return rates.flatMap(({ startS, observedS, started, sent }, i) => {
    const step = byStart.get(startS);
    // The first and the last second of a load are cut.
    const isCut = (i === 0 || i === rates.length - 1) && rates.length > 2;
    if (step === undefined || isCut || startS < warmUpS || observedS < span.stepS / 2) return [];
    return [{ rate: (started ?? sent) / observedS, p50: step.p50, p95: step.p95 }];
  });
}

/** Between them a hundred rates can be read off an axis. */
function rateTicks(highest: number): number[] {
  const every = roundTo125(highest / 8, Math.ceil);
  return Array.from({ length: Math.ceil(highest / every) + 1 }, (_, i) => i * every);
}

/** Points so near that they cover each other are drawn once: a disc of a pixel or so on both axes. */
function thinned(points: readonly Point[], highest: number): Point[] {
  const seen = new Set<string>();
  return points.filter(({ x, y }) => {
    const key = `${Math.round((x / highest) * 400)} ${Math.round(Math.log10(Math.max(y, 1e-3)) * 120)}`;
    return !seen.has(key) && seen.add(key);
  });
}

export function rateLatencyConfig(title: string, data: ChartData): LineConfiguration {
  const { subtitle, span, limits = [] } = data;
  const points = ratePoints(data);
  const rates = points.map(({ rate }) => rate);
  const highestRate = rates.reduce((a, b) => Math.max(a, b), 1);
  const highest = points.reduce((most, { p95 }) => Math.max(most, p95), 0);
  const lowest = points.reduce((least, { p50 }) => Math.min(least, p50), Infinity);
  const ticks = rateTicks(highestRate);
  const to = ticks.at(-1)!;
  const logarithmic = highest > 8 * lowest;
  const dots = (
    label: string,
    of: 'p50' | 'p95',
    colour: string,
    shape: 'circle' | 'triangle',
  ): LineDataset => ({
    ...line({
      label,
      yAxisID: 'latency',
      colour,
      width: 1,
      data: thinned(points.map((point) => ({ x: point.rate, y: point[of] })), to), // prettier-ignore
    }),
    backgroundColor: `${colour}b0`,
    showLine: false,
    pointStyle: shape,
    pointRadius: points.length > 200 ? 3 : 4,
    pointBorderWidth: 0,
    order: of === 'p50' ? 4 : 5,
  });
  const every = span.stepS === 1 ? 'a second' : `${formatNumber(span.stepS)} s`;
  const markers: Marker[] = limits
    .filter(({ panel, at }) => panel === 'rate' && at <= to)
    .map(({ at, label }) => ({ x: at, label }));
  return chart({
    title,
    subtitle,
    legend: true,
    markers,
    x: linearAxis(
      `Submissions begun per second; a point is ${every}`,
      { from: 0, to },
      { values: ticks, label: formatNumber },
    ),
    panels: [
      {
        id: 'latency',
        title: logarithmic ? 'Latency (ms, logarithmic)' : 'Latency (ms)',
        weight: 1,
        logarithmic,
        datasets: [
          dots('p95', 'p95', COLOUR.orange, 'triangle'),
          dots('p50 (median)', 'p50', COLOUR.blue, 'circle'),
          ...limitLines(limits, 'latency', { highest, to }),
        ],
      },
    ],
  });
}

const perSecond = (
  rates: readonly RateStep[],
  of: (step: RateStep) => number | undefined,
): Point[] =>
  steps(
    rates.map((step) => ({
      startS: step.startS,
      endS: step.endS,
      value: (of(step) ?? 0) / step.observedS,
    })),
  );

export function askedConfig(
  title: string,
  data: ChartData,
  marks: readonly Marker[],
): LineConfiguration {
  const { subtitle, span, rates, asked } = data;
  const sum = (of: (step: RateStep) => number | undefined) =>
    rates.reduce((total, step) => total + (of(step) ?? 0), 0);
  const askedLine = (yAxisID: string) =>
    line({
      label: asked!.of === 'rate' ? 'asked for' : 'VUs asked for',
      yAxisID,
      colour: COLOUR.black,
      width: 2,
      dash: [7, 5],
      data: asked!.points,
    });
  const begun = line({
    label: `begun: ${formatNumber(sum(({ started, sent }) => started ?? sent))}`,
    yAxisID: 'rate',
    colour: COLOUR.blue,
    width: 2,
    data: perSecond(rates, ({ started, sent }) => started ?? sent),
  });
  const ended = line({
    label: `accepted: ${formatNumber(sum(({ accepted }) => accepted))}`,
    yAxisID: 'rate',
    // Not the blue of accepted answers: beside that of what was begun the two lines could not be told apart.
    colour: COLOUR.green,
    width: 2,
    data: perSecond(rates, ({ accepted }) => accepted),
  });
  const missed = (['late', 'dropped'] as const)
    .map((of) => ({ of, count: sum((step) => step[of]) }))
    .filter(({ count }) => count > 0)
    .map(({ of, count }) =>
      line({
        label: `${of === 'late' ? 'begun too late' : 'never begun'}: ${formatNumber(count)}`,
        yAxisID: 'missed',
        colour: of === 'late' ? COLOUR.orange : COLOUR.vermillion,
        width: 1.75,
        data: perSecond(rates, (step) => step[of]),
      }),
    );
  const panels: Panel[] = [
    {
      id: 'rate',
      title: 'Submissions per second',
      weight: 4,
      datasets: [
        ...(asked?.of === 'rate' ? [{ ...askedLine('rate'), order: 1 }] : []),
        { ...begun, order: 2 },
        { ...ended, order: 3 },
      ],
    },
  ];
  if (asked?.of === 'vus')
    panels.push({
      id: 'vus',
      title: 'VUs',
      weight: 2.5,
      datasets: [
        { ...askedLine('vus'), order: 1 },
        line({
          label: 'VUs at work',
          yAxisID: 'vus',
          colour: COLOUR.purple,
          width: 2,
          data: steps(
            rates.map(({ startS, endS, vus }) => ({ startS, endS, value: vus?.max ?? GAP })),
          ),
        }),
      ],
    });
  if (missed.length > 0)
    panels.unshift({ id: 'missed', title: 'Missed per second', weight: 1.8, datasets: missed });
  return timeChart({ title, subtitle, span, panels, markers: [...marks] });
}

const MB = 1e6;

/** Of MB/s, the unit that can be read on the panel's axis. */
function withUnit(panel: Panel): Panel {
  const values = panel.datasets.flatMap(({ data }) => data.map(({ y }) => y));
  const highest = values.reduce((most, y) => (y > most ? y : most), 0);
  const [unit, factor] = highest === 0 || highest >= 1 ? ['MB', 1] : highest >= 1e-3 ? ['KB', 1e3] : ['B', 1e6]; // prettier-ignore
  return {
    ...panel,
    title: `${panel.title} (${unit}/s)`,
    datasets: panel.datasets.map((dataset) => ({
      ...dataset,
      data: dataset.data.map((point) => ({ ...point, y: point.y * factor })),
    })),
  };
}

export function ioConfig(
  title: string,
  data: ChartData,
  marks: readonly Marker[],
): LineConfiguration {
  const { subtitle, span, rates, disks = [], network = [] } = data;
  const style = (i: number) => [COLOUR.vermillion, COLOUR.blue, COLOUR.green, COLOUR.purple, COLOUR.orange, COLOUR.black][i % 6]; // prettier-ignore
  const bytes = (of: 'bytesSent' | 'bytesReceived') =>
    perSecond(rates, (step) => (step[of] ?? 0) / MB);
  const panels: Panel[] = [
    {
      id: 'answers',
      title: 'Answers',
      weight: 1.6,
      datasets: [
        line({ label: 'answers received', yAxisID: 'answers', colour: COLOUR.green, width: 1.75, data: bytes('bytesReceived') }), // prettier-ignore
      ],
    },
    {
      id: 'bodies',
      title: 'Bodies',
      weight: 3,
      datasets: [
        line({ label: 'bodies sent', yAxisID: 'bodies', colour: COLOUR.blue, width: 1.75, data: bytes('bytesSent') }), // prettier-ignore
      ],
    },
  ];
  if (disks.length > 0)
    panels.unshift({
      id: 'disk',
      title: 'Storage',
      weight: 3,
      datasets: disks.flatMap(({ name, written, read }, i) => [
        ...spreadDatasets(written, { label: `${name}: written`, yAxisID: 'disk', colour: style(i) }), // prettier-ignore
        ...spreadDatasets(read, { label: `${name}: read`, yAxisID: 'disk', colour: style(i), dash: [3, 3] }), // prettier-ignore
      ]),
    });
  if (network.length > 0)
    panels.unshift({
      id: 'network',
      title: 'Machine',
      weight: 2.2,
      datasets: network.flatMap(({ name, points }, i) =>
        spreadDatasets(points, {
          label: `machine: ${name}`,
          yAxisID: 'network',
          colour: [COLOUR.purple, COLOUR.orange, COLOUR.black][i % 3],
          ...(i > 0 && { dash: [6, 4] }),
        }),
      ),
    });
  return timeChart({ title, subtitle, span, panels: panels.map(withUnit), markers: [...marks], note: 'bands: lowest to highest reading' }); // prettier-ignore
}

export function storedConfig(
  title: string,
  data: ChartData,
  marks: readonly Marker[],
): LineConfiguration {
  const { subtitle, span, looks = [], storedAtEnd } = data;
  const last = looks.at(-1);
  const end = storedAtEnd ?? (last && { stored: last.stored, notStored: last.notStored });
  const at = (of: 'accepted' | 'stored' | 'notStored'): Point[] =>
    looks.map((look) => ({ x: look.atS, y: look[of] }));
  const dots = (dataset: LineDataset): LineDataset =>
    looks.length > 60 ? dataset : { ...dataset, pointRadius: 3, pointBorderWidth: 0 };
  return timeChart({
    title,
    subtitle,
    span,
    markers: [...marks],
    panels: [
      {
        id: 'lost',
        title: 'Accepted, not stored',
        weight: 2,
        datasets: [
          dots(
            line({
              label: `accepted, and missing${end ? `; at the end: ${formatNumber(end.notStored)}` : ''}`,
              yAxisID: 'lost',
              colour: COLOUR.vermillion,
              width: 2,
              data: at('notStored'),
            }),
          ),
        ],
      },
      {
        id: 'stored',
        title: 'Submissions in all',
        weight: 4,
        datasets: [
          { ...line({ label: 'accepted', yAxisID: 'stored', colour: INK_SOFT, width: 2, dash: [6, 4], data: at('accepted') }), order: 4 }, // prettier-ignore
          dots(line({ label: `stored${end ? `; at the end: ${formatNumber(end.stored)}` : ''}`, yAxisID: 'stored', colour: COLOUR.blue, width: 2, data: at('stored') })), // prettier-ignore
        ],
      },
    ],
  });
}

/** p50 and p95 over the heat map. */
export function percentileLines({ latencies }: ChartData, yAxisID: string): LineDataset[] {
  const of = (figure: 'p50' | 'p95') =>
    withGaps(latencies.map((step) => ({ startS: step.startS, endS: step.endS, value: step[figure] }))); // prettier-ignore
  // A rim of the paper's colour keeps them apart from cells as dark as they are.
  const rim = (figure: 'p50' | 'p95') => ({
    ...line({ label: '', yAxisID, colour: LOOKS.light.paper, width: 4, data: of(figure) }),
    pointRadius: 0,
    order: 4,
  });
  return [
    rim('p50'),
    rim('p95'),
    { ...line({ label: 'p50', yAxisID, colour: COLOUR.black, width: 1.75, data: of('p50') }), order: 3 }, // prettier-ignore
    { ...line({ label: 'p95', yAxisID, colour: COLOUR.vermillion, width: 1.75, data: of('p95') }), order: 3 }, // prettier-ignore
  ];
}
