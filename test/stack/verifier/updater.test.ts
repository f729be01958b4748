/** The updater on a real PostgreSQL: which rows, which verifier, what is written, and what a failure costs. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import type pg from 'pg';
import { projectRoot } from '../../../paths.ts';
import { createSubmissionsTable } from '../../../stack/storage/postgres-schema.ts';
import type { ProofChecker } from '../../../stack/verifier/proof-pool.ts';
import { updaterConfigOf } from '../../../stack/verifier/updater/config.ts';
import { openUpdater, type Updater } from '../../../stack/verifier/updater/updater.ts';
import { verify } from '../../../cli/commands/verify.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';
import { runCommand } from '../../support/run-command.ts';
import { scratchFolder } from '../../support/scratch.ts';
import {
  blockHashOf,
  checkerThat,
  mesaBlock,
  recorded,
  recordedInput,
  WITH_WORK,
  WITHOUT_WORK,
} from '../../support/verifier.ts';

let server: PostgresServer;
before(async () => {
  // Not UTC: times of the table have no zone.
  server = await startPostgres({ timezone: 'America/New_York' });
});
after(() => server.stop());

const PROGRAM = join(projectRoot, 'test/fixtures/verifier/program.mjs');
const programThat = (...words: string[]): string => [process.execPath, PROGRAM, ...words].join(' ');

/** Seconds after it. */
const T0 = Date.UTC(2026, 8, 3, 18);
const timeOf = (seconds: number): string => new Date(T0 + 1000 * seconds).toISOString();

type RowInput = {
  at: number;
  name?: string;
  submitter?: string;
  blockHash?: string;
  work?: Uint8Array | null;
  remoteAddr?: string | null;
  createdAt?: string | null;
};
type Stored = {
  id: number;
  snark_work: Buffer | null;
  state_hash: string | null;
  parent: string | null;
  height: number | null;
  slot: number | null;
  validation_error: string | null;
  verified: boolean | null;
};

class Database {
  readonly name: string;
  readonly #folder: string;
  readonly blocks: string;
  readonly log: string[] = [];

  private constructor(name: string, folder: string) {
    this.name = name;
    this.#folder = folder;
    this.blocks = join(folder, 'storage');
    mkdirSync(join(this.blocks, 'blocks'), { recursive: true });
    for (const block of [WITH_WORK, WITHOUT_WORK].map((file) => recordedInput(file).block))
      this.addBlock(block);
  }

  static async make(t: TestContext): Promise<Database> {
    const name = await server.createDatabase();
    await server.withClient(name, createSubmissionsTable);
    return new Database(name, scratchFolder(t));
  }

  addBlock(block: Uint8Array): string {
    const hash = blockHashOf(block);
    writeFileSync(join(this.blocks, 'blocks', `${hash}.dat`), block);
    return hash;
  }

  /** Rows in their order, so the first has id 1. */
  insert(...rows: RowInput[]): Promise<void> {
    return this.do(async (client) => {
      for (const row of rows) {
        const { submitter, data } = recorded(row.name ?? WITHOUT_WORK);
        const work = data.snark_work === undefined ? null : Buffer.from(data.snark_work, 'base64');
        await client.query(
          `INSERT INTO submissions (submitted_at_date, submitted_at, submitter, created_at, block_hash, remote_addr, peer_id, snark_work, graphql_control_port, built_with_commit_sha)
           VALUES (($1::timestamptz AT TIME ZONE 'UTC')::date, $1::timestamptz AT TIME ZONE 'UTC', $2, $3::timestamptz AT TIME ZONE 'UTC', $4, $5, 'peer', $6, 0, '')`,
          [
            timeOf(row.at),
            row.submitter ?? submitter,
            row.createdAt === undefined ? timeOf(row.at - 1) : row.createdAt,
            row.blockHash ?? blockHashOf(Buffer.from(data.block, 'base64')),
            row.remoteAddr === undefined ? '127.0.0.1:5' : row.remoteAddr,
            row.work === undefined ? work : row.work,
          ],
        );
      }
    });
  }

  do<T>(action: (client: pg.Client) => Promise<T>): Promise<T> {
    return server.withClient(this.name, action);
  }

  stored(): Promise<Stored[]> {
    return this.do(
      async (client) =>
        (
          await client.query<Stored>(
            'SELECT id, snark_work, state_hash, parent, height, slot, validation_error, verified FROM submissions ORDER BY id',
          )
        ).rows,
    );
  }

