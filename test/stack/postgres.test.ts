/** The PostgreSQL storage on a real server: the laws of every storage, and what is PostgreSQL's own. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { utcText } from '../../mina/created-at.ts';
import { createSubmissionsTable } from '../../stack/storage/postgres-schema.ts';
import {
  openPostgresReader,
  openPostgresStorage,
  type PostgresConfig,
} from '../../stack/storage/postgres.ts';
import type { AcceptedSubmission, Storage } from '../../stack/storage/storage.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { assertConstantMemory } from '../support/memory.ts';
import { tlsFile } from '../support/tls-target.ts';
import { readAll, storageSubmission, storageSuite } from './storage-suite.ts';
import { scratchFolder } from '../support/scratch.ts';
import { slowOnly } from '../support/thorough.ts';

let server: PostgresServer;
const folder = scratchFolder();
before(async () => {
  // No whole number of hours from UTC, and never the same as it.
  server = await startPostgres({ tls: true, timezone: 'Pacific/Chatham' });
});
after(async () => {
  await server?.stop();
});

const configOf = (database: string, changes: Partial<PostgresConfig> = {}): PostgresConfig => ({
  host: '127.0.0.1',
  port: server.port,
  user: server.user,
  password: server.password,
  database,
  sslmode: 'require',
  sslRootCert: null,
  ...changes,
});
const urlOf = (database: string, query = ''): URL =>
  new URL(`postgres://${server.user}@127.0.0.1:${server.port}/${database}${query}`);
const envOf = () => ({ PGPASSWORD: server.password });

async function newTable(): Promise<string> {
  const database = await server.createDatabase();
  await server.withClient(database, createSubmissionsTable);
  return database;
}

const run = (database: string, ...statements: string[]): Promise<void> =>
  server.withClient(database, async (client) => {
    for (const statement of statements) await client.query(statement);
  });

storageSuite('PostgreSQL storage', async () => {
  const database = await newTable();
  const empty = await server.createDatabase();
  const opening = (changes: Partial<PostgresConfig>) => () =>
    openPostgresStorage(configOf(database, changes));
  return {
    keeps: 'first',
    openStorage: () => openPostgresStorage(configOf(database)),
    openReader: () => openPostgresReader(urlOf(database), envOf()),
    spoil: (seconds) =>
      run(
        database,
        `INSERT INTO submissions (submitted_at_date, submitted_at, submitter) VALUES ('2031-01-01', to_timestamp(${seconds}) AT TIME ZONE 'UTC', 'B62spoilt')`,
      ),
    secrets: [server.password],
    failures: [
      {
        title: 'wrong password',
        open: opening({ password: 'wrong' }),
        message: /did not accept the password of postgres$/,
        hint: /POSTGRES_PASSWORD/,
      },
      {
        title: 'no password',
        open: () => openPostgresReader(urlOf(database), { HOME: folder }),
        message: /password of postgres: there is none$/,
        hint: /PGPASSWORD/,
      },
      {
        title: 'no server',
        open: opening({ port: 1 }),
        message: /127\.0\.0\.1:1\/database_\d+ cannot be reached: .*ECONNREFUSED/,
        hint: /running/,
      },
      {
        title: 'no host',
        open: opening({ host: 'nowhere.invalid' }),
        message: /nowhere\.invalid:\d+.* cannot be reached: /,
        hint: /host/,
      },
      {
        title: 'no database',
        open: opening({ database: 'nothing' }),
        message: /\/nothing does not exist$/,
        hint: /database/,
      },
      {
        title: 'no table',
        open: opening({ database: empty }),
        message: /has no table submissions$/,
        hint: /create_tables\.sql/,
      },
      {
        title: 'no table to read',
        open: () => openPostgresReader(urlOf(empty), envOf()),
        message: /has no table submissions$/,
        hint: /create_tables\.sql/,
      },
      {
        title: 'no certificate file',
        open: opening({ sslRootCert: join(folder, 'none.pem') }),
        message: /none\.pem cannot be read/,
        hint: /PGSSLROOTCERT/,
      },
    ],
  };
});

describe('PostgreSQL reader', () => {
  const AT = Date.UTC(2026, 0, 2) / 1000;

  test('what the verifier wrote beside a row; a table without its columns is read, too', async () => {
    const database = await newTable();
    const storage = await openPostgresStorage(configOf(database));
    for (let i = 0; i < 5; i++)
      await storage.save(storageSubmission(AT + i, { submitter: `B62${i}`, snarkWork: '"AAAA"' }));
    await storage.close();
    // As submission-updater's one UPDATE a row does (src/postgres.go); of row 3 only a default of the column.
    const set = (i: number, columns: string) =>
      `UPDATE submissions SET ${columns} WHERE submitter = 'B62${i}'`;
    await run(
      database,
      set(
        0,
        "snark_work = NULL, state_hash = '3Ns', parent = '3Np', height = 7, slot = 9, verified = TRUE, validation_error = ''",
      ),
      set(1, "snark_work = NULL, verified = TRUE, validation_error = 'Fail to decode block'"),
      set(2, "snark_work = NULL, verified = FALSE, validation_error = 'bad'"),
      set(3, 'verified = FALSE'),
    );
    const verifications = async () => {
      const reader = await openPostgresReader(urlOf(database), envOf());
      const { stored } = await readAll(reader, { from: AT, to: AT + 9 });
      await reader.close();
      return stored
        .sort((a, b) => (a.submitter < b.submitter ? -1 : 1))
        .map(({ verification, snarkWork }) => [verification, snarkWork]);
    };
    assert.deepEqual(await verifications(), [
      [
        {
          isVerified: true,
          error: null,
          stateHash: '3Ns',
          block: { parent: '3Np', height: 7, slot: 9 },
        },
        null,
      ],
      [{ isVerified: true, error: 'Fail to decode block', stateHash: null }, null],
      [{ isVerified: false, error: 'bad', stateHash: null }, null],
      [undefined, 'AAAA'],
      [undefined, 'AAAA'],
    ]);
    await run(
      database,
      'ALTER TABLE submissions DROP COLUMN verified, DROP COLUMN validation_error, DROP COLUMN state_hash',
    );
    assert.deepEqual(
      (await verifications()).map(([verification]) => verification),
      [undefined, undefined, undefined, undefined, undefined],
    );
  });

  test('memory does not grow with the rows: 240 MB of snark work', slowOnly, async () => {
    const database = await newTable();
    await run(
      database,
      `INSERT INTO submissions (submitted_at_date, submitted_at, submitter, created_at, block_hash, peer_id, snark_work)
       SELECT '2026-01-02', timestamp '2026-01-02' + i * interval '1 second', 'B62' || i, timestamp '2026-01-02', 'HASH', 'peer', decode(repeat('ab', 8000), 'hex')
       FROM generate_series(0, 29999) i`,
    );
    const reader = await openPostgresReader(urlOf(database), envOf());
    await assertConstantMemory(reader.submissions({ from: AT, to: AT + 30_000 }), {
      batches: 40,
      bytesEach: 8_000_000,
      mayGrowBytes: 40 * 2 ** 20,
    });
    await reader.close();
  });
});

describe('PostgreSQL storage: the table', () => {
  test('gets exactly what the original puts there', async () => {
    const database = await newTable();
    const storage = await openPostgresStorage(configOf(database));
    await storage.save(
      storageSubmission(Date.UTC(2026, 0, 2, 23, 59, 59) / 1000, {
        submitter: 'B62a',
        blockHash: '3Na',
        createdAt: '2026-01-03T05:44:00+05:45',
        snarkWork: '"AAH/"',
        remoteAddr: '[::1]:80',
        graphqlControlPort: 3085n,
        builtWithCommitSha: 'abc',
      }),
    );
    await storage.save(
      storageSubmission(0, { submitter: 'B62b', blockHash: '3Nb', snarkWork: '""' }),
    );
    await storage.close();
    const columns =
      'id, submitted_at_date::text, submitted_at::text, submitter, created_at::text, block_hash, remote_addr, peer_id, ' +
      'snark_work::text, graphql_control_port, built_with_commit_sha, ' +
      'coalesce(state_hash, parent, height::text, slot::text, validation_error, verified::text) rest';
    const rows = await server.withClient(database, (client) =>
      client.query({ text: `SELECT ${columns} FROM submissions ORDER BY id`, rowMode: 'array' }),
    );
    assert.deepEqual(rows.rows, [
      [
        1,
        '2026-01-02',
        '2026-01-02 23:59:59',
        'B62a',
        '2026-01-02 23:59:00',
        '3Na',
        '[::1]:80',
        '12D3KooW',
        '\\x0001ff',
        3085,
        'abc',
        null,
      ],
      [
        2,
        '1970-01-01',
        '1970-01-01 00:00:00',
        'B62b',
        '1969-12-31 23:59:53',
        '3Nb',
        '127.0.0.1:1',
        '12D3KooW',
        null,
        0,
        '',
        null,
      ],
    ]);
  });

  test('a value that does not fit is refused, and its neighbours are kept', async () => {
    const database = await newTable();
    const storage = await openPostgresStorage(configOf(database));
    // Saves of one turn go in one statement. A date that PostgreSQL does not have is found out only there.
    const outcomes = await Promise.allSettled([
      storage.save(storageSubmission(1)),
      storage.save(storageSubmission(2, { peerId: 'a\0b' })),
      storage.save(storageSubmission(3, { graphqlControlPort: 2n ** 31n })),
      storage.save(storageSubmission(4, { submittedAt: '0000-01-01T00:00:00Z' })),
      storage.save(storageSubmission(5)),
    ]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected', 'rejected', 'fulfilled'],
    );
    const reasons = outcomes.map((each) =>
      each.status === 'rejected' ? (each.reason as Error).message : '',
    );
    assert.match(reasons[1], /peerId holds a zero byte/);
    assert.match(reasons[2], /graphql_control_port 2147483648 does not fit/);
    assert.match(reasons[3], /out of range/);
    const reader = await openPostgresReader(urlOf(database), envOf());
    const { stored } = await readAll(reader, { from: 0, to: 10 });
    assert.equal(stored.length, 2);
    await Promise.all([storage.close(), reader.close()]);
  });

  test('impossible times and nulls are unreadable, what a verifier adds is read beside', async () => {
    const database = await newTable();
    await run(
      database,
      `INSERT INTO submissions (submitted_at_date, submitted_at, submitter, created_at, block_hash, peer_id, state_hash, verified) VALUES
        ('2026-01-01', 'infinity', 'a', '2026-01-01', 'h', 'p', NULL, NULL),
        ('2026-01-01', '2026-01-01', 'b', '-infinity', 'h', 'p', NULL, NULL),
        ('2026-01-01', '2026-01-01', 'c', NULL, 'h', 'p', NULL, NULL),
        ('2026-01-01', '2026-01-01', 'd', '2026-01-01', NULL, 'p', NULL, NULL),
        ('2026-01-01', '2026-01-01', 'e', '2026-01-01', 'h', NULL, NULL, NULL),
        ('2026-01-01', '2026-01-01 00:00:00.9', 'f', '0044-03-15 BC', 'h', 'p', '3N', true)`,
    );
    const reader = await openPostgresReader(urlOf(database), envOf());
    const { stored, unreadable } = await readAll(reader, { from: 0, to: 2e9 });
    assert.deepEqual(unreadable, [
      { where: 'submissions id 2', fault: 'created_at is no possible time' },
      { where: 'submissions id 3', fault: 'created_at is NULL' },
      { where: 'submissions id 4', fault: 'block_hash is NULL' },
      { where: 'submissions id 5', fault: 'peer_id is NULL' },
    ]);
    const { bytes, ...told } = stored[0];
    assert.ok(bytes! > 20 && bytes! < 200, `${bytes} bytes`);
    assert.deepEqual(told, {
      where: 'submissions id 6',
      submittedAt: '2026-01-01T00:00:00Z',
      createdAt: '-0043-03-15T00:00:00Z',
      submitter: 'f',
      blockHash: 'h',
      peerId: 'p',
      snarkWork: null,
      graphqlControlPort: 0,
      builtWithCommitSha: '',
      verification: { isVerified: true, error: null, stateHash: '3N' },
    });
    // A range without end has the infinite time in it, if anything has.
    assert.equal((await readAll(reader, { from: -Infinity, to: Infinity })).stored.length, 1);
    await reader.close();
  });

  test('large snark work comes in smaller batches', async () => {
    const database = await newTable();
    await run(
      database,
      `INSERT INTO submissions (submitted_at_date, submitted_at, submitter, created_at, block_hash, peer_id, snark_work)
       SELECT '1970-01-01', to_timestamp(0) AT TIME ZONE 'UTC', 's' || i, '1970-01-01', 'h', 'p', convert_to(repeat('x', 20000), 'UTF8')
       FROM generate_series(1, 1200) i`,
    );
    const reader = await openPostgresReader(urlOf(database), envOf());
    const { stored, batches } = await readAll(reader, { from: 0, to: 1 });
    assert.equal(stored.length, 1200);
    assert.equal(stored[0].snarkWork, Buffer.alloc(20_000, 'x').toString('base64'));
    // 26,668 characters each, and about 8 MB a batch once the size is known.
    assert.ok(
      batches.slice(1).every((rows) => rows <= 300),
      `${batches}`,
    );
    await reader.close();
  });

  const problems: { title: string; statements: string[]; message: RegExp; reads?: boolean }[] = [
    {
      title: 'without a column',
      statements: ['ALTER TABLE submissions DROP COLUMN peer_id'],
      message: /a table submissions without peer_id$/,
    },
    {
      title: 'with another kind of time',
      statements: ['ALTER TABLE submissions ALTER submitted_at TYPE timestamptz'],
      message: /has submitted_at of type timestamp with time zone in submissions/,
    },
    {
      title: 'without the unique index',
      statements: ['DROP INDEX uq_submissions_submitter_date'],
      message: /has no unique index on submissions \(submitter, submitted_at\)$/,
      reads: true,
    },
    {
      title: 'with a partial unique index',
      statements: [
        'DROP INDEX uq_submissions_submitter_date',
        'CREATE UNIQUE INDEX partial ON submissions (submitter, submitted_at) WHERE verified',
      ],
      message: /has no unique index/,
      reads: true,
    },
    {
      title: 'in a read-only database',
      statements: ['ALTER DATABASE :database SET default_transaction_read_only = on'],
      message: /is read-only$/,
      reads: true,
    },
  ];
  for (const { title, statements, message, reads } of problems)
    test(`a table ${title} is refused`, async () => {
      const database = await newTable();
      await run(database, ...statements.map((text) => text.replace(':database', database)));
      await assert.rejects(
        openPostgresStorage(configOf(database)),
        (error) => error instanceof UserError && message.test(error.message),
      );
      const reading = openPostgresReader(urlOf(database), envOf());
      if (reads) await (await reading).close();
      else await assert.rejects(reading, UserError);
    });

  test('each right that lacks is named, and enough rights are enough', async () => {
    const database = await newTable();
    await run(database, "CREATE ROLE clerk LOGIN PASSWORD 'clerk'");
    const config = configOf(database, { user: 'clerk', password: 'clerk' });
    const told = async (open: () => Promise<unknown>): Promise<string> => {
      const error = await open().then(
        () => assert.fail('it opened'),
        (error: unknown) => error as UserError,
      );
      return `${error.message}; ${error.hint}`;
    };
    const open = () => openPostgresStorage(config);
    const read = () =>
      openPostgresReader(new URL(`postgres://clerk@127.0.0.1:${server.port}/${database}`), {
        PGPASSWORD: 'clerk',
      });
    assert.match(await told(read), /does not allow clerk to SELECT .*; GRANT SELECT/);
    assert.match(await told(open), /does not allow clerk to INSERT .*; GRANT INSERT/);
    await run(database, 'GRANT INSERT ON submissions TO clerk');
    assert.match(await told(open), /does not allow clerk to SELECT/);
    await run(database, 'GRANT SELECT ON submissions TO clerk');
    await (await read()).close();
    assert.match(await told(open), /sequence of submissions\.id; GRANT USAGE/);
    await run(database, 'GRANT USAGE ON SEQUENCE submissions_id_seq TO clerk');
    const storage = await open();
    assert.deepEqual(await storage.save(storageSubmission(0)), { stored: true });
    await storage.close();
  });
});

/** Forwards to the server; can drop connections instead of an answer. */
class Proxy {
  port = 0;
  /** How many of the next answers to an insert are dropped. */
  drops = 0;
  private readonly server: Server;

