/** The picture of the scenario fleet: who submitted which block when, and how many producers each block comes from. Pure. */
import type { FleetBlock, FleetLine, FleetNetwork, FleetSubmission } from '../results/types.ts';
import { formatNumber } from '../results/units.ts';
import {
  area,
  chart,
  COLOUR,
  INK_SOFT,
  linearAxis,
  type LineConfiguration,
  type LineDataset,
} from './panels.ts';
import type { Point } from './point.ts';

export type FleetData = {
  network: FleetNetwork;
  blocks: FleetBlock[];
  submissions: FleetSubmission[];
  /** By what the network's time was divided. */
  speedup: number;
};

/** @returns null without the head of the file, which comes first */
export function fleetData(lines: readonly FleetLine[], speedup: number): FleetData | null {
  const network = lines.find((line) => line.kind === 'network');
  if (network === undefined) return null;
  return {
    network,
    blocks: lines.filter((line) => line.kind === 'block'),
    submissions: lines.filter((line) => line.kind === 'submission'),
    speedup,
  };
}

/** Blocks take turns: neighbours in height differ, and so do two of one height. */
const BLOCK_COLOURS = [
  COLOUR.blue,
  COLOUR.orange,
  COLOUR.green,
  COLOUR.purple,
  COLOUR.accepted,
  COLOUR.black,
  COLOUR.yellow,
];
const FORK_STEP = 3;

const colourIndex = ({ height, fork }: FleetBlock): number =>
  (height + (fork ? FORK_STEP : 0)) % BLOCK_COLOURS.length;

const MINUTE_MS = 60_000;
/** Of a slot's width, what the bars of its blocks take. */
const BAR = { from: 0.08, to: 0.92, fork: 0.5 } as const;
/** Up to so many rows each has its number at the axis. */
const NUMBERED_ROWS = 25;
const ROW_HEIGHT = { least: 7, most: 24 } as const;
const HEIGHT_WITHOUT_ROWS = 330;

/** When a block's slot begins. */
const startMs = ({ fromMs, slot }: FleetBlock, { slotMs }: FleetNetwork): number =>
  fromMs ?? slot * slotMs;

/** How long it is: eras differ. */
const lengthMs = ({ era }: FleetBlock, { eras = [], slotMs }: FleetNetwork): number =>
  eras.find((one) => one.era === era)?.slotMs ?? slotMs;

/** Higher, the more producers there are. */
export function fleetHeight({ network: { shown } }: FleetData): number {
  const row = Math.min(ROW_HEIGHT.most, Math.max(ROW_HEIGHT.least, 480 / shown));
  return Math.round(HEIGHT_WITHOUT_ROWS + Math.max(120, shown * row));
}

export const describeFleet = ({ network, blocks }: FleetData): string =>
  `Submissions over time, a row for each of ${network.shown} of ${network.nodes ?? network.producers} ${network.nodes === undefined || network.nodes === network.producers ? 'producers' : 'nodes'}, in the colour of their block; ` +
  `below, how many submissions each of ${blocks.length} blocks has`;

export function fleetConfig(title: string, subtitle: string, data: FleetData): LineConfiguration {
  const { network, blocks, speedup } = data;
  const rowsHeight = fleetHeight(data) - HEIGHT_WITHOUT_ROWS;
  const minutes = {
    from: blocks.reduce((first, block) => Math.min(first, startMs(block, network)), 0) / MINUTE_MS,
    to: network.shownMs / MINUTE_MS,
  };
  const realSeconds = MINUTE_MS / speedup / 1000;
  const time =
    speedup === 1
      ? ''
      : `; a minute took ${realSeconds >= 1 ? `${formatNumber(realSeconds)} s` : `${formatNumber(realSeconds * 1000)} ms`}`;
  const forks = blocks.some(({ fork }) => fork) ? '; two bars side by side: a fork' : '';
  const { shown, producers, nodes = producers } = network;
  const who = nodes === producers ? 'Producer' : 'Node of producer';
  const whose =
    shown === nodes
      ? who
      : `${nodes === producers ? 'Producers' : 'Nodes, by producer'} (${formatNumber(shown)} of ${formatNumber(nodes)})`;
  return chart({
    title,
    subtitle,
    markers: forkMarkers(network),
    legend: true,
    x: linearAxis(
      `Time of the network since the beginning (${timeUnit(minutes.to)}${time})${forks}`,
      minutes,
      {
        values: timeTicks(minutes, network.slotMs / MINUTE_MS),
        label: (value) => timeLabel(value, minutes.to),
      },
    ),
    panels: [
      {
        id: 'blocks',
        title: 'Submissions per block',
        weight: 150,
        datasets: blockBars(data),
      },
      {
        id: 'producers',
        title: whose,
        weight: rowsHeight,
        min: 0,
        // Room for the words of the markers.
        max: shown + (network.hardFork === undefined ? 1 : 2),
        ticks: rowTicks(data),
        datasets: submissionPoints(data, rowsHeight),
      },
    ],
  });
}

