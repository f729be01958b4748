/** The charts of a run: from data to configurations of chart.js. Pure: what draws them is render.ts. */
import { ACCEPTED, compareAnswers, labelAnswer, sumAnswers } from '../results/answers.ts';
import { formatMs, formatNumber } from '../results/units.ts';
import { breakpointConfig, describeBreakpoint } from './breakpoint.ts';
import type { ChartData } from './data.ts';
import { describeFleet, fleetConfig, fleetHeight } from './fleet.ts';
import { captionOf } from './captions.ts';
import { logBins, logRange, NINES, nines, percentileCurve } from './distribution.ts';
import { heatCells, heatLegend, heatMap, heatRange } from './heatmap.ts';
import { type Limit, limitLines } from './limits.ts';
import {
  askedConfig,
  ioConfig,
  percentileLines,
  rateLatencyConfig,
  storedConfig,
} from './more-charts.ts';
import {
  area,
  chart,
  COLOUR,
  GAP,
  INK_SOFT,
  line,
  logAxis,
  markersOf,
  spreadDatasets,
  steps,
  timeChart,
  withGaps,
  type LineConfiguration,
  type LineDataset,
  type Marker,
  type Panel,
} from './panels.ts';
import { CHART_TITLES, type ChartName, isUsualChart } from './names.ts';
import { stageLagsChart } from './stage-lags.ts';
import { whyEmpty } from './without-data.ts';
import type { RateStep, ReadingPoint, TimeSpan } from './series.ts';
import { LOOKS, type Theme, themed } from './theme.ts';

export { CHART_NAMES, CHART_TITLES, type ChartName, isUsualChart } from './names.ts';

export type ChartDefinition = {
  name: ChartName;
  title: string;
  /** What the picture shows. */
  description: string;
  /** What one sees in it: a sentence or two, of its figures alone. */
  caption: string;
  /** A report shows it without being asked for it. */
  isUsual: boolean;
  /** Why nothing would stand in it, which no report shows; null: something does. */
  whyEmpty: string | null;
  /** CSS pixels. */
  width: number;
  height: number;
  /** A new configuration at each call: chart.js writes into the one it draws. */
  config: (theme?: Theme) => LineConfiguration;
};

const WIDTH = 1200;

/** As a chart is made here; theme and caption are added to all alike. */
type Plain = Omit<ChartDefinition, 'caption' | 'isUsual' | 'whyEmpty' | 'config'> & {
  config: () => LineConfiguration;
};

/** The charts of a run, in the order of a report. */
export function chartsOf(data: ChartData): ChartDefinition[] {
  const charts: Plain[] = [
    ...breakpoint(data),
    ...fleet(data),
    throughput(data),
    latency(data),
    heatmap(data),
    resources(data),
    distribution(data),
    rateLatency(data),
    ...asked(data),
    io(data),
    ...stored(data),
    ...stageLags(data),
  ];
  return charts.map(({ config, ...chart }) => ({
    ...chart,
    caption: captionOf(chart.name, data),
    isUsual: isUsualChart(chart.name, data.pictures),
    whyEmpty: whyEmpty(chart.name, data),
    config: (theme: Theme = 'light') => themed(config(), theme),
  }));
}

/** Of the scenario breakpoint; nothing of other runs. */
function breakpoint({ subtitle, breakpoint: figures }: ChartData): Plain[] {
  if (figures === null || figures.trials.length === 0) return [];
  const title = CHART_TITLES.breakpoint;
  return [
    {
      name: 'breakpoint',
      title,
      description: describeBreakpoint(figures),
      width: WIDTH,
      height: 720,
      config: () => breakpointConfig(title, subtitle, figures),
    },
  ];
}

/** Of the scenario fleet; nothing of other runs. */
function fleet({ subtitle, fleet: data }: ChartData): Plain[] {
  if (data === null) return [];
  const title = CHART_TITLES.fleet;
  return [
    {
      name: 'fleet',
      title,
      description: describeFleet(data),
      width: WIDTH,
      height: fleetHeight(data),
      config: () => fleetConfig(title, subtitle, data),
    },
  ];
}

/** All that happened in a run. */
const allMarkers = ({ rounds, events, marks = [] }: ChartData): Marker[] =>
  markersOf([
    ...rounds.map((one) => ({ ...one, kind: 'phase' as const })),
    ...events.map((one) => ({ ...one, kind: 'event' as const })),
    ...marks,
  ]);

/** Errors in the target's log, as strokes along the time axis. */
const logTicks = ({ logErrors }: ChartData) =>
  logErrors && {
    ticks: {
      label: `errors in the target's log: ${formatNumber(logErrors.count)}`,
      at: logErrors.atS,
    },
  };