  constructor(target: number) {
    this.server = createServer((client) => {
      const upstream = connect(target, '127.0.0.1');
      let isInsert = false;
      client.on('data', (chunk) => {
        // The name of the prepared statement.
        isInsert = chunk.includes('insert-submissions');
        upstream.write(chunk);
      });
      upstream.on('data', (chunk) => {
        // The server answers once the statement is committed.
        if (isInsert && this.drops > 0) {
          this.drops--;
          client.destroy();
        } else client.write(chunk);
      });
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ]) {
        one.on('error', () => {});
        one.on('close', () => other.destroy());
      }
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', done));
    this.port = (this.server.address() as AddressInfo).port;
  }

  stop(): Promise<unknown> {
    return new Promise((done) => this.server.close(done));
  }
}

describe('PostgreSQL storage: a lost connection', () => {
  let proxy: Proxy;
  let storage: Storage;
  let database: string;
  before(async () => {
    database = await newTable();
    proxy = new Proxy(server.port);
    await proxy.start();
    storage = await openPostgresStorage(
      configOf(database, { port: proxy.port, sslmode: 'disable' }),
    );
  });
  after(async () => {
    await storage.close();
    await proxy.stop();
  });
  const count = () =>
    server.withClient(database, async (client) =>
      Number((await client.query<{ n: string }>('SELECT count(*) n FROM submissions')).rows[0].n),
    );

  test('what was kept although the answer was lost counts as stored, and stands there once', async () => {
    proxy.drops = 1;
    const sent = [1, 2, 3].map((at) => storageSubmission(at, { snarkWork: '"AAEC"' }));
    assert.deepEqual(
      await Promise.all(sent.map((each) => storage.save(each))),
      sent.map(() => ({ stored: true })),
    );
    assert.equal(proxy.drops, 0);
    assert.equal(await count(), 3);
  });

  test('a true duplicate does not, also where the answer was lost', async () => {
    const first = storageSubmission(10);
    const changes: Partial<AcceptedSubmission>[] = [
      { peerId: 'other' },
      { blockHash: '3Nother' },
      { createdAt: utcText(11) },
      { remoteAddr: 'other' },
      { snarkWork: '"AAEC"' },
      { graphqlControlPort: 1n },
      { builtWithCommitSha: 'other' },
    ];
    await storage.save(first);
    for (const change of changes) {
      proxy.drops = 1;
      assert.deepEqual(await storage.save({ ...first, ...change }), { stored: false });
      assert.equal(proxy.drops, 0);
    }
  });

  test('where every answer is lost it gives up in the end, and says that it does not know', async () => {
    proxy.drops = Infinity;
    await assert.rejects(
      storage.save(storageSubmission(20)),
      /\(whether it was kept is not known\)$/,
    );
    proxy.drops = 0;
    assert.deepEqual(await storage.save(storageSubmission(21)), { stored: true });
  });

  test('idle connections that the server ends are made anew', async () => {
    await run(
      'postgres',
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`,
    );
    assert.deepEqual(await storage.save(storageSubmission(30)), { stored: true });
  });

  test('a reader whose connection ends says so', async () => {
    const reader = await openPostgresReader(urlOf(database), envOf());
    const end = () =>
      run(
        'postgres',
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}' AND query LIKE 'FETCH%'`,
      );
    // The next batch is fetched while this one is used: so many rows that more than one remain.
    await run(
      database,
      `INSERT INTO submissions (submitted_at_date, submitted_at, submitter, created_at, block_hash, peer_id)
       SELECT '1970-01-01', '1970-01-01', 's' || i, '1970-01-01', 'h', 'p' FROM generate_series(1, 10000) i`,
    );
    await assert.rejects(
      async () => {
        let isFirst = true;
        for await (const batch of reader.submissions({ from: 0, to: 1 })) {
          assert.ok(batch.length > 0);
          if (isFirst) await end();
          isFirst = false;
        }
      },
      (error) => error instanceof UserError && /could not be read: /.test(error.message),
    );
    assert.equal((await readAll(reader, { from: 0, to: 1 })).stored.length, 10_000);
    await reader.close();
  });
});

