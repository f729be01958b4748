/**
 * What was sent, by group (submissions with the same identity), and which entries each has been given. Pure; 12 bytes a group, and more only
 * for those that are sent several times, recorded, or not as they were sent.
 */
import type { StoredSubmission } from '../stack/storage/storage.ts';
import type { Entry } from './entry.ts';
import { OUTCOME } from './outcomes.ts';
import type { SentIndex } from './sent-index.ts';
import type { SentRun } from './sent-run.ts';

export const VERDICT = { none: 0, verified: 1, refused: 2 } as const;
export type Verdict = (typeof VERDICT)[keyof typeof VERDICT];

export const verdictOf = ({ verification }: StoredSubmission): Verdict =>
  verification === undefined
    ? VERDICT.none
    : verification.error === null
      ? VERDICT.verified
      : VERDICT.refused;

/** Right entries of a group that was sent several times, or of a recorded body. */
export type RightEntries = { seconds: number[]; verdicts: Verdict[] };
/** A right entry beyond what its group needs. */
export type Surplus = { group: number; second: number; verdict: Verdict; where: string };

export type Groups = {
  /** By group: how often it was sent, and how many entries are right. */
  sends: Uint32Array;
  copies: Uint32Array;
  /** Group -> the only index that sends it; -1: none, or several. */
  only: Int32Array;
  /** Requests of a group beyond its sends that failed, so each may have left an entry. */
  retries: Map<number, number>;
  right: Map<number, RightEntries>;
  /** Of recorded bodies: which of them are too many is known when the clock is. */
  surplus: Surplus[];
  /** Entries with the identity of a group and another field or block. */
  altered: Map<number, Entry[]>;
};

/** No entry is given yet. */
export function groupsOf(run: Pick<SentRun, 'index' | 'outcomes' | 'sent' | 'retriesOf'>): Groups {
  const { index, outcomes, sent } = run;
  const sends = new Uint32Array(index.groups);
  const only = new Int32Array(index.groups).fill(-1);
  const retries = new Map<number, number>();
  for (let i = 0; i < outcomes.length; i++) {
    const body = sent.bodyOf(i);
    if (body === -1) continue;
    // A body that was not reported as sent and is stored all the same has lost its report: k6 was killed.
    if (outcomes[i] === OUTCOME.notSent) continue;
    const group = index.groupOf[body];
    only[group] = sends[group]++ === 0 ? i : -1;
    const more = run.retriesOf(i);
    if (more > 0) retries.set(group, (retries.get(group) ?? 0) + more);
  }
  return {
    ...{ sends, only, retries },
    copies: new Uint32Array(index.groups),
    right: new Map(),
    surplus: [],
    altered: new Map(),
  };
}

/** Whether it was made for this run; a recorded body may be stored from an earlier one. */
export const isFresh = (index: SentIndex, group: number): boolean =>
  index.templates[index.templateOf(group)].fresh;

export function giveAltered({ altered }: Groups, group: number, entry: Entry): void {
  const entries = altered.get(group);
  if (entries) entries.push(entry);
  else altered.set(group, [entry]);
}
