/** Submissions that do not lie in the database: recorded runs, rows that change or come late, a source that fails. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { SourceRow } from '../../../stack/coordinator/cassandra-source.ts';
import { startCoordinator } from '../../../stack/coordinator/coordinator.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';
import { checkRecordedRun, sourceRowOf, type SourceUnderTest } from './source-suite.ts';
import { at, configOf, movingClock, newDatabase, rowsOn, START } from './support.ts';

let server: PostgresServer;
before(async () => {
  server = await startPostgres({ timezone: 'Pacific/Chatham' });
});
after(() => server?.stop());

/** In memory; `rows` may be changed. */
function sourceOf(rows: SourceRow[] = []): SourceUnderTest & { rows: SourceRow[] } {
  return {
    rows,
    source: {
      name: 'memory',
      read: (low, high) =>
        Promise.resolve(
          rows
            .filter(({ submittedAtUs: us }) => us >= low * 1e6 && us < high * 1e6)
            .sort((a, b) => b.submittedAtUs - a.submittedAtUs),
        ),
      close: () => Promise.resolve(),
    },
    add: (more) => Promise.resolve(void rows.push(...more)),
  };
}

for (const faithful of [true, false])
  test(`recorded run lagging by a source, ${faithful ? 'faithful' : 'default'}: the same tables`, () =>
    checkRecordedRun(server, 'lagging', faithful, sourceOf()));

const run = async (
  { source }: SourceUnderTest,
  more: Partial<Parameters<typeof startCoordinator>[0]>,
): Promise<{ database: string; log: string[] }> => {
  const database = await newDatabase(server, START);
  const log: string[] = [];
  const { ended } = startCoordinator({
    database: configOf(server, database),
    source,
    intervalSeconds: 60,
    miniBatches: 1,
    clock: movingClock(START),
    log: ({ text }) => void log.push(text),
    ...more,
  });
  await ended;
  return { database, log };
};
const filesOf = (database: string): Promise<number[]> =>
  server.withClient(database, async (client) => {
    const { rows } = await client.query<{ n: number }>(
      'SELECT files_processed AS n FROM bot_logs ORDER BY id OFFSET 1',
    );
    return rows.map(({ n }) => n);
  });

test('a row that is verified after its batch counts with the next one; a source that fails loses no batch', async () => {
  const late = rowsOn(1, { count: 3, from: 5 }, { verified: false, validation_error: null, state_hash: null }).map(sourceRowOf); // prettier-ignore
  const memory = sourceOf([...late, ...rowsOn(2, { count: 3, from: 65 }).map(sourceRowOf)]);
  let reads = 0;
  const { read } = memory.source;
  memory.source.read = async (low, high) => {
    // Down when the second batch is looked at first.
    if (++reads === 2) throw new Error('no node answers');
    if (reads > 2)
      for (const row of late) Object.assign(row, { verified: true, error: '', stateHash: 'state-1', height: 1 }); // prettier-ignore
    return read(low, high);
  };
  const { database, log } = await run(memory, { untilSeconds: Date.parse(at(120)) / 1000 });
  assert.deepEqual(await filesOf(database), [3, 3]);
  assert.ok(log.some((text) => /no node answers; the batch comes again in 1 s/.test(text)));
  assert.ok(log.some((text) => /3 rows came late/.test(text)));
});

test('faithful: a failed read is an empty batch', async () => {
  const memory = sourceOf(rowsOn(1, { count: 3, from: 5 }).map(sourceRowOf));
  memory.source.read = () => Promise.reject(new Error('no node answers'));
  const { database, log } = await run(memory, {
    faithful: true,
    untilSeconds: Date.parse(at(60)) / 1000,
  });
  assert.deepEqual(await filesOf(database), [0]);
  assert.ok(log.includes('Error: no node answers'));
});

test('faithful: a row that is there already takes the scoreboard of its batch', async () => {
  const rows = rowsOn(1, { count: 3, from: 5 });
  const scores = async (isThere: boolean): Promise<number> => {
    const memory = sourceOf(rows.map(sourceRowOf));
    const database = await newDatabase(server, START);
    await server.withClient(database, async (client) => {
      if (isThere)
        await client.query(
          `INSERT INTO submissions (submitted_at_date, submitted_at, submitter) VALUES ('2026-01-01', '2026-01-01 00:00:05', $1)`,
          [rows[0].submitter],
        );
    });
    await startCoordinator({
      database: configOf(server, database),
      source: memory.source,
      faithful: true,
      intervalSeconds: 60,
      miniBatches: 1,
      untilSeconds: Date.parse(at(60)) / 1000,
      clock: movingClock(START),
      log: () => undefined,
    }).ended;
    assert.deepEqual(await filesOf(database), [3]);
    return server.withClient(database, async (client) => {
      const { rowCount } = await client.query('SELECT FROM score_history');
      return rowCount!;
    });
  };
  assert.deepEqual([await scores(false), await scores(true)], [3, 0]);
});
