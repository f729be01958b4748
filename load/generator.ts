/**
 * Was the generator the bottleneck? Then its figures say little about the target, and a gate that failed proves nothing.
 * Pure: from counted facts.
 *
 * The rule, for an open model: k6 begins submissions by its own clock, so a start that came late, that was dropped while VUs
 * were free, or that never came nor was dropped, is the generator's doing, whatever the target did. When these are more than
 * the on-time gate allows, the generator was the bottleneck. Starts dropped while all VUs waited for answers are the target's;
 * when these are the larger part, so is the blame: a saturated target on the same machine makes k6 a little late as well.
 *
 * For a closed model, and an open one that missed its goal for the target's sake: the machine had less than 5 % of its cores left
 * over the load, and k6 took half of them or more. A target on the same machine that takes the larger part is
 * itself the bottleneck.
 */
import type { ResourceLine, ScheduleFigures } from '../results/types.ts';
import { formatNumber, formatShare } from '../results/units.ts';
import type { GateRule } from './gates.ts';

export type GeneratorFacts = {
  schedule: ScheduleFigures | null;
  /** Share of starts that the run's on-time gate lets be missed. */
  allowedMisses: number;
  cpu: GeneratorCpu;
};

/** Means over the load, as shares of all cores, 0 to 1; null: too few readings. */
export type GeneratorCpu = { host: number | null; k6: number | null };

const BUSY = 0.95;
const CONSIDERABLE = 0.5;
/** A mean of fewer readings is no mean. */
const FEWEST_READINGS = 3;

/** @returns why the generator was the bottleneck, as a sentence without its full stop; null: it was not */
export function generatorLimit({ schedule, allowedMisses, cpu }: GeneratorFacts): string | null {
  const known = cpu.host !== null && cpu.k6 !== null;
  const shares = known
    ? `the machine's cores were ${formatShare(cpu.host!)} busy, ${formatShare(cpu.k6!)} by k6 alone`
    : null;
  const busy = known && cpu.host! >= BUSY && cpu.k6! >= CONSIDERABLE ? shares : null;
  if (schedule === null) return busy;
  const { planned, started, late, dropped, droppedWhileFree } = schedule;
  const neverCame = Math.max(0, planned - started - dropped);
  const misses = late + droppedWhileFree + neverCame;
  if (misses > allowedMisses * planned && misses >= dropped - droppedWhileFree) {
    const parts = [
      late > 0 && `${formatNumber(late)} began late`,
      droppedWhileFree > 0 && `${formatNumber(droppedWhileFree)} were dropped though VUs were free`,
      neverCame > 0 && `${formatNumber(neverCame)} never came`,
    ].filter(Boolean);
    return `of ${formatNumber(planned)} starts ${parts.join(', ')}${shares === null ? '' : `; ${shares}`}`;
  }
  const missesGoal = planned > 0 && planned - (started - late) > allowedMisses * planned;
  return missesGoal ? busy : null;
}

/** What the strictest on-time gate of `rules` lets be missed, 0 to 1; without one nothing is too much. */
export function allowedMisses(rules: readonly GateRule[]): number {
  const limits = rules
    .filter(({ metric, operator }) => metric === 'on-time' && operator.startsWith('>'))
    .map(({ limit }) => 1 - limit);
  return Math.min(1, ...limits);
}

/** CPU of host and k6 from the readings between two times (ms since 1970). */
export function cpuOverLoad(
  lines: readonly ResourceLine[],
  fromMs: number,
  toMs: number,
): GeneratorCpu {
  const mean = (of: (line: ResourceLine) => boolean): number | null => {
    const shares = lines.flatMap((line) =>
      line.kind !== 'note' && of(line) && line.t > fromMs && line.t <= toMs
        ? (line.cpuPercentOfMachine ?? [])
        : [],
    );
    if (shares.length < FEWEST_READINGS) return null;
    return shares.reduce((sum, share) => sum + share, 0) / shares.length / 100;
  };
  return {
    host: mean((line) => line.kind === 'host'),
    k6: mean((line) => line.kind === 'process' && line.name === 'k6'),
  };
}
