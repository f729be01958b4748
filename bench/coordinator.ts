/**
 * A batch of the coordinator: 20,000 rows of 2,000 block producers, on a PostgreSQL of its own that holds 90 days: 6,480 batches, 13 million rows of
 * points_summary, 1.9 million submissions. "In all" is reading, scoring, writing points and states, scores, score history, and the commit with its
 * fsync. The coordinator runs in a process of its own, so that the peak of memory is its own. There is no peer on this machine: the original took
 * 6.5 s, and 12.5 s with 5,000 lone states, on two vCPUs of the same kind with PostgreSQL 15.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import pg from 'pg';
import { startCoordinator } from '../stack/coordinator/coordinator.ts';
import { createCoordinatorSchema, SUBMITTED_AT_INDEX } from '../stack/coordinator/schema.ts';
import { scoreBatch, type ScoredRow } from '../stack/coordinator/scoring.ts';
import { verifierOf } from '../stack/coordinator/verifier.ts';
import type { PostgresConfig } from '../system/postgres.ts';
import { startPostgres } from '../stack/services/postgres.ts';
import type { BenchLine } from './measure.ts';

const ROWS = 20_000;
const PRODUCERS = 2000;
const LONE = 5000;
const HISTORY_BATCHES = 6480;
const HISTORY_ROWS = 1_900_000;
const INTERVAL = 1200;
const START = 1_767_225_600; // 2026-01-01T00:00:00Z
const HISTORY_START = START - HISTORY_BATCHES * INTERVAL;
/** Blocks of a window. */
const BLOCKS = 7;
const BATCHES = 5;

/** The state of row i: a chain of some blocks, every so many rows a state of its own that follows it. */
const stateSql = (loneEvery: number): string =>
  `CASE WHEN i % ${loneEvery} = 0 THEN '3Nlone' || $1 || '-' || i ELSE '3Nchain' || $1 || '-' || (i * ${BLOCKS} / ${ROWS}) END`;
const parentSql = (loneEvery: number): string =>
  `CASE WHEN i % ${loneEvery} = 0 THEN '3Nchain' || $1 || '-' || (i * ${BLOCKS} / ${ROWS}) ELSE '3Nchain' || $1 || '-' || (i * ${BLOCKS} / ${ROWS} - 1) END`;
const KEY = `'B62q' || rpad(md5((i % ${PRODUCERS})::text), 51, 'x')`;

/** Rows of batch `batch`, 0 being the first after the history. */
async function insertBatch(client: pg.Client, batch: number, loneEvery: number): Promise<void> {
  await client.query(
    `INSERT INTO submissions (submitted_at_date, submitted_at, submitter, created_at, block_hash, remote_addr, peer_id, graphql_control_port,
       built_with_commit_sha, state_hash, parent, height, slot, validation_error, verified)
     SELECT t::date, t, ${KEY}, t, '', '203.0.113.7:41234', '12D3KooW', 0, '', ${stateSql(loneEvery)}, ${parentSql(loneEvery)}, 400000, 910001, '', true
     FROM generate_series(0, ${ROWS - 1}) i, LATERAL (SELECT (to_timestamp($2::float8 + floor(i::float8 * ${INTERVAL} / ${ROWS})) AT TIME ZONE 'UTC') AS t) AS moment`,
    [String(batch), START + batch * INTERVAL],
  );
}

/** 90 days as they stand in the tables. */
async function fillHistory(client: pg.Client): Promise<void> {
  await createCoordinatorSchema(client, { submittedAtIndex: false });
  // Made after the rows: twice as fast.
  await client.query(
    `SET maintenance_work_mem = '512MB'; DROP INDEX uq_ps_bot_log_node, uq_submissions_submitter_date, idx_submissions_submitter_date, idx_submissions_submitter_datetime`,
  );
  await client.query(
    `INSERT INTO bot_logs (processing_time, files_processed, file_timestamps, batch_start_epoch, batch_end_epoch)
     SELECT 1, 293, now(), ${HISTORY_START} + ${INTERVAL} * i, ${HISTORY_START} + ${INTERVAL} * (i + 1) FROM generate_series(0, ${HISTORY_BATCHES - 1}) i`,
  );
  await client.query(
    `INSERT INTO nodes (block_producer_key, updated_at, score, score_percent) SELECT ${KEY}, now(), 1, 1 FROM generate_series(0, ${PRODUCERS - 1}) i`,
  );
  await client.query(
    `INSERT INTO points_summary SELECT b, n FROM generate_series(1, ${HISTORY_BATCHES}) b, generate_series(1, ${PRODUCERS}) n`,
  );
  await client.query(
    `INSERT INTO submissions (submitted_at_date, submitted_at, submitter, created_at, block_hash, remote_addr, peer_id, graphql_control_port,
       built_with_commit_sha, state_hash, parent, height, slot, validation_error, verified)
     SELECT t::date, t, 'B62q' || rpad(md5((i % 106)::text), 51, 'x') , t, '', '203.0.113.7:41234', '12D3KooW', 0, '', '3Nold' || i / 100, '3Nold' || i / 100 - 1, 400000, 910001, '', true
     FROM generate_series(0, ${HISTORY_ROWS - 1}) i,
       LATERAL (SELECT (to_timestamp(${HISTORY_START} + floor(i::float8 * ${HISTORY_BATCHES * INTERVAL} / ${HISTORY_ROWS})) AT TIME ZONE 'UTC') AS t) AS moment`,
  );
  await createCoordinatorSchema(client, { submittedAtIndex: false });
  await client.query('VACUUM ANALYZE');
}

