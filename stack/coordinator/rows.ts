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

/** Microseconds are exact in a float8 until the year 2255. */
export const microsecondsOf = (column: string): string =>
  `(extract(epoch FROM ${column}) * 1000000)::float8`;
/** The rows that count; NULL and '' both mean no error. */
export const COUNTS = `verified IS TRUE AND coalesce(validation_error, '') = ''`;
/** Of a row that is neither counting nor refused. */
export const UNVERIFIED = `verified IS NOT TRUE AND coalesce(validation_error, '') = ''`;

const READ = {
  name: 'coordinator-read',
  text: `
  SELECT ${microsecondsOf('submitted_at')}, submitter, ${microsecondsOf('created_at')}, state_hash, parent, height, verified IS TRUE, validation_error
  FROM submissions WHERE submitted_at >= $1::timestamp AND submitted_at < $2::timestamp ORDER BY submitted_at DESC, id DESC`,
  rowMode: 'array' as const,
};
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

export const windowParameters = ({ startSeconds, endSeconds }: Window): [string, string] => [
  timestampText(startSeconds * 1e6),
  timestampText(endSeconds * 1e6),
];

export async function readBatchRows(client: Client, window: Window): Promise<BatchRows> {
  const { rows } = await client.query<ReadRow>({ ...READ, values: windowParameters(window) });
  const read: BatchRows = { counting: [], refused: [], unverified: 0 };
  for (const [
    submittedAtUs,
    submitter,
    createdAtUs,
    stateHash,
    parent,
    height,
    verified,
    error,
  ] of rows)
    if (error !== null && error !== '')
      read.refused.push({ submitter, submittedAtMs: submittedAtUs / 1000, error });
    else if (!verified) read.unverified++;
    else
      read.counting.push({
        submittedAtUs,
        submitter,
        createdAtMs: createdAtUs === null ? null : Math.floor(createdAtUs / 1000),
        stateHash,
        parent,
        height,
      });
  return read;
}
