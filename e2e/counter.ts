/** Counts of a run over and over, where they are now: of its network, its tables, and its Cassandra where it stores there. */
import type { Client } from 'pg';
import { openCassandra, rangeOf } from './collect.ts';
import type { Counts } from './conditions.ts';
import { lastBatchEnd, networkCounts, storageCounts, tableCounts } from './counts.ts';
import { runDatabase } from './database.ts';
import type { OpenState } from './state.ts';
import { openTables } from './tables.ts';

export type Counter = {
  /** @throws what keeps a count from being read for good */
  read(): Promise<Counts>;
  /** Where a reading takes its time: the pause between two. */
  everyMs?: number;
  close(): Promise<void>;
};

/** A reading of all rows takes its time. */
const ROWS_EVERY_MS = 1000;

/** @throws UserError where a storage does not run */
export async function openCounter(
  open: OpenState,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Counter> {
  const config = await runDatabase(open, env);
  const cassandra =
    open.state.topology.storage === 'cassandra' ? await openCassandra(open, env) : null;
  const range = rangeOf(open);
  const storedCounts = async (client: Client): Promise<Counts> => {
    const ofTables = await tableCounts(client);
    if (cassandra === null) return ofTables;
    const ended = await lastBatchEnd(client);
    return { ...ofTables, ...(await storageCounts(cassandra, range, ended, signal)) };
  };
  const tables = openTables(config, signal);
  return {
    // First what came before: a submission that is stored now was sent, at the latest, a moment ago.
    read: async () => ({ ...networkCounts(open), ...(await tables.read(storedCounts)) }),
    ...(cassandra !== null && { everyMs: ROWS_EVERY_MS }),
    async close() {
      await tables.close();
      await cassandra?.close();
    },
  };
}
