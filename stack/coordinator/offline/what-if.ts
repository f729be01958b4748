/** What may have been otherwise: batches that do not count, refused rows that get a point, refusals that were waived. Pure. */
import { didYouMean } from '../../../system/suggest.ts';
import { parseInstant } from '../../../system/instant.ts';
import { errorClassOf, KNOWN_ERROR_CLASSES } from '../error-class.ts';
import { utcSeconds, type Window } from '../window.ts';
import { counts, type OfflineRow } from './row-store.ts';

export type Credit = {
  /** A class of errors, or a part of their text. */
  error: string;
  /** A real point must lie within so many hours; null: it need not. */
  withinHours: number | null;
};

export type WhatIf = {
  /** Batches wholly inside do not count. */
  exclude?: Window[];
  credit?: Credit;
  /** Rows refused for their snark work's sok digest count, as with TOLERATE_SOK_MISMATCH=1. */
  sokWaiver?: boolean;
};

const NAMES = ['exclude', 'credit', 'sok-waiver'];
const FORMS =
  'exclude=START/END, credit=CLASS or credit=TEXT, each with @HOURS for "only with a point within so many hours", sok-waiver';

/** One word, as classes are named; a part of an error's text has a space or another sign. */
const IS_CLASS_NAME = /^[a-z]+(-[a-z]+)*$/;
/** What a row may be credited for by name. */
const CLASSES: readonly string[] = [...KNOWN_ERROR_CLASSES, 'unknown'];

/** @param error not empty. @returns null: it is a class, or a text in which there may be one's words */
function classProblem(error: string): string | null {
  if (CLASSES.includes(error) || !IS_CLASS_NAME.test(error)) return null;
  return `--what-if credit=${error}: there is no such class of errors${didYouMean(error, CLASSES)}; there are ${CLASSES.join(', ')}, and a part of an error's text has a space, a capital or another sign`;
}

/**
 * @param texts `exclude=2026-09-03T15:08:48Z/2026-09-03T18:08:48Z`, `credit=sok-mismatch@24`, `sok-waiver`
 * @returns the changes, or problems as texts
 */
export function parseWhatIf(texts: readonly string[]): { whatIf: WhatIf } | { problems: string[] } {
  const whatIf: WhatIf = {};
  const problems: string[] = [];
  for (const text of texts) {
    const [name, ...rest] = text.split('=');
    const value = rest.join('=');
    if (text === 'sok-waiver') whatIf.sokWaiver = true;
    else if (name === 'exclude') {
      const times = value.split('/');
      const [start, end] = times.map((time) => (parseInstant(time) ?? NaN) / 1000);
      if (times.length !== 2 || Number.isNaN(start) || Number.isNaN(end))
        problems.push(
          `--what-if ${text} needs two times, such as exclude=2026-09-03T15:00:00Z/2026-09-03T18:00:00Z`,
        );
      else if (start >= end) problems.push(`--what-if ${text} must end after it starts`);
      else (whatIf.exclude ??= []).push({ startSeconds: start, endSeconds: end });
    } else if (name === 'credit' && value !== '') {
      const [, error, hours] = /^(.*?)(?:@(\d+(?:\.\d+)?))?$/s.exec(value)!;
      if (whatIf.credit !== undefined) problems.push('--what-if credit= may be given once');
      // A part of every text: all refusals would be credited.
      if (error === '') problems.push(`--what-if ${text} must name a class of errors or a part of their text`); // prettier-ignore
      const problem = error === '' ? null : classProblem(error);
      if (problem !== null) problems.push(problem);
      whatIf.credit = { error, withinHours: hours === undefined ? null : Number(hours) };
    } else problems.push(`--what-if "${text}"${didYouMean(name, NAMES)} is none of: ${FORMS}`);
  }
  return problems.length > 0 ? { problems } : { whatIf };
}

export const isExcluded = (
  { startSeconds, endSeconds }: Window,
  { exclude = [] }: WhatIf,
): boolean =>
  exclude.some((range) => range.startSeconds <= startSeconds && endSeconds <= range.endSeconds);

/** Batches that a range only touches: they stay, and whoever asked wants to know. */
export const partlyExcluded = (windows: readonly Window[], whatIf: WhatIf): string[] =>
  windows
    .filter(
      (window) =>
        !isExcluded(window, whatIf) &&
        (whatIf.exclude ?? []).some(
          (range) =>
            range.startSeconds < window.endSeconds && window.startSeconds < range.endSeconds,
        ),
    )
    .map(({ startSeconds }) => utcSeconds(startSeconds));

export const isCredited = (text: string, { error }: Credit): boolean =>
  CLASSES.includes(error) ? errorClassOf(text) === error : text.includes(error);

/**
 * The waiver verifies a refused row again without its snark work. From tables alone: its block is the block of other rows, so its state is known where
 * anybody else's row of that block was verified.
 */
export class Waiver {
  readonly #states = new Map<string, Pick<OfflineRow, 'stateHash' | 'parent'>>();

  /** @returns the rows with those waived; how many, and how many whose block nobody else sent */
  apply(rows: readonly OfflineRow[]): { rows: OfflineRow[]; waived: number; unknown: number } {
    for (const row of rows)
      if (counts(row) && row.blockHash && !this.#states.has(row.blockHash))
        this.#states.set(row.blockHash, { stateHash: row.stateHash, parent: row.parent });
    let [waived, unknown] = [0, 0];
    const changed = rows.map((row) => {
      if (!row.error || errorClassOf(row.error) !== 'sok-mismatch') return row;
      const state = row.blockHash ? this.#states.get(row.blockHash) : undefined;
      if (state === undefined) {
        unknown++;
        return row;
      }
      waived++;
      return { ...row, ...state, error: '', verified: true };
    });
    return { rows: changed, waived, unknown };
  }
}