function throughput(data: ChartData): Plain {
  const { subtitle, span, rates } = data;
  const title = CHART_TITLES.throughput;
  const classes = drawnClasses(rates);
  // Beside accepted answers a few errors are thin; without any, the panel of all answers shows them well.
  const failed = classes.filter(({ answer }) => answer !== ACCEPTED);
  const errors = failed.length < classes.length ? failed : [];
  const height = errors.length > 0 ? 760 : 620;
  return {
    name: 'throughput',
    title,
    description: 'VUs, submissions per second by class of answer, and errors per second, over time',
    width: WIDTH,
    height,
    config: () => {
      const panels: Panel[] = [
        {
          id: 'rate',
          title: 'Submissions per second',
          weight: 4,
          datasets: [
            ...stackedRates(rates, classes, 'rate'),
            ...extremes(rates, span),
            ...limitLines(data.limits ?? [], 'rate', {
              highest: rates.reduce((most, { perSecond }) => Math.max(most, perSecond.max), 0),
              to: Math.max(span.seconds, 1),
            }),
          ],
        },
        vusPanel(rates),
      ];
      if (errors.length > 0)
        panels.unshift({
          id: 'errors',
          title: 'Errors per second',
          weight: 2,
          // The classes have their legend entry from the panel above.
          datasets: stackedRates(rates, errors, 'errors').map((dataset) => ({
            ...dataset,
            label: '',
          })),
        });
      return timeChart({
        title,
        subtitle,
        span,
        panels,
        markers: allMarkers(data),
        ...logTicks(data),
      });
    },
  };
}

function latency(data: ChartData): Plain {
  const { subtitle, span, latencies } = data;
  const title = CHART_TITLES.latency;
  const lines = [
    { label: 'max', of: 'max', colour: COLOUR.grey, width: 1 },
    { label: 'p99', of: 'p99', colour: COLOUR.vermillion, width: 1.75 },
    { label: 'p95', of: 'p95', colour: COLOUR.orange, width: 1.75 },
    { label: 'p90', of: 'p90', colour: COLOUR.green, width: 1.75 },
    { label: 'p50 (median)', of: 'p50', colour: COLOUR.blue, width: 2.25 },
  ] as const;
  const highest = latencies.reduce((max, step) => Math.max(max, step.max), 0);
  const medians = latencies.map((step) => step.p50).sort((a, b) => a - b);
  const typical = medians[medians.length >> 1] ?? 0;
  // One outlier must not press all percentiles flat onto the axis.
  const logarithmic = highest > 12 * typical && medians[0] > 0;
  return {
    name: 'latency',
    title,
    description: 'Percentiles 50, 90, 95, 99 and maximum of the latency over time',
    width: WIDTH,
    height: 600,
    config: () =>
      timeChart({
        title,
        subtitle,
        span,
        markers: allMarkers(data),
        ...logTicks(data),
        panels: [
          {
            id: 'latency',
            title: logarithmic ? 'Latency (ms, logarithmic)' : 'Latency (ms)',
            weight: 1,
            logarithmic,
            datasets: [
              ...lines.map(({ label, of, colour, width }, i) => ({
                // Where two coincide, the lower percentile is drawn over the higher one.
                ...line({
                  label,
                  yAxisID: 'latency',
                  colour,
                  width,
                  data: withGaps(
                    latencies.map((step) => ({
                      startS: step.startS,
                      endS: step.endS,
                      value: step[of],
                    })),
                  ),
                }),
                order: 10 - i,
              })),
              ...limitLines(data.limits ?? [], 'latency', {
                highest,
                to: Math.max(span.seconds, 1),
              }),
            ],
          },
        ],
      }),
  };
}

