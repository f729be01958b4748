/** kill -9 at ten points: a batch is whole or absent, and started again the coordinator ends with the tables of an undisturbed run. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import { execa } from 'execa';
import { projectRoot } from '../../../paths.ts';
import { startCoordinator } from '../../../stack/coordinator/coordinator.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';
import { scratchFolder } from '../../support/scratch.ts';
import {
  configOf,
  insertRows,
  MINUTES,
  newDatabase,
  readTables,
  rowsOn,
  seconds,
  START,
} from './support.ts';

let server: PostgresServer;
before(async () => {
  server = await startPostgres();
});
after(() => server?.stop());

const BATCH = 20 * MINUTES;
const BATCHES = 16;
const KILLS = 10;
/** Of the batches' statements, about 35 each: the ten points lie in ten different places of a batch. */
const DIE_AT = [38, 43, 47, 50, 54, 57, 61, 65, 70, 76];

test('ten kills, ten starts, the same tables', async () => {
  assert.equal(DIE_AT.length, KILLS);
  const program = join(scratchFolder(), 'child.cjs');
  await build({
    entryPoints: [join(projectRoot, 'test/stack/coordinator/crash-child.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['pg-native'],
    logLevel: 'silent',
  });
  // 23 producers on the chain, one ahead, one behind, one alone; each batch a little other.
  const rows = Array.from({ length: BATCHES }, (_, batch) => [
    ...rowsOn(10 * batch, { count: 23, from: batch * BATCH + 10 }),
    ...rowsOn(10 * batch + 1, { first: 23, count: 1, from: batch * BATCH + 60 }),
    ...rowsOn(10 * batch - 1, { first: 24 + (batch % 3), count: 1, from: batch * BATCH + 70 }),
    ...rowsOn(10 * batch, { first: 2, count: 3, from: batch * BATCH + 600 }),
  ]).flat();
  const untilSeconds = seconds(START) + BATCHES * BATCH;
  const [killed, undisturbed] = [
    await newDatabase(server, START),
    await newDatabase(server, START),
  ];
  for (const name of [killed, undisturbed])
    await server.withClient(name, (client) => insertRows(client, rows));
  const { ended } = startCoordinator({
    database: configOf(server, undisturbed),
    untilSeconds,
    log: () => undefined,
  });
  assert.equal(await ended, 'last window counted');
  const wanted = await server.withClient(undisturbed, readTables);

  const run = (dieAt: number | null) =>
    execa(process.execPath, [program], {
      env: {
        CRASH_CHILD: JSON.stringify({ database: configOf(server, killed), untilSeconds, dieAt }),
      },
      reject: false,
    });
  const pointsOf = (points: readonly string[], end: string) =>
    points.filter((row) => row.includes(end)).length;
  for (const dieAt of DIE_AT) {
    const { signal, stdout } = await run(dieAt);
    assert.equal(signal, 'SIGKILL', stdout);
    // What is there is whole: as many batches, points and history rows as the undisturbed run had by then.
    const now = await server.withClient(killed, readTables);
    for (const log of now.bot_logs) assert.ok(wanted.bot_logs.includes(log), log);
    for (const log of now.bot_logs) {
      const end = /"batch_end","([^"]*)"/.exec(log)![1];
      assert.equal(pointsOf(now.points, end), pointsOf(wanted.points, end), `${dieAt} ${end}`);
      assert.equal(
        pointsOf(now.score_history, end),
        pointsOf(wanted.score_history, end),
        `${dieAt} ${end}`,
      );
    }
    assert.equal(
      now.points.length,
      now.bot_logs.reduce(
        (sum, log) => sum + pointsOf(wanted.points, /"batch_end","([^"]*)"/.exec(log)![1]),
        0,
      ),
    );
  }
  const before_ = (await server.withClient(killed, readTables)).bot_logs.length;
  assert.ok(before_ > 3 && before_ <= BATCHES, `${before_} batches when the kills were over`);
  const { stdout, stderr } = await run(null);
  assert.equal(stdout, 'last window counted', stderr);
  assert.deepEqual(await server.withClient(killed, readTables), wanted);
});