const LABELS: Record<string, string> = { berkeley: 'Berkeley', mesa: 'Mesa' };

/** Where the old chain stopped and the new era began. */
function forkMarkers({ hardFork, eras = [] }: FleetNetwork): { x: number; label: string }[] {
  if (hardFork === undefined) return [];
  const at = (ms: number, label: string) => ({ x: ms / MINUTE_MS, label });
  const era = eras.at(-1)?.era ?? '';
  return [
    at(hardFork.transactionsEndMs, 'no transactions'),
    at(hardFork.chainEndMs, 'no blocks'),
    at(hardFork.genesisMs, `genesis of ${LABELS[era] ?? era}`),
  ];
}

/** Bars along the base line, so that no gap is needed between them; a fork's stands beside its rival's. */
function blockBars({ network, blocks }: FleetData): LineDataset[] {
  const start = (block: FleetBlock) => startMs(block, network);
  const forked = new Set(blocks.filter(({ fork }) => fork).map(start));
  const bar = (block: FleetBlock, y: number): Point[] => {
    const from = block.fork ? BAR.fork : BAR.from;
    const to = !block.fork && forked.has(start(block)) ? BAR.fork : BAR.to;
    const [left, right] = [from, to].map(
      (share) => (start(block) + share * lengthMs(block, network)) / MINUTE_MS,
    );
    return [
      { x: left, y: 0 },
      { x: left, y },
      { x: right, y },
      { x: right, y: 0 },
    ];
  };
  const short = blocks.filter(({ planned, accepted }) => accepted < planned);
  const datasets = BLOCK_COLOURS.map((colour, i) => ({
    ...area({
      label: '',
      yAxisID: 'blocks',
      colour,
      data: blocks
        .filter((block) => colourIndex(block) === i)
        .flatMap((block) => bar(block, block.accepted)),
    }),
    order: 8,
  }));
  if (short.length > 0)
    datasets.push(
      area({
        label: 'planned, not accepted',
        yAxisID: 'blocks',
        colour: '#c9c9c9',
        data: short.flatMap((block) => bar(block, block.planned)),
      }) as (typeof datasets)[number],
    );
  return datasets;
}

type Mark = {
  label: string;
  shape: 'circle' | 'triangle' | 'rectRot' | 'crossRot' | 'star' | 'rect';
  is: (submission: FleetSubmission) => boolean;
};

const isBehind = ({ as }: FleetSubmission): boolean => as === 'late' || as === 'lagging';
/** The first that fits; a submission that was not accepted has a mark of its own. */
const MARKS: readonly Mark[] = [
  {
    label: 'old chain (node that stayed behind)',
    shape: 'star',
    is: ({ as }) => as === 'stayed',
  },
  { label: 'older block (late or lagging node)', shape: 'rectRot', is: isBehind },
  { label: 'with snark work', shape: 'circle', is: ({ snarkWork }) => snarkWork },
  { label: 'without snark work (its maker)', shape: 'triangle', is: ({ as }) => as === 'maker' },
  { label: 'without snark work', shape: 'rect', is: () => true },
];

