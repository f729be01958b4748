import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, test, type TestContext } from 'node:test';
import { postgresSource, postgresUrlProblem } from '../../monitor/postgres.ts';
import type { PostgresReading, ResourceLine } from '../../results/types.ts';
import { startPostgres, type PostgresServer } from '../support/postgres-server.ts';
import { tlsFile } from '../support/tls-target.ts';
import { FakeClock } from '../support/clock.ts';
import { until } from '../support/until.ts';

function watch(t: TestContext, url: string, env: Record<string, string>) {
  const clock = new FakeClock();
  const lines: ResourceLine[] = [];
  const running = postgresSource(url, env).start({
    intervalMs: 1000,
    clock,
    emit: (line) => lines.push(line),
  });
  t.after(() => running.stop());
  const notes = () => lines.flatMap((line) => (line.kind === 'note' ? [line.text] : []));
  const readings = () => lines.filter((line): line is PostgresReading => line.kind === 'postgres');
  const next = async () => {
    const before = readings().length;
    await clock.step(1000);
    await until(() => readings().length > before, notes);
    return readings().at(-1)!;
  };
  return { clock, lines, notes, readings, next, running };
}

let server: PostgresServer;
let stopped: Promise<void> | undefined;
const stopServer = () => (stopped ??= server.stop());
before(async () => {
  server = await startPostgres({ tls: true });
});
after(() => stopServer());

test('a wrong password, a missing database, no server: notes, no readings', async (t) => {
  const url = (database: string) =>
    `postgres://${server.user}@127.0.0.1:${server.port}/${database}`;
  const cases: [string, Record<string, string>, RegExp][] = [
    [url('postgres'), { PGPASSWORD: 'wrong' }, /did not accept the password of postgres/],
    [
      url('nowhere'),
      { PGPASSWORD: server.password },
      /PostgreSQL 127.0.0.1:\d+\/nowhere does not exist/,
    ],
    [url('postgres'), {}, /did not accept the password of postgres: there is none/],
    ['postgres://me@127.0.0.1:1/x', {}, /ECONNREFUSED/],
  ];
  for (const [text, env, message] of cases) {
    const { notes, readings, clock, running } = watch(t, text, env);
    await until(() => notes().length === 1);
    assert.match(notes()[0], message);
    // The same trouble again is no second note.
    await clock.step(1000);
    await clock.step(1000);
    await running.stop();
    assert.deepEqual([notes().length, readings().length], [1, 0]);
  }
});

test('sslmode and roots mean what they mean for a storage, from URL or environment', async (t) => {
  const url = (query: string) =>
    `postgres://${server.user}@127.0.0.1:${server.port}/postgres${query}`;
  const PGPASSWORD = server.password;
  const ca = tlsFile('ca.cert.pem');
  const cases: [string, Record<string, string>, RegExp | null][] = [
    ['', {}, null],
    ['?sslmode=require', {}, null],
    ['?sslmode=no-verify&sslrootcert=/nowhere', {}, null],
    ['', { PGSSLMODE: 'verify-full' }, /does not pass sslmode verify-full/],
    ['', { PGSSLMODE: 'verify-full', PGSSLROOTCERT: ca }, null],
    ['?sslmode=disable', { PGSSLMODE: 'verify-full' }, null],
    ['', { PGSSLMODE: '', PGSSLROOTCERT: '' }, null],
    [`?sslrootcert=system`, {}, /does not pass sslmode verify-full/],
    ['?sslmode=verify-ca&sslrootcert=/nowhere', {}, /root certificates \/nowhere cannot be read/],
  ];
  for (const [query, env, message] of cases) {
    const { notes, readings, running } = watch(t, url(query), { PGPASSWORD, ...env });
    await until(() => notes().length + readings().length > 0);
    if (message === null) assert.deepEqual(notes(), [], query);
    else assert.match(notes()[0], message, query);
    await running.stop();
  }
  assert.throws(() => postgresSource(url(''), { PGPASSWORD, PGSSLMODE: 'verify' }), {
    message: /^PGSSLMODE must be one of disable, allow, .* but is "verify"$/,
    exitCode: 2,
  });
});

