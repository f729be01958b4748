/** The loop on a real PostgreSQL: what the original does where something is wrong, and what the default does instead. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type pg from 'pg';
import type { BatchReport } from '../../../stack/coordinator/batch.ts';
import {
  type CoordinatorEnd,
  type CoordinatorOptions,
  startCoordinator,
} from '../../../stack/coordinator/coordinator.ts';
import type { LogEntry } from '../../../stack/coordinator/log.ts';
import { type Verifier, verifierOf } from '../../../stack/coordinator/verifier.ts';
import { UserError } from '../../../user-error.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';
import { until } from '../../support/until.ts';
import {
  at,
  configOf,
  insertRows,
  MINUTES,
  movingClock,
  newDatabase,
  readTables,
  rowsOn,
  seconds,
  START,
  type SubmissionRow,
} from './support.ts';
import { slowOnly } from '../../support/thorough.ts';

let server: PostgresServer;
before(async () => {
  server = await startPostgres();
});
after(() => server?.stop());

const BATCH = 20 * MINUTES;
const LATER = '2027-01-01T00:00:00Z';

/** The tables after a run over `batches` windows, and what was said. */
type Run = {
  end: CoordinatorEnd | UserError;
  log: LogEntry[];
  reports: BatchReport[];
  database: string;
};

/**
 * @param call.before what happens to the tables before the batch of that number is verified, from 0
 */
async function runBatches(call: {
  batches: number;
  rows?: SubmissionRow[];
  prepare?: (client: pg.Client) => Promise<unknown>;
  before?: Record<number, (client: pg.Client) => Promise<unknown>>;
  options?: Partial<CoordinatorOptions>;
  database?: string;
  onLog?: (entry: LogEntry) => void;
}): Promise<Run> {
  const database = call.database ?? (await newDatabase(server, START));
  return server.withClient(database, async (client) => {
    if (call.rows) await insertRows(client, call.rows);
    await call.prepare?.(client);
    const log: LogEntry[] = [];
    const reports: BatchReport[] = [];
    const done = new Set<number>();
    const verifier: Verifier = verifierOf('test', async (startMs) => {
      const batch = (startMs / 1000 - seconds(START)) / BATCH;
      if (!Number.isInteger(batch) || done.has(batch)) return;
      done.add(batch);
      await call.before?.[batch]?.(client);
    });
    const { ended } = startCoordinator({
      database: configOf(server, database),
      verifier,
      miniBatches: 1,
      clock: movingClock(LATER),
      untilSeconds: seconds(START) + call.batches * BATCH,
      log: (entry) => {
        log.push(entry);
        call.onLog?.(entry);
      },
      onBatch: (report) => reports.push(report),
      ...call.options,
    });
    const end = await ended.catch((error: unknown) => {
      if (error instanceof UserError) return error;
      throw error;
    });
    return { end, log, reports, database };
  });
}

type BotLog = { batch: number; files: number; points: number };
/** Each batch with its rows and points; -1: the initial row. */
const botLogs = (database: string): Promise<BotLog[]> =>
  server.withClient(database, async (client) => {
    const { rows } = await client.query<BotLog>({
      text: `SELECT ((batch_end_epoch - $1) / $2 - 1)::int AS batch, files_processed AS files,
             (SELECT count(*)::int FROM points WHERE bot_log_id = b.id) AS points FROM bot_logs b ORDER BY id`,
      values: [seconds(START), BATCH],
    });
    return rows.slice(1);
  });
const query = async <T extends pg.QueryResultRow>(database: string, text: string): Promise<T[]> =>
  server.withClient(database, async (client) => (await client.query<T>(text)).rows);
const texts = (log: readonly LogEntry[], level?: string): string =>
  log
    .filter((entry) => level === undefined || entry.level === level)
    .map(({ text }) => text)
    .join('\n');
const differing = (log: readonly LogEntry[]): string =>
  log
    .filter(({ differs }) => differs)
    .map(({ text }) => text)
    .join('\n');

/** A batch in which all is well. */
const good = (batch: number, count = 24): SubmissionRow[] =>
  rowsOn(100 + batch, { count, from: batch * BATCH + 10 });

