/** What became of each submission, when all entries are there and the clock is known. Takes the entries that it gives out of the groups. */
import type { ClockRange } from './clock.ts';
import { differencesOf } from './entry.ts';
import type { Groups } from './groups.ts';
import { holdersOf } from './holders.ts';
import { OUTCOME } from './outcomes.ts';
import { ownPairs } from './own-pairs.ts';
import type { SentRun } from './sent-run.ts';
import type { TakenSeconds } from './taken-seconds.ts';
import type { Finding, Tally } from './tally.ts';

export type Comparison = { run: SentRun; groups: Groups; taken: TakenSeconds; tally: Tally };

/**
 * Gives the entries to the submissions and says what became of each.
 * @param faultOf what is wrong with the block of a group, as the storage has it
 * @returns how many may still come, and how many of the same second are the run's own doing
 */
export function judgeSends(
  { run, groups, taken, tally }: Comparison,
  ahead: ClockRange,
  faultOf: (group: number) => string | undefined,
): { mayStillCome: number; own: number } {
  const { index, outcomes, sent } = run;
  const copies = groups.copies.slice();
  const holders = holdersOfGroups(run, groups, ahead);
  let mayStillCome = 0;
  const sameSecond: { i: number; group: number; keptAt: number }[] = [];
  const give = (i: number, group: number): 'right' | Finding | null => {
    const fault = faultOf(group);
    if (holders.of.has(group) ? holders.indexes.has(i) : copies[group] > 0) {
      copies[group]--;
      if (fault === undefined) return 'right';
      mayStillCome++;
      return { fields: { block: { sent: 'the bytes of its hash', stored: fault } } };
    }
    const entry = groups.altered.get(group)?.shift();
    if (entry === undefined) return null;
    if (fault !== undefined) entry.blockFault ??= fault;
    return { entry, fields: differencesOf(entry, group, index) };
  };
  // Accepted ones first: an entry that may be theirs is not another's.
  for (const outcome of [OUTCOME.accepted, OUTCOME.unknown, OUTCOME.refused])
    for (let i = 0; i < outcomes.length; i++) {
      if (outcomes[i] !== outcome) continue;
      const body = sent.bodyOf(i);
      if (body === -1) {
        if (outcome === OUTCOME.accepted) tally.noSubmission(i);
        continue;
      }
      const group = index.groupOf[body];
      const given = give(i, group);
      const finding = given === null || given === 'right' ? undefined : given;
      switch (outcome) {
        case OUTCOME.accepted: {
          if (given === 'right') {
            tally.right(group);
            break;
          }
          if (given !== null) {
            tally.sent('different', i, group, finding);
            break;
          }
          const keptAt = sameSecondOf(run, taken, { i, group }, ahead);
          if (keptAt === null) mayStillCome++;
          if (keptAt === null) tally.sent('missing', i, group);
          else sameSecond.push({ i, group, keptAt });
          break;
        }
        case OUTCOME.unknown:
          tally.sent(given === null ? 'unknownNotStored' : 'unknownStored', i, group, finding);
          break;
        case OUTCOME.refused:
          if (given !== null) tally.sent('refusedStored', i, group, finding);
      }
    }
  const own = run.pairsAreMeant
    ? new Set<number>()
    : ownPairs(
        sameSecond.map(({ i }) => i),
        run,
      );
  for (const { i, group, keptAt } of sameSecond)
    tally.sent('sameSecond', i, group, {}, { at: keptAt, isOwn: own.has(i) });
  lostReports({ run, groups, tally }, copies);
  return { mayStillCome, own: own.size };
}

/** @returns a second that another entry of its submitter has, and in which the target may have taken it; null: there is none */
function sameSecondOf(
  run: SentRun,
  taken: TakenSeconds,
  { i, group }: { i: number; group: number },
  [least, most]: ClockRange,
): number | null {
  const times = run.timesOf(i);
  if (times === null) return null;
  return taken.firstWithin(
    run.index.submitterOf(group),
    Math.floor((times[0] + least) / 1000),
    Math.floor((times[1] + most) / 1000),
  );
}

/** Of groups that were sent more than once and lack entries: which of their submissions have one. */
function holdersOfGroups(
  run: SentRun,
  groups: Groups,
  ahead: ClockRange,
): { of: ReadonlySet<number>; indexes: ReadonlySet<number> } {
  const { outcomes, sent, index } = run;
  const accepted = new Map<number, number[]>();
  for (const group of groups.right.keys()) accepted.set(group, []);
  if (accepted.size > 0)
    for (let i = 0; i < outcomes.length; i++) {
      if (outcomes[i] !== OUTCOME.accepted) continue;
      const body = sent.bodyOf(i);
      if (body !== -1) accepted.get(index.groupOf[body])?.push(i);
    }
  const of = new Set<number>();
  const indexes = new Set<number>();
  for (const [group, sends] of accepted) {
    const { seconds } = groups.right.get(group)!;
    if (seconds.length >= sends.length) continue;
    of.add(group);
    for (const i of holdersOf(sends, seconds, (one) => run.timesOf(one), ahead)) indexes.add(i);
  }
  return { of, indexes };
}

/** Entries of submissions that no report says were sent: k6 was killed before it could. */
function lostReports({ run, groups, tally }: Omit<Comparison, 'taken'>, copies: Uint32Array): void {
  for (let group = 0; group < copies.length; group++) {
    if (groups.sends[group] > 0) continue;
    const [entry] = groups.altered.get(group)?.splice(0, 1 - copies[group]) ?? [];
    if (copies[group] === 0 && entry === undefined) continue;
    tally.lostReport(group, entry ? { entry, fields: differencesOf(entry, group, run.index) } : {});
  }
}

/** Altered entries beyond what their groups need. */
export function alteredDoubles({ run, groups, tally }: Omit<Comparison, 'taken'>): void {
  for (const [group, entries] of groups.altered)
    for (const entry of entries)
      tally.double(group, {
        submittedAt: entry.submittedAt,
        where: entry.where,
        fields: differencesOf(entry, group, run.index),
      });
}
