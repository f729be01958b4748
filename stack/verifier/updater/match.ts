/**
 * Which answer of a verifier belongs to which row: by what it was given and gives back.
 * Source: o1-labs/submission-updater at 00cc565, src/command.go (submissionKey, keyedIndex).
 */
import { parseCreatedAt } from '../../../mina/created-at.ts';

/**
 * `id|<id>`, else `sub|<submitted_at>|<submitter>`. The latter is not unique: 338 of 5,585 rows of six hours of mainnet share second and submitter.
 * So a key stands for a group of rows.
 */
export function submissionKey(fields: {
  id?: unknown;
  submitted_at?: unknown;
  submitter?: unknown;
}): string {
  if (typeof fields.id === 'string' && fields.id !== '') return `id|${fields.id}`;
  return `sub|${instantText(fields.submitted_at)}|${textOf(fields.submitter)}`;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** An instant in UTC, without zeros at the end of a second: verifiers may write it in another form. */
function instantText(value: unknown): string {
  const time = parseCreatedAt(textOf(value));
  if (time === null) return textOf(value);
  const fraction = String(time.nanoseconds).padStart(9, '0').replace(/0+$/, '');
  return `${time.utc.slice(0, -1)}${fraction === '' ? '' : `.${fraction}`}Z`;
}

/** The rows of each key, in their order: a verifier answers in the order in which it was asked, so the n-th answer of a key is that of its n-th row. */
export class KeyedQueue<T> {
  readonly #waiting = new Map<string, T[]>();

  add(key: string, item: T): void {
    const same = this.#waiting.get(key);
    if (same === undefined) this.#waiting.set(key, [item]);
    else same.push(item);
  }

  /** @returns undefined where all rows of the key have their answer: one too many must not replace another's */
  take(key: string): T | undefined {
    return this.#waiting.get(key)?.shift();
  }

  /** What nobody took. */
  left(): T[] {
    return [...this.#waiting.values()].flat();
  }
}