test('a real server: connections, commits, rows, hits, sizes, and a gap when it is gone', async (t) => {
  const database = await server.createDatabase();
  const url = `postgres://${server.user}@127.0.0.1:${server.port}/${database}`;
  const env = { PGPASSWORD: server.password };
  // Long values lie in pieces of 2 KB in a table of their own (TOAST).
  await server.withClient(database, (client) =>
    client.query(
      'CREATE TABLE submissions (id serial PRIMARY KEY, text text); ALTER TABLE submissions ALTER text SET STORAGE EXTERNAL',
    ),
  );
  const { notes, readings, next, clock } = watch(t, url, env);
  await until(() => readings().length === 1, notes);
  const [first] = readings();
  assert.equal(first.name, `127.0.0.1:${server.port}/${database}`);
  assert.equal(first.maxConnections, 40);
  assert.equal(first.connections, 0);
  assert.equal(first.commitsPerSecond, undefined);
  assert.ok(first.databaseBytes! > 1_000_000 && first.submissionsBytes! > 0);

  // Counts reach the statistics at the end of a session at the latest.
  await server.withClient(database, async (client) => {
    for (let i = 0; i < 50; i++)
      await client.query(
        'INSERT INTO submissions (text) SELECT repeat($1, 9000) FROM generate_series(1, 4)',
        ['x'],
      );
    await client.query('BEGIN');
    await client.query('ROLLBACK');
    const { connections, serverConnections } = await next();
    assert.deepEqual([connections, serverConnections], [1, 1]);
  });
  const sums = { commits: 0, rollbacks: 0, rows: 0 };
  // The clock goes on by one second a reading, whatever the machine takes.
  for (const line of readings().slice(1)) {
    assert.equal(line.intervalMs, 1000);
    sums.commits += line.commitsPerSecond!;
    sums.rows += line.rowsInsertedPerSecond!;
    sums.rollbacks += line.rollbacksPerSecond!;
  }
  for (let i = 0; i < 200 && sums.rows < 200; i++) {
    const line = await next();
    sums.commits += line.commitsPerSecond!;
    sums.rows += line.rowsInsertedPerSecond!;
    sums.rollbacks += line.rollbacksPerSecond!;
  }
  assert.equal(sums.rows, 200);
  assert.equal(sums.rollbacks, 1);
  const own = readings().length * 2;
  assert.ok(
    sums.commits >= 50 && sums.commits <= 50 + own,
    `${sums.commits} commits, ${own} of the monitor`,
  );
  assert.ok(readings().some(({ blockHitShare = -1 }) => blockHitShare >= 0 && blockHitShare <= 1));
  // Sizes each 10 s only.
  const sized = readings().filter(({ databaseBytes }) => databaseBytes !== undefined);
  assert.equal(sized.length, 1 + Math.floor((readings().length - 1) / 10));

  await server.withClient(database, (client) => client.query('SELECT pg_stat_reset()'));
  const afterReset = await next();
  assert.ok((afterReset.commitsPerSecond ?? 0) >= 0);

  const before = readings().length;
  await stopServer();
  await clock.step(1000);
  await until(() => notes().length > 0);
  await clock.step(1000);
  assert.match(notes()[0], /^could not be read: /);
  assert.equal(readings().length, before);
});

test('a server that accepts and says nothing is given up within the limit', async (t) => {
  const sockets: Socket[] = [];
  const mute = createServer((socket) => sockets.push(socket));
  mute.listen(0, '127.0.0.1');
  await once(mute, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    mute.close();
  });
  const { port } = mute.address() as AddressInfo;
  const { notes, clock, running } = watch(t, `postgres://me@127.0.0.1:${port}/x`, {});
  await until(() => sockets.length === 1);
  await clock.step(5000);
  await until(() => notes().length === 1);
  assert.equal(notes()[0], 'could not be read: no answer within 5 s');
  await running.stop();
});

test('URLs: what is wrong with them', () => {
  assert.equal(postgresUrlProblem('postgres://me@db:5432/uptime'), null);
  assert.equal(postgresUrlProblem('postgresql://me@db/uptime?sslmode=require'), null);
  const problems: [string, RegExp][] = [
    ['mysql://db/x', /must be postgres:/],
    ['postgres://me:secret@db/x', /must not hold a password/],
    ['postgres://me@db/x?password=secret', /must not hold a password/],
    ['postgres://me@db', /names no database/],
    ['postgres:///x', /names no host/],
  ];
  for (const [text, message] of problems)
    assert.match(postgresUrlProblem(text) ?? '', message, text);
});
