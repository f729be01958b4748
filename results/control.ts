/** What was asked of a load while it ran, and what it did: from the lines of control.ndjson and the seconds. Pure. */
import type { SecondStarts } from './sample-sums.ts';
import type { ControlLine } from './types.ts';
import { formatNumber } from './units.ts';

/** Between two requests, or to the end. */
export type ControlPart = {
  line: ControlLine;
  /** From the beginning of the load; below 0: before it. */
  fromMs: number;
  lengthMs: number;
  /** Mean over the whole seconds inside; null: it is shorter than that. */
  startedPerSecond: number | null;
};

/** A rate that was asked for, in words. */
export const askedWords = (perSecond: number | null | undefined): string =>
  perSecond === undefined
    ? '-'
    : perSecond === null
      ? "the VUs' own pace"
      : perSecond === 0
        ? 'none'
        : `${formatNumber(perSecond)}/s`;

/** For a mark in a chart. */
export const markOf = ({ action, toPerSecond, by }: ControlLine): string =>
  action === 'rate' || action === 'free' || action === 'begin'
    ? `asked for ${askedWords(toPerSecond)}`
    : action === 'resume'
      ? `resumed: ${askedWords(toPerSecond)}`
      : action === 'pause'
        ? 'paused'
        : `stopped by ${by}`;

/** @param beganMs,endedMs of the load, ms since 1970 */
export function controlParts(
  control: readonly ControlLine[],
  starts: readonly SecondStarts[],
  { beganMs, endedMs }: { beganMs: number; endedMs: number },
): ControlPart[] {
  return control.map((line, i) => {
    const [fromT, toT] = [
      Math.max(line.t, beganMs),
      Math.min(control[i + 1]?.t ?? endedMs, endedMs),
    ];
    const inside = starts.filter(({ t }) => t >= fromT && t + 1000 <= toT);
    const started = inside.reduce((sum, { started: begun }) => sum + begun, 0);
    return {
      line,
      fromMs: line.t - beganMs,
      lengthMs: Math.max(0, toT - fromT),
      startedPerSecond: inside.length === 0 ? null : started / inside.length,
    };
  });
}
