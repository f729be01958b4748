/**
 * Charts made of panels: stacked y axes over one x axis, so that they align; their lines, areas and vertical
 * markers, as configurations of chart.js. Pure: what draws them is render.ts. Dark text on white; colours of
 * Okabe and Ito (Color Universal Design, 2008), which people with any colour vision can tell apart.
 */
import type { SKRSContext2D } from 'canvas';
import type {
  Chart,
  ChartConfiguration,
  ChartDataset,
  LegendItem,
  Plugin,
  ScaleOptionsByType,
} from 'chart.js';
import { formatClock, formatDuration, formatNumber } from '../results/units.ts';
import { roundTo125 } from './distribution.ts';
import { barRows, linesToDraw, type Mark, placeLabels, rankOf } from './marks.ts';
import type { Point } from './point.ts';
import { lookOf, LOOKS } from './theme.ts';
import type { ReadingPoint, TimeSpan } from './series.ts';

export type LineConfiguration = ChartConfiguration<'line', Point[]>;
export type LineDataset = ChartDataset<'line', Point[]>;

/** Of no font that a machine may have: one of the same name would be taken instead of ours. */
export const EMBEDDED_FONT = 'Embedded Inter';
/** The families that render.ts registers; each holds the letters of some alphabets. */
export const FONT_FAMILIES = [
  EMBEDDED_FONT,
  ...['Extended', 'Greek', 'Cyrillic'].map((letters) => `${EMBEDDED_FONT} ${letters}`),
] as const;
export const FONT_FAMILY = FONT_FAMILIES.join(', ');

const { ink: INK, grid: GRID } = LOOKS.light;
export const INK_SOFT = LOOKS.light.inkSoft;

export { COLOUR } from './colours.ts';

/** Gaps: chart.js draws nothing to and from a point whose y is NaN. */
export const GAP = NaN;

type Step = { startS: number; endS: number; value: number };

/** Flat over each step; a gap where steps are missing between two. */
export function steps(values: readonly Step[]): Point[] {
  return values.flatMap(({ startS, endS, value }, i) => {
    const points = [
      { x: startS, y: value },
      { x: endS, y: value },
    ];
    const next = values[i + 1];
    if (next && next.startS > endS) points.push({ x: endS, y: GAP });
    return points;
  });
}

/** A point in the middle of each step; a gap where steps are missing between two. */
export function withGaps(values: readonly Step[]): Point[] {
  return values.flatMap(({ startS, endS, value }, i) => {
    const points = [{ x: (startS + endS) / 2, y: value }];
    const next = values[i + 1];
    if (next && next.startS > endS) points.push({ x: endS, y: GAP });
    return points;
  });
}

/** The mean as a line; around it, where steps hold several readings, their range as a light band. */
export function spreadDatasets(
  points: readonly ReadingPoint[],
  style: { label: string; yAxisID: string; colour: string; dash?: number[] },
): LineDataset[] {
  const of = (pick: 'mean' | 'min' | 'max') =>
    points.map(({ atS, value }) => ({ x: atS, y: value === null ? GAP : value[pick] }));
  const mean = line({ ...style, width: 1.75, data: of('mean') });
  const ranged = points.some(({ value }) => value !== null && value.max > value.min);
  if (!ranged) return [mean];
  const edge = { ...style, label: '', width: 0, dash: undefined };
  return [
    mean,
    {
      ...line({ ...edge, data: of('max') }),
      pointRadius: 0,
      fill: '+1',
      backgroundColor: `${style.colour}30`,
    },
    { ...line({ ...edge, data: of('min') }), pointRadius: 0 },
  ];
}

