/** The leaderboard's answers: every route and refusal of the original, on a real PostgreSQL; and its trap as a switch. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createCoordinatorSchema } from '../../../stack/coordinator/schema.ts';
import { readTime } from '../../../stack/leaderboard/route.ts';
import {
  type Leaderboard,
  type LeaderboardOptions,
  startLeaderboard,
} from '../../../stack/leaderboard/server.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';
import { configOf, movingClock, START } from '../coordinator/support.ts';

let server: PostgresServer;
before(async () => {
  server = await startPostgres({ timezone: 'Pacific/Chatham' });
});
after(() => server?.stop());

const key = (name: string): string => `B62q${name.padEnd(51, 'x')}`;
const [A, B, C] = ['a', 'b', 'c'].map(key);

async function withLeaderboard<T>(
  options: Partial<LeaderboardOptions>,
  action: (
    get: (
      path: string,
      method?: string,
    ) => Promise<{ status: number; body: unknown; text: string }>,
    leaderboard: Leaderboard,
  ) => Promise<T>,
  empty = false,
): Promise<T> {
  const database = await server.createDatabase();
  if (!empty)
    await server.withClient(database, async (client) => {
      await createCoordinatorSchema(client);
      await client.query({
        text: `INSERT INTO nodes (block_producer_key, score, score_percent, application_status)
               VALUES ($1, 10, 66.66, true), ($2, 12, 80.00, true), ($3, 15, 100.00, NULL), ('without a score', NULL, NULL, true)`,
        values: [A, B, C],
      });
      await client.query(`INSERT INTO score_history (node_id, score_at, score, score_percent)
        SELECT n, '2026-01-01 00:00:00'::timestamp + h * interval '20 minutes', h + n, (h + n) * 1.5 FROM generate_series(1, 3) n, generate_series(0, 2) h`);
    });
  const leaderboard = await startLeaderboard({
    database: configOf(server, database),
    log: () => undefined,
    clock: movingClock(START),
    ...options,
  });
  try {
    return await action(async (path, method = 'GET') => {
      const response = await fetch(`${leaderboard.url}${path}`, { method, redirect: 'manual' });
      const text = await response.text();
      assert.equal(response.headers.get('content-type'), 'application/json');
      return {
        status: response.status,
        text,
        body: text === '' ? null : (JSON.parse(text) as unknown),
      };
    }, leaderboard);
  } finally {
    await leaderboard.stop();
  }
}

const entry = (block_producer_key: string, score: string, score_percent: string) => ({
  block_producer_key,
  score,
  score_percent,
});

test('scores: of all, of one, and of a time; every value a string', () =>
  withLeaderboard({}, async (get) => {
    const all = [entry(B, '12', '80.00'), entry(A, '10', '66.66')];
    for (const path of ['/uptimescore/', '/uptimescore/snarkwork/', '/uptimescore/snarkwork'])
      assert.deepEqual((await get(path)).body, all, path);
    for (const path of [`/uptimescore/${C}`, `/uptimescore/${C}/snarkwork/`])
      assert.deepEqual((await get(path)).body, [entry(C, '5', '7.50')], path);
    assert.deepEqual((await get('/uptimescore/snarkwork/2026-01-01T00:40:00Z/')).body, [
      entry(C, '4', '6.00'),
      entry(B, '3', '4.50'),
      entry(A, '2', '3.00'),
    ]);
    assert.deepEqual((await get(`/uptimescore/${B}/snarkwork/2026-01-01T00:00:01Z/`)).body, [
      entry(B, '2', '3.00'),
    ]);
    assert.equal((await get('/uptimescore/')).text.endsWith(']\n'), true);
  }));

const refused = (Error: string, Error_message: string) => ({
  status: 404,
  body: { Error, Error_message },
});
const NO_DATA = refused('No data found', 'Please try again with different parameters');
const NO_KEY = refused('Invalid public key', 'Please provide correct public key');
const NO_DATE = refused(
  'Invalid Date Format',
  'Please make sure you use Valid Date in Format:2022-04-30T08:30:00Z',
);
const NO_TYPE = refused('Invalid datatype', 'Please provide datatype as snarkwork');
const NO_PAGE = refused('Page Not Found', 'Please make sure you use Correct URL');
const QUERY = {
  status: 400,
  body: {
    error: 'Query parameters are not allowed',
    error_message: 'This application does not support query parameters in requests.',
  },
};

test('refusals, each with its form', () =>
  withLeaderboard({}, async (get) => {
    for (const [path, wanted] of [
      [`/uptimescore/${key('nobody')}`, NO_DATA],
      ['/uptimescore/snarkwork/2026-01-01T00:00:00Z/', NO_DATA],
      [`/uptimescore/${key('nobody')}/snarkwork/2026-01-01T00:40:00Z/`, NO_DATA],
      ['/uptimescore/B62q', NO_KEY],
      ['/uptimescore/sidecar', NO_KEY],
      // Without the slash at the end all of it is a key.
      [`/uptimescore/${A}/snarkwork`, NO_KEY],
      ['/uptimescore/snarkwork/yesterday/', NO_DATE],
      [`/uptimescore/${A}/snarkwork/2026-13-01T00:00:00Z/`, NO_DATE],
      [`/uptimescore/${A}/snarkwork/2026-01-01T00:00:00/`, NO_DATE],
      [`/uptimescore/${A}/sidecar/`, NO_TYPE],
      ['/', NO_PAGE],
      ['/uptime', NO_PAGE],
      ['/health/other', NO_PAGE],
      ['/uptimescore/?limit=1', QUERY],
      ['/health?a', QUERY],
      ['/nowhere?a=b', QUERY],
    ] as const) {
      const { status, body } = await get(path);
      assert.deepEqual({ status, body }, wanted, path);
    }
    assert.equal((await get('/uptimescore')).status, 308);
    assert.equal((await get('/uptimescore/', 'POST')).status, 405);
    assert.equal((await get('/uptimescore/?')).status, 200);
  }));

test('health: alive, ready, and nothing more without DEBUG', () =>
  withLeaderboard({}, async (get) => {
    const { status, body } = await get('/health');
    assert.equal(status, 200);
    assert.deepEqual(body, {
      service: 'delegation-program-leaderboard-api',
      status: 'healthy',
      timestamp: '2026-01-01T00:00:00.000000+00:00',
    });
    const ready = await get('/health/ready');
    assert.equal(ready.status, 200);
    const { database, status: word } = ready.body as {
      database: Record<string, unknown>;
      status: string;
    };
    assert.equal(word, 'ready');
    assert.deepEqual(
      { ...database, response_time_ms: 0 },
      { status: 'healthy', connection: true, query_test: true, error: null, response_time_ms: 0 },
    );
    assert.equal((await get('/health/debug')).status, 403);
  }));

test('DEBUG shows the database, without its password', () =>
  withLeaderboard({ debug: true }, async (get) => {
    const { status, text } = await get('/health/debug');
    assert.equal(status, 200);
    assert.match(text, /"retry_attempts":3/);
    assert.ok(!text.includes(server.password) && !/secret/.test(text));
  }));

test('no application_status: the list is empty, a single key has its score', () =>
  withLeaderboard({}, async (get) => {
    const { status } = await get(`/uptimescore/${C}`);
    assert.equal(status, 200);
    const list = (await get('/uptimescore/')).text;
    assert.ok(!list.includes(C));
  }));

test('a query that fails: 500, and 200 with -1 if faithful', async () => {
  await withLeaderboard(
    {},
    async (get) => {
      const { status, body } = await get('/uptimescore/');
      assert.deepEqual(
        { status, body },
        {
          status: 500,
          body: {
            Error: 'Something went wrong',
            Error_message: 'System is down. Please try again later.',
          },
        },
      );
    },
    true,
  );
  await withLeaderboard(
    { faithful: true },
    async (get) => {
      for (const path of [
        '/uptimescore/',
        `/uptimescore/${A}`,
        '/uptimescore/snarkwork/2026-01-01T00:40:00Z/',
      ])
        assert.deepEqual({ ...(await get(path)) }, { status: 200, body: -1, text: '-1\n' }, path);
    },
    true,
  );
});

test('no connection: three attempts with pauses of 2 and 4 s, then 500 and not ready; it recovers', async () => {
  const clock = movingClock(START);
  const target = { ...configOf(server, 'not there yet') };
  await withLeaderboard({ clock, database: target }, async (get) => {
    const { status, body } = await get('/uptimescore/');
    assert.deepEqual(
      { status, body },
      {
        status: 500,
        body: {
          Error: 'Something went wrong',
          Error_message: 'System is down. Please try again later.',
        },
      },
    );
    assert.deepEqual(clock.slept, [2000, 4000]);
    const ready = await get('/health/ready');
    assert.equal(ready.status, 503);
    assert.equal((ready.body as { status: string }).status, 'not_ready');
    await server.withClient('postgres', (client) =>
      client.query('CREATE DATABASE "not there yet"'),
    );
    assert.equal((await get('/health/ready')).status, 200);
  });
});

test('connections that the server ended are made anew', () =>
  withLeaderboard({}, async (get) => {
    assert.equal((await get('/uptimescore/')).status, 200);
    await server.withClient('postgres', (client) =>
      client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mina-load'`,
      ),
    );
    for (let i = 0; i < 3; i++) await get('/health/ready');
    assert.equal((await get('/uptimescore/')).status, 200);
  }));

test('times as strptime reads them', () => {
  assert.equal(readTime('2026-1-2T3:4:5Z')?.toISOString(), '2026-01-02T03:04:05.000Z');
  for (const wrong of [
    '2026-02-30T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01 00:00:00Z',
    '0000-01-01T00:00:00Z',
    '',
  ])
    assert.equal(readTime(wrong), null, wrong);
});