describe('rows that the original cannot count', () => {
  const lone = (batch: number): SubmissionRow[] =>
    Array.from({ length: 21 }, (_, i) => ({
      ...rowsOn(1000 + 3 * i, { first: i, count: 1, from: batch * BATCH + 10 + i })[0],
    }));

  test('nothing selected: the original ends, the default goes on', async () => {
    const rows = [...lone(0), ...good(1)];
    const faithful = await runBatches({ batches: 2, rows, options: { faithful: true } });
    assert.equal(faithful.end, 'retries used up');
    assert.deepEqual(await botLogs(faithful.database), []);
    assert.equal(texts(faithful.log, 'error').match(/list index out of range/g)?.length, 4);
    // Started again it fails at the same window.
    const again = await runBatches({
      batches: 2,
      database: faithful.database,
      options: { faithful: true },
    });
    assert.equal(again.end, 'retries used up');

    const ours = await runBatches({ batches: 2, rows });
    assert.equal(ours.end, 'last window counted');
    assert.deepEqual(await botLogs(ours.database), [
      { batch: 0, files: 21, points: 0 },
      { batch: 1, files: 24, points: 24 },
    ]);
    assert.match(differing(ours.log), /no state has 5 % of 21 block producers/);
    const [log] = await query<{ same: boolean }>(
      ours.database,
      'SELECT extract(epoch FROM file_timestamps) = batch_end_epoch AS same FROM bot_logs WHERE files_processed = 21',
    );
    assert.equal(log.same, true);
  });

  test('created_at NULL: 4 attempts and the end; else a point without it', async () => {
    const rows = good(0).map((row, i) => (i === 3 ? { ...row, created_at: null } : row));
    const faithful = await runBatches({ batches: 1, rows, options: { faithful: true } });
    assert.equal(faithful.end, 'retries used up');
    assert.equal(texts(faithful.log, 'error').match(/NoneType/g)?.length, 4);
    const ours = await runBatches({ batches: 1, rows });
    assert.deepEqual(await botLogs(ours.database), [{ batch: 0, files: 24, points: 24 }]);
    assert.match(differing(ours.log), /1 verified rows have no created_at/);
    assert.equal(
      (await query(ours.database, 'SELECT FROM points WHERE blockchain_epoch IS NULL')).length,
      1,
    );
  });

  test('parent NULL scores in both, and leaves a NULL state', async () => {
    const rows = [...good(0), ...good(1)].map((row) => ({ ...row, parent: null }));
    for (const faithful of [true, false]) {
      const { database } = await runBatches({ batches: 2, rows, options: { faithful } });
      assert.deepEqual(
        (await botLogs(database)).map(({ points }) => points),
        [24, 24],
      );
      assert.equal((await query(database, 'SELECT FROM statehash WHERE value IS NULL')).length, 1);
    }
  });

  for (const [name, call, said] of [
    [
      'height NULL',
      {
        rows: [...good(0).map((row, i) => (i === 3 ? { ...row, height: null } : row)), ...good(1)],
      },
      /1 verified rows have no height/,
    ],
    [
      'two nodes of one key',
      {
        rows: [...good(0), ...good(1).slice(1)],
        prepare: (client: pg.Client) =>
          client.query(
            `INSERT INTO nodes (block_producer_key) SELECT 'B62q-producer-0000' FROM generate_series(1, 2)`,
          ),
      },
      /several rows for B62q-producer-0000/,
    ],
  ] as const)
    test(`${name}: the original loses the batch without a word, the default does not`, async () => {
      const shared = { batches: 2, ...call, rows: [...call.rows] };
      const faithful = await runBatches({ ...shared, options: { faithful: true } });
      assert.equal(faithful.end, 'last window counted');
      const kept = (await botLogs(faithful.database)).map(({ batch }) => batch);
      assert.deepEqual(kept, [1]);
      assert.match(texts(faithful.log, 'error'), /Error: /);
      const ours = await runBatches(shared);
      assert.deepEqual(
        (await botLogs(ours.database)).map(({ batch }) => batch),
        [0, 1],
      );
      assert.match(differing(ours.log), said);
    });

  test('heights all NULL are no error even for the original', async () => {
    const rows = good(0).map((row) => ({ ...row, height: null }));
    const { database } = await runBatches({ batches: 1, rows, options: { faithful: true } });
    assert.deepEqual(await botLogs(database), [{ batch: 0, files: 24, points: 24 }]);
  });
});