/** A line; a point that stands alone between gaps, and each of a few points, gets a dot. */
export function line(style: {
  label: string;
  yAxisID: string;
  colour: string;
  width: number;
  data: Point[];
  dash?: number[];
}): LineDataset {
  const { label, yAxisID, colour, width, data, dash } = style;
  const isGap = (i: number) => i < 0 || i >= data.length || Number.isNaN(data[i].y);
  const lonely = (i: number) => !isGap(i) && isGap(i - 1) && isGap(i + 1);
  return {
    label: shorten(label, 48),
    yAxisID,
    data,
    borderColor: colour,
    backgroundColor: colour,
    borderWidth: width,
    ...(dash && { borderDash: dash }),
    borderJoinStyle: 'round',
    // One for all is resolved once, a list of them point by point: that is most of the time of a chart of a thousand.
    pointRadius: data.some((_, i) => lonely(i)) ? data.map((_, i) => (lonely(i) ? 3 : 0)) : 0,
    pointBorderWidth: 0,
    order: 5,
  };
}

export function area(style: {
  label: string;
  yAxisID: string;
  colour: string;
  data: Point[];
}): LineDataset {
  const { label, yAxisID, colour, data } = style;
  return {
    label: shorten(label, 48),
    yAxisID,
    data,
    borderColor: colour,
    backgroundColor: colour,
    borderWidth: 0,
    fill: 'origin',
    pointRadius: 0,
    order: 10,
  };
}

export type Panel = {
  id: string;
  title: string;
  /** Height relative to the other panels. */
  weight: number;
  datasets: LineDataset[];
  logarithmic?: boolean;
  min?: number;
  max?: number;
  ticks?: { y: number; label: string }[];
  /** What a panel shows that is no line or area, e.g. the cells of a heat map. */
  plugins?: Plugin<'line'>[];
  /** Entries of the legend beside those of the datasets. */
  entries?: LegendEntry[];
};

/** `colour`: a place in the theme's scale of heat; null: words alone. */
export type LegendEntry = { text: string; heat: number | null };

/** `kind` absent: of a value of the x axis, which is always labelled. `until`: a band up to there. */
export type Marker = { x: number; label: string; kind?: Mark['kind']; until?: number };
/** Moments that are shown by small strokes along the time axis, and by one entry of the legend. */
type Ticks = { label: string; at: number[] };

type XAxis = Partial<ScaleOptionsByType<'linear'>> & { type: 'linear' | 'logarithmic' };

const FONT = { family: FONT_FAMILY, size: 13 };

const hasData = ({ datasets }: Panel): boolean =>
  datasets.some(({ data }) => data.some(({ y }) => Number.isFinite(y)));

export function timeChart(parts: {
  title: string;
  subtitle: string;
  span: TimeSpan;
  panels: Panel[];
  markers?: Marker[];
  ticks?: Ticks;
  /** What else to know where a step holds several readings. */
  note?: string;
}): LineConfiguration {
  const { span, note, ...rest } = parts;
  const seconds = Math.max(span.seconds, 1);
  const hours = seconds >= 3600;
  const unit = hours ? 'h:mm:ss' : 'mm:ss';
  const scale =
    span.stepS === 1
      ? unit
      : [unit, `one step = ${formatDuration(span.stepS * 1000)}`, note]
          .filter((part) => part !== undefined)
          .join(', ');
  const every =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600].find(
      (step) => seconds / step <= 13,
    ) ?? Math.ceil(seconds / 13 / 86_400) * 86_400;
  const values = Array.from({ length: Math.floor(seconds / every) + 1 }, (_, i) => i * every);
  return chart({
    ...rest,
    markers: parts.markers ?? [],
    legend: true,
    x: {
      type: 'linear',
      min: 0,
      max: seconds,
      title: axisTitle(`Time since the start (${scale})`),
      ...ticksAt(values, (value) => formatClock(value, hours)),
    } as unknown as XAxis,
  });
}

const tickStyle = { color: INK, font: FONT, padding: 4 };
const axisTitle = (text: string) => ({
  display: true,
  text,
  color: INK,
  font: { ...FONT, weight: 600 as const },
});

/** Ticks at these values and no others, each with its label upright. */
const ticksAt = (values: readonly number[], label: (value: number) => string) => ({
  afterBuildTicks: (axis: { ticks: { value: number }[] }) => {
    axis.ticks = values.map((value) => ({ value }));
  },
  ticks: {
    ...tickStyle,
    autoSkip: false,
    maxRotation: 0,
    callback: (value: string | number) => label(Number(value)),
  },
});

