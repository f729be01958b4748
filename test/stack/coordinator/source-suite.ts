/** Recorded runs of the real coordinator with submissions elsewhere: the same rows, given by a source, make the same tables; and what of them is in `submissions`. */
import assert from 'node:assert/strict';
import type pg from 'pg';
import { startCoordinator } from '../../../stack/coordinator/coordinator.ts';
import type { SourceRow, SubmissionSource } from '../../../stack/coordinator/cassandra-source.ts';
import { verifierOf } from '../../../stack/coordinator/verifier.ts';
import type { PostgresServer } from '../../support/postgres-server.ts';
import {
  assertAsRecorded,
  configOf,
  newDatabase,
  readTables,
  recordedRun,
  seconds,
  type SubmissionRow,
} from './support.ts';

/** As the verifier leaves a row in Cassandra. */
export const sourceRowOf = (row: SubmissionRow): SourceRow => ({
  submittedAtUs: Date.parse(row.submitted_at) * 1000,
  submitter: row.submitter,
  createdAtUs:
    row.created_at === null ? null : Date.parse(row.created_at ?? row.submitted_at) * 1000,
  blockHash: row.block_hash ?? '',
  remoteAddr: '203.0.113.7:41234',
  peerId: 'peer',
  port: 3085,
  commit: 'c',
  stateHash: row.state_hash ?? null,
  parent: row.parent ?? null,
  height: row.height === undefined ? 1 : row.height,
  slot: row.slot === undefined ? 1 : row.slot,
  error: row.validation_error === undefined ? '' : row.validation_error,
  verified: row.verified === undefined ? true : row.verified,
});

export type SourceUnderTest = {
  source: SubmissionSource;
  /** More rows are there. */
  add: (rows: readonly SourceRow[]) => Promise<void>;
};

export async function checkRecordedRun(
  server: PostgresServer,
  name: 'healthy' | 'lagging',
  faithful: boolean,
  { source, add }: SourceUnderTest,
): Promise<void> {
  const run = recordedRun(name);
  const { batches, config } = run;
  const database = await newDatabase(server, config.start);
  await server.withClient(database, async (client) => {
    const looks = [await readTables(client)];
    let next = 0;
    const { ended } = startCoordinator({
      database: configOf(server, database),
      source,
      faithful,
      log: () => undefined,
      miniBatches: 1,
      untilSeconds: seconds(batches.at(-1)!.end),
      // Rows of a batch are there before it is processed, and not earlier.
      verifier: verifierOf('test', async (startMs) => {
        assert.equal(startMs, Date.parse(batches[next].start));
        if (next > 0) looks.push(await readTables(client));
        await add(batches[next++].submissions.map(sourceRowOf));
      }),
    });
    assert.equal(await ended, 'last window counted');
    looks.push(await readTables(client));
    assertAsRecorded(looks, run);
    const all = batches.flatMap(({ submissions }) => submissions);
    assert.deepEqual(
      await copiedOf(client),
      all
        .map(
          (row) =>
            `${Date.parse(row.submitted_at) / 1000} ${row.submitter} ${faithful ? 'no peer' : 'peer'}`,
        ) // prettier-ignore
        .sort(),
    );
  });
}

async function copiedOf(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ text: string }>(
    `SELECT date_part('epoch', submitted_at)::bigint || ' ' || submitter || ' ' || coalesce(peer_id, 'no peer') AS text FROM submissions
     WHERE submitted_at_date = submitted_at::date`,
  );
  return rows.map(({ text }) => text).sort();
}
