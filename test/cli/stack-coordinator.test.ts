/** `npm run stack -- coordinator` as a user calls it, and what becomes of wrong options. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EXIT } from '../../user-error.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { runHere } from '../support/run-command.ts';
import { insertRows, readTables, rowsOn, START } from '../stack/coordinator/support.ts';

let server: PostgresServer;
before(async () => {
  server = await startPostgres();
});
after(() => server?.stop());

test('tables are made, batches counted, and started again it goes on', async () => {
  const database = await server.createDatabase();
  const url = `postgres://${server.user}@127.0.0.1:${server.port}/${database}?sslmode=disable`;
  const run = (...words: string[]) =>
    runHere(['stack', 'coordinator', '--database', url, '--interval', '60s', ...words], {
      PGPASSWORD: server.password,
    });
  const none = await run();
  assert.equal(none.exitCode, EXIT.broken);
  assert.match(none.stderr, /has no table .*--create-tables/s);
  const made = await run('--create-tables', '--start', START, '--until', START);
  assert.equal(made.exitCode, EXIT.passed, made.stderr);
  assert.match(made.stdout, /the coordinator ended: last window counted/);
  await server.withClient(database, async (client) => {
    await insertRows(client, rowsOn(5, { count: 22, from: 10 }));
    const first = await run('--until', '2026-01-01T00:02:00Z');
    assert.equal(first.exitCode, EXIT.passed, first.stderr);
    assert.match(
      first.stdout,
      /coordinator INFO batch 2026-01-01T00:00:00Z: 22 rows, 22 count; 22 of 22 block producers score, 22 points\n/,
    );
    const second = await run('--until', '2026-01-01T00:03:00Z');
    assert.match(second.stdout, /batch 2026-01-01T00:02:00Z: 0 rows/);
    assert.equal((await readTables(client)).bot_logs.length, 4);
  });
});

test('wrong options are refused together', async () => {
  const { exitCode, stderr } = await runHere([
    ...['stack', 'coordinator', '--interval', '1500ms', '--faithful', '--keep-previous'],
    ...['--late-batches', '1', '--no-index'],
  ]);
  assert.equal(exitCode, EXIT.usage);
  for (const said of [
    /whole seconds/,
    /--keep-previous and --faithful/,
    /--late-batches has no effect/,
    /--no-index has no effect/,
  ])
    assert.match(stderr, said);
  for (const part of ['coordinator', 'leaderboard', 'fill']) {
    const missing = await runHere(['stack', part]);
    assert.equal(missing.exitCode, EXIT.usage);
    assert.match(missing.stderr, /--database is missing/);
    assert.doesNotMatch((await runHere(['stack', part, '--databse', 'x'])).stderr, /up…/);
  }
});