function resources(data: ChartData): Plain {
  const { subtitle, span, rates, processes, hostCpu, hostCores, limits = [] } = data;
  const title = CHART_TITLES.resources;
  let others = 0;
  const styled = processes.map((process) => {
    const known = PROCESS_COLOURS[process.name];
    if (known !== undefined) return { process, colour: known, dash: undefined };
    const colour = OTHER_PROCESSES[others % OTHER_PROCESSES.length];
    // More processes than colours: the second round is dashed, the third dotted.
    const dash = [undefined, [8, 4], [2, 3]][Math.floor(others++ / OTHER_PROCESSES.length) % 3];
    return { process, colour, dash };
  });
  return {
    name: 'resources',
    title,
    description: 'VUs, CPU in cores and memory in MB of each watched process, on one time axis',
    width: WIDTH,
    height: 860,
    config: () => {
      const ofProcesses = (figure: 'cpu' | 'memory', labelled: boolean) =>
        styled.flatMap(({ process, colour, dash }) =>
          spreadDatasets(process[figure], {
            label: labelled ? process.name : '',
            yAxisID: figure,
            colour,
            dash,
          }),
        );
      const limitsOfProcesses = (figure: 'cpu' | 'memory') =>
        limitLines(limits, figure, {
          highest: highestOf(processes.flatMap((process) => process[figure])),
          to: Math.max(span.seconds, 1),
        });
      return timeChart({
        title,
        subtitle,
        span,
        note: 'bands: lowest to highest reading',
        ...logTicks(data),
        markers: allMarkers(data),
        panels: [
          {
            id: 'memory',
            title: 'Memory (RSS, MB)',
            weight: 3,
            datasets: [...ofProcesses('memory', false), ...limitsOfProcesses('memory')],
          },
          {
            id: 'cpu',
            title: hostCores === null ? 'CPU (cores)' : `CPU (cores, of ${hostCores})`,
            weight: 3,
            datasets: [
              ...ofProcesses('cpu', true),
              ...spreadDatasets(hostCpu, {
                label: hostCpu.length === 0 ? '' : 'whole machine (CPU)',
                yAxisID: 'cpu',
                colour: COLOUR.grey,
                dash: [5, 4],
              }),
              ...limitsOfProcesses('cpu'),
            ],
          },
          vusPanel(rates),
        ],
      });
    },
  };
}

function distribution({ subtitle, latency, buckets, limits = [] }: ChartData): Plain {
  const title = CHART_TITLES.distribution;
  return {
    name: 'distribution',
    title,
    description:
      'Histogram of the latency, and the share of answers within each latency, both over a logarithmic axis of milliseconds',
    width: WIDTH,
    height: 720,
    config: () => {
      const count = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
      const range = logRange(buckets);
      const bins = latency
        ? logBins(buckets, range, Math.min(120, Math.max(12, Math.ceil(Math.sqrt(count)))))
        : [];
      const markers = latency
        ? (
            [
              ['p50', latency.p50Ms],
              ['p95', latency.p95Ms],
              ['p99', latency.p99Ms],
            ] as const
          ).map(([name, ms]) => ({ x: ms, label: `${name} ${formatMs(ms)}` }))
        : [];
      const top = Math.max(1, Math.log10(2 * count));
      const facts = latency
        ? `  ·  ${formatNumber(latency.count)} answers  ·  max ${formatMs(latency.maxMs)}`
        : '';
      return chart({
        title,
        subtitle: subtitle + facts,
        x: logAxis('Latency (ms, logarithmic)', range.lowMs, range.highMs),
        markers,
        legend: limits.some(({ panel }) => panel === 'latency'),
        panels: [
          {
            id: 'percentile',
            title: 'Answers within this latency',
            weight: 3,
            min: 0,
            max: top,
            ticks: NINES.filter(({ y }) => y <= top + 1e-9),
            datasets: [
              line({
                label: '',
                yAxisID: 'percentile',
                colour: COLOUR.blue,
                width: 2,
                data: percentileCurve(buckets, count, latency?.maxMs ?? Infinity),
              }),
              ...limitCorners(limits, range, top),
            ],
          },
          {
            id: 'share',
            title: 'Share of answers (%)',
            weight: 3,
            // Head room for the labels of the percentiles.
            max: 1.3 * bins.reduce((max, bin) => Math.max(max, bin.share * 100), 0) || undefined,
            datasets: [
              area({
                label: '',
                yAxisID: 'share',
                colour: COLOUR.accepted,
                data: bins.flatMap(({ lowMs, highMs, share }) => [
                  { x: lowMs, y: share * 100 },
                  { x: highMs, y: share * 100 },
                ]),
              }),
            ],
          },
        ],
      });
    },
  };
}

/**
 * A gate of a percentile on the axis of percentiles: from the share of answers that it speaks of to its limit, and down. The curve has to pass
 * left of the corner.
 */
function limitCorners(
  limits: readonly Limit[],
  { lowMs, highMs }: { lowMs: number; highMs: number },
  top: number,
): LineDataset[] {
  return limits
    .filter(({ panel }) => panel === 'latency')
    .map(({ at, label, share, failed }) => {
      const y = share === undefined ? top : Math.min(top, nines(share));
      const isInside = at >= lowMs && at <= highMs;
      return line({
        label: isInside ? label : `${label}: ${at > highMs ? 'right' : 'left'} of this axis`,
        yAxisID: 'percentile',
        colour: failed ? LOOKS.light.alert : INK_SOFT,
        width: 1.75,
        dash: [7, 5],
        data: isInside
          ? [
              { x: lowMs, y },
              { x: at, y },
              { x: at, y: 0 },
            ]
          : [],
      });
    });
}