describe('statements that fail', () => {
  const refuse = (client: pg.Client) =>
    client.query('ALTER TABLE points ADD CONSTRAINT refused CHECK (amount > 1) NOT VALID');
  const allow = (client: pg.Client) => client.query('ALTER TABLE points DROP CONSTRAINT refused');
  const rows = [good(0), good(1), good(2)].flat();

  test('an insert that fails costs the original its batch and nothing else', async () => {
    const faithful = await runBatches({
      batches: 3,
      rows,
      before: { 1: refuse, 2: allow },
      options: { faithful: true },
    });
    assert.equal(faithful.end, 'last window counted');
    assert.deepEqual(
      (await botLogs(faithful.database)).map(({ batch }) => batch),
      [0, 2],
    );
    // The scoreboard of the lost batch still ran.
    const ends = await query<{ t: number }>(
      faithful.database,
      'SELECT DISTINCT extract(epoch FROM score_at)::float8 AS t FROM score_history ORDER BY 1',
    );
    assert.deepEqual(
      ends.map(({ t }) => (t - seconds(START)) / BATCH),
      [1, 2, 3],
    );
  });

  test('the default tries until it passes', async () => {
    let failures = 0;
    const database = await newDatabase(server, START);
    const allowed: Promise<unknown>[] = [];
    const ours = await runBatches({
      batches: 3,
      rows,
      database,
      before: { 1: refuse },
      onLog: ({ level }) => {
        if (level === 'error' && ++failures === 5) allowed.push(server.withClient(database, allow));
      },
    });
    await Promise.all(allowed);
    assert.ok(failures >= 5);
    assert.match(differing(ours.log), /refused.*the batch comes again in 16 s/);
    assert.deepEqual(
      (await botLogs(database)).map(({ batch }) => batch),
      [0, 1, 2],
    );
    assert.equal(ours.end, 'last window counted');
  });

  test(
    'submissions cannot be read: lost by the original, which takes bot_log 1 as previous then',
    slowOnly,
    async () => {
      const hide = (client: pg.Client) => client.query('ALTER TABLE submissions RENAME TO hidden');
      const show = (client: pg.Client) => client.query('ALTER TABLE hidden RENAME TO submissions');
      // In the third batch one producer is on a child of what bot_log 1 shortlisted.
      const child = rowsOn(501, { first: 30, count: 1, from: 2 * BATCH + 100 });
      const call = {
        batches: 3,
        rows: [...rows, ...child],
        prepare: (client: pg.Client) =>
          client.query(`WITH s AS (INSERT INTO statehash (value) VALUES ('state-500'), ('state-499') RETURNING id, value)
          INSERT INTO bot_logs_statehash (statehash_id, parent_statehash_id, weight, bot_log_id)
          SELECT (SELECT id FROM s WHERE value = 'state-500'), (SELECT id FROM s WHERE value = 'state-499'), 0, 1`),
      };
      const hidden = await runBatches({
        ...call,
        before: { 1: hide, 2: show },
        options: { faithful: true },
      });
      assert.deepEqual(
        (await botLogs(hidden.database)).map(({ batch, points }) => [batch, points]),
        [
          [0, 24],
          [2, 25],
        ],
      );
      const never = await runBatches({ ...call, options: { faithful: true } });
      assert.deepEqual(
        (await botLogs(never.database)).map(({ points }) => points),
        [24, 24, 24],
      );
    },
  );

  test('tables that are not there are named', async () => {
    const database = await server.createDatabase();
    for (const faithful of [true, false]) {
      const { end } = await runBatches({ batches: 1, database, options: { faithful } });
      assert.ok(end instanceof UserError);
      assert.match(end.message, /has no table .*bot_logs/);
    }
  });

  test('nobody said where to begin', async () => {
    const { end } = await runBatches({
      batches: 1,
      prepare: (client) => client.query('DELETE FROM bot_logs'),
    });
    assert.ok(end instanceof UserError);
    assert.match(end.message, /bot_logs of .* is empty/);
  });
});

