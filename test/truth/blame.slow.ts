/** Whom the blame falls on: logs, storages and addresses that say less, or something else, than one would think; each with the real k6. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { spawnSync } from 'node:child_process';
import { projectRoot } from '../../paths.ts';
import { openFilesystemStorage } from '../../stack/storage/filesystem.ts';
import { createSubmissionsTable } from '../../stack/storage/postgres-schema.ts';
import { openPostgresStorage } from '../../stack/storage/postgres.ts';
import { acceptedOf } from '../support/crooked-backend.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { scratchFolder } from '../support/scratch.ts';
import { agree, type Known } from './compare.ts';
import { type TruthRun, truthRun } from './run.ts';
import type { Programme } from './target.ts';

const THINK = ['--think', '100ms-100ms'];
const closed = (seconds: number, thinkMs: number | null = 100): Known => ({
  durationMs: seconds * 1000,
  thinkMs,
  perSecond: null,
});
const gateOf = ({ summary }: TruthRun, name: string) =>
  summary.gates.find((gate) => gate.name === name)!;

/** A folder as a backend's storage. @param aheadMs of the target's clock */
function storing(
  t: TestContext,
  { deedOf, aheadMs = 0 }: { deedOf?: Programme['deedOf']; aheadMs?: number } = {},
) {
  const folder = scratchFolder();
  mkdirSync(join(folder, 'submissions'));
  const storage = openFilesystemStorage(folder);
  t.after(() => storage.close());
  const programme: Programme = {
    ...(deedOf && { deedOf }),
    store: async (body) => void (await storage.save(acceptedOf(body, Date.now() + aheadMs))),
  };
  return { programme, args: ['--storage', pathToFileURL(folder).href, '--storage-wait', '2s'] };
}

describe('the target’s log', () => {
  test('a log without one line is no log without errors: no data', async () => {
    const file = join(scratchFolder(), 'backend.log');
    writeFileSync(file, '');
    const run = await truthRun(
      ['--vus', '4', ...THINK, '--duration', '2s', '--target-log', file, '--gate', 'log-errors<=0'],
      {},
    );
    agree(run.log, run, closed(2));
    assert.equal(run.exitCode, 99, run.output);
    assert.match(run.summary.verdict.sentence, /^FAILED: no data for log-errors<=0;/);
    assert.equal(gateOf(run, 'log-errors<=0').state, 'no data');
    assert.equal(run.summary.logs!.lines, 0);
  });

  test('what the real backend writes of a loss is a warning: as many errors as the target lost', async (t) => {
    const file = join(scratchFolder(), 'backend.log');
    writeFileSync(file, '');
    const say = (level: string, msg: string) =>
      appendFileSync(file, `${JSON.stringify({ level, ts: new Date().toISOString(), logger: 'delegation backend', msg })}\n`); // prettier-ignore
    const { programme, args } = storing(t, {
      deedOf: (n) => {
        say('info', `Received request: method=POST path=/v1/submit remote_addr=127.0.0.1:5`);
        return { stored: n % 9 === 4 ? 0 : 1 };
      },
    });
    const run = await truthRun(
      ['--vus', '6', ...THINK, '--duration', '3s', '--target-log', file, '--gate', 'log-errors<=0', ...args], // prettier-ignore
      {
        ...programme,
        onLoss: (n) => say('warn', `Error writing to file /data/submissions/${n}.json: write: no space left on device`), // prettier-ignore
      },
    );
    agree(run.log, run, closed(3));
    const lost = run.log.filter(({ stored }) => stored === 0).length;
    assert.ok(lost > 3, `${lost}`);
    const { errors, records, groups, warnings } = run.summary.logs!;
    assert.deepEqual([errors, records, warnings ?? 0], [lost, run.log.length + lost, 0]);
    assert.deepEqual(
      groups.map(({ count, means }) => [count, means]),
      [[lost, 'loss']],
    );
    assert.equal(run.reconcile!.look!.classes!.missing, lost);
    assert.equal(run.exitCode, 99);
    assert.equal(gateOf(run, 'log-errors<=0').state, 'fail');
  });
});