const highestOf = (points: readonly ReadingPoint[]): number =>
  points.reduce((most, { value }) => Math.max(most, value?.max ?? 0), 0);

function heatmap(data: ChartData): Plain {
  const { subtitle, span, latencies, limits = [] } = data;
  const title = CHART_TITLES.heatmap;
  return {
    name: 'heatmap',
    title,
    description:
      'Heat map of the latency: columns of time, rows of a logarithmic axis of milliseconds, the number of answers as colour, with p50 and p95 as lines',
    width: WIDTH,
    height: 620,
    config: () => {
      const map = heatMap(latencies, span.stepS);
      const range = map && heatRange(map);
      return timeChart({
        title,
        subtitle,
        span,
        markers: allMarkers(data),
        ...logTicks(data),
        panels: [
          {
            id: 'latency',
            title: 'Latency (ms, logarithmic)',
            weight: 1,
            logarithmic: true,
            ...range,
            ...(map && { entries: heatLegend(map), plugins: [heatCells(map, 'latency')] }),
            datasets: [
              ...percentileLines(data, 'latency'),
              ...limitLines(limits, 'latency', { highest: (range?.max ?? 0) / 3, to: Math.max(span.seconds, 1) }), // prettier-ignore
            ],
          },
        ],
      });
    },
  };
}

function rateLatency(data: ChartData): Plain {
  const title = CHART_TITLES['rate-latency'];
  return {
    name: 'rate-latency',
    title,
    description: 'p50 and p95 of each second over the submissions begun in it',
    width: WIDTH,
    height: 620,
    config: () => rateLatencyConfig(title, data),
  };
}

/** Of a load whose plan has a rate or VUs over time. */
function asked(data: ChartData): Plain[] {
  if (data.asked === undefined || data.asked === null) return [];
  const title = CHART_TITLES.asked;
  return [
    {
      name: 'asked',
      title,
      description: 'What the plan asked for over time, and what was begun and accepted',
      width: WIDTH,
      height: 620,
      config: () => askedConfig(title, data, allMarkers(data)),
    },
  ];
}

function io(data: ChartData): Plain {
  const title = CHART_TITLES.io;
  return {
    name: 'io',
    title,
    description: 'Bytes per second over time: bodies, answers, storage of each process, network of the machine', // prettier-ignore
    width: WIDTH,
    height: data.disks?.length || data.network?.length ? 860 : 520,
    config: () => ioConfig(title, data, allMarkers(data)),
  };
}

/** Of a load through the whole chain. */
function stageLags(data: ChartData): Plain[] {
  const { subtitle, stageLags: lags } = data;
  if (lags === undefined) return [];
  const { name, title, description, width, height, config } = stageLagsChart(subtitle, lags);
  return [{ name, title, description, width, height, config: () => config() }];
}

/** Of a load whose storage was looked into while it ran. */
function stored(data: ChartData): Plain[] {
  if (data.looks === undefined || data.looks.length === 0) return [];
  const title = CHART_TITLES.stored;
  return [
    {
      name: 'stored',
      title,
      description: 'Submissions accepted and stored over time, and those that the storage lacks',
      width: WIDTH,
      height: 620,
      config: () => storedConfig(title, data, allMarkers(data)),
    },
  ];
}

const PROCESS_COLOURS: Record<string, string> = {
  backend: COLOUR.vermillion,
  k6: COLOUR.blue,
  toolkit: COLOUR.green,
};
const OTHER_PROCESSES = [COLOUR.purple, COLOUR.orange, COLOUR.black, COLOUR.accepted];

/** The usual classes keep their colour from picture to picture. */
const ANSWER_COLOURS: Record<string, string> = {
  [ACCEPTED]: COLOUR.accepted,
  '500': COLOUR.vermillion,
  '503': COLOUR.vermillion,
  'error:1050': COLOUR.black,
  '429': COLOUR.orange,
  '401': COLOUR.purple,
  '400': COLOUR.yellow,
  'error:1211': COLOUR.black,
  'error:1212': COLOUR.vermillion,
  'error:1220': COLOUR.purple,
};
const ERROR_COLOURS = [
  COLOUR.vermillion,
  COLOUR.black,
  COLOUR.orange,
  COLOUR.purple,
  COLOUR.yellow,
  COLOUR.green,
  COLOUR.blue,
];

type DrawnClass = { answer: string; label: string; colour: string; members: string[] };