describe('PostgreSQL storage: how it is reached', () => {
  let database: string;
  before(async () => {
    database = await newTable();
  });
  const opened = async (query: string): Promise<string> => {
    try {
      const reader = await openPostgresReader(urlOf(database, query), envOf());
      await reader.close();
      return 'opened';
    } catch (error) {
      assert.ok(error instanceof UserError, String(error));
      return error.message;
    }
  };

  test('each sslmode checks what libpq checks', async () => {
    const ca = `sslrootcert=${encodeURIComponent(tlsFile('ca.cert.pem'))}`;
    const other = `sslrootcert=${encodeURIComponent(tlsFile('client.cert.pem'))}`;
    const written = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return `sslrootcert=${encodeURIComponent(join(folder, name))}`;
    };
    const marked = written('marked.pem', `\ufeff${readFileSync(tlsFile('ca.cert.pem'), 'utf8')}`);
    const empty = written('empty.pem', '');
    for (const [query, result] of [
      ['', /^opened$/],
      ['?sslmode=disable', /^opened$/],
      ['?sslmode=allow', /^opened$/],
      ['?sslmode=no-verify', /^opened$/],
      [`?sslmode=no-verify&${other}`, /^opened$/],
      ['?sslrootcert=system', /does not pass sslmode verify-full/],
      ['?sslmode=require&sslrootcert=system', /sslrootcert=system goes with sslmode verify-full/],
      [`?sslmode=verify-ca&${marked}`, /^opened$/],
      [`?sslmode=verify-ca&${empty}`, /the file holds no certificate in PEM/],
      ['?sslmode=prefer', /^opened$/],
      ['?sslmode=require', /^opened$/],
      [`?sslmode=require&${ca}`, /^opened$/],
      [`?sslmode=require&${other}`, /the certificate of .* does not pass sslmode require/],
      ['?sslmode=verify-ca', /does not pass sslmode verify-ca/],
      [`?sslmode=verify-ca&${ca}`, /^opened$/],
      [`?sslmode=verify-full&${ca}`, /^opened$/],
      ['?sslmode=verify-full', /does not pass sslmode verify-full/],
    ] as const)
      assert.match(await opened(query), result, query);
  });

  test('verify-full looks at the name, verify-ca does not', async () => {
    // The certificate is for 127.0.0.1, not for 127.0.0.2, which is this machine, too; the server listens on the first alone.
    const proxy = createServer((client) => {
      const upstream = connect(server.port, '127.0.0.1');
      client.pipe(upstream).pipe(client);
      for (const socket of [client, upstream]) socket.on('error', () => {});
    });
    // macOS has only the first address of 127.0.0.0/8.
    const host = process.platform === 'linux' ? '127.0.0.2' : undefined;
    await new Promise<void>((done) => proxy.listen(0, host, done));
    const { port } = proxy.address() as AddressInfo;
    const sslRootCert = tlsFile('ca.cert.pem');
    if (host) {
      const config = configOf(database, { host, port, sslRootCert });
      await (await openPostgresStorage({ ...config, sslmode: 'verify-ca' })).close();
      await assert.rejects(
        openPostgresStorage({ ...config, sslmode: 'verify-full' }),
        /does not pass sslmode verify-full/,
      );
    }
    await new Promise((done) => proxy.close(done));
  });

  test('the password comes from PGPASSWORD, else from the file', async () => {
    const path = join(folder, 'pass');
    const escaped = server.password.replace(/[\\:]/g, '\\$&');
    const open = async (lines: string[], env: Record<string, string> = {}): Promise<void> => {
      writeFileSync(path, lines.join('\n'), { mode: 0o600 });
      const reader = await openPostgresReader(urlOf(database), { PGPASSFILE: path, ...env });
      await reader.close();
    };
    await open([
      '# a comment',
      'other:*:*:*:wrong',
      `*:${server.port}:other:postgres:wrong`,
      `127.0.0.1:*:${database}:postgres:${escaped}`,
      '*:*:*:*:wrong',
    ]);
    await assert.rejects(open(['*:*:*:*:wrong', `*:*:*:*:${escaped}`]), /did not accept/);
    await assert.rejects(open([`*:*:*:other:${escaped}`]), /there is none/);
    await open(['*:*:*:*:wrong'], envOf());
    await assert.rejects(
      openPostgresReader(urlOf(database), { PGPASSFILE: join(folder, 'none') }),
      /password file .*none cannot be read/,
    );
    writeFileSync(join(folder, 'open'), `*:*:*:*:${escaped}`, { mode: 0o644 });
    if (process.platform !== 'win32')
      await assert.rejects(
        openPostgresReader(urlOf(database), { PGPASSFILE: join(folder, 'open') }),
        /can be read by other users/,
      );
  });

  test('a URL that cannot be meant is wrong usage', async () => {
    for (const [url, message] of [
      ['postgres://user:pass@127.0.0.1/db', /holds a password/],
      ['postgres://127.0.0.1/', /names a host and a database/],
      ['postgres:///db', /names a host and a database/],
      ['postgres://127.0.0.1/db?sslmode=on', /sslmode must be one of .*, but is "on"/],
      ['postgres://127.0.0.1/db?ssl=1', /no parameter "ssl"/],
      ['postgres://127.0.0.1/%zz', /no percent-encoded text/],
    ] as const)
      await assert.rejects(
        openPostgresReader(new URL(url), {}),
        (error) =>
          error instanceof UserError &&
          error.exitCode === EXIT.usage &&
          message.test(error.message) &&
          !error.message.includes('pass@'),
        url,
      );
    await assert.rejects(
      openPostgresReader(new URL('postgres://127.0.0.1/db'), { PGPORT: 'x' }),
      /PGPORT must be a port/,
    );
  });

  // The last one: it changes the server.
  test('a server without TLS: prefer goes on, require does not', async () => {
    await run('postgres', 'ALTER SYSTEM SET ssl = off', 'SELECT pg_reload_conf()');
    for (let i = 0; i < 200; i++) {
      const ssl = await server.withClient(
        'postgres',
        async (client) => (await client.query<{ ssl: string }>('SHOW ssl')).rows[0].ssl,
      );
      if (ssl === 'off') break;
      await sleep(20);
    }
    assert.equal(await opened('?sslmode=prefer'), 'opened');
    for (const mode of ['require', 'verify-ca', 'verify-full'])
      assert.match(
        await opened(`?sslmode=${mode}`),
        new RegExp(`does not support encrypted connections, which sslmode ${mode} asks for`),
      );
  });
});
