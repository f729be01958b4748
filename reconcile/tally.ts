/** The counts of a comparison, and the lines about what is not right. No I/O: each line goes to `report`. */
import type { EraCounts, ReconcileClasses, ReconcileLine } from '../results/types.ts';
import { type Entry, type Fields, timeText } from './entry.ts';
import type { SentIndex } from './sent-index.ts';

/** Classes of a submission that was sent, with their word in a line. */
const WORDS = {
  different: 'different',
  missing: 'missing',
  sameSecond: 'same second',
  refusedStored: 'refused but stored',
  unknownStored: 'unknown',
  unknownNotStored: 'unknown',
} as const satisfies Partial<Record<keyof ReconcileClasses, ReconcileLine['class']>>;

/** What a line says beside its submission. */
export type Finding = { entry?: Entry; fields?: Fields };

export class Tally {
  readonly counts: ReconcileClasses = {
    right: 0,
    different: 0,
    missing: 0,
    sameSecond: 0,
    refusedStored: 0,
    unknownStored: 0,
    unknownNotStored: 0,
    foreign: 0,
    hostile: 0,
    retried: 0,
    doubles: 0,
    unreadable: 0,
  };
  /** Accepted submissions by the era of their block. */
  readonly #eras = new Map<string, EraCounts>();
  readonly #index: SentIndex;
  readonly #endOf: (index: number) => number | null;
  readonly #report: (line: ReconcileLine) => void;

  /** @param endOf when submission `index` was answered, ms since 1970; null: not known */
  constructor(
    index: SentIndex,
    endOf: (index: number) => number | null,
    report: (line: ReconcileLine) => void,
  ) {
    this.#index = index;
    this.#endOf = endOf;
    this.#report = report;
  }

  /** Those of which an era is known, in order of their names. */
  get eras(): EraCounts[] {
    return [...this.#eras.values()].sort((a, b) => (a.era < b.era ? -1 : 1));
  }

  #eraOf(group: number): string | null {
    return this.#index.templates[this.#index.templateOf(group)].era ?? null;
  }

  #countEra(what: keyof ReconcileClasses, group: number): void {
    const era = this.#eraOf(group);
    if (era === null) return;
    let counts = this.#eras.get(era);
    if (counts === undefined)
      this.#eras.set(era, (counts = { era, right: 0, different: 0, missing: 0, sameSecond: 0 }));
    if (what in counts) counts[what as Exclude<keyof EraCounts, 'era'>]++;
  }

  /** An accepted submission of group `group` that is stored as it was sent. */
  right(group: number): void {
    this.counts.right++;
    this.#countEra('right', group);
  }

  /** Submission `i`, which was sent, of group `group`. */
  sent(
    what: keyof typeof WORDS,
    i: number,
    group: number,
    { entry, fields }: Finding = {},
    kept?: { at: number; isOwn: boolean },
  ): void {
    this.counts[what]++;
    this.#countEra(what, group);
    const endMs = this.#endOf(i);
    this.#report({
      class: WORDS[what],
      index: i,
      ...this.#named(group),
      ...(endMs !== null && { answered_at: new Date(endMs).toISOString() }),
      ...(entry && { submitted_at: timeText(entry.submittedAt), where: entry.where }),
      ...(fields && Object.keys(fields).length > 0 && { fields }),
      ...(what === 'unknownStored' && { stored: true }),
      ...(what === 'unknownNotStored' && { stored: false }),
      ...(kept !== undefined && { kept_at: timeText(kept.at) }),
      ...(kept?.isOwn === true && { own_pair: true }),
    });
  }

  /** Submission `i` was answered as expected though its body is none for the backend: it cannot be looked for. */
  noSubmission(i: number): void {
    this.counts.missing++;
    this.#report({ class: 'missing', index: i, fault: 'its body is no submission' });
  }

  /** No report says that it was sent, and it is stored. */
  lostReport(group: number, { entry, fields }: Finding): void {
    this.counts.unknownStored++;
    this.#report({
      class: WORDS.unknownStored,
      ...this.#named(group),
      ...(entry && { where: entry.where, fields }),
      stored: true,
    });
  }

  double(group: number, place: { submittedAt: number; where: string; fields?: Fields }): void {
    this.counts.doubles++;
    this.#report({
      class: 'double',
      ...this.#named(group),
      submitted_at: timeText(place.submittedAt),
      where: place.where,
      ...(place.fields && { fields: place.fields }),
    });
  }

  foreign(entry: Entry): void {
    this.counts.foreign++;
    this.#report({
      class: 'foreign',
      submitter: entry.submitter,
      created_at: timeText(entry.identity.createdAt),
      block_hash: entry.blockHash,
      submitted_at: timeText(entry.submittedAt),
      where: entry.where,
    });
  }

  unreadable(where: string, fault: string): void {
    this.counts.unreadable++;
    this.#report({ class: 'unreadable', where, fault });
  }

  #named(group: number): Pick<ReconcileLine, 'submitter' | 'created_at' | 'block_hash' | 'era'> {
    const { submitter, createdAt, block } = this.#index.identityOf(group);
    const era = this.#eraOf(group);
    return {
      submitter: this.#index.submitters.textOf(submitter),
      created_at: timeText(createdAt),
      block_hash: this.#index.blocks.textOf(block),
      ...(era !== null && { era }),
    };
  }
}
