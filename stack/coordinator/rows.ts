/** Rows of `submissions` as the coordinator reads them: which count, which are refused, which nobody has verified. */
import type { ClientBase } from 'pg';
import type { ScoredRow } from './scoring.ts';
import { timestampText, type Window } from './window.ts';

type Client = Pick<ClientBase, 'query'>;

/** A row that counts: `verified` is true and there is no error. */
export type CountingRow = ScoredRow & {
  /** Microseconds since 1970. */
  submittedAtUs: number;
  /** The producer's own time, milliseconds since 1970. */
  createdAtMs: number | null;
  height: number | null;
};

export type RefusedRow = { submitter: string; submittedAtMs: number; error: string };

export type BatchRows = {
  /** Newest first; of one moment the one that was stored last. */
  counting: CountingRow[];
  refused: RefusedRow[];
  /** Neither verified nor refused. */
  unverified: number;
};

/** A whole number: date_part's float8 has a quarter of a microsecond until 2038 and half of one later. */
export const microsecondsOf = (column: string): string =>
  `round(date_part('epoch', ${column}) * 1000000)`;
/** The rows that count; NULL and '' both mean no error. */
export const COUNTS = `verified IS TRUE AND coalesce(validation_error, '') = ''`;
/** Of a row that is neither counting nor refused. */
export const UNVERIFIED = `verified IS NOT TRUE AND coalesce(validation_error, '') = ''`;

const READ = `
  DECLARE batch_rows NO SCROLL CURSOR FOR
  SELECT ${microsecondsOf('submitted_at')}, submitter, ${microsecondsOf('created_at')}, state_hash, parent, height, verified IS TRUE, validation_error
  FROM submissions WHERE submitted_at >= $1::timestamp AND submitted_at < $2::timestamp ORDER BY submitted_at DESC, id DESC`;
/** Rows at once: what a batch holds beside its rows stays small. */
const FETCH = 1000;
type ReadRow = [
  submittedAtUs: number,
  submitter: string,
  createdAtUs: number | null,
  stateHash: string | null,
  parent: string | null,
  height: number | null,
  verified: boolean,
  error: string | null,
];

const windowParameters = ({ startSeconds, endSeconds }: Window): [string, string] => [
  timestampText(startSeconds * 1e6),
  timestampText(endSeconds * 1e6),
];

/** Inside a transaction. */
export async function readBatchRows(client: Client, window: Window): Promise<BatchRows> {
  const [low, high] = windowParameters(window);
  await client.query('SET LOCAL cursor_tuple_fraction = 1');
  // A cursor takes no parameters; these are texts of our own making.
  await client.query(READ.replace('$1', `'${low}'`).replace('$2', `'${high}'`));
  const read: BatchRows = { counting: [], refused: [], unverified: 0 };
  const known = new Map<string, string>();
  /** Each text once, however many rows have it. */
  const shared = <T extends string | null>(text: T): T => {
    if (text === null) return text;
    const first = known.get(text);
    if (first !== undefined) return first as T;
    known.set(text, text);
    return text;
  };
  for (;;) {
    const { rows } = await client.query<ReadRow>({
      text: `FETCH ${FETCH} FROM batch_rows`,
      rowMode: 'array',
    });
    for (const [us, submitter, createdAtUs, stateHash, parent, height, verified, error] of rows)
      if (error !== null && error !== '')
        read.refused.push({
          submitter: shared(submitter),
          submittedAtMs: us / 1000,
          error: shared(error),
        });
      else if (!verified) read.unverified++;
      else
        read.counting.push({
          submittedAtUs: us,
          submitter: shared(submitter),
          createdAtMs: createdAtUs === null ? null : Math.floor(createdAtUs / 1000),
          stateHash: shared(stateHash),
          parent: shared(parent),
          height,
        });
    if (rows.length < FETCH) break;
  }
  await client.query('CLOSE batch_rows');
  return read;
}
