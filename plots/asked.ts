/** The rate, or the VUs, that a plan asks for over time, beside which stands what came of it. Pure. */
import type { ControlLine, LoadShape } from '../results/types.ts';
import { controlRates } from './marks.ts';
import type { Point } from './point.ts';

export type Asked = {
  of: 'rate' | 'vus';
  /** Straight lines between them. */
  points: Point[];
};

/**
 * @param beganS of the load, on the axis
 * @param control what was asked for while it ran, which replaces the plan's rate from its time on
 * @returns null where the plan has no such line: each start has a time of its own, or the load is a number of submissions
 */
export function askedOf(
  { rate, stages, timed, vus, startVus = 0, durationMs, executor }: LoadShape,
  {
    beganS,
    startT,
    control = [],
  }: { beganS: number; startT: number; control?: readonly ControlLine[] },
): Asked | null {
  const endS = beganS + durationMs / 1000;
  if (timed?.rounds !== undefined) {
    const { basePerSecond, stressPerSecond, times } = timed.rounds;
    const points = times.flatMap(({ fromMs, stressFromMs, pauseFromMs, untilMs }) =>
      [
        [fromMs, 0],
        [fromMs, basePerSecond],
        [stressFromMs, basePerSecond],
        [stressFromMs, stressPerSecond],
        [pauseFromMs, stressPerSecond],
        [pauseFromMs, 0],
        [untilMs, 0],
      ].map(([ms, y]) => ({ x: beganS + ms / 1000, y })),
    );
    return { of: 'rate', points };
  }
  if (timed !== undefined || executor === 'shared-iterations') return null;
  const changed = controlRates(control, startT);
  if (changed.length > 0) {
    const points = changed.flatMap(({ atS, perSecond }, i) => [
      { x: Math.max(atS, beganS), y: perSecond },
      { x: changed[i + 1]?.atS ?? endS, y: perSecond },
    ]);
    return { of: 'rate', points };
  }
  const scale = rate === undefined ? 1 : 1000 / rate.timeUnitMs;
  const first = rate === undefined ? (stages === undefined ? vus : startVus) : rate.starts;
  const points: Point[] = [{ x: beganS, y: first * scale }];
  let ms = 0;
  for (const stage of stages ?? []) {
    ms += stage.durationMs;
    points.push({ x: beganS + ms / 1000, y: stage.target * scale });
  }
  if (stages === undefined) points.push({ x: endS, y: first * scale });
  return { of: rate === undefined ? 'vus' : 'rate', points };
}
