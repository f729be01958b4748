/** Charts of plots/ in a browser: the parts of chart.js that they need, and what a page can do beyond a picture. */
import {
  Chart,
  type ChartConfiguration,
  Filler,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  SubTitle,
  Title,
  Tooltip,
  type TooltipItem,
} from 'chart.js';
import { FONT_FAMILY, type LineConfiguration } from '../../plots/panels.ts';
import { formatClock, formatNumber } from '../../results/units.ts';

Chart.register(
  Filler,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  SubTitle,
  Title,
  Tooltip,
);

type Dataset = {
  label?: string;
  yAxisID?: string;
  fill?: unknown;
  borderWidth?: unknown;
  data: { x: number; y: number }[];
};
type Item = TooltipItem<'line'>;
const datasetOf = (item: Item): Dataset => item.dataset as unknown as Dataset;

/** Areas stand on each other: what a class has is its edge less the one below. */
function valueOf(item: Item): number {
  const dataset = datasetOf(item);
  const y = item.parsed.y ?? NaN;
  if (dataset.fill !== 'origin') return y;
  const below = (item.chart.data.datasets as unknown as Dataset[])
    .slice(0, item.datasetIndex)
    .filter(({ yAxisID, fill }) => yAxisID === dataset.yAxisID && fill === 'origin')
    .map(({ data }) => data[item.dataIndex]?.y ?? NaN)
    .filter((edge) => Number.isFinite(edge));
  return y - (below.at(-1) ?? 0);
}

/** Without its count in all, which the legend has. */
const nameOf = (item: Item): string => {
  const { label = '', yAxisID = '' } = datasetOf(item);
  const scale = item.chart.options.scales?.[yAxisID] as { title?: { text?: string } } | undefined;
  const title = scale?.title?.text ?? '';
  return label === '' ? title : `${label.replace(/: [\d,.]+$/, '')}, ${title}`;
};

/** The configuration of a picture, with what a page can do beyond it. */
export function interactive(config: LineConfiguration): ChartConfiguration {
  const options = config.options!;
  const plugins = options.plugins!;
  const isOverTime = (options.scales?.x as { title?: { text?: string } }).title?.text?.startsWith(
    'Time',
  );
  options.events = ['mousemove', 'mouseout', 'click', 'touchstart', 'touchmove'];
  options.interaction = { mode: 'nearest', axis: 'x', intersect: false };
  plugins.legend!.onClick = (_, { datasetIndex }, { chart }) => {
    if (datasetIndex === undefined) return;
    chart.setDatasetVisibility(datasetIndex, !chart.isDatasetVisible(datasetIndex));
    chart.update();
  };
  plugins.tooltip = {
    enabled: true,
    animation: false,
    bodyFont: { family: FONT_FAMILY },
    titleFont: { family: FONT_FAMILY },
    // The edges of a band have no line of their own.
    filter: (item) => {
      const { fill, borderWidth, yAxisID, label = '' } = datasetOf(item);
      // A limit has one value, and it stands in the legend.
      if (label.startsWith('gate ')) return false;
      // That panel shows again, larger, what the one of all answers has.
      if (yAxisID === 'errors') return false;
      return Number.isFinite(item.parsed.y) && (fill === 'origin' || borderWidth !== 0);
    },
    callbacks: {
      title: ([item]) =>
        item === undefined
          ? ''
          : isOverTime
            ? formatClock(item.parsed.x ?? 0, (item.parsed.x ?? 0) >= 3600)
            : formatNumber(item.parsed.x ?? 0),
      label: (item) => `${nameOf(item)}: ${formatNumber(valueOf(item))}`,
    },
  };
  return config;
}