describe('rows that come late', () => {
  const late = rowsOn(100, { first: 40, count: 3, from: 900 });
  // Two of them on a state that nobody sent in time: with them it is selected.
  const late2 = rowsOn(98, { first: 43, count: 2, from: 950 });
  const inTime = [...good(0), ...good(1), ...good(2), ...good(3)];

  test(
    'stored after their batch: the default counts them as if they had been there, the original never',
    slowOnly,
    async () => {
      const rowsLate = [...late, ...late2];
      const all = await runBatches({ batches: 4, rows: [...inTime, ...rowsLate] });
      const ours = await runBatches({
        batches: 4,
        rows: inTime,
        before: { 2: (c) => insertRows(c, rowsLate) },
      });
      const [expected, got] = await Promise.all(
        [all, ours].map(({ database }) => server.withClient(database, readTables)),
      );
      for (const table of [
        'points',
        'points_summary',
        'nodes',
        'bot_logs',
        'bot_logs_statehash',
      ] as const)
        assert.deepEqual(got[table], expected[table], table);
      assert.match(
        differing(ours.log),
        /5 rows came late for batch 2026-01-01T00:00:00Z .* 5 points, 5 block producers/,
      );
      assert.equal(all.log.filter(({ differs }) => differs).length, 0);

      const faithful = await runBatches({
        batches: 4,
        rows: inTime,
        before: { 2: (c) => insertRows(c, rowsLate) },
        options: { faithful: true },
      });
      assert.deepEqual(
        (await botLogs(faithful.database)).map(({ files }) => files),
        [24, 24, 24, 24],
      );
    },
  );

  test('a second row of a producer that has its point adds a point and no score', async () => {
    const ours = await runBatches({
      batches: 2,
      rows: inTime,
      before: { 1: (c) => insertRows(c, rowsOn(100, { count: 1, from: 1000 })) },
    });
    assert.deepEqual(await botLogs(ours.database), [
      { batch: 0, files: 25, points: 25 },
      { batch: 1, files: 24, points: 24 },
    ]);
    const scores = await query<{ score: number }>(
      ours.database,
      'SELECT DISTINCT score FROM nodes',
    );
    assert.deepEqual(scores, [{ score: 2 }]);
  });

  test('verified late: the verifier gets the earlier window again', async () => {
    const database = await newDatabase(server, START);
    const windows: number[] = [];
    let isDown = true;
    await server.withClient(database, async (client) => {
      await insertRows(
        client,
        inTime.map((row, i) => (i < 5 ? { ...row, verified: null } : row)),
      );
      const { ended } = startCoordinator({
        database: configOf(server, database),
        miniBatches: 1,
        clock: movingClock(LATER),
        untilSeconds: seconds(START) + 2 * BATCH,
        verifier: verifierOf('test', async (startMs, endMs) => {
          windows.push((startMs / 1000 - seconds(START)) / BATCH);
          if (!isDown)
            await client.query(
              "UPDATE submissions SET verified = true WHERE submitted_at >= to_timestamp($1) AT TIME ZONE 'UTC' AND submitted_at < to_timestamp($2) AT TIME ZONE 'UTC'",
              [startMs / 1000, endMs / 1000],
            );
          isDown = false;
        }),
        log: () => undefined,
      });
      assert.equal(await ended, 'last window counted');
    });
    assert.deepEqual(windows, [0, 1, 0]);
    assert.deepEqual(
      (await botLogs(database)).map(({ files, points }) => [files, points]),
      [
        [24, 24],
        [24, 24],
      ],
    );
  });

  test(
    'beyond the batches that are looked at, and in excluded ones, nothing is touched',
    slowOnly,
    async () => {
      const insertLate = (c: pg.Client) => insertRows(c, late);
      const far = await runBatches({
        batches: 4,
        rows: inTime,
        before: { 3: insertLate },
        options: { lateBatches: 2 },
      });
      assert.deepEqual(
        (await botLogs(far.database)).map(({ files }) => files),
        [24, 24, 24, 24],
      );
      const excluded = await runBatches({
        batches: 3,
        rows: inTime,
        before: {
          2: async (c) => {
            await insertLate(c);
            await c.query('UPDATE bot_logs SET files_processed = -1 WHERE id = 2');
          },
        },
      });
      assert.deepEqual(
        (await botLogs(excluded.database)).map(({ files }) => files),
        [-1, 24, 24],
      );
    },
  );
});

