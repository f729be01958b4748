/** Heat map of the whole latency distribution over time: how many answers took how long, and when. Pure. */
import type { Chart, Plugin } from 'chart.js';
import { rowStartMs } from '../results/steps.ts';
import { formatDuration, formatNumber } from '../results/units.ts';
import { contextOf, type LegendEntry } from './panels.ts';
import type { LatencyStep } from './series.ts';
import { lookOf, LOOKS } from './theme.ts';

/** Columns of some four pixels: narrower ones are a blur, and ten thousand cells make an SVG of a megabyte. */
const MOST_COLUMNS = 300;

/** `fromRow` up to but not including `toRow`, which have the same level. */
type Cells = { fromRow: number; toRow: number; level: number };
export type HeatMap = {
  columns: { startS: number; endS: number; cells: Cells[] }[];
  /** Rows from the lowest to behind the highest that hold something. */
  fromRow: number;
  toRow: number;
  /** Each level from this count of a cell on; the first is 1. */
  levels: number[];
  /** Seconds of a column. */
  columnS: number;
};

const LEVELS = LOOKS.light.heat.length;

/** Counts at which the levels begin: equal factors apart, whole, none twice. */
export function levelsUpTo(max: number): number[] {
  const all = Array.from({ length: LEVELS }, (_, i) => Math.round(max ** (i / LEVELS)));
  return [...new Set(all)];
}

/** @returns null without an answer whose latency is known */
export function heatMap(latencies: readonly LatencyStep[], stepS: number): HeatMap | null {
  const steps = latencies.filter(({ rows }) => rows !== undefined && rows.counts.length > 0);
  if (steps.length === 0) return null;
  const lastStep = Math.floor(steps.at(-1)!.startS / stepS);
  const together = Math.ceil((lastStep + 1) / MOST_COLUMNS);
  const columnS = together * stepS;
  const columns = new Map<number, { startS: number; endS: number; counts: Map<number, number> }>();
  let [fromRow, toRow, max] = [Infinity, 0, 1];
  for (const { startS, endS, rows } of steps) {
    const index = Math.floor(startS / columnS);
    const column = columns.get(index) ?? { startS: index * columnS, endS, counts: new Map<number, number>() }; // prettier-ignore
    columns.set(index, column);
    column.endS = endS;
    rows!.counts.forEach((count, i) => {
      if (count === 0) return;
      const row = rows!.lowest + i;
      const sum = (column.counts.get(row) ?? 0) + count;
      column.counts.set(row, sum);
      max = Math.max(max, sum);
      fromRow = Math.min(fromRow, row);
      toRow = Math.max(toRow, row + 1);
    });
  }
  const levels = levelsUpTo(max);
  const levelOf = (count: number) => levels.findLastIndex((from) => count >= from);
  return {
    columns: [...columns.values()].map(({ startS, endS, counts }) => ({
      startS,
      endS,
      cells: runsOf(counts, levelOf),
    })),
    fromRow,
    toRow,
    levels,
    columnS,
  };
}

/** Neighbours of one level are one rectangle. */
function runsOf(counts: ReadonlyMap<number, number>, levelOf: (count: number) => number): Cells[] {
  const cells: Cells[] = [];
  for (const [row, count] of [...counts].sort(([a], [b]) => a - b)) {
    const level = levelOf(count);
    const last = cells.at(-1);
    if (last?.toRow === row && last.level === level) last.toRow++;
    else cells.push({ fromRow: row, toRow: row + 1, level });
  }
  return cells;
}

/** Few levels are spread over the whole scale: two are its palest and its strongest. */
const colourOf = (level: number, levels: number): number =>
  levels === 1 ? 3 : Math.round((level * (LEVELS - 1)) / (levels - 1));

export function heatLegend({ levels, columnS }: HeatMap): LegendEntry[] {
  const what = `answers in a cell of ${formatDuration(columnS * 1000)}:`;
  return [
    { text: what, heat: null },
    ...levels.map((from, i) => {
      const next = levels[i + 1];
      const to = next === undefined || next - 1 === from ? '' : `–${formatNumber(next - 1)}`;
      const more = next === undefined && i > 0 ? ' and more' : '';
      return { text: `${formatNumber(from)}${to}${more}`, heat: colourOf(i, levels.length) };
    }),
  ];
}

/** The y axis: whole parts of a decade around what there is. */
export const heatRange = ({ fromRow, toRow }: HeatMap): { min: number; max: number } => ({
  min: rowStartMs(fromRow - 1),
  max: rowStartMs(Math.max(toRow + 1, fromRow + 12)),
});

/** Draws the cells below lines and marks. */
export const heatCells = (map: HeatMap, panel: string): Plugin<'line'> => ({
  id: 'heatCells',
  beforeDatasetsDraw(chart: Chart) {
    const { scales } = chart;
    const ctx = contextOf(chart);
    const { heat } = lookOf(chart);
    // Whole half pixels, as a PNG has them: cells that share an edge show no seam.
    const snap = (pixel: number) => Math.round(pixel * 2) / 2;
    ctx.save();
    for (const { startS, endS, cells } of map.columns) {
      const left = snap(scales.x.getPixelForValue(startS));
      const right = Math.max(snap(scales.x.getPixelForValue(endS)), left + 0.5);
      for (const { fromRow, toRow, level } of cells) {
        const top = snap(scales[panel].getPixelForValue(rowStartMs(toRow)));
        const bottom = snap(scales[panel].getPixelForValue(rowStartMs(fromRow)));
        ctx.fillStyle = heat[colourOf(level, map.levels.length)];
        ctx.fillRect(left, top, right - left, bottom - top);
      }
    }
    ctx.restore();
  },
});