/** An axis of any unit with ticks at these values. */
export const linearAxis = (
  title: string,
  { from, to }: { from: number; to: number },
  { values, label }: { values: readonly number[]; label: (value: number) => string },
): XAxis =>
  ({
    type: 'linear',
    min: from,
    max: to,
    title: axisTitle(title),
    ...ticksAt(values, label),
  }) as unknown as XAxis;

/** A logarithmic axis of milliseconds with 1, 2, 5 of each decade, or decades alone where they are many. */
export function logAxis(title: string, low: number, high: number): XAxis {
  const decades = Math.log10(high / low);
  const factors = decades > 5 ? [1] : [1, 2, 5];
  const values: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const factor of factors) {
      const value = factor * 10 ** power;
      if (value >= low * 0.999 && value <= high * 1.001) values.push(value);
    }
  return {
    type: 'logarithmic',
    min: low,
    max: high,
    title: axisTitle(title),
    ...ticksAt(values, formatNumber),
  } as unknown as XAxis;
}

/** @param isAlone no other panel shares the height */
function yAxis(panel: Panel, isAlone: boolean): object {
  const { title, weight, logarithmic, min, max, ticks, datasets } = panel;
  const common = {
    axis: 'y',
    position: 'left',
    stack: 'panels',
    stackWeight: weight,
    title: axisTitle(title),
    grid: { color: GRID },
    border: { color: INK_SOFT },
  };
  if (!hasData(panel))
    return {
      ...common,
      type: 'linear',
      min: 0,
      max: 1,
      ticks: { display: false },
      grid: { display: false },
    };
  if (logarithmic) {
    const values = datasets.flatMap(({ data }) => data.map(({ y }) => y)).filter((y) => y > 0);
    const low = min ?? roundTo125(values.reduce((a, b) => Math.min(a, b)), Math.floor); // prettier-ignore
    const high = max ?? roundTo125(values.reduce((a, b) => Math.max(a, b)), Math.ceil); // prettier-ignore
    const axis = logAxis(title, low, high === low ? high * 2 : high);
    return { ...axis, ...common };
  }
  if (ticks)
    return {
      ...common,
      type: 'linear',
      min,
      max,
      afterBuildTicks: (axis: { ticks: { value: number }[] }) => {
        axis.ticks = ticks.map(({ y }) => ({ value: y }));
      },
      ticks: {
        ...tickStyle,
        autoSkip: false,
        callback: (value: number) => ticks.find(({ y }) => Math.abs(y - value) < 1e-9)?.label ?? '',
      },
    };
  const peak = datasets.reduce(
    (most, { data }) => data.reduce((a, { y }) => (y > a ? y : a), most),
    0,
  );
  return {
    ...common,
    type: 'linear',
    min: 0,
    // An axis of a figure that stays 0 still needs a height.
    ...(peak === 0 ? { max: 1 } : { suggestedMax: max ?? peak * 1.05 }),
    ticks: {
      ...tickStyle,
      maxTicksLimit: isAlone || weight >= 3 ? 8 : weight < 2 ? 3 : 4,
      callback: (value: number) => formatNumber(value),
    },
  };
}

/** What {@link line} and {@link area} set, without the browser's types that chart.js adds. */
type DatasetStyle = {
  label: string;
  borderColor: string;
  backgroundColor: string;
  borderWidth: number;
  borderDash?: number[];
  fill?: string;
  /** Of points without a line between them. */
  showLine?: boolean;
  pointStyle?: 'circle' | 'triangle' | 'rectRot' | 'crossRot';
  pointBorderWidth?: number;
};

/** As vertical lines and bands. */
export const markersOf = (marks: readonly Mark[]): Marker[] =>
  marks.map(({ atS, text, kind, untilS }) => ({
    x: atS,
    label: text,
    kind,
    ...(untilS !== undefined && { until: untilS }),
  }));