describe('the selection of the batch before', () => {
  // In the second batch one producer is on 101, the child of what was selected, and 102 is missing.
  const rows = [
    ...rowsOn(100, { count: 24, from: 10 }),
    ...rowsOn(103, { count: 23, from: BATCH + 10 }),
    ...rowsOn(101, { first: 23, count: 1, from: BATCH + 40 }),
  ];
  const points = async (options: Partial<CoordinatorOptions>, restart = false) => {
    const first = await runBatches({ batches: restart ? 1 : 2, rows, options });
    if (restart) await runBatches({ batches: 2, database: first.database, options });
    return (await botLogs(first.database)).map((log) => log.points);
  };

  test(
    'counts for the original in the first batch after a start only: later its id is negated',
    slowOnly,
    async () => {
      assert.deepEqual(await points({ faithful: true }), [24, 23]);
      assert.deepEqual(await points({ faithful: true }, true), [24, 24]);
    },
  );

  test('is kept by a switch, and a restart changes nothing', slowOnly, async () => {
    for (const restart of [false, true]) {
      assert.deepEqual(await points({}, restart), [24, 23]);
      assert.deepEqual(await points({ keepsPrevious: true }, restart), [24, 24]);
    }
    const { log } = await runBatches({ batches: 2, rows, options: { keepsPrevious: true } });
    assert.match(
      differing(log),
      /1 states of the batch before were kept: 24 points, 23 without them/,
    );
  });
});

describe('verification', () => {
  test('mini-batches are equal parts without a gap, side by side', async () => {
    const database = await newDatabase(server, START);
    const parts: [number, number][] = [];
    let open = () => undefined as void;
    const all = new Promise<void>((resolve) => (open = resolve));
    const { ended } = startCoordinator({
      database: configOf(server, database),
      clock: movingClock(LATER),
      intervalSeconds: 7,
      untilSeconds: seconds(START) + 7,
      log: () => undefined,
      verifier: verifierOf('test', (startMs, endMs) => {
        parts.push([startMs, endMs]);
        // None ends before the last one has begun.
        if (parts.length === 5) open();
        return all;
      }),
    });
    assert.equal(await ended, 'last window counted');
    assert.equal(parts.length, 5);
    assert.equal(parts[0][0], Date.parse(START));
    assert.equal(parts[4][1], Date.parse(START) + 7000);
    for (let i = 1; i < 5; i++) assert.equal(parts[i][0], parts[i - 1][1]);
    for (const [start, end] of parts) assert.ok(Math.abs(end - start - 1400) <= 1);
  });

  test('a verifier that fails: the default waits for it, the original leaves the rows unverified', async () => {
    const unverified = good(0).map((row) => ({ ...row, verified: false }));
    const run = async (faithful: boolean) => {
      let calls = 0;
      const database = await newDatabase(server, START);
      const result = await runBatches({
        batches: 1,
        rows: unverified,
        database,
        options: {
          faithful,
          verifier: verifierOf('test', async () => {
            if (++calls <= 6) throw new Error('no memory left');
            await server.withClient(database, (c) =>
              c.query('UPDATE submissions SET verified = true'),
            );
          }),
        },
      });
      return { ...result, calls, logs: await botLogs(database) };
    };
    const faithful = await run(true);
    assert.deepEqual([faithful.calls, faithful.logs], [1, [{ batch: 0, files: 0, points: 0 }]]);
    const ours = await run(false);
    assert.deepEqual([ours.calls, ours.logs], [7, [{ batch: 0, files: 24, points: 24 }]]);
    assert.match(texts(ours.log, 'error'), /the verifier \(test\) failed .* no memory left/);
  });

  test('errors are counted by class and era; one that nobody knows is an alarm', async () => {
    const refused = (error: string, first: number, count: number, from: number): SubmissionRow[] =>
      rowsOn(
        1,
        { first, count, from },
        { validation_error: error, state_hash: null, parent: null },
      );
    const { reports, log } = await runBatches({
      batches: 1,
      rows: [
        ...good(0),
        ...refused('Transaction_snark.verify: Mismatched sok_message', 40, 3, 100),
        ...refused("proof's sok message digest does not match the sok message", 41, 2, 700),
        ...refused('(Pickles.verify dlog_check)', 50, 1, 700),
        ...refused('the moon is too bright', 60, 1, 200),
      ],
      options: { cutoverMs: Date.parse(at(600)) },
    });
    assert.deepEqual(
      reports[0].errors.map(({ class: name, era, rows, producers }) => [
        name,
        era,
        rows,
        producers,
      ]),
      [
        ['sok-mismatch', 'berkeley', 3, 3],
        ['sok-mismatch', 'mesa', 2, 2],
        ['proof', 'mesa', 1, 1],
        ['unknown', 'berkeley', 1, 1],
      ],
    );
    // A refused row does not count, though verified is true.
    assert.deepEqual([reports[0].rows, reports[0].counting, reports[0].points], [31, 24, 24]);
    const alarms = log.filter(({ alarm }) => alarm);
    assert.equal(alarms.length, 1);
    assert.match(alarms[0].text, /no known class: the moon is too bright/);
  });
});

