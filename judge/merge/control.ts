/**
 * What was asked of several generators while they ran, as one: each line has the sum of all paces before and after it.
 * Pure.
 */
import type { Run } from '../../results/reader.ts';
import type { ControlLine, LoadShape } from '../../results/types.ts';

/** null: the VUs' own pace. */
type Pace = number | null;

/** null where one of them goes at its own pace: nobody knows the sum. */
const sumOf = (paces: readonly Pace[]): Pace =>
  paces.reduce<Pace>((sum, pace) => (sum === null || pace === null ? null : sum + pace), 0);

/** Of a generator whose pace nobody could change: what it was planned at, where that is one rate. */
const planned = ({ rate, stages }: Pick<LoadShape, 'rate' | 'stages'>): Pace =>
  rate === undefined || stages !== undefined ? null : (rate.starts * 1000) / rate.timeUnitMs;

/** In the order of their times; empty: nothing could be asked of any of them. */
export function mergeControl(runs: readonly Pick<Run, 'control' | 'plan'>[]): ControlLine[] {
  const begins = runs.map(({ control = [] }) => control.find(({ action }) => action === 'begin'));
  const firstT = begins.reduce((least, begin) => Math.min(least, begin?.t ?? Infinity), Infinity);
  const paces = runs.map(({ plan }, i): Pace => begins[i]?.toPerSecond ?? (begins[i] ? null : planned(plan!.load))); // prettier-ignore
  const changes = runs
    .flatMap(({ control = [] }, generator) => control.map((line) => ({ line, generator })))
    .filter(({ line }) => line.action !== 'begin')
    .sort((a, b) => a.line.t - b.line.t);
  const lines: ControlLine[] = Number.isFinite(firstT)
    ? [{ t: firstT, action: 'begin', toPerSecond: sumOf(paces), by: 'load' }]
    : [];
  const stopped = runs.map(() => false);
  for (const { line, generator } of changes) {
    const fromPerSecond = sumOf(paces);
    stopped[generator] ||= line.action === 'stop';
    paces[generator] = line.action === 'stop' ? 0 : (line.toPerSecond ?? null);
    lines.push({
      t: line.t,
      action: line.action,
      // Of the stop of the last one there is no pace any more, as of that of a single one; and where none was asked for, there is none.
      ...(lines.length > 0 &&
        !stopped.every(Boolean) && { fromPerSecond, toPerSecond: sumOf(paces) }),
      by: `generator ${generator + 1}: ${line.by}`,
    });
  }
  return lines;
}
