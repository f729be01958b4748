/** Recorded runs of the real coordinator: the same rows in, every table equal after each batch, faithful or not. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  type CoordinatorOptions,
  startCoordinator,
} from '../../../stack/coordinator/coordinator.ts';
import { verifierOf } from '../../../stack/coordinator/verifier.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';
import {
  assertAsRecorded,
  configOf,
  insertRows,
  newDatabase,
  readTables,
  recordedRun,
  seconds,
} from './support.ts';

let server: PostgresServer;
before(async () => {
  // No zone of the session may show in the tables.
  server = await startPostgres({ timezone: 'Pacific/Chatham' });
});
after(() => server?.stop());

const MODES: [string, Partial<CoordinatorOptions>][] = [
  ['faithful', { faithful: true }],
  ['default', {}],
];

for (const name of ['healthy', 'lagging'] as const)
  for (const [mode, options] of MODES)
    test(`recorded run ${name}, ${mode}: every table after each batch`, async () => {
      const run = recordedRun(name);
      const { batches, config } = run;
      const database = await newDatabase(server, config.start);
      await server.withClient(database, async (client) => {
        const looks = [await readTables(client)];
        let next = 0;
        const { ended } = startCoordinator({
          database: configOf(server, database),
          log: () => undefined,
          miniBatches: 1,
          untilSeconds: seconds(batches.at(-1)!.end),
          // Rows of a batch lie in the table before it is processed, and not earlier.
          verifier: verifierOf('test', async (startMs) => {
            assert.equal(startMs, Date.parse(batches[next].start));
            if (next > 0) looks.push(await readTables(client));
            await insertRows(client, batches[next++].submissions);
          }),
          ...options,
        });
        assert.equal(await ended, 'last window counted');
        looks.push(await readTables(client));
        assertAsRecorded(looks, run);
      });
    });