/** In the order of the datasets, whatever is drawn first; a dataset without a label has no entry. */
const legendEntries = (drawn: Chart): LegendItem[] =>
  (drawn.data.datasets as unknown as DatasetStyle[]).flatMap((dataset, datasetIndex) => {
    const { label, borderColor, backgroundColor, borderWidth, borderDash, fill } = dataset;
    if (label === '') return [];
    const hidden = !drawn.isDatasetVisible(datasetIndex);
    if (dataset.showLine === false)
      return {
        text: label,
        hidden,
        datasetIndex,
        fontColor: lookOf(drawn).ink,
        pointStyle: dataset.pointStyle,
        fillStyle: backgroundColor,
        strokeStyle: borderColor,
        lineWidth: dataset.pointBorderWidth,
      };
    const filled = fill === 'origin';
    return {
      text: label,
      hidden,
      datasetIndex,
      fontColor: lookOf(drawn).ink,
      pointStyle: filled ? ('rect' as const) : ('line' as const),
      fillStyle: backgroundColor,
      strokeStyle: borderColor,
      lineWidth: filled ? 0 : Math.max(borderWidth, 2),
      lineDash: borderDash ?? [],
    };
  });

/** Room between two panels, so that the top label of one does not meet the bottom label of the other. */
const spacer = {
  axis: 'y',
  type: 'linear',
  position: 'left',
  stack: 'panels',
  min: 0,
  max: 1,
  ticks: { display: false },
  grid: { display: false },
  border: { display: false },
};

/** @param parts.panels from the lowest to the highest */
export function chart(parts: {
  title: string;
  subtitle: string;
  x: XAxis;
  panels: Panel[];
  markers: Marker[];
  legend: boolean;
  ticks?: Ticks;
}): LineConfiguration {
  const { title, subtitle, x, panels, markers, legend, ticks } = parts;
  const weight = panels.reduce((sum, panel) => sum + panel.weight, 0);
  const scales: Record<string, object> = {
    x: { ...x, grid: { color: GRID }, border: { color: INK_SOFT } },
  };
  panels.forEach((panel, i) => {
    if (i > 0) scales[`space${i}`] = { ...spacer, stackWeight: weight * 0.045 };
    scales[panel.id] = yAxis(panel, panels.length === 1);
  });
  const datasets = panels.flatMap((panel) => panel.datasets);
  const hasLegend =
    legend &&
    (ticks !== undefined ||
      panels.some(({ entries = [] }) => entries.length > 0) ||
      datasets.some(({ label }) => label !== ''));
  return {
    type: 'line',
    data: { datasets },
    options: {
      animation: false,
      responsive: false,
      parsing: false,
      normalized: true,
      events: [],
      layout: { padding: { top: 14, right: 28, bottom: 10, left: 12 } },
      plugins: {
        title: {
          display: true,
          align: 'start',
          text: title,
          color: INK,
          font: { family: FONT_FAMILY, size: 20, weight: 600 },
          padding: { top: 0, bottom: 4 },
        },
        subtitle: {
          display: true,
          align: 'start',
          text: subtitle,
          color: INK_SOFT,
          font: { family: FONT_FAMILY, size: 14 },
          padding: { top: 0, bottom: hasLegend ? 4 : 14 },
        },
        legend: {
          display: hasLegend,
          position: 'top',
          align: 'start',
          labels: {
            color: INK,
            font: { family: FONT_FAMILY, size: 14 },
            usePointStyle: true,
            // A line needs room; a point would be stretched by it.
            ...(datasets.some(({ label, showLine }) => label !== '' && showLine !== false) && {
              pointStyleWidth: 22,
            }),
            boxHeight: 10,
            padding: 14,
            generateLabels: (drawn) => [
              ...legendEntries(drawn),
              ...panels.flatMap(({ entries = [] }) => entries.map((one) => heatEntry(drawn, one))),
              ...(ticks === undefined ? [] : [tickEntry(drawn, ticks.label)]),
            ],
          },
        },
        tooltip: { enabled: false },
        // Points are thinned before, with their extremes kept.
        decimation: { enabled: false },
      },
      scales: scales,
    },
    plugins: [
      paper,
      fitTitles,
      noData(panels.filter((panel) => !hasData(panel)).map(({ id }) => id)),
      ...(markers.some(isSpan) ? [bandTints(markers.filter(isSpan))] : []),
      ...panels.flatMap(({ plugins = [] }) => plugins),
      markerLines(markers, panels.at(-1)!.id),
      ...(ticks === undefined ? [] : [tickStrokes(ticks.at)]),
    ],
  };
}

