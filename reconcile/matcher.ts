/** Which submission an entry belongs to: by its whole identity, or, of one that was altered, by three of its four parts. Pure. */
import type { StoredSubmission } from '../stack/storage/storage.ts';
import { agreementOf, type Entry } from './entry.ts';
import type { Identity, SentIndex } from './sent-index.ts';

export type Match = {
  group: number;
  /** All fields beside the identity are as they were sent, or emptied by the verifier. */
  isRight: boolean;
  /** No other body has this identity. */
  isOnly: boolean;
};

/** @returns the group of an entry; null: none was sent with this identity. @param lacks whether a group still needs an entry */
export function matchOf(
  row: StoredSubmission,
  identity: Identity,
  index: SentIndex,
  lacks: (group: number) => boolean,
): Match | null {
  let alike = -1;
  let bodies = 0;
  let emptied = -1;
  let whole = -1;
  for (let place = index.find(identity); place !== -1; place = index.find(identity, place)) {
    alike = index.groupAt(place);
    bodies++;
    const agreement = agreementOf(row, index.templates[index.templateOf(alike)]);
    if (agreement === 'whole') {
      if (whole === -1 || !lacks(whole)) whole = alike;
    } else if (agreement === 'emptied' && (emptied === -1 || !lacks(emptied))) emptied = alike;
  }
  if (alike === -1) return null;
  const right = whole === -1 ? emptied : whole;
  return { group: right === -1 ? alike : right, isRight: right !== -1, isOnly: bodies === 1 };
}

/** Whether so much of the identity was sent that it may be that of an altered entry: three of four parts. */
export const mayBeAltered = ({ submitter, block, peer }: Identity): boolean =>
  Number(submitter === -1) + Number(block === -1) + Number(peer === -1) <= 1;

/**
 * Gives each entry that differs in one part of its identity to a submission that lacks one.
 * @param lacksOf entries that a group still needs
 * @param give takes an entry for a group
 * @returns the entries that fit none
 */
export function matchAltered(
  entries: readonly Entry[],
  index: SentIndex,
  lacksOf: (group: number) => number,
  give: (group: number, entry: Entry) => void,
): Entry[] {
  if (entries.length === 0) return [];
  const lacking: number[] = [];
  for (let group = 0; group < index.groups; group++) if (lacksOf(group) > 0) lacking.push(group);
  let left = [...entries].sort((a, b) => a.identity.createdAt - b.identity.createdAt);
  for (const part of ['block', 'peer', 'createdAt', 'submitter'] as const) {
    if (left.length === 0) break;
    left = matchBut(part, left, lacking, index, lacksOf, give);
  }
  return left;
}

/** @returns the entries that match no submission in all parts of the identity but `but` */
function matchBut(
  but: keyof Identity,
  entries: readonly Entry[],
  lacking: readonly number[],
  index: SentIndex,
  lacksOf: (group: number) => number,
  give: (group: number, entry: Entry) => void,
): Entry[] {
  const keyOf = (identity: Identity): string => {
    const parts: Identity = { ...identity };
    parts[but] = 0;
    return `${parts.submitter} ${parts.createdAt} ${parts.block} ${parts.peer}`;
  };
  const wanted = new Set<string>();
  for (const { identity } of entries) if (wants(identity, but)) wanted.add(keyOf(identity));
  const byKey = new Map<string, number[]>();
  for (const group of lacking) {
    if (lacksOf(group) <= 0) continue;
    const key = keyOf(index.identityOf(group));
    if (!wanted.has(key)) continue;
    const groups = byKey.get(key);
    if (groups) groups.push(group);
    else byKey.set(key, [group]);
  }
  // In the order of their created_at, as the entries are.
  for (const groups of byKey.values())
    groups.sort((a, b) => index.identityOf(b).createdAt - index.identityOf(a).createdAt);
  return entries.filter((entry) => {
    if (!wants(entry.identity, but)) return true;
    const groups = byKey.get(keyOf(entry.identity));
    while (groups && groups.length > 0 && lacksOf(groups.at(-1)!) <= 0) groups.pop();
    const group = groups?.at(-1);
    if (group === undefined) return true;
    give(group, entry);
    return false;
  });
}

/** An identity that can be compared without `but`: what it has of the other parts was sent. */
const wants = ({ submitter, block, peer }: Identity, but: keyof Identity): boolean =>
  (but === 'submitter' || submitter !== -1) &&
  (but === 'block' || block !== -1) &&
  (but === 'peer' || peer !== -1);
