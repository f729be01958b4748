/**
 * The program inside report.html: draws the charts of plots/ from the data in the page, so that they can be asked for values, and copies
 * the report as an issue. Bundled into dist/report-page.js, chart.js and all; it asks no network for anything.
 */
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
import { type ChartDefinition, chartsOf } from '../../plots/charts.ts';
import type { ChartData } from '../../plots/data.ts';
import { EMBEDDED_FONT, FONT_FAMILY, type LineConfiguration } from '../../plots/panels.ts';
import { formatClock, formatNumber } from '../../results/units.ts';
import type { Theme } from '../../plots/theme.ts';
import type { Browser, Element } from './dom.ts';

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

const window = globalThis as unknown as Browser;
const { document, navigator } = window;
const matchMedia = (query: string) => window.matchMedia(query);

/** @returns what stands in the page as JSON */
function dataOf<T>(id: string): T | null {
  const text = document.getElementById(id)?.textContent;
  return text ? (JSON.parse(text) as T) : null;
}

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
function interactive(config: LineConfiguration): ChartConfiguration {
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

/** Dark where the reader's system is; paper is white. */
async function draw(): Promise<void> {
  const data = dataOf<ChartData>('chart-data');
  if (data === null) return;
  // Texts are measured once: before the fonts are there, they would be measured by others.
  await Promise.all(
    ['400', '600'].map((weight) => document.fonts.load(`${weight} 14px '${EMBEDDED_FONT}'`)),
  );
  const charts = new Map(chartsOf(data).map((one) => [String(one.name), one]));
  const drawn: { canvas: Element; chart: Chart; definition: ChartDefinition }[] = [];
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const theme = (): Theme => (dark.matches ? 'dark' : 'light');
  const chartOf = (canvas: Element, definition: ChartDefinition, as: Theme): Chart => {
    const config = interactive(definition.config(as));
    config.options = { ...config.options, devicePixelRatio: 2, font: { family: FONT_FAMILY } };
    canvas.dataset.theme = as;
    return new Chart(canvas, config);
  };
  for (const canvas of document.querySelectorAll('canvas')) {
    const definition = charts.get(canvas.dataset.chart ?? '');
    if (definition === undefined) continue;
    const { width, height, title, caption } = definition;
    canvas.setAttribute('width', String(width));
    canvas.setAttribute('height', String(height));
    canvas.setAttribute('aria-label', `${title}. ${caption}`);
    drawn.push({ canvas, definition, chart: chartOf(canvas, definition, theme()) });
    canvas.dataset.drawn = 'yes';
  }
  const redraw = (as: Theme) => {
    for (const one of drawn) {
      if (one.canvas.dataset.theme === as) continue;
      one.chart.destroy();
      const { width, height } = one.definition;
      one.canvas.setAttribute('width', String(width));
      one.canvas.setAttribute('height', String(height));
      one.chart = chartOf(one.canvas, one.definition, as);
    }
  };
  dark.addEventListener('change', () => redraw(theme()));
  window.addEventListener('beforeprint', () => redraw('light'));
  window.addEventListener('afterprint', () => redraw(theme()));
}

async function copy(text: string): Promise<boolean> {
  try {
    if (navigator.clipboard !== undefined) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // Not allowed here: the old way may be.
  }
  const area: Element = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}

function offerIssue(): void {
  const button = document.getElementById('copy-issue');
  const issue = dataOf<string>('issue');
  if (button === null || issue === null) return;
  button.hidden = false;
  button.addEventListener('click', () => {
    void copy(issue).then((done) => {
      button.textContent = done ? 'Copied' : 'The browser does not allow it';
    });
  });
}

offerIssue();
void draw();