describe('waiting', () => {
  const sleeps = async (now: string, options: Partial<CoordinatorOptions>) => {
    const clock = movingClock(now);
    await runBatches({ batches: 2, options: { clock, ...options } });
    return clock.slept.map((ms) => ms / 1000);
  };

  test('until the end and a pause; who is late goes on at once', async () => {
    assert.deepEqual(await sleeps(at(0), { faithful: true }), [BATCH + 120, BATCH - 120 + 120]);
    assert.deepEqual(await sleeps(at(0), {}), [BATCH + 120, BATCH]);
    assert.deepEqual(await sleeps(LATER, { faithful: true }), []);
    assert.deepEqual(await sleeps(LATER, {}), []);
    // A second after the end the original does not wait for rows on their way.
    assert.deepEqual(await sleeps(at(BATCH + 1), { faithful: true }), [BATCH - 1 + 120]);
    assert.deepEqual(await sleeps(at(BATCH + 1), {}), [119, BATCH]);
  });

  test('a survey interval of seconds waits seconds', async () => {
    const clock = movingClock(at(0));
    const { reports } = await runBatches({
      batches: 0,
      options: { clock, intervalSeconds: 10, untilSeconds: seconds(START) + 20 },
    });
    assert.equal(reports.length, 2);
    assert.deepEqual(clock.slept, [11_000, 10_000]);
  });

  test('stop ends it while it waits', async () => {
    const database = await newDatabase(server, at(-600));
    for (const faithful of [true, false]) {
      const running = startCoordinator({
        database: configOf(server, database),
        log: () => undefined,
        faithful,
        clock: { now: () => Date.parse(START), sleep: movingSleepForEver },
      });
      await running.ready;
      await running.stop();
      assert.equal(await running.ended, 'stopped');
    }
  });
});

const movingSleepForEver = (_: number, signal: AbortSignal): Promise<void> =>
  new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error)),
  );