/** chart.js types its context as the browser's, whose types a program for Node does not have. */
export const contextOf = (chart: object): SKRSContext2D => (chart as { ctx: SKRSContext2D }).ctx;

const paper: Plugin<'line'> = {
  id: 'paper',
  beforeDraw(chart) {
    const { width, height } = chart;
    const ctx = contextOf(chart);
    ctx.save();
    ctx.fillStyle = lookOf(chart).paper;
    ctx.fillRect(0, 0, width, height);
    ctx.restore();
  },
};

/** A long target URL must not run out of the picture: the subtitle is cut in its middle. */
const fitTitles: Plugin<'line'> = {
  id: 'fitTitles',
  beforeInit(chart) {
    const subtitle = chart.options.plugins!.subtitle!;
    const ctx = contextOf(chart);
    ctx.save();
    ctx.font = `14px ${FONT_FAMILY}`;
    const fits = (text: string) => ctx.measureText(text).width <= chart.width - 60;
    let text = subtitle.text as string;
    for (let length = text.length - 1; !fits(text) && length > 8; length--)
      text = shorten(subtitle.text as string, length);
    subtitle.text = text;
    ctx.restore();
  },
};

/** At most `length` characters, the middle replaced by `…`. */
function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  const tail = Math.floor((length - 1) / 2);
  return `${text.slice(0, length - 1 - tail)}…${text.slice(text.length - tail)}`;
}

const noData = (panelIds: readonly string[]): Plugin<'line'> => ({
  id: 'noData',
  afterDraw(chart) {
    const { scales } = chart;
    const ctx = contextOf(chart);
    ctx.save();
    ctx.fillStyle = lookOf(chart).inkSoft;
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    ctx.font = `16px ${FONT_FAMILY}`;
    for (const id of panelIds) {
      const { top, bottom } = scales[id];
      ctx.fillText('no data', (scales.x.left + scales.x.right) / 2, (top + bottom) / 2);
    }
    ctx.restore();
  },
});

const TICK_HEIGHT = 11;

const tickEntry = (drawn: Chart, label: string): LegendItem => ({
  text: shorten(label, 60),
  fontColor: lookOf(drawn).ink,
  pointStyle: 'line',
  fillStyle: lookOf(drawn).alert,
  strokeStyle: lookOf(drawn).alert,
  lineWidth: 2,
});

const heatEntry = (drawn: Chart, { text, heat }: LegendEntry): LegendItem => {
  const { ink, heat: scale } = lookOf(drawn);
  const colour = heat === null ? 'transparent' : scale[heat];
  return {
    text,
    fontColor: ink,
    pointStyle: 'rect',
    fillStyle: colour,
    strokeStyle: colour,
    lineWidth: 0,
  };
};

/** Short strokes that stand on the time axis. */
const tickStrokes = (at: readonly number[]): Plugin<'line'> => ({
  id: 'tickStrokes',
  afterDatasetsDraw(chart: Chart) {
    const { scales, chartArea } = chart;
    const ctx = contextOf(chart);
    ctx.save();
    ctx.strokeStyle = lookOf(chart).alert;
    ctx.lineWidth = 2;
    for (const x of at) {
      const left = scales.x.getPixelForValue(x);
      ctx.beginPath();
      ctx.moveTo(left, chartArea.bottom);
      ctx.lineTo(left, chartArea.bottom - TICK_HEIGHT);
      ctx.stroke();
    }
    ctx.restore();
  },
});

type Span = Marker & { until: number };

/** The bars of bands, at the top of the highest panel. */
const BAR = { height: 6, gap: 2, mostRows: 4 } as const;

/** Where the bands lie, in pixels: also one of a moment is seen. */
const bandsOf = (spans: readonly Span[], { scales }: Chart) =>
  [...spans]
    .sort((a, b) => a.x - b.x)
    .map(({ x, until }) => {
      const from = scales.x.getPixelForValue(x);
      return { from, to: Math.max(scales.x.getPixelForValue(until), from + 3) };
    });