  async states(): Promise<[number, string | null, string | null, boolean | null][]> {
    return (await this.stored()).map(({ id, state_hash, validation_error, verified }) => [
      id,
      state_hash,
      validation_error,
      verified,
    ]);
  }

  env(changes: Record<string, string | undefined> = {}): Record<string, string | undefined> {
    return {
      POSTGRES_HOST: '127.0.0.1',
      POSTGRES_PORT: String(server.port),
      POSTGRES_USER: server.user,
      POSTGRES_PASSWORD: server.password,
      POSTGRES_DB: this.name,
      POSTGRES_SSLMODE: 'disable',
      NO_CHECKS: '1',
      VERIFIER_LOG: this.verifierLog,
      ...changes,
    };
  }

  get verifierLog(): string {
    return join(this.#folder, 'verifier.log');
  }

  calls(): { args: string[]; ids: string[]; work: boolean[]; blocks: number[] }[] {
    return readFileSync(this.verifierLog, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as ReturnType<Database['calls']>[number]);
  }

  async with<T>(
    changes: Record<string, string | undefined>,
    action: (updater: Updater) => Promise<T>,
    proofs?: ProofChecker,
  ): Promise<T> {
    const env = this.env(changes);
    const updater = await openUpdater({
      config: updaterConfigOf(env, { blocks: this.blocks }),
      rule: 'auto',
      strict: false,
      keys: { block: null, transaction: null },
      openProofs: () => proofs ?? assert.fail('no proofs are asked for'),
      env,
      cwd: projectRoot,
      log: (level, text) => void this.log.push(`${level}: ${text}`),
    });
    try {
      return await action(updater);
    } finally {
      await updater.close();
    }
  }

  /** Of the minute from T0 on, unless told otherwise. */
  update(
    changes: Record<string, string | undefined> = {},
    proofs?: ProofChecker,
    [from, to] = [0, 60],
  ) {
    return this.with(
      changes,
      (updater) => updater.updateWindow(T0 + 1000 * from, T0 + 1000 * to),
      proofs,
    );
  }
}

const HASH_4 = '3NL15H2w8fCVcH76FxBgJJfKVSBSr4BGYNPvavhP5oAwC8hyBW1K';
const HASH_7 = '3NKcY7wC57SCRwxu1Qwfziaccj1kUxHKRxsk685e7do39Ftd5nSb';
const VALID = ['3NKvalid', '', true] as const;
const SILENT = [null, null, null] as const;

test('embedded: the rows of the range, verified ones too, and all that is written', async (t) => {
  const database = await Database.make(t);
  await database.insert(
    { at: -1 },
    { at: 0 },
    { at: 30, name: WITH_WORK },
    { at: 59.5, blockHash: 'ZBmissing' },
    { at: 60 },
  );
  assert.deepEqual(await database.update(), {
    read: 3,
    unscannable: 0,
    written: 3,
    valid: 2,
    refused: 1,
    notCheckable: 0,
    unanswered: 0,
    tolerated: 0,
  });
  assert.deepEqual(await database.states(), [
    [1, null, null, null],
    [2, HASH_4, '', true],
    [3, HASH_7, '', true],
    [4, null, 'Fail to decode block', true],
    [5, null, null, null],
  ]);
  const [, , row] = await database.stored();
  assert.deepEqual(
    [row.snark_work, row.parent, row.height, row.slot],
    [null, '3NL4tiZz8u2j1V2jXxp8ddqn16M4tNDBzRuwokBHjtWAJQumyP4t', 7, 8],
  );
  // The block came later; the same window again.
  await database.do((client) =>
    client.query('UPDATE submissions SET block_hash = $1 WHERE id = 4', [
      blockHashOf(recordedInput(WITHOUT_WORK).block),
    ]),
  );
  assert.equal((await database.update()).valid, 3);
});

test('embedded with checks: proofs by block, sok errors by era, not checkable is neither', async (t) => {
  const database = await Database.make(t);
  const mesa = database.addBlock(mesaBlock());
  await database.insert(
    { at: 1, name: WITH_WORK },
    // Another's snark work.
    { at: 2, name: WITH_WORK, submitter: recorded(WITHOUT_WORK).submitter },
    { at: 3, blockHash: mesa },
    { at: 4 },
    { at: 5 },
  );
  const proofs = checkerThat(() => true);
  const report = await database.update({ NO_CHECKS: '0' }, proofs);
  assert.deepEqual([report.valid, report.refused, report.notCheckable], [3, 1, 1]);
  assert.deepEqual((await database.states()).slice(1, 3), [
    [2, null, 'Transaction_snark.verify: Mismatched sok_message', true],
    [3, '3NK6RWU4RvrLkCnsM8hcWykcr2FiAa6XJrBTGBuuzNUU5mBadseV', '', false],
  ]);
  // Two blocks, one snark work.
  assert.equal(proofs.jobs.length, 3);
});

test('TOLERATE_SOK_MISMATCH: refused rows again without snark work, by whatever verifier', async (t) => {
  for (const program of [undefined, programThat('sok')]) {
    const database = await Database.make(t);
    const [own, other] = [recorded(WITH_WORK).submitter, recorded(WITHOUT_WORK).submitter];
    const work = Buffer.from(recorded(WITH_WORK).data.snark_work!, 'base64');
    await database.insert(
      { at: 1, work: null },
      { at: 2, name: WITH_WORK, submitter: other, work },
    );
    if (program === undefined) await database.insert({ at: 3, name: WITH_WORK, submitter: own });
    const variables = {
      DELEGATION_VERIFY_BIN_PATH: program,
      TOLERATE_SOK_MISMATCH: '1',
      NO_CHECKS: '0',
    };
    const report = await database.update(
      variables,
      checkerThat(() => true),
    );
    assert.deepEqual([report.refused, report.tolerated], [0, 1]);
    for (const [, hash, error, verified] of await database.states())
      assert.deepEqual([hash !== null, error, verified], [true, '', true]);
    if (program !== undefined)
      assert.deepEqual(
        database.calls().map(({ ids, work: has }) => [ids, has]),
        [
          [
            ['1', '2'],
            [false, true],
          ],
          [['2'], [false]],
        ],
      );
  }
});

test('dual mode: cut by the server’s time; each side its verifier and configuration', async (t) => {
  const database = await Database.make(t);
  const [before, behind] = ['before', 'behind'].map((name) => {
    const file = join(database.blocks, `${name}.json`);
    writeFileSync(file, '{}');
    return file;
  });
  await database.insert({ at: 8 }, { at: 9 }, { at: 10 }, { at: 11 });
  const variables = {
    FORK_CUTOVER_TIME: timeOf(10),
    DELEGATION_VERIFY_BIN_PATH: programThat('refuses', 'pre'),
    GENESIS_LEDGER_FILE: before,
    DELEGATION_VERIFY_BIN_PATH_POST_FORK: programThat('refuses', 'post'),
    GENESIS_LEDGER_FILE_POST_FORK: behind,
  };
  await database.update(variables);
  assert.deepEqual(
    (await database.states()).map(([, , error]) => error),
    ['pre', 'pre', 'post', 'post'],
  );
  assert.deepEqual(
    database.calls().map(({ args }) => args),
    [
      ['stdin', '--no-checks', '--config-file', before],
      ['stdin', '--no-checks', '--config-file', behind],
    ],
  );
  // An empty side is not run.
  await database.update(variables, undefined, [0, 10]);
  assert.equal(database.calls().length, 3);
  // A side that fails does not take the other's results with it.
  await assert.rejects(
    database.update({
      ...variables,
      DELEGATION_VERIFY_BIN_PATH: programThat('fails'),
      DELEGATION_VERIFY_BIN_PATH_POST_FORK: programThat('valid'),
    }),
    /^UserError: pre-fork: the verifier .* ended with exit status 4: \{"error":"fail to read config file"\}$/,
  );
  assert.deepEqual(
    (await database.states()).map(([, hash, error]) => hash ?? error),
    ['pre', 'pre', '3NKvalid', '3NKvalid'],
  );
});

test('dual mode, embedded: each side has its rule; old blocks sent late are refused', async (t) => {
  const database = await Database.make(t);
  const mesa = database.addBlock(mesaBlock());
  await database.insert(
    { at: 1, blockHash: mesa },
    { at: 2 },
    { at: 11, blockHash: mesa },
    { at: 12 },
  );
  const report = await database.update(
    { FORK_CUTOVER_TIME: timeOf(10), NO_CHECKS: '0' },
    checkerThat(() => true),
  );
  assert.deepEqual([report.valid, report.refused, report.notCheckable], [1, 2, 1]);
  const dlog = '(Pickles.verify dlog_check)';
  assert.deepEqual(
    (await database.states()).map(([, , error, verified]) => [error, verified]),
    [
      [dlog, true],
      ['', true],
      ['', false],
      [dlog, true],
    ],
  );
});

test('a row that cannot be scanned is passed over, loudly; nothing else is an error', async (t) => {
  const database = await Database.make(t);
  await database.insert({ at: 1, remoteAddr: null }, { at: 2 }, { at: 3, createdAt: null });
  const { read, unscannable, valid } = await database.update();
  assert.deepEqual([read, unscannable, valid], [1, 2, 1]);
  assert.match(
    database.log[0],
    /^error: skipping a row that cannot be scanned: submissions id 1: remote_addr is NULL/,
  );
  await assert.rejects(
    database.update({}, undefined, [3, 4]),
    /none of the 1 rows .* could be scanned: submissions id 3: created_at is NULL/,
  );
  assert.equal((await database.update({}, undefined, [4, 5])).read, 0);
});

test('a malformed answer costs its row, one too many costs nothing', async (t) => {
  const database = await Database.make(t);
  await database.insert({ at: 1 }, { at: 2 }, { at: 3 });
  const stumbled = await database.update({ DELEGATION_VERIFY_BIN_PATH: programThat('stumbles') });
  assert.deepEqual([stumbled.written, stumbled.unanswered], [2, 1]);
  assert.deepEqual(await database.states(), [
    [1, ...SILENT],
    [2, ...VALID],
    [3, ...VALID],
  ]);
  assert.equal(database.log.filter((line) => line.includes('cannot be read')).length, 2);
  const strayed = await database.update({ DELEGATION_VERIFY_BIN_PATH: programThat('strays') });
  assert.deepEqual([strayed.written, strayed.unanswered], [3, 0]);
  assert.deepEqual((await database.states())[0], [1, ...VALID]);
  assert.equal(database.log.filter((line) => line.includes('belongs to no row')).length, 2);
});

test('no answer that can be used is an error, and nothing is written', async (t) => {
  const database = await Database.make(t);
  await database.insert({ at: 1 });
  for (const [does, message] of [
    ['silent', /gave no answer for 1 rows/],
    ['garbles', /none of the 1 answers .* could be read/],
    ['fails', /ended with exit status 4/],
  ] as const)
    await assert.rejects(
      database.update({ DELEGATION_VERIFY_BIN_PATH: programThat(does) }),
      message,
    );
  assert.deepEqual(await database.states(), [[1, ...SILENT]]);
  await database.update({ DELEGATION_VERIFY_BIN_PATH: programThat('chatters') });
  const said = database.log.find((line) => line.includes('wrote to stderr'))!;
  assert.match(said, /\(truncated\) \.\.\.x+ the end$/);
});

test('an UPDATE that fails costs its row; the others are written, then it is an error', async (t) => {
  const database = await Database.make(t);
  await database.insert({ at: 1 }, { at: 2, name: WITH_WORK }, { at: 3 });
  await database.do((client) =>
    client.query('ALTER TABLE submissions ADD CONSTRAINT low CHECK (height < 7)'),
  );
  await assert.rejects(database.update(), /1 of 3 rows could not be written: .*"low"/);
  assert.deepEqual(await database.states(), [
    [1, HASH_4, '', true],
    [2, ...SILENT],
    [3, HASH_4, '', true],
  ]);
});

test('blocks that cannot be asked for leave their rows for another time', async (t) => {
  const database = await Database.make(t);
  await database.insert({ at: 1 }, { at: 2, blockHash: 'ZBunread' });
  // A folder in the place of a file: readable to nobody, not even to root.
  mkdirSync(join(database.blocks, 'blocks', 'ZBunread.dat'));
  await assert.rejects(database.update(), /blocks could not be fetched, e\.g\. ZBunread/);
  assert.deepEqual(await database.states(), [
    [1, HASH_4, '', true],
    [2, ...SILENT],
  ]);
  await assert.rejects(
    database.update({ DELEGATION_VERIFY_BIN_PATH: programThat('valid') }),
    /blocks could not be fetched/,
  );
  assert.deepEqual(database.calls()[0].ids, ['1']);
});

test('many rows of few blocks: each block is read once, and rows keep their order', async (t) => {
  const database = await Database.make(t);
  const submitters = Array.from({ length: 400 }, (_, i) => `B62${i}`);
  await database.insert(...submitters.map((submitter, i) => ({ at: i % 60, submitter })));
  const report = await database.update({ DELEGATION_VERIFY_BIN_PATH: programThat('valid') });
  assert.equal(report.valid, 400);
  const [call] = database.calls();
  assert.equal(call.ids.length, 400);
  assert.ok(call.blocks.every((characters) => characters === 4 * Math.ceil(12_702 / 3)));
});

test('an abort ends a window at once, though a proof is under way', async (t) => {
  const database = await Database.make(t);
  await database.insert({ at: 1 }, { at: 2, name: WITH_WORK });
  const stop = new AbortController();
  const never: ProofChecker = {
    check: () => {
      stop.abort(new Error('stopped'));
      return new Promise(() => undefined);
    },
    close: () => Promise.resolve(),
  };
  await assert.rejects(
    database.with(
      { NO_CHECKS: '0' },
      (updater) => updater.updateWindow(T0, T0 + 60_000, stop.signal),
      never,
    ),
    /^Error: stopped$/,
  );
  assert.deepEqual(await database.states(), [
    [1, ...SILENT],
    [2, ...SILENT],
  ]);
});

test('variables: all that is wrong or missing at once', () => {
  const problemsOf = (env: Record<string, string>) => {
    try {
      updaterConfigOf(env);
    } catch (error) {
      return (error as Error).message.split('\n').map((line) => line.replace(/^- /, ''));
    }
    return [];
  };
  const problems = problemsOf({
    SUBMISSION_STORAGE: 'POSTGRES',
    POSTGRES_PORT: 'x',
    POSTGRES_SSLMODE: 'maybe',
    NO_CHECKS: 'yes',
    FORK_CUTOVER_TIME: 'soon',
    DELEGATION_VERIFY_BIN_PATH: '/not/there',
    GENESIS_LEDGER_FILE: '/not/there.json',
  }).join('\n');
  for (const one of [
    /POSTGRES_HOST is not set/,
    /POSTGRES_PORT must be a port, but is "x"/,
    /POSTGRES_SSLMODE must be one of/,
    /NO_CHECKS must be 0 or 1, but is "yes"/,
    /FORK_CUTOVER_TIME must be a time/,
    /DELEGATION_VERIFY_BIN_PATH names \/not\/there, which is not there/,
    /GENESIS_LEDGER_FILE names \/not\/there.json, which cannot be read/,
    /DELEGATION_VERIFY_BIN_PATH_POST_FORK is required/,
    /GENESIS_LEDGER_FILE_POST_FORK is required/,
    /AWS_S3_BUCKET is not set/,
    /NETWORK_NAME is not set/,
  ])
    assert.match(problems, one);
  assert.match(problemsOf({ SUBMISSION_STORAGE: 'ORACLE' })[0], /must be POSTGRES or CASSANDRA/);
  const cassandra = problemsOf({ SUBMISSION_STORAGE: 'CASSANDRA' }).join('\n');
  assert.match(cassandra, /AWS_REGION is required where CASSANDRA_HOST is not set/);
  assert.match(cassandra, /AWS_KEYSPACE is not set/);
  assert.match(cassandra, /SSL_CERTFILE is not set/);
  assert.doesNotMatch(cassandra, /AWS_S3_BUCKET/);
});

test('the command: two times as the original takes them, and a report', async (t) => {
  const database = await Database.make(t);
  await database.insert({ at: 1 }, { at: 2 });
  const { exitCode, stdout, stderr } = await runCommand(
    verify,
    [
      'update',
      '2026-09-03 14:00:00.0-0400',
      '2026-09-03 18:00:02.0+0000',
      '--blocks',
      database.blocks,
    ],
    { env: { ...database.env() } },
  );
  assert.deepEqual([exitCode, stderr], [0, '']);
  const report = JSON.parse(stdout) as { updater: string; valid: number };
  assert.equal(report.valid, 1);
  assert.match(report.updater, /^PostgreSQL 127\.0\.0\.1:\d+\/database_\d+, verifier embedded$/);
});

test('our own command in the place of the original’s binary', async (t) => {
  const database = await Database.make(t);
  await database.insert({ at: 1 }, { at: 2, name: WITH_WORK });
  const program = [process.execPath, join(projectRoot, 'dist/cli.js'), 'verify'].join(' ');
  const { valid } = await database.update({ DELEGATION_VERIFY_BIN_PATH: program });
  assert.equal(valid, 2);
  assert.deepEqual(
    (await database.states()).map(([, hash]) => hash),
    [HASH_4, HASH_7],
  );
});
