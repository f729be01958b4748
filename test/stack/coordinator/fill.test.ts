/** A filled database: the coordinator's own scoring and SQL say the same as its tables, and the same seed gives the same rows. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startCoordinator } from '../../../stack/coordinator/coordinator.ts';
import { fillHistory } from '../../../stack/coordinator/fill/fill.ts';
import { type HistoryPlan, historyOf } from '../../../stack/coordinator/fill/history.ts';
import { UserError } from '../../../user-error.ts';
import { decode } from '../../../mina/base58check.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';
import { runHere } from '../../support/run-command.ts';
import { configOf, movingClock, newDatabase, readTables, seconds, START } from './support.ts';

let server: PostgresServer;
before(async () => {
  server = await startPostgres({ timezone: 'Pacific/Chatham' });
});
after(() => server?.stop());

const PLAN: HistoryPlan = {
  seed: 7,
  producers: 40,
  batches: 30,
  startSeconds: seconds(START),
  intervalSeconds: 1200,
};

test('the tables are what the coordinator makes of the submissions', async () => {
  const filled = await server.createDatabase();
  const counts = await fillHistory(configOf(server, filled), PLAN, { submittedAtIndex: true });
  assert.equal(counts.bot_logs, 31);
  const again = await newDatabase(server, START);
  await server.withClient(filled, async (from) => {
    const { rows } = await from.query<{ rows: string }>(
      'SELECT json_agg(s)::text AS rows FROM submissions s',
    );
    await server.withClient(again, (to) =>
      to.query(
        'INSERT INTO submissions SELECT * FROM json_populate_recordset(NULL::submissions, $1)',
        [rows[0].rows],
      ),
    );
  });
  const { ended } = startCoordinator({
    database: configOf(server, again),
    clock: movingClock('2027-01-01T00:00:00Z'),
    untilSeconds: PLAN.startSeconds + PLAN.batches * 1200,
    log: () => undefined,
  });
  assert.equal(await ended, 'last window counted');
  const [made, counted] = await Promise.all(
    [filled, again].map((name) => server.withClient(name, readTables)),
  );
  assert.deepEqual(made, counted);
  // And it is a history in which the rules matter.
  const points = made.points.length;
  assert.ok(
    counts.submissions > 1000 && points > 900 && points < counts.submissions - 20,
    `${points} of ${counts.submissions}`,
  );
});

test('the coordinator goes on after it: sequences and indexes are there', async () => {
  const database = await server.createDatabase();
  await fillHistory(
    configOf(server, database),
    { ...PLAN, batches: 5 },
    { submittedAtIndex: true },
  );
  await server.withClient(database, async (client) => {
    const indexes = await client.query(`SELECT FROM pg_indexes WHERE tablename = 'submissions'`);
    assert.equal(indexes.rowCount, 5);
    await client.query(`INSERT INTO submissions (submitted_at_date, submitted_at, submitter, created_at, state_hash, parent, height, verified)
      SELECT '2026-01-01', '2026-01-01 01:40:05', block_producer_key, '2026-01-01 01:40:00', 'new', 'old', 1, true FROM nodes`);
  });
  const { ended } = startCoordinator({
    database: configOf(server, database),
    clock: movingClock('2027-01-01T00:00:00Z'),
    untilSeconds: PLAN.startSeconds + 6 * 1200,
    log: () => undefined,
  });
  assert.equal(await ended, 'last window counted');
  const { bot_logs, nodes } = await server.withClient(database, readTables);
  assert.equal(bot_logs.length, 7);
  assert.equal(nodes.length, 40);
});

test('the same seed, the same rows; another seed, others', () => {
  const rows = (seed: number) => JSON.stringify([...historyOf({ ...PLAN, seed, batches: 4 })]);
  assert.equal(rows(1), rows(1));
  assert.notEqual(rows(1), rows(2));
});

test('keys and hashes are of their kind, times inside their batch, and no producer has two rows in a second', () => {
  for (const { window, rows } of historyOf({ ...PLAN, batches: 10 })) {
    const seen = new Set<string>();
    for (const row of rows) {
      decode('publicKey', row.submitter);
      decode('blockHash', row.blockHash);
      if (row.stateHash !== null) decode('stateHash', row.stateHash);
      assert.ok(
        row.submittedAtUs >= window.startSeconds * 1e6 &&
          row.submittedAtUs < window.endSeconds * 1e6,
      );
      assert.ok(!seen.has(`${row.submitter} ${row.submittedAtUs}`));
      seen.add(`${row.submitter} ${row.submittedAtUs}`);
    }
  }
});

test('what is there is not overwritten, and only a superuser may', async () => {
  const database = await server.createDatabase();
  const config = configOf(server, database);
  await fillHistory(config, { ...PLAN, batches: 1 }, { submittedAtIndex: false });
  await assert.rejects(
    fillHistory(config, PLAN, { submittedAtIndex: false }),
    (error) =>
      error instanceof UserError && /holds submissions or batches already/.test(error.message),
  );
  const url = `postgres://${server.user}@127.0.0.1:${server.port}/${database}?sslmode=disable`;
  const { exitCode, stderr } = await runHere(['stack', 'fill', '--database', url], {
    PGPASSWORD: server.password,
  });
  assert.equal(exitCode, 2, stderr);
});

test('stack fill says what it wrote', async () => {
  const database = await server.createDatabase();
  const url = `postgres://${server.user}@127.0.0.1:${server.port}/${database}?sslmode=disable`;
  const { exitCode, stdout, stderr } = await runHere(
    [
      'stack',
      'fill',
      '--database',
      url,
      '--days',
      '1',
      '--producers',
      '25',
      '--end',
      '2026-02-01T00:00:00Z',
    ],
    { PGPASSWORD: server.password },
  );
  assert.equal(exitCode, 0, stderr);
  assert.match(stdout, /filled 1 day in .* bot_logs 73, nodes 25/);
});