describe('scores', () => {
  /** The original's own statement, over all tables. */
  const SCORES = `SELECT n.block_producer_key AS key, n.score, n.score_percent AS percent,
      count(p.bot_log_id)::int AS wanted,
      trunc(count(p.bot_log_id)::numeric * 100 / (SELECT count(*) FROM bot_logs WHERE batch_start_epoch >= $1 AND batch_end_epoch <= $2 AND files_processed > -1), 2) AS wanted_percent
    FROM nodes n JOIN points_summary p ON p.node_id = n.id JOIN bot_logs b ON b.id = p.bot_log_id
    WHERE b.batch_start_epoch >= $1 AND b.batch_end_epoch <= $2 GROUP BY n.id`;

  test('carried on from batch to batch they are what counting everything gives, whoever changes the tables between', async () => {
    const BATCHES = 100;
    // Who sends in which batch: some always, some now and then, some only at first.
    const rows = Array.from({ length: BATCHES }, (_, batch) =>
      Array.from({ length: 12 }, (_, i) => i)
        .filter((i) => i < 4 || (i < 8 ? (batch * 7 + i) % 3 === 0 : batch < 5 * i))
        .flatMap((first) => rowsOn(batch, { first, count: 1, from: batch * BATCH + 10 + first })),
    ).flat();
    let compared = 0;
    const compare = async (client: pg.Client, batch: number) => {
      const end = seconds(START) + batch * BATCH;
      const scores = await client.query<Record<string, unknown>>(SCORES, [end - 86_400, end]);
      for (const row of scores.rows) {
        assert.deepEqual(
          [row.score, row.percent],
          [row.wanted, row.wanted_percent],
          `${batch} ${String(row.key)}`,
        );
        compared++;
      }
    };
    const { log } = await runBatches({
      batches: BATCHES,
      rows,
      options: { uptimeDays: 1 },
      before: Object.fromEntries(
        Array.from({ length: BATCHES }, (_, batch) => [
          batch,
          async (client: pg.Client) => {
            if (batch > 0) await compare(client, batch);
            // An operator excludes a batch, as the correction task does, and credits points.
            if (batch === 19) {
              await client.query('UPDATE bot_logs SET files_processed = -1 WHERE id = 5');
              await client.query('DELETE FROM points_summary WHERE bot_log_id = 5');
              await client.query(
                `INSERT INTO score_corrections (correction, action) VALUES ('a', 'exclude_batch')`,
              );
            }
            if (batch === 40) {
              await client.query(
                'INSERT INTO points (node_id, bot_log_id, amount) SELECT id, 30, 1 FROM nodes',
              );
              await client.query(
                `INSERT INTO score_corrections (correction, action) VALUES ('b', 'credit_point')`,
              );
            }
          },
        ]),
      ),
    });
    assert.ok(compared > 500, `${compared}`);
    assert.equal(texts(log, 'warning'), '');
  });

  test(
    'a producer that fell silent keeps its last score, in the history too',
    slowOnly,
    async () => {
      const rows = [
        ...rowsOn(1, { first: 9, count: 1, from: 10 }),
        ...Array.from({ length: 80 }, (_, b) =>
          rowsOn(b, { count: 2, from: b * BATCH + 20 }),
        ).flat(),
      ];
      for (const faithful of [true, false]) {
        const { database } = await runBatches({
          batches: 80,
          rows,
          options: { uptimeDays: 1, faithful },
        });
        const [silent] = await query<Record<string, unknown>>(
          database,
          `SELECT score, score_percent, (SELECT count(*)::int FROM score_history h WHERE h.node_id = n.id) AS histories
         FROM nodes n WHERE block_producer_key = 'B62q-producer-0009'`,
        );
        // 1 of 72 batches, as long as the first one was in the window.
        assert.deepEqual(silent, { score: 1, score_percent: '1.38', histories: 80 });
      }
    },
  );

  test('percentages are cut, not rounded', async () => {
    const rows = [...good(0), ...good(1), ...good(2).slice(1)];
    const { database } = await runBatches({ batches: 3, rows });
    const [first] = await query<{ score_percent: string }>(
      database,
      `SELECT score_percent FROM nodes WHERE block_producer_key = 'B62q-producer-0000'`,
    );
    assert.equal(first.score_percent, '66.66');
  });
});

