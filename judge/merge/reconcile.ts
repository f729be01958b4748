/** What several generators sent against what their target stores. Pure. */
import type { Reconcile, ReconcileClasses, StorageLook } from '../../results/types.ts';
import { addCounts, sum } from './sums.ts';

export function mergeReconciles(parts: readonly (Reconcile | null)[]): Reconcile | null {
  const present = parts.filter((part) => part !== null);
  if (present.length !== parts.length) return null;
  const orNull = (of: (part: Reconcile) => number | null) =>
    present.some((part) => of(part) === null) ? null : sum(present, (part) => of(part)!);
  return {
    format: 1,
    planned: sum(present, ({ planned }) => planned),
    sent: sum(present, ({ sent }) => sent),
    answers: addCounts(present.map(({ answers }) => answers)),
    accepted: sum(present, ({ accepted }) => accepted),
    unknown: sum(present, ({ unknown }) => unknown),
    resent: sum(present, ({ resent }) => resent),
    stored: orNull(({ stored }) => stored),
    notStored: orNull(({ notStored }) => notStored),
    ...mergeLooks(present),
  };
}

/** What the verifier said of right entries; absent where it said nothing of any part's. */
function verifiedOf(looks: readonly StorageLook[]): Partial<StorageLook> {
  if (looks.every(({ verified }) => verified === undefined)) return {};
  return {
    verified: sum(looks, ({ verified }) => verified ?? 0),
    validationErrors: sum(looks, ({ validationErrors }) => validationErrors ?? 0),
  };
}

function ownPairsOf(looks: readonly StorageLook[]): Partial<StorageLook> {
  const ownPairs = sum(looks, (look) => look.ownPairs ?? 0);
  return ownPairs === 0 ? {} : { ownPairs };
}

function reasonsOf(looks: readonly StorageLook[]): Partial<StorageLook> {
  const reasons = looks.flatMap((look) => look.reasons ?? []);
  return reasons.length === 0 ? {} : { reasons };
}

/** Examples of each class in a look. */
const EXAMPLES = 5;

/**
 * Each generator looked for what it had sent itself, so those classes add. Of entries that none of them sent, only a lower bound is known:
 * to each the others' are foreign, too, and each looked at its own time.
 */
function mergeLooks(parts: readonly Reconcile[]): { look?: StorageLook } {
  const looks = parts.map(({ look }) => look);
  const present = looks.filter((look) => look !== undefined);
  if (present.length === 0) return {};
  const most = (of: (look: StorageLook) => number): number =>
    present.reduce((highest, look) => Math.max(highest, of(look)), 0);
  const all = {
    storage: [...new Set(present.map(({ storage }) => storage))].join(' + '),
    complete: looks.every((look) => look?.complete === true),
    waitedMs: most(({ waitedMs }) => waitedMs),
    readings: most(({ readings }) => readings),
  };
  const failed = looks.findIndex(
    (look) => look?.classes === undefined || look.failure !== undefined,
  );
  const failure =
    failed === -1
      ? {}
      : {
          failure: `generator ${failed + 1}: ${looks[failed]?.failure ?? 'the storage was not read to its end'}`,
        };
  const classes = looks.map((look) => look?.classes);
  // A part of which nothing is known makes the sum unknown.
  if (!classes.every((one) => one !== undefined)) return { look: { ...all, ...failure } };
  const added = (name: keyof ReconcileClasses): number => sum(classes, (one) => one[name]);
  const entriesOf = (one: ReconcileClasses): number =>
    one.right +
    one.different +
    one.refusedStored +
    one.unknownStored +
    one.hostile +
    one.retried +
    one.doubles;
  const entries = sum(classes, entriesOf);
  const ahead = present.map(({ clockAheadMs }) => clockAheadMs ?? null);
  const compared = present.map(({ blocksCompared }) => blocksCompared ?? null);
  const counts = new Map<string, number>();
  return {
    look: {
      ...all,
      ...failure,
      clockAheadMs: ahead.reduce(
        (furthest, one) =>
          one !== null && Math.abs(one) >= Math.abs(furthest ?? 0) ? one : furthest,
        null,
      ),
      // Several may have compared the same ones.
      blocksCompared: compared.includes(null)
        ? null
        : most(({ blocksCompared }) => blocksCompared!),
      classes: {
        right: added('right'),
        different: added('different'),
        missing: added('missing'),
        sameSecond: added('sameSecond'),
        refusedStored: added('refusedStored'),
        unknownStored: added('unknownStored'),
        unknownNotStored: added('unknownNotStored'),
        foreign: classes.reduce(
          (highest, one) => Math.max(highest, one.foreign - (entries - entriesOf(one))),
          0,
        ),
        hostile: added('hostile'),
        retried: added('retried'),
        doubles: added('doubles'),
        // Each has seen the same ones.
        unreadable: most((look) => look.classes!.unreadable),
      },
      ...ownPairsOf(present),
      ...verifiedOf(present),
      ...reasonsOf(present),
      examples: present
        .flatMap(({ examples }) => examples ?? [])
        // What is foreign to one may be another's; an index is of one generator's corpus.
        .filter((line) => line.class !== 'foreign')
        .map((line) => ({ ...line, index: undefined }))
        .filter((line) => {
          const count = (counts.get(line.class) ?? 0) + 1;
          counts.set(line.class, count);
          return count <= EXAMPLES;
        }),
    },
  };
}