function submissionPoints(data: FleetData, rowsHeight: number): LineDataset[] {
  const { blocks, submissions, network } = data;
  const radius = Math.min(6, Math.max(1.5, rowsHeight / network.shown / 3.2));
  const colours = new Map(blocks.map((block) => [block.block, colourIndex(block)]));
  const at = ({ atMs, row }: FleetSubmission): Point => ({
    x: atMs / MINUTE_MS,
    y: network.shown - row,
  });
  const accepted = submissions.filter((submission) => submission.accepted);
  const failed = submissions.filter(({ answer, accepted: taken }) => answer !== null && !taken);
  const unsent = submissions.filter(({ answer }) => answer === null);
  const paired = submissions.filter((one) => one.paired && one.as !== 'maker');
  const again = submissions.filter(({ retries = 0 }) => retries > 0);

  const datasets: LineDataset[] = [];
  const used = MARKS.map(() => false);
  const groups = new Map<string, { mark: number; colour: number; data: Point[] }>();
  for (const submission of accepted) {
    const mark = MARKS.findIndex(({ is }) => is(submission));
    const colour = colours.get(submission.block) ?? 0;
    used[mark] = true;
    const key = `${mark}/${colour}`;
    const group = groups.get(key) ?? { mark, colour, data: [] };
    groups.set(key, group);
    group.data.push(at(submission));
  }
  for (const { mark, colour, data: points } of groups.values())
    datasets.push(marks('', MARKS[mark].shape, BLOCK_COLOURS[colour], radius, points));
  // Shapes alone in the legend: colours stand for blocks.
  MARKS.forEach(({ label, shape }, i) => {
    if (used[i]) datasets.push(marks(label, shape, INK_SOFT, radius, []));
  });
  if (paired.length > 0)
    datasets.push({
      ...marks(
        'in the same second as another node of its key',
        'rect',
        INK_SOFT,
        1.8 * radius,
        paired.map(at),
      ),
      backgroundColor: 'transparent',
      pointBackgroundColor: 'transparent',
      pointBorderColor: INK_SOFT,
      pointBorderWidth: 1.2,
      order: 4,
    });
  if (again.length > 0)
    datasets.push({
      ...marks(
        'sent again after a failure',
        'circle',
        COLOUR.vermillion,
        1.5 * radius + 1,
        again.map(at),
      ),
      backgroundColor: 'transparent',
      pointBackgroundColor: 'transparent',
      pointBorderColor: COLOUR.vermillion,
      pointBorderWidth: 1.5,
      order: 2,
    });
  if (failed.length > 0)
    datasets.push({
      ...marks('not accepted', 'crossRot', COLOUR.vermillion, radius + 1, failed.map(at)),
      pointBorderColor: COLOUR.vermillion,
      pointBorderWidth: 2.5,
    });
  if (unsent.length > 0)
    datasets.push({
      ...marks('not sent, or no answer', 'circle', COLOUR.grey, radius, unsent.map(at)),
      backgroundColor: 'transparent',
      pointBackgroundColor: 'transparent',
      pointBorderWidth: 1,
    });
  return datasets;
}

const marks = (
  label: string,
  pointStyle: Mark['shape'],
  colour: string,
  pointRadius: number,
  data: Point[],
): LineDataset => ({
  label,
  yAxisID: 'producers',
  data,
  showLine: false,
  pointStyle,
  pointRadius,
  borderColor: colour,
  backgroundColor: colour,
  pointBackgroundColor: colour,
  // Yellow on white needs an edge.
  pointBorderColor: INK_SOFT,
  pointBorderWidth: 0.5,
  borderWidth: 1,
  order: 3,
});

/** Numbers of the producers where there is room, and always the first and the last. */
function rowTicks({ network: { shown }, submissions }: FleetData): { y: number; label: string }[] {
  const producers = new Map(submissions.map(({ row, producer }) => [row, producer]));
  const every = Math.ceil(shown / NUMBERED_ROWS);
  return Array.from({ length: shown }, (_, row) => row)
    .filter((row) => row % every === 0)
    .map((row) => ({ y: shown - row, label: String(producers.get(row) ?? '') }))
    .reverse();
}

const HOUR = 60;
const timeUnit = (until: number): string => (until > 2 * HOUR ? 'h:mm' : 'minutes');

function timeLabel(minutes: number, until: number): string {
  if (until <= 2 * HOUR) return formatNumber(minutes);
  const whole = Math.round(Math.abs(minutes));
  return `${minutes < 0 ? '-' : ''}${Math.floor(whole / HOUR)}:${String(whole % HOUR).padStart(2, '0')}`;
}

/** At slots as long as these are few, then at cycles and hours. */
function timeTicks({ from, to }: { from: number; to: number }, slotMinutes: number): number[] {
  const steps = [1, 5, 10, 20, 40, 80, 120, 240, 480, 1440].map((slots) => slots * slotMinutes);
  const every = steps.find((step) => (to - from) / step <= 16) ?? Math.ceil((to - from) / 12);
  const first = Math.ceil(from / every);
  const count = Math.floor(to / every) - first + 1;
  return Array.from({ length: count }, (_, i) => (first + i) * every);
}