describe('the storage', () => {
  /** Two copies of each of some recorded bodies, the second ones behind the first ones, as a recording with retries has them. */
  function twice(): { folder: string; bodies: number } {
    const folder = scratchFolder();
    const { recorded } = recordings();
    for (const round of ['a', 'b'])
      recorded.forEach((body, i) => writeFileSync(join(folder, `${round}-${i}.json`), body));
    return { folder, bodies: recorded.length };
  }
  function recordings(): { recorded: Buffer[] } {
    const name = join(projectRoot, 'producers', 'data', 'submission-without-snark-work.json');
    const body = JSON.parse(readFileSync(name, 'utf8')) as { data: { created_at: string } };
    // Of one submitter; told apart by what they say of their time. Nothing here checks the signature.
    const recorded = Array.from({ length: 4 }, (_, i) => {
      body.data.created_at = `2024-05-0${i + 1}T00:00:00Z`;
      return Buffer.from(JSON.stringify(body));
    });
    return { recorded };
  }

  test('a replay of a folder in which bodies are twice: a correct storage is right, and losses are counted', async (t) => {
    for (const lost of [[], [2, 5]]) {
      const { folder } = twice();
      const { programme, args } = storing(t, {
        deedOf: (n) => ({ stored: lost.includes(n) ? 0 : 1 }),
      });
      const run = await truthRun(
        ['--scenario', 'replay', '--payloads', folder, '--vus', '1', '--think', '1200ms-1200ms', '--duration', '9s', ...args], // prettier-ignore
        programme,
      );
      agree(run.log, run, closed(9, 1200));
      assert.ok(new Set(run.log.map(({ digest }) => digest)).size < run.log.length);
      const { classes } = run.reconcile!.look!;
      assert.equal(classes!.missing, lost.length);
      assert.equal(classes!.right + classes!.sameSecond, run.log.length - lost.length);
      assert.equal(run.exitCode, lost.length === 0 ? 0 : 99, run.output);
    }
  });

  test('a coordinator at work empties what it has verified: right, and counted as verified', async (t) => {
    const server = await startPostgres();
    t.after(() => server.stop());
    const database = await server.createDatabase();
    await server.withClient(database, createSubmissionsTable);
    const { user, password, port } = server;
    const storage = await openPostgresStorage({
      ...{ host: '127.0.0.1', port, user, password, database },
      ...{ sslmode: 'disable', sslRootCert: null },
    });
    t.after(() => storage.close());
    let stored = 0;
    let verified = 0;
    const run = await truthRun(
      [
        ...['--vus', '6', ...THINK, '--duration', '4s', '--storage-wait', '2s'],
        ...['--storage', `postgres://${user}@127.0.0.1:${port}/${database}?sslmode=disable`],
      ],
      {
        async store(body) {
          await storage.save(acceptedOf(body, Date.now()));
          // As the updater does, every now and then, with all that is there.
          if (++stored % 40 === 0)
            await server.withClient(database, async (client) => {
              const { rowCount } = await client.query(
                "UPDATE submissions SET snark_work = NULL, state_hash = '3N', parent = '3P', height = 1, slot = 1, verified = TRUE WHERE verified IS NULL",
              );
              verified += rowCount ?? 0;
            });
        },
      },
      undefined,
      { env: { PGPASSWORD: password } },
    );
    agree(run.log, run, closed(4));
    const { look } = run.reconcile!;
    const { right, different, missing } = look!.classes!;
    assert.deepEqual([right, different, missing], [run.log.length, 0, 0], run.output);
    assert.ok(verified > 20 && verified < run.log.length + 1, `${verified}`);
    assert.equal(look!.verified, verified);
    assert.equal(run.exitCode, 0, run.output);
  });

  test('stored though refused, and a clock that is 7 minutes off: both by name', async (t) => {
    const aheadMs = 7 * 60_000;
    const { programme, args } = storing(t, {
      aheadMs,
      deedOf: (n) =>
        n % 11 === 6 ? { answer: { status: 503, body: '{"error":"busy"}' }, stored: 1 } : {},
    });
    const run = await truthRun(
      ['--vus', '6', ...THINK, '--duration', '3s', '--gate', 'error-rate<=50%', ...args],
      programme,
    );
    agree(run.log, run, closed(3));
    const refused = run.log.filter(({ status }) => status === 503).length;
    const { look } = run.reconcile!;
    assert.deepEqual(
      [look!.classes!.refusedStored, look!.classes!.missing, look!.classes!.right],
      [refused, 0, run.log.length - refused],
      run.output,
    );
    assert.ok(Math.abs(look!.clockAheadMs! - aheadMs) < 2000, `${look!.clockAheadMs}`);
    assert.match(run.output, /clock is (7 min|7:0|4[12]\d(\.\d)? s)[^\n]* ahead/);
    assert.equal(gateOf(run, 'refused-stored<=0').state, 'fail');
    assert.equal(run.exitCode, 99);
  });
});

test('localhost that is ::1 alone: what is asked before the load is what is loaded', async (t) => {
  const folder = scratchFolder();
  writeFileSync(join(folder, 'hosts'), '127.0.0.1 localhost\n::1 localhost\n');
  const through = [
    ...['unshare', '--mount', '--map-root-user', 'sh', '-c'],
    `mount --bind '${folder}/hosts' /etc/hosts || exit 77; exec "$0" "$@"`,
  ];
  if (
    process.platform !== 'linux' ||
    spawnSync(through[0], [...through.slice(1), 'true']).status !== 0
  )
    return t.skip('no mount namespace here');
  const run = await truthRun(
    ['--vus', '3', ...THINK, '--duration', '2s'],
    { host: '::1' },
    undefined,
    { through },
  ).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRNOTAVAIL' && error.code !== 'EAFNOSUPPORT') throw error;
    return null;
  });
  if (run === null) return t.skip('no IPv6 here');
  agree(run.log, run, closed(2));
  assert.equal(run.exitCode, 0, run.output);
  assert.equal(run.summary.figures.accepted, run.log.length);
});
