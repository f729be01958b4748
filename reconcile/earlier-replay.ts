/**
 * Bodies that may be stored more than once: sent several times, or recorded and replayed before. By what clock the target took them, and which of
 * their entries are of this run. Changes the groups that it is given.
 */
import { type ClockRange, clockOfRepeated, type RequestTimes } from './clock.ts';
import { type Groups, isFresh, type RightEntries, type Surplus } from './groups.ts';
import { OUTCOME } from './outcomes.ts';
import { secondsOfRun, type SentRun } from './sent-run.ts';
import type { TakenSeconds } from './taken-seconds.ts';

/**
 * How far clocks may differ where only recorded bodies could show it: an earlier replay may have sent the same ones in the same order, so
 * its entries must not be taken for this one's.
 */
export const REPLAY_CLOCK_MS = 2000;
/** As far as the storage is read around the run (look.ts). */
const FRESH_CLOCK_MS = 300_000;

/**
 * Of recorded bodies of which none is stored in the time of the run: entries at another time, and how far that is away. They are of an earlier
 * replay, or the clock is off by so much.
 */
export type Elsewhere = { aheadMs: number; entries: number };

/** Of groups that were sent several times, or recorded. @returns null: nothing to see the clock by */
export function clockOfGroups(
  run: SentRun,
  groups: Groups,
  taken: TakenSeconds,
  within: ClockRange | null = null,
): ClockRange | null {
  const { index, outcomes, sent } = run;
  const anyRecorded = index.templates.some(({ fresh }) => !fresh);
  if (groups.right.size === 0 && !anyRecorded) return null;
  const bounds: ClockRange =
    within ??
    (anyRecorded ? [-REPLAY_CLOCK_MS, REPLAY_CLOCK_MS] : [-FRESH_CLOCK_MS, FRESH_CLOCK_MS]);
  const [from, to] = secondsOfRun(run, bounds);
  const bodies = new Map<number, { sends: RequestTimes[]; seconds: number[] }>();
  for (const [group, { seconds }] of groups.right)
    bodies.set(group, {
      sends: [],
      seconds: seconds.filter((second) => second >= from && second <= to),
    });
  for (const { group, second } of groups.surplus)
    if (second >= from && second <= to) bodies.get(group)?.seconds.push(second);
  const accepted: { times: RequestTimes; submitter: number }[] = [];
  for (let i = 0; i < outcomes.length; i++) {
    if (outcomes[i] === OUTCOME.notSent) continue;
    const body = sent.bodyOf(i);
    if (body === -1) continue;
    const group = index.groupOf[body];
    const times = run.timesOf(i);
    if (times === null) continue;
    bodies.get(group)?.sends.push(times);
    if (outcomes[i] === OUTCOME.accepted)
      accepted.push({ times, submitter: index.submitterOf(group) });
  }
  for (const { sends } of bodies.values()) sends.sort((a, b) => a[0] - b[0]);
  return clockOfRepeated(
    [...bodies.values()],
    accepted.map(({ times, submitter }) => ({
      times,
      takenWithin: (first, last) => taken.firstWithin(submitter, first, last),
    })),
    bounds,
  );
}

/**
 * Of recorded bodies only entries of the run's time count.
 * @returns what is stored of them at another time, where nothing is in this one
 */
export function leaveOutEarlier(
  run: SentRun,
  groups: Groups,
  taken: TakenSeconds,
  ahead: ClockRange | null,
  beyond: (group: number, second: number, where: string) => void,
): Elsewhere | null {
  const { index } = run;
  const [from, to] = secondsOfRun(run, ahead ?? [-REPLAY_CLOCK_MS, REPLAY_CLOCK_MS]);
  const isInside = (second: number) => second >= from && second <= to;
  const surplus = new Map<number, Surplus[]>();
  let entries = 0;
  for (const one of groups.surplus) {
    entries++;
    if (!isInside(one.second)) continue;
    const ofGroup = surplus.get(one.group);
    if (ofGroup) ofGroup.push(one);
    else surplus.set(one.group, [one]);
  }
  let inside = 0;
  const all = new Map<number, RightEntries>();
  for (const [group, right] of groups.right) {
    if (isFresh(index, group)) continue;
    all.set(group, right);
    entries += right.seconds.length;
    const kept: RightEntries = { seconds: [], verdicts: [] };
    right.seconds.forEach((second, i) => {
      if (!isInside(second)) return;
      kept.seconds.push(second);
      kept.verdicts.push(right.verdicts[i]);
    });
    const needs = Math.max(1, groups.sends[group]);
    const more = surplus.get(group) ?? [];
    while (kept.seconds.length < needs && more.length > 0) {
      const { second, verdict } = more.shift()!;
      kept.seconds.push(second);
      kept.verdicts.push(verdict);
    }
    for (const { second, where } of more) beyond(group, second, where);
    groups.copies[group] = kept.seconds.length;
    inside += kept.seconds.length;
    if (kept.seconds.length === 0) groups.right.delete(group);
    else groups.right.set(group, kept);
  }
  for (const [group, altered] of groups.altered) {
    if (isFresh(index, group)) continue;
    const kept = altered.filter(({ submittedAt }) => isInside(submittedAt));
    inside += kept.length;
    if (kept.length === 0) groups.altered.delete(group);
    else groups.altered.set(group, kept);
  }
  if (inside > 0 || entries === 0) return null;
  for (const [group, right] of all) groups.right.set(group, right);
  const there = clockOfGroups(run, groups, taken, [-FRESH_CLOCK_MS, FRESH_CLOCK_MS]);
  for (const group of all.keys()) groups.right.delete(group);
  return there && { aheadMs: Math.round((there[0] + there[1]) / 2), entries };
}