describe('two coordinators on one database', () => {
  test('the second waits, and goes on where the first stopped', async () => {
    const database = await newDatabase(server, START);
    await server.withClient(database, (client) =>
      insertRows(
        client,
        [0, 1, 2, 3].flatMap((b) => good(b)),
      ),
    );
    let [a, b] = [0, 0];
    let say = () => undefined as void;
    const secondWaits = new Promise<void>((resolve) => (say = resolve));
    const start = (name: string, verifyWindow: Verifier['verifyWindow'], onBatch: () => void) =>
      startCoordinator({
        database: configOf(server, database),
        clock: movingClock(LATER),
        miniBatches: 1,
        untilSeconds: seconds(START) + 4 * BATCH,
        verifier: verifierOf(name, verifyWindow),
        log: ({ text }) => {
          if (name === 'second' && text.includes('this one waits')) say();
        },
        onBatch,
      });
    // Two batches, the second of them once the other waits; the third never ends.
    const first = start(
      'first',
      async (_start, _end, signal) => {
        if (a === 1) await secondWaits;
        if (a === 2) await movingSleepForEver(0, signal);
      },
      () => a++,
    );
    await first.ready;
    // It has the lock from its first batch on.
    await until(() => a === 1);
    const second = start(
      'second',
      () => Promise.resolve(),
      () => b++,
    );
    await second.ready;
    await until(() => a === 2);
    await first.stop();
    assert.equal(await second.ended, 'last window counted');
    assert.deepEqual([a, b], [2, 2]);
    assert.deepEqual(
      (await botLogs(database)).map(({ batch, points }) => [batch, points]),
      [
        [0, 24],
        [1, 24],
        [2, 24],
        [3, 24],
      ],
    );
  });

  test('two of the original count each batch twice', async () => {
    const database = await newDatabase(server, START);
    await server.withClient(database, (client) => insertRows(client, good(0)));
    const log: LogEntry[] = [];
    let waiting = 0;
    let open = () => undefined as void;
    const both = new Promise<void>((resolve) => (open = resolve));
    const run = () =>
      startCoordinator({
        database: configOf(server, database),
        faithful: true,
        miniBatches: 1,
        clock: movingClock(LATER),
        untilSeconds: seconds(START) + BATCH,
        verifier: verifierOf('test', () => {
          if (++waiting === 2) open();
          return both;
        }),
        log: (entry) => log.push(entry),
      }).ended;
    await Promise.all([run(), run()]);
    const logs = await botLogs(database);
    assert.deepEqual(
      logs.map(({ batch, files }) => [batch, files]),
      [
        [0, 24],
        [0, 24],
      ],
    );
    assert.equal(
      logs.reduce((sum, { points }) => sum + points, 0),
      48,
    );
    assert.match(texts(log, 'error'), /uq_sh_node_score_at/);
  });
});

test('a user who is no superuser gets the same tables: keys are checked row by row, the trigger writes the summary', async () => {
  const rows = [...good(0), ...good(1), ...rowsOn(98, { first: 24, count: 1, from: 100 })];
  const asSuperuser = await runBatches({ batches: 2, rows });
  const database = await newDatabase(server, START);
  await server.withClient(database, async (client) => {
    await client.query(`CREATE ROLE app LOGIN PASSWORD 'app'`);
    await client.query('GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO app');
    await client.query('GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO app');
  });
  const asUser = await runBatches({
    batches: 2,
    rows,
    database,
    options: { database: { ...configOf(server, database), user: 'app', password: 'app' } },
  });
  assert.equal(asUser.end, 'last window counted');
  const [wanted, got] = await Promise.all(
    [asSuperuser, asUser].map((run) => server.withClient(run.database, readTables)),
  );
  assert.deepEqual(got, wanted);
});

test('a trigger of somebody else on points runs', async () => {
  const { database } = await runBatches({
    batches: 1,
    rows: good(0),
    prepare: (client) =>
      client.query(`CREATE TABLE seen (n INT); CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (1); RETURN NEW; END $$;
        CREATE TRIGGER see AFTER INSERT ON points FOR EACH ROW EXECUTE FUNCTION see()`),
  });
  assert.equal((await query(database, 'SELECT FROM seen')).length, 24);
  assert.equal((await query(database, 'SELECT FROM points_summary')).length, 24);
});

describe('the connection is lost', () => {
  const terminate = () =>
    server.withClient('postgres', (client) =>
      client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mina-coordinator'`,
      ),
    );
  const rows = [good(0), good(1), good(2)].flat();

  test('the original ends, and goes on when it is started again', slowOnly, async () => {
    const lost = await runBatches({
      batches: 3,
      rows,
      before: { 1: terminate },
      options: { faithful: true },
    });
    assert.ok(lost.end instanceof UserError);
    assert.match(lost.end.message, /the connection to PostgreSQL .* was lost/);
    const again = await runBatches({
      batches: 3,
      database: lost.database,
      options: { faithful: true },
    });
    assert.equal(again.end, 'last window counted');
    assert.deepEqual(
      (await botLogs(lost.database)).map(({ batch }) => batch),
      [0, 1, 2],
    );
  });

  test('the default connects again, and each batch is there once', async () => {
    const ours = await runBatches({ batches: 3, rows, before: { 1: terminate } });
    assert.equal(ours.end, 'last window counted');
    assert.match(texts(ours.log, 'error'), /the batch comes again in 1 s/);
    assert.deepEqual(await botLogs(ours.database), [
      { batch: 0, files: 24, points: 24 },
      { batch: 1, files: 24, points: 24 },
      { batch: 2, files: 24, points: 24 },
    ]);
  });
});