/** The classes that get a colour of their own; beyond seven kinds of errors the rarest are drawn as one. */
function drawnClasses(rates: readonly RateStep[]): DrawnClass[] {
  const totals = sumAnswers(rates);
  const errors = Object.keys(totals)
    .filter((answer) => answer !== ACCEPTED && totals[answer] > 0)
    .sort((a, b) => totals[b] - totals[a] || compareAnswers(a, b));
  const single =
    errors.length <= ERROR_COLOURS.length ? errors : errors.slice(0, ERROR_COLOURS.length - 1);
  const rest = errors.slice(single.length);
  const free = new Set<string>(ERROR_COLOURS);
  const colours = new Map<string, string>();
  for (const answer of single) {
    const colour = ANSWER_COLOURS[answer];
    if (colour !== undefined && free.delete(colour)) colours.set(answer, colour);
  }
  for (const answer of single) {
    if (colours.has(answer)) continue;
    const [colour] = free;
    free.delete(colour);
    colours.set(answer, colour);
  }
  const withCount = (label: string, count: number) => `${label}: ${formatNumber(count)}`;
  const classes: DrawnClass[] = single.sort(compareAnswers).map((answer) => ({
    answer,
    label: withCount(labelAnswer(answer), totals[answer]),
    colour: colours.get(answer)!,
    members: [answer],
  }));
  if ((totals[ACCEPTED] ?? 0) > 0)
    classes.unshift({
      answer: ACCEPTED,
      label: withCount(labelAnswer(ACCEPTED), totals[ACCEPTED]),
      colour: ANSWER_COLOURS[ACCEPTED],
      members: [ACCEPTED],
    });
  if (rest.length > 0)
    classes.push({
      answer: 'other',
      label: withCount(
        `${rest.length} other classes`,
        rest.reduce((sum, answer) => sum + totals[answer], 0),
      ),
      colour: COLOUR.grey,
      members: rest,
    });
  return classes;
}

/**
 * Areas on top of each other. Each reaches from 0 to its upper edge and the lower classes are drawn over
 * it: chart.js fills from one line to another only where neither has a gap.
 */
function stackedRates(
  rates: readonly RateStep[],
  classes: readonly DrawnClass[],
  yAxisID: string,
): LineDataset[] {
  const below = rates.map(() => 0);
  return classes.map(({ label, colour, members, answer }, layer) => {
    const data = steps(
      rates.map(({ startS, endS, observedS, answers }, i) => {
        const rate = members.reduce((sum, member) => sum + (answers[member] ?? 0), 0) / observedS;
        below[i] += rate;
        // The edge of an error of almost nothing is one pixel; of nothing, there is none.
        return { startS, endS, value: rate === 0 && answer !== ACCEPTED ? GAP : below[i] };
      }),
    );
    // A lower layer has a lower `order`, and what has the lowest order is drawn last, on top.
    return {
      ...area({ label, yAxisID, colour, data }),
      order: 10 + layer,
      borderWidth: layer === 0 ? 0 : 1,
    };
  });
}

/** Where steps are longer than a second: the busiest and the quietest second of each. */
function extremes(rates: readonly RateStep[], span: TimeSpan): LineDataset[] {
  if (span.stepS === 1) return [];
  const edge = (of: 'min' | 'max') =>
    steps(rates.map(({ startS, endS, perSecond }) => ({ startS, endS, value: perSecond[of] })));
  const common = { yAxisID: 'rate', colour: INK_SOFT, width: 0.75 };
  return [
    { ...line({ ...common, label: 'busiest and quietest second', data: edge('max') }), order: 1 },
    { ...line({ ...common, label: '', data: edge('min') }), order: 1 },
  ];
}

/** A small panel: its axis names only 0 and the peak. */
function vusPanel(rates: readonly RateStep[]): Panel {
  const peak = rates.reduce((most, { vus }) => Math.max(most, vus?.max ?? 0), 0);
  return {
    id: 'vus',
    title: 'VUs',
    weight: 1.1,
    min: 0,
    max: 1.25 * Math.max(peak, 1),
    ticks: (peak === 0 ? [0] : [0, peak]).map((y) => ({ y, label: formatNumber(y) })),
    datasets: [vusDataset(rates)],
  };
}

const vusDataset = (rates: readonly RateStep[]): LineDataset =>
  line({
    label: '',
    yAxisID: 'vus',
    colour: INK_SOFT,
    width: 1.75,
    data: steps(
      rates.map(({ startS, endS, vus }) => ({ startS, endS, value: vus === null ? GAP : vus.max })),
    ),
  });