type Measured = {
  seconds: number[];
  /** Of the coordinator and its server process together; null: there is no /proc. */
  cpuSeconds: number[] | null;
  rssBytes: number;
};

/** CPU time so far of the server process that serves the coordinator, in seconds. */
function serverCpu(pid: number): number {
  // sched(5): time on the CPU in nanoseconds; finer than the ticks of stat.
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[0]) / 1e9;
}
const hasSchedstat = existsSync('/proc/self/schedstat');
const ownCpu = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

async function serverPid(database: PostgresConfig): Promise<number> {
  const client = new pg.Client({ ...database, ssl: false });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'mina-coordinator'`,
    );
    return rows[0].pid;
  } finally {
    await client.end();
  }
}

/** In a process of its own. @param database JSON. @param from, to the first batch and the one after the last */
export async function measureCoordinator(database: string, to: string): Promise<Measured> {
  const seconds: number[] = [];
  const cpuSeconds: number[] = [];
  const config = JSON.parse(database) as PostgresConfig;
  let [startedMs, cpuBefore, pid] = [0, 0, 0];
  const cpu = () => (hasSchedstat ? ownCpu() + serverCpu(pid) : 0);
  const { ended } = startCoordinator({
    database: config,
    untilSeconds: START + Number(to) * INTERVAL,
    miniBatches: 1,
    verifier: verifierOf('none', async () => {
      if (pid === 0) pid = await serverPid(config);
      cpuBefore = cpu();
      startedMs = performance.now();
    }),
    log: ({ level, text }) => {
      if (level !== 'info') throw new Error(text);
    },
    onBatch: ({ points }) => {
      seconds.push((performance.now() - startedMs) / 1000);
      cpuSeconds.push(cpu() - cpuBefore);
      if (points !== ROWS) throw new Error(`${points} points, not ${ROWS}`);
    },
  });
  await ended;
  return {
    seconds,
    cpuSeconds: hasSchedstat ? cpuSeconds : null,
    rssBytes: process.resourceUsage().maxRSS * 1024,
  };
}

const run = promisify(execFile);

async function inProcess(database: PostgresConfig, to: number): Promise<Measured> {
  const code = `import(${JSON.stringify(import.meta.url)})
    .then(({ measureCoordinator }) => measureCoordinator(...process.argv.slice(1)))
    .then((figures) => console.log(JSON.stringify(figures)))`;
  const { stdout } = await run(
    process.execPath,
    ['-e', code, JSON.stringify(database), String(to)],
    { timeout: 300_000 },
  );
  return JSON.parse(stdout) as Measured;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1];

const line = (what: string, value: number, unit: string): BenchLine => ({
  bench: 'coordinator',
  case: what,
  value: Number(value.toFixed(3)),
  unit,
  peer: null,
  peer_value: null,
  ratio: null,
});

/** The same rows for scoring alone. */
const rowsOf = (loneEvery: number): ScoredRow[] =>
  Array.from({ length: ROWS }, (_, i) => {
    const chain = Math.floor((i * BLOCKS) / ROWS);
    const isLone = i % loneEvery === 0;
    return {
      submitter: `B62q${i % PRODUCERS}`,
      stateHash: isLone ? `lone${i}` : `chain${chain}`,
      parent: isLone ? `chain${chain}` : `chain${chain - 1}`,
    };
  });

export async function bench(report: (line: BenchLine) => void): Promise<void> {
  const kinds = [
    ['2 % lone states', 50],
    [`${LONE} lone states`, ROWS / LONE],
  ] as const;
  const size = `${ROWS} rows, ${PRODUCERS} block producers`;
  for (const [kind, loneEvery] of kinds) {
    const rows = rowsOf(loneEvery);
    const seconds = Array.from({ length: 7 }, () => {
      const startedMs = performance.now();
      scoreBatch(rows);
      return (performance.now() - startedMs) / 1000;
    });
    report(
      line(`scoring alone, in JavaScript: ${size}, ${kind}`, median(seconds), 's (less is better)'),
    );
  }
  const server = await startPostgres({
    settings: ['fsync=on', 'shared_buffers=128MB', 'max_wal_size=4GB', 'wal_level=replica'],
  });
  try {
    const name = await server.createDatabase();
    const { port, user, password } = server;
    const database: PostgresConfig = {
      ...{ host: '127.0.0.1', port, user, password, database: name },
      ...{ sslmode: 'disable', sslRootCert: null },
    };
    await server.withClient(name, fillHistory);
    let next = 0;
    for (const isIndexed of [false, true]) {
      if (isIndexed) await server.withClient(name, (client) => client.query(SUBMITTED_AT_INDEX));
      for (const [kind, loneEvery] of kinds) {
        await server.withClient(name, async (client) => {
          for (let batch = next; batch < next + BATCHES; batch++)
            await insertBatch(client, batch, loneEvery);
          await client.query('ANALYZE submissions; CHECKPOINT');
        });
        next += BATCHES;
        const { seconds, cpuSeconds, rssBytes } = await inProcess(database, next);
        const what = `a batch in all: ${size}, ${kind}, 90 days of history, ${isIndexed ? 'with' : 'without'} the index on submitted_at`;
        report(line(what, median(seconds), 's (less is better)'));
        if (cpuSeconds !== null)
          report(
            line(
              `CPU of it, coordinator and its server process: ${kind}, ${isIndexed ? 'with' : 'without'} the index`,
              median(cpuSeconds),
              's (less is better)',
            ),
          );
        report(line(`peak memory of the process: ${kind}`, rssBytes / 1e6, 'MB (less is better)'));
      }
    }
  } finally {
    await server.stop();
  }
}
