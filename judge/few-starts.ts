/** Few starts prove nothing: how much of a share that was seen is sure, and whose the starts are that did not come in time. Pure. */
import type { ScheduleFigures } from '../results/types.ts';

/** Lower end of Wilson's 95 % interval of a share, one-sided. @returns 0 for nothing of nothing */
export function surelyAtLeast(count: number, of: number): number {
  if (of === 0) return 0;
  const z = 1.645;
  const share = Math.min(1, count / of);
  const centre = share + z ** 2 / (2 * of);
  const spread = z * Math.sqrt((share * (1 - share)) / of + z ** 2 / (4 * of ** 2));
  return Math.max(0, (centre - spread) / (1 + z ** 2 / of));
}

/** Of so many starts one may be late by chance, as far as the usual gate of 99 % goes; of fewer it is no more than that. */
const FEW_STARTS = 25;

/** What of `planned` starts was surely missed, 0 to 1, if `misses` were: beyond what chance makes. */
export const surelyMissed = (misses: number, planned: number): number =>
  surelyAtLeast(misses, Math.max(planned, FEW_STARTS));

/** Of the planned starts those that were not on time, by whose doing that was. */
export function missesOf({
  planned,
  started,
  late,
  dropped,
  droppedWhileFree,
  lateWhileBusy = 0,
}: ScheduleFigures): { late: number; neverCame: number; byGenerator: number; byTarget: number } {
  const ownLate = late - lateWhileBusy;
  const neverCame = Math.max(0, planned - started - dropped);
  return {
    late: ownLate,
    neverCame,
    byGenerator: ownLate + droppedWhileFree + neverCame,
    // It held all VUs.
    byTarget: dropped - droppedWhileFree + lateWhileBusy,
  };
}

/**
 * The most that the share on time may be: a start of which k6 was late may be chance, so only what it surely missed counts; one that
 * waited for the target is no chance. @returns null: nothing was planned
 */
export function onTimeAtMost(schedule: ScheduleFigures): number | null {
  const { planned } = schedule;
  if (planned === 0) return null;
  const { byGenerator, byTarget } = missesOf(schedule);
  return 1 - byTarget / planned - surelyMissed(byGenerator, planned);
}
