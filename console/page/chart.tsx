/** A chart of plots/ on the page: as wide as its place, drawn anew when its data changes and somebody can see it. */
import { Chart, type Plugin } from 'chart.js';
import { useEffect, useRef } from 'preact/hooks';
import type { ChartDefinition } from '../../plots/charts.ts';
import { interactive } from '../../report/browser/interactive.ts';

const NARROW_PX = 560;
const WALL_PX = 2600;
/** What a picture needs and a page has elsewhere. */
const LEFT_OUT = new Set(['whiteBackground', 'fitTitles']);
/** Dark: the page inverts what is drawn, so the tooltip is drawn the other way round as well. */
const TOOLTIP = { backgroundColor: '#1a1a1aee', padding: 10, cornerRadius: 8, boxPadding: 4 };

type Hook = 'afterDraw' | 'beforeDraw' | 'afterDatasetsDraw';
const HOOKS: readonly Hook[] = ['beforeDraw', 'afterDatasetsDraw', 'afterDraw'];

type Drawn = { chart: Chart; plugins: Plugin[] };

/** What is drawn, and what it says to those who do not see it. */
type Drawable = Pick<ChartDefinition, 'description' | 'config'>;

type FittedAxis = {
  width: number;
  isHorizontal(): boolean;
  ticks: readonly { label?: string | string[] }[];
  options: { display?: boolean | 'auto'; title?: { display?: boolean; text?: string } };
};

/**
 * Chart.js gives each of the panels above one another a part of half the width, as if they stood side by side: on a telephone their titles lay upon their
 * figures (layouts/index.js, `vBoxMaxWidth`). @param size of the font
 */
function widen(axis: FittedAxis, size: number): void {
  if (axis.isHorizontal() || axis.options.display === false || axis.ticks.length === 0) return;
  const characters = axis.ticks.reduce((most, { label = '' }) => Math.max(most, [label].flat().join().length), 0); // prettier-ignore
  const { title } = axis.options;
  const ofTitle = title?.display === true && title.text ? size * 1.2 + 8 : 0;
  axis.width = Math.max(axis.width, Math.ceil(characters * size * 0.6 + 14 + ofTitle));
}

function configOf(definition: Drawable, width: number) {
  const config = interactive(definition.config());
  const options = config.options!;
  const plugins = options.plugins!;
  const narrow = width < NARROW_PX;
  // As the rest of the page, which is read from further away there.
  const size = narrow ? 10 : innerWidth >= WALL_PX ? 15 : 12;
  options.layout = { padding: { top: 2, right: narrow ? 6 : 14, bottom: 2, left: 0 } };
  options.font = { family: 'Inter, system-ui, sans-serif' };
  // The place says how high it is.
  options.maintainAspectRatio = false;
  options.devicePixelRatio = Math.min(globalThis.devicePixelRatio || 1, 3);
  plugins.title = { display: false };
  plugins.subtitle = { display: false };
  plugins.tooltip = { ...plugins.tooltip, ...TOOLTIP };
  const { labels } = plugins.legend!;
  Object.assign(labels!, { font: { size: size + 1, family: 'Inter, system-ui, sans-serif' }, padding: narrow ? 8 : 12 }); // prettier-ignore
  for (const scale of Object.values(options.scales!) as {
    ticks?: { font?: object; callback?: unknown };
    title?: { font?: object; text?: string };
    afterFit?: (axis: FittedAxis) => void;
  }[]) {
    if (narrow) scale.afterFit = (axis) => widen(axis, size);
    if (scale.ticks?.font) scale.ticks.font = { size, family: 'Inter, system-ui, sans-serif' };
    if (scale.title?.font)
      scale.title.font = {
        size,
        weight: 600,
        family: 'Inter, system-ui, sans-serif',
      };
  }
  const x = options.scales!.x as unknown as {
    title: { text: string };
    afterBuildTicks?: (axis: { ticks: unknown[] }) => void;
  };
  if (narrow) {
    x.title.text = 'Time';
    const { afterBuildTicks } = x;
    // Every label has room for itself.
    x.afterBuildTicks = (axis) => {
      afterBuildTicks?.(axis);
      const every = Math.ceil(axis.ticks.length / 5);
      axis.ticks = axis.ticks.filter((_, i) => i % every === 0);
    };
  }
  return {
    type: config.type,
    data: config.data,
    options,
    plugins: (config.plugins as Plugin[]).filter(({ id }) => !LEFT_OUT.has(id)),
  };
}

/** The plugins of a picture know its data: those of the newest are called. */
function newestOf(drawn: { plugins: Plugin[] }): Plugin {
  const plugin: Record<string, unknown> = { id: 'newest' };
  for (const hook of HOOKS)
    plugin[hook] = (...given: unknown[]) => {
      for (const one of drawn.plugins)
        (one[hook] as ((...all: unknown[]) => void) | undefined)?.(...given);
    };
  return plugin as unknown as Plugin;
}

export function ChartView({ definition, height }: { definition: Drawable; height: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const drawn = useRef<Drawn | null>(null);
  const newest = useRef(definition);
  newest.current = definition;

  const draw = () => {
    const place = canvas.current?.parentElement;
    if (!canvas.current || !place || document.hidden || place.clientWidth === 0) return;
    const config = configOf(newest.current, place.clientWidth);
    if (drawn.current === null) {
      const state = { plugins: config.plugins } as Drawn;
      state.chart = new Chart(canvas.current, { ...config, plugins: [newestOf(state)] });
      drawn.current = state;
      state.chart.resize(place.clientWidth, height);
      return;
    }
    const { chart } = drawn.current;
    drawn.current.plugins = config.plugins;
    const hidden = new Set(
      (chart.data.datasets as { label?: string }[])
        .filter(({ label }, i) => label !== '' && !chart.isDatasetVisible(i))
        .map(({ label }) => withoutCount(label)),
    );
    chart.data = config.data;
    chart.options = config.options;
    if (hidden.size > 0)
      (chart.data.datasets as { label?: string; hidden?: boolean }[]).forEach((dataset) => {
        dataset.hidden = hidden.has(withoutCount(dataset.label));
      });
    if (chart.width !== place.clientWidth || chart.height !== height)
      chart.resize(place.clientWidth, height);
    chart.update('none');
  };

  useEffect(draw, [definition, height]);
  useEffect(() => {
    const place = canvas.current?.parentElement;
    const observer = new ResizeObserver(() => draw());
    if (place) observer.observe(place);
    // Texts are measured by the fonts that are there.
    void document.fonts.ready.then(() => draw());
    document.addEventListener('visibilitychange', draw);
    return () => {
      observer.disconnect();
      document.removeEventListener('visibilitychange', draw);
      drawn.current?.chart.destroy();
      drawn.current = null;
    };
  }, []);

  return (
    <div class="plot" style={{ height: `${height}px` }}>
      <canvas ref={canvas} role="img" aria-label={definition.description} />
    </div>
  );
}

const withoutCount = (label = ''): string => label.replace(/: [\d,.]+$/, '');
