/** The counts of a run, each observed where it shows: what was sent and accepted by the network, the rest in the tables and the storage. */
import type { Client } from 'pg';
import type { StorageReader, StoredRange } from '../stack/storage/storage.ts';
import type { Counts } from './conditions.ts';
import { readStatus } from './network/status.ts';
import { placesOf } from './places.ts';
import type { OpenState } from './state.ts';

type Row = Record<
  'stored' | 'verified' | 'scored' | 'batches' | 'full batches' | 'open' | 'late',
  string
>;

/**
 * `verified`: looked at by the verifier, also where it refused. `batches`: counted ones, `full batches`: with submissions. `open`: rows of a time that no
 * batch has counted yet, `late`: rows of a counted time that nobody has verified; submitted_at is UTC without a zone.
 */
const QUERY = `
  WITH last AS (SELECT coalesce(max(batch_end_epoch), 0) AS ended FROM bot_logs)
  SELECT count(*) AS stored,
         count(*) FILTER (WHERE verified OR validation_error <> '') AS verified,
         count(*) FILTER (WHERE extract(epoch FROM submitted_at) >= (SELECT ended FROM last)) AS open,
         count(*) FILTER (WHERE extract(epoch FROM submitted_at) < (SELECT ended FROM last)
                            AND NOT coalesce(verified, false) AND coalesce(validation_error, '') = '') AS late,
         (SELECT count(*) FROM points) AS scored,
         (SELECT count(*) FROM bot_logs WHERE files_processed > -1) AS batches,
         (SELECT count(*) FROM bot_logs WHERE files_processed > 0) AS "full batches"
  FROM submissions`;

/** Of the tables alone. */
export async function tableCounts(client: Pick<Client, 'query'>): Promise<Counts> {
  const { rows } = await client.query<Row>(QUERY);
  return Object.fromEntries(Object.entries(rows[0]).map(([name, text]) => [name, Number(text)]));
}

/** Where the submissions are in another storage, the coordinator copies them into its table only when their batch is over: they are counted where they are. */
export async function storageCounts(
  reader: Pick<StorageReader, 'submissions'>,
  range: StoredRange,
  endedSeconds: number,
  signal: AbortSignal,
): Promise<Counts> {
  const counts = { stored: 0, verified: 0, open: 0 };
  for await (const batch of reader.submissions(range, signal, { rawBlocks: false }))
    for (const row of batch) {
      counts.stored++;
      if ('fault' in row) continue;
      const { verification, submittedAt } = row;
      if (verification && (verification.isVerified || verification.error)) counts.verified++;
      if (Date.parse(submittedAt) >= endedSeconds * 1000) counts.open++;
    }
  return counts;
}

/** When the last batch ended, in seconds since 1970. */
export async function lastBatchEnd(client: Pick<Client, 'query'>): Promise<number> {
  const { rows } = await client.query<{ ended: string | null }>(
    'SELECT max(batch_end_epoch) AS ended FROM bot_logs',
  );
  return Number(rows[0].ended ?? 0);
}

/** null for all that the network has not said yet. */
export function networkCounts(open: Pick<OpenState, 'folder'>): Counts & { ended: number } {
  const status = readStatus(placesOf(open).network);
  return {
    planned: status?.planned ?? null,
    sent: status?.sent ?? null,
    accepted: status?.accepted ?? null,
    ended: status?.state === 'ended' ? 1 : 0,
  };
}