/** Tinted below all that is drawn: what lies over it keeps its colour, and the bars above say where the band is. */
const bandTints = (spans: readonly Span[]): Plugin<'line'> => ({
  id: 'bandTints',
  beforeDatasetsDraw(chart: Chart) {
    const { chartArea } = chart;
    const ctx = contextOf(chart);
    ctx.save();
    ctx.fillStyle = `${lookOf(chart).alert}1f`;
    for (const { from, to } of bandsOf(spans, chart))
      ctx.fillRect(from, chartArea.top, to - from, chartArea.bottom - chartArea.top);
    ctx.restore();
  },
});

/** Bars at the top of the bands, and a line at the end of each. @returns the height that the bars take */
function drawBars(spans: readonly Span[], chart: Chart, top: number): number {
  if (spans.length === 0) return 0;
  const { chartArea } = chart;
  const ctx = contextOf(chart);
  const bands = bandsOf(spans, chart);
  const { rows, rowOf } = barRows(bands, BAR.mostRows);
  const look = lookOf(chart);
  for (const [i, { from, to }] of bands.entries()) {
    const y = top + rowOf[i] * (BAR.height + BAR.gap);
    ctx.fillStyle = look.paper;
    ctx.fillRect(from - 1, y - 1, to - from + 2, BAR.height + 2);
    ctx.fillStyle = look.alert;
    ctx.fillRect(from, y, to - from, BAR.height);
    if (to >= chartArea.right - 1) continue;
    ctx.strokeStyle = look.alert;
    ctx.lineWidth = 1;
    ctx.setLineDash([1, 3]);
    ctx.beginPath();
    ctx.moveTo(to, y);
    ctx.lineTo(to, chartArea.bottom);
    ctx.stroke();
  }
  ctx.setLineDash([]);
  return rows * (BAR.height + BAR.gap);
}

const isSpan = (marker: Marker): marker is Span => marker.until !== undefined;

/** Dashed lines over all panels, with their labels at the top of the highest panel. */
const markerLines = (markers: readonly Marker[], topPanel: string): Plugin<'line'> => ({
  id: 'markers',
  afterDatasetsDraw(chart: Chart) {
    if (markers.length === 0) return;
    const { scales, chartArea } = chart;
    const ctx = contextOf(chart);
    const look = lookOf(chart);
    ctx.save();
    const lines = linesToDraw(
      markers.map((marker) => ({
        ...marker,
        at: scales.x.getPixelForValue(marker.x),
        // Values of the axis are few, and all of them count.
        rank: marker.kind === undefined ? -1 : rankOf({ kind: marker.kind }),
      })),
    );
    for (const { at, kind } of lines) {
      ctx.strokeStyle = kind === 'event' || kind === 'fault' ? look.alert : look.ink;
      ctx.lineWidth = kind === 'phase' ? 1 : 1.5;
      ctx.setLineDash(kind === 'change' ? [2, 3] : [5, 4]);
      ctx.beginPath();
      ctx.moveTo(at, chartArea.top);
      ctx.lineTo(at, chartArea.bottom);
      ctx.stroke();
    }
    ctx.setLineDash([]);
    const barsHeight = drawBars(markers.filter(isSpan), chart, scales[topPanel].top);
    ctx.font = `600 14px ${FONT_FAMILY}`;
    ctx.textAlign = 'left';
    ctx.textBaseline = 'top';
    const measured = lines.map(({ label, at, rank, until }) => {
      const text = shorten(label, 60);
      return { text, at, rank, width: ctx.measureText(text).width, isBand: until !== undefined };
    });
    const { left, right } = chartArea;
    for (const { text, left: x, top } of placeLabels(measured, {
      left,
      right,
      top: scales[topPanel].top + 4 + barsHeight,
    })) {
      // A halo keeps the label readable over bars and lines.
      ctx.lineWidth = 4;
      ctx.lineJoin = 'round';
      ctx.strokeStyle = look.paper;
      ctx.strokeText(text, x, top);
      ctx.fillStyle = look.ink;
      ctx.fillText(text, x, top);
    }
    ctx.restore();
  },
});
