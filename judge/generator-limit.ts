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
import type { ProcessFigures, ResourceLine, ScheduleFigures } from '../results/types.ts';
import { formatDuration, formatGrowth, formatNumber, formatShare } from '../results/units.ts';
import type { GateRule } from './gates.ts';

export type GeneratorFacts = {
  schedule: ScheduleFigures | null;
  /** Share of starts that the run's on-time gate lets be missed. */
  allowedMisses: number;
  cpu: GeneratorCpu;
  /** Of a load whose submissions are signed while they are sent. */
  feeder?: { requests: number; waitedLong: number } | null;
};

/** Means over the load, as shares of all cores, 0 to 1; null: too few readings. */
export type GeneratorCpu = { host: number | null; k6: number | null };

const BUSY = 0.95;
const CONSIDERABLE = 0.5;
/** Share of the feeder's requests that may wait for the signer; in an open model what the on-time gate lets be missed, if that is more. */
const MOST_WAITED_LONG = 0.01;
/** A mean of fewer readings is no mean. */
const FEWEST_READINGS = 3;

/** @returns why the generator was the bottleneck, as a sentence without its full stop; null: it was not */
export function generatorLimit({
  schedule,
  allowedMisses,
  cpu,
  feeder,
}: GeneratorFacts): string | null {
  const known = cpu.host !== null && cpu.k6 !== null;
  const shares = known
    ? `the machine's cores were ${formatShare(cpu.host!)} busy, ${formatShare(cpu.k6!)} by k6 alone`
    : null;
  const busy = known && cpu.host! >= BUSY && cpu.k6! >= CONSIDERABLE ? shares : null;
  // In an open model one that waited begins late: who lets more be late lets more wait.
  const mostWaited =
    schedule === null ? MOST_WAITED_LONG : Math.max(MOST_WAITED_LONG, allowedMisses);
  if (feeder && feeder.waitedLong > mostWaited * feeder.requests)
    return `the signing of submissions could not keep up: ${formatNumber(feeder.waitedLong)} of ${formatNumber(feeder.requests)} waited for it longer than 100 ms${shares === null ? '' : `; ${shares}`}`;
  if (schedule === null) return busy;
  const { planned, started, dropped, droppedWhileFree, lateWhileBusy = 0 } = schedule;
  const late = schedule.late - lateWhileBusy;
  const neverCame = Math.max(0, planned - started - dropped);
  const misses = late + droppedWhileFree + neverCame;
  const byTarget = dropped - droppedWhileFree + lateWhileBusy;
  if (misses > allowedMisses * planned && misses >= byTarget) {
    const parts = [
      late > 0 && `${formatNumber(late)} began late`,
      droppedWhileFree > 0 && `${formatNumber(droppedWhileFree)} were dropped though VUs were free`,
      neverCame > 0 && `${formatNumber(neverCame)} never came`,
    ].filter(Boolean);
    return `of ${formatNumber(planned)} starts ${parts.join(', ')}${shares === null ? '' : `; ${shares}`}`;
  }
  const missesGoal = planned > 0 && planned - (started - schedule.late) > allowedMisses * planned;
  return missesGoal ? busy : null;
}

/** More than this would have to end some day: 1 MB a minute is 1.4 GB a day. */
const MOST_GROWTH = 2 ** 20;

/** What to say of a generator that grows: a fault of its own, and none of the target's. @returns sentences */
export const growthNotes = (processes: Record<string, ProcessFigures>): string[] =>
  [
    ['k6', 'k6'],
    ['toolkit', 'this program'],
  ].flatMap(([name, words]) => {
    const growth = processes[name]?.rssGrowth;
    return growth === undefined || growth.bytesPerMinute <= MOST_GROWTH
      ? []
      : `the memory of ${words} grew by ${formatGrowth(growth.bytesPerMinute)} over ${formatDuration(growth.overMs)}: the generator's own fault, not the target's; a load of many hours may want for memory`;
  });

/** What the strictest on-time gate of `rules` lets be missed, 0 to 1; without one nothing is too much. */
export function allowedMisses(rules: readonly GateRule[]): number {
  const limits = rules
    .filter(({ metric, operator }) => metric === 'on-time' && operator.startsWith('>'))
    .map(({ limit }) => 1 - limit);
  return Math.min(1, ...limits);
}

/** CPU of host and k6: the mean of the readings that it is given. */
export class CpuMeter {
  readonly #host = { sum: 0, readings: 0 };
  readonly #k6 = { sum: 0, readings: 0 };

  add(line: ResourceLine): void {
    const isK6 = line.kind === 'process' && line.name === 'k6';
    if ((line.kind !== 'host' && !isK6) || line.cpuPercentOfMachine === undefined) return;
    const of = isK6 ? this.#k6 : this.#host;
    of.sum += line.cpuPercentOfMachine;
    of.readings++;
  }

  figures(): GeneratorCpu {
    const mean = ({ sum, readings }: { sum: number; readings: number }) =>
      readings < FEWEST_READINGS ? null : sum / readings / 100;
    return { host: mean(this.#host), k6: mean(this.#k6) };
  }
}
