/**
 * What happened at a moment of a run, as a vertical line in every chart over time: phases (the end of the warm-up, stages, rounds), changes
 * (of the rate, of the era), and events (a process that ended); and what went on for a time, as a band: faults that were put in. Pure.
 */
import { markOf } from '../results/control.ts';
import { marksOf } from '../results/marks.ts';
import type { ControlLine, LoadShape, MarkLine } from '../results/types.ts';
import { formatNumber } from '../results/units.ts';

export type Mark = {
  /** On the axis. */
  atS: number;
  text: string;
  /** An event and a fault are drawn stronger, and keep their labels where there is room for few. */
  kind: 'phase' | 'change' | 'event' | 'fault';
  /** End of what went on for a time; absent: a moment. */
  untilS?: number;
};

const RANK: Record<Mark['kind'], number> = { fault: 0, event: 0, change: 1, phase: 2 };

export type PlacedLabel = { text: string; left: number; top: number; width: number };

const MARKER_ROW = 20;
/** More rows of labels would cover what the chart shows. */
const MOST_ROWS = 3;
/** Nearer lines look like one. */
const APART_PX = 3;

/** Where there are more lines than this, those of the least weight go. */
const MOST_LINES = 60;

/** `isBand`: it stands right of its line, in the band, wherever it stays inside there. */
type Labelled = { text: string; at: number; width: number; rank?: number; isBand?: boolean };

/**
 * Lines to draw: of some that would lie on each other the weightiest, and of too many only the weightier kinds.
 * @param marks with their places in pixels; of a rank below 0 all are drawn
 */
export function linesToDraw<T extends { at: number; rank: number }>(marks: readonly T[]): T[] {
  const drawn: T[] = [];
  for (const mark of [...marks].sort((a, b) => a.rank - b.rank || a.at - b.at)) {
    if (drawn.length >= MOST_LINES) break;
    if (mark.rank < 0 || drawn.every(({ at }) => Math.abs(at - mark.at) >= APART_PX))
      drawn.push(mark);
  }
  return drawn.sort((a, b) => a.at - b.at);
}

/**
 * Where the labels of vertical lines stand: beside their line, on the side where they cross no other line
 * and stay inside, in the first row where there is room. A label for which there is none in the rows that there are is left out; the
 * weightiest are placed first.
 */
export function placeLabels(
  labels: readonly Labelled[],
  area: { left: number; right: number; top: number; rows?: number },
): PlacedLabel[] {
  const placed: (PlacedLabel & { row: number })[] = [];
  const crossed = (left: number, width: number) =>
    labels.filter(({ at }) => at > left && at < left + width).length;
  const isFree = (left: number, width: number, row: number) =>
    placed.every(
      (one) => one.row !== row || left >= one.left + one.width + 8 || left + width + 8 <= one.left,
    );
  const inOrder = [...labels].sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0) || a.at - b.at);
  for (const { text, at, width, isBand = false } of inOrder) {
    const onRight = at + 6;
    const onLeft = at - 6 - width;
    const preferLeft =
      onRight + width > area.right ||
      (!isBand && onLeft >= area.left && crossed(onLeft, width) < crossed(onRight, width));
    const left = Math.max(preferLeft ? onLeft : onRight, area.left);
    if (left + width > area.right) continue;
    const row = Array.from({ length: area.rows ?? MOST_ROWS }, (_, i) => i).find((i) => isFree(left, width, i)); // prettier-ignore
    if (row !== undefined)
      placed.push({ text, left, top: area.top + row * MARKER_ROW, width, row });
  }
  return placed
    .sort((a, b) => a.left - b.left)
    .map(({ text, left, top, width }) => ({ text, left, top, width }));
}

export const rankOf = ({ kind }: Pick<Mark, 'kind'>): number => RANK[kind];

/** Where a stage begins, and what it goes to. @param beganS of the load, on the axis */
export function stageMarks(
  { stages = [], rate, timed }: Pick<LoadShape, 'stages' | 'rate' | 'timed'>,
  beganS: number,
): Mark[] {
  if (timed !== undefined || stages.length < 2) return [];
  const targetWords = (target: number) =>
    rate === undefined
      ? `${formatNumber(target)} VUs`
      : `${formatNumber((target * 1000) / rate.timeUnitMs)}/s`;
  let fromMs = 0;
  let before: number | undefined;
  const marks: Mark[] = [];
  for (const { durationMs, target } of stages) {
    const text = target === before ? `hold ${targetWords(target)}` : `to ${targetWords(target)}`;
    if (durationMs > 0) marks.push({ atS: beganS + fromMs / 1000, text, kind: 'phase' });
    fromMs += durationMs;
    before = target;
  }
  return marks;
}

/** @param startT where the axis begins, ms since 1970 */
export const controlMarks = (control: readonly ControlLine[], startT: number): Mark[] =>
  control
    .filter(({ action }) => action !== 'begin')
    .map((line) => ({
      atS: (line.t - startT) / 1000,
      text: markOf(line),
      kind: line.action === 'stop' ? 'event' : 'change',
    }));

/** Rates from each change on, where all of them are rates: a load that goes at its VUs' own pace asks for none. */
export function controlRates(
  control: readonly ControlLine[],
  startT: number,
): { atS: number; perSecond: number }[] {
  const rates = control.flatMap(({ t, toPerSecond }) =>
    toPerSecond === undefined ? [] : [{ atS: (t - startT) / 1000, perSecond: toPerSecond }],
  );
  return rates.every((one): one is { atS: number; perSecond: number } => one.perSecond !== null) ? rates : []; // prettier-ignore
}

/** Faults as far as they lie on the axis; one without an end lasts to its end. @param startT where the axis begins, ms since 1970 */
export const faultMarks = (
  lines: readonly MarkLine[],
  { startT, seconds }: { startT: number; seconds: number },
): Mark[] =>
  marksOf(lines)
    .map(({ label, fromMs, toMs }) => ({
      text: label,
      atS: (fromMs - startT) / 1000,
      untilS: toMs === undefined ? seconds : (toMs - startT) / 1000,
    }))
    .filter(({ atS, untilS }) => atS <= seconds && untilS >= 0)
    .map(({ text, atS, untilS }) => ({
      text,
      kind: 'fault',
      atS: Math.max(0, atS),
      untilS: Math.min(seconds, untilS),
    }));

/**
 * Rows of bars: those that overlap stand below each other, and of more than there is room for the last row takes what is left.
 * @param spans in the order of their beginnings
 */
export function barRows(
  spans: readonly { from: number; to: number }[],
  mostRows: number,
): { rows: number; rowOf: number[] } {
  const ends: number[] = [];
  const rowOf = spans.map(({ from, to }) => {
    const free = ends.findIndex((end) => end <= from);
    const row = free === -1 ? Math.min(ends.length, mostRows - 1) : free;
    ends[row] = Math.max(ends[row] ?? -Infinity, to);
    return row;
  });
  return { rows: ends.length, rowOf };
}
