/** The Cassandra storage on a real server (Java and Maven): the laws of every storage, and what is Cassandra's own. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import cassandra from 'cassandra-driver';
import {
  type CassandraConfig,
  openCassandraReader,
  openCassandraStorage,
  submissionsTable,
} from '../../stack/storage/cassandra.ts';
import { UserError } from '../../user-error.ts';
import {
  cassandraIsMissing,
  type CassandraServer,
  startCassandra,
} from '../support/cassandra-server.ts';
import { assertConstantMemory } from '../support/memory.ts';
import { readAll, storageSubmission, storageSuite } from './storage-suite.ts';

const missing = await cassandraIsMissing();

describe('Cassandra', { skip: missing ?? false }, () => {
  let server: CassandraServer;
  before(async () => {
    server = await startCassandra();
  });
  after(async () => {
    await server?.stop();
    // The driver (4.10.0) can leave a socket open that it made while its client was closed, after an outage.
    setTimeout(() => process.exit(), 2000).unref();
  });

  const configOf = (keyspace: string, changes: Partial<CassandraConfig> = {}): CassandraConfig => ({
    keyspace,
    host: '127.0.0.1',
    port: server.port,
    credentials: { username: server.username, password: server.password },
    tls: { caFile: server.certificate },
    datacenter: null,
    ...changes,
  });
  const urlOf = (keyspace: string, query = '?tls=0'): URL =>
    new URL(`cassandra://${server.username}@127.0.0.1:${server.port}/${keyspace}${query}`);
  const envOf = () => ({ CASSANDRA_PASSWORD: server.password });

  async function newTable(): Promise<string> {
    const keyspace = await server.createKeyspace();
    await server.execute(submissionsTable(keyspace));
    return keyspace;
  }

  storageSuite('Cassandra storage', async () => {
    const keyspace = await newTable();
    const empty = await server.createKeyspace();
    await server.execute(
      "CREATE ROLE clerk WITH PASSWORD = 'clerk''s own' AND LOGIN = true",
      `CREATE TABLE "${await server.createKeyspace()}".submissions (submitter text PRIMARY KEY)`,
    );
    const opening = (changes: Partial<CassandraConfig>) => () =>
      openCassandraStorage(configOf(keyspace, changes));
    return {
      keeps: 'last',
      openStorage: () => openCassandraStorage(configOf(keyspace)),
      openReader: () => openCassandraReader(urlOf(keyspace), envOf()),
      spoil: (seconds) => {
        const date = new Date(seconds * 1000).toISOString().slice(0, 10);
        const shard = Math.floor((seconds % 86_400) / 144);
        return server.execute(
          `INSERT INTO "${keyspace}".submissions (submitted_at_date, shard, submitted_at, submitter) VALUES ('${date}', ${shard}, ${seconds * 1000}, 'B62spoilt')`,
        );
      },
      // Not the real password: it is also the user's name.
      secrets: ['clerk’s wrong one'],
      failures: [
        {
          title: 'wrong password',
          open: opening({ credentials: { username: 'clerk', password: 'clerk’s wrong one' } }),
          message: /did not accept the password of clerk$/,
          hint: /CASSANDRA_USERNAME and CASSANDRA_PASSWORD/,
        },
        {
          title: 'no credentials',
          open: opening({ credentials: null }),
          message: /asks for credentials, and none are given$/,
          hint: /service-specific credentials.*SigV4, are not supported/,
        },
        {
          title: 'no credentials for Amazon',
          open: opening({ credentials: null, host: 'cassandra.us-west-2.amazonaws.com' }),
          message: /amazonaws\.com:\d+\/.* asks for credentials/,
          hint: /service-specific/,
        },
        {
          title: 'no server',
          open: opening({ port: 1 }),
          message: /127\.0\.0\.1:1\/Test_\d+ cannot be reached: .*ECONNREFUSED/,
          hint: /running/,
        },
        {
          title: 'no host',
          open: opening({ host: 'nowhere.invalid' }),
          message: /nowhere\.invalid.* cannot be reached: /,
          hint: /host/,
        },
        {
          title: 'no keyspace',
          open: opening({ keyspace: 'nothing' }),
          message: /\/nothing does not exist/,
          hint: /case-sensitive/,
        },
        {
          title: 'a keyspace in other letters',
          open: opening({ keyspace: keyspace.toLowerCase() }),
          message: /does not exist/,
          hint: /case-sensitive/,
        },
        {
          title: 'no table',
          open: opening({ keyspace: empty }),
          message: /has no table submissions$/,
          hint: /migration/,
        },
        {
          title: 'another table',
          open: opening({ keyspace: 'Test_2' }),
          message: /has a table submissions without submitted_at_date, shard, /,
          hint: /migration/,
        },
        {
          title: 'no datacenter',
          open: opening({ datacenter: 'nowhere' }),
          message: /has no datacenter "nowhere": /,
          hint: /CASSANDRA_DATACENTER/,
        },
        {
          title: 'a certificate of nobody known',
          open: opening({ tls: { caFile: null } }),
          message: /the certificate of .* is not trusted: /,
          hint: /AWS_SSL_CERTIFICATE_PATH/,
        },
        {
          title: 'the certificate of another',
          open: opening({ tls: { caFile: server.otherCertificate } }),
          message: /is not trusted: /,
          hint: /PEM/,
        },
        {
          title: 'no file of certificates',
          open: () => openCassandraReader(urlOf(keyspace, '?ca=/nowhere.pem'), envOf()),
          message: /\/nowhere\.pem cannot be read \(ENOENT\)/,
          hint: /the URL’s ca/,
        },
      ],
    };
  });

  describe('Cassandra storage: the table', () => {
    test('gets exactly what the original puts there', async () => {
      const keyspace = await newTable();
      const storage = await openCassandraStorage(configOf(keyspace));
      await storage.save(
        storageSubmission(Date.UTC(2026, 0, 2, 23, 59, 59) / 1000, {
          submitter: 'B62a',
          blockHash: '3Na',
          createdAt: '2026-01-03T05:44:00+05:45',
          snarkWork: '"AAH/"',
        }),
      );
      await storage.close();
      const client = new cassandra.Client({
        contactPoints: [`127.0.0.1:${server.port}`],
        localDataCenter: 'datacenter1',
        credentials: { username: server.username, password: server.password },
      });
      const { rows } = await client.execute(`SELECT * FROM "${keyspace}".submissions`);
      await client.shutdown();
      assert.deepEqual(
        { ...rows[0] },
        {
          submitted_at_date: '2026-01-02',
          shard: 599,
          submitted_at: new Date('2026-01-02T23:59:59Z'),
          submitter: 'B62a',
          created_at: new Date('2026-01-02T23:59:00Z'),
          block_hash: '3Na',
          raw_block: Buffer.of(1, 2, 3),
          remote_addr: '127.0.0.1:1',
          peer_id: '12D3KooW',
          snark_work: Buffer.of(0, 1, 255),
          graphql_control_port: 0,
          built_with_commit_sha: '',
          state_hash: null,
          parent: null,
          height: null,
          slot: null,
          validation_error: null,
          verified: null,
        },
      );
    });

    test('a block of 1,000,000 bytes is kept, one more byte is not, and nothing of an earlier one stays', async () => {
      const keyspace = await newTable();
      const storage = await openCassandraStorage(configOf(keyspace));
      const reader = await openCassandraReader(urlOf(keyspace), envOf());
      const most = storageSubmission(1000, { block: new Uint8Array(1_000_000).fill(7) });
      const more = { ...storageSubmission(1000), submitter: most.submitter };
      more.block = new Uint8Array(1_000_001);
      const kept = async () => (await readAll(reader, { from: 1000, to: 1001 })).stored[0];
      await storage.save(most);
      assert.deepEqual(Buffer.from((await kept()).rawBlock!), Buffer.from(most.block));
      assert.deepEqual(await storage.save(more), { stored: true });
      assert.equal((await kept()).rawBlock, null);
      assert.equal((await kept()).blockHash, more.blockHash);
      await Promise.all([storage.close(), reader.close()]);
    });

    test('many large blocks come in small batches', async () => {
      const keyspace = await newTable();
      const storage = await openCassandraStorage(configOf(keyspace));
      const block = new Uint8Array(200_000).fill(9);
      const sent = Array.from({ length: 150 }, (_, i) => storageSubmission(i, { block }));
      await Promise.all(sent.map((each) => storage.save(each)));
      const reader = await openCassandraReader(urlOf(keyspace), envOf());
      const { stored, batches } = await readAll(reader, { from: 0, to: 200 });
      assert.equal(stored.length, 150);
      assert.ok(Math.max(...batches) <= 20, `${batches}`);
      let count = 0;
      const without = { rawBlocks: false };
      for await (const batch of reader.submissions({ from: 0, to: 200 }, undefined, without))
        for (const each of batch) {
          count++;
          assert.ok(!('fault' in each) && !('rawBlock' in each) && each.blockHash !== '');
        }
      assert.equal(count, 150);
      await Promise.all([storage.close(), reader.close()]);
    });

    test('a value that does not fit is refused at once', async () => {
      const keyspace = await newTable();
      const storage = await openCassandraStorage(configOf(keyspace));
      await assert.rejects(
        storage.save(storageSubmission(0, { graphqlControlPort: 2n ** 31n })),
        /does not fit/,
      );
      // Unlike in PostgreSQL, a zero byte is text.
      await storage.save(storageSubmission(0, { peerId: 'a\0b' }));
      const reader = await openCassandraReader(urlOf(keyspace), envOf());
      assert.equal((await readAll(reader, { from: 0, to: 1 })).stored[0].peerId, 'a\0b');
      await Promise.all([storage.close(), reader.close()]);
    });

    test('a key of another order is refused', async () => {
      const keyspace = await server.createKeyspace();
      const table = submissionsTable(keyspace).replace(
        '((submitted_at_date, shard), submitted_at, submitter)',
        '(submitted_at_date, shard, submitted_at, submitter)',
      );
      await server.execute(table);
      await assert.rejects(
        openCassandraStorage(configOf(keyspace)),
        (error) =>
          error instanceof UserError &&
          /has shard as clustering column of submissions, not as partition_key one/.test(
            error.message,
          ),
      );
    });

    test('a range of many days asks which partitions there are', async () => {
      const keyspace = await newTable();
      const storage = await openCassandraStorage(configOf(keyspace));
      const times = [0, 143, 144, 86_400 * 365, 4_000_000_000];
      await Promise.all(times.map((at) => storage.save(storageSubmission(at))));
      const reader = await openCassandraReader(urlOf(keyspace), envOf());
      const found = async (from: number, to: number) =>
        (await readAll(reader, { from, to })).stored
          .map(({ submittedAt }) => Date.parse(submittedAt) / 1000)
          .sort((a, b) => a - b);
      assert.deepEqual(await found(-Infinity, Infinity), times);
      assert.deepEqual(await found(143, 4_000_000_000), times.slice(1, -1));
      assert.deepEqual(await found(144, 4_000_000_001), times.slice(2));
      await Promise.all([storage.close(), reader.close()]);
    });
  });

  describe('Cassandra storage: a lost connection', () => {
    /** Forwards to the server until it is told to break all connections and refuse new ones. */
    async function proxyOf(target: number) {
      const sockets = new Set<Socket>();
      let isBroken = false;
      const proxy = createServer((client) => {
        if (isBroken) return client.destroy();
        const upstream = connect(target, '127.0.0.1');
        client.pipe(upstream).pipe(client);
        for (const socket of [client, upstream]) {
          sockets.add(socket);
          socket.on('error', () => {});
          socket.on('close', () => {
            sockets.delete(socket);
            client.destroy();
            upstream.destroy();
          });
        }
      });
      await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
      return {
        port: (proxy.address() as AddressInfo).port,
        break() {
          isBroken = true;
          for (const socket of sockets) socket.destroy();
        },
        mend: () => void (isBroken = false),
        stop: () =>
          new Promise((done) => {
            proxy.close(done);
            for (const socket of sockets) socket.destroy();
          }),
      };
    }

    test('a save is repeated, gives up after three tries, and later ones pass again', async () => {
      const keyspace = await newTable();
      const proxy = await proxyOf(server.port);
      const storage = await openCassandraStorage(configOf(keyspace, { port: proxy.port }));
      await storage.save(storageSubmission(0));
      proxy.break();
      await assert.rejects(storage.save(storageSubmission(1)), /\(tried 3 times\)$/);
      proxy.mend();
      // The driver looks for its node again every second.
      let outcome: unknown;
      for (let i = 0; i < 30 && outcome === undefined; i++)
        outcome = await storage.save(storageSubmission(2)).catch(() => undefined);
      assert.deepEqual(outcome, { stored: true });
      await storage.close();
      await proxy.stop();
    });
  });

  describe('Cassandra reader', () => {
    const AT = Date.UTC(2026, 0, 2) / 1000;

    test('what the verifier wrote beside a row; a table without its columns is read, too', async () => {
      const keyspace = await newTable();
      const storage = await openCassandraStorage(configOf(keyspace));
      for (let i = 0; i < 3; i++)
        await storage.save(storageSubmission(AT, { submitter: `B62${i}`, snarkWork: '"AAAA"' }));
      await storage.close();
      const where = `WHERE submitted_at_date = '2026-01-02' AND shard = 0 AND submitted_at = ${AT * 1000}`;
      const set = (i: number, columns: string) =>
        `UPDATE "${keyspace}".submissions SET ${columns} ${where} AND submitter = 'B62${i}'`;
      await server.execute(
        set(0, "snark_work = null, raw_block = null, state_hash = '3Ns', verified = true"),
        set(1, "snark_work = null, raw_block = null, verified = true, validation_error = 'bad'"),
      );
      const read = async () => {
        const reader = await openCassandraReader(urlOf(keyspace), envOf());
        const { stored } = await readAll(reader, { from: AT, to: AT + 1 });
        await reader.close();
        return stored
          .sort((a, b) => (a.submitter < b.submitter ? -1 : 1))
          .map(({ verification, rawBlock }) => [verification, rawBlock?.length ?? null]);
      };
      assert.deepEqual(await read(), [
        [{ isVerified: true, error: null, stateHash: '3Ns' }, null],
        [{ isVerified: true, error: 'bad', stateHash: null }, null],
        [undefined, 3],
      ]);
      await server.execute(
        ...['verified', 'validation_error', 'state_hash'].map(
          (column) => `ALTER TABLE "${keyspace}".submissions DROP ${column}`,
        ),
      );
      assert.deepEqual(
        (await read()).map(([verification]) => verification),
        [undefined, undefined, undefined],
      );
    });

    test('memory does not grow with the rows: 160 MB of blocks', async () => {
      const keyspace = await newTable();
      const storage = await openCassandraStorage(configOf(keyspace));
      const block = new Uint8Array(80_000).fill(7);
      for (let first = 0; first < 2000; first += 50)
        await Promise.all(
          Array.from({ length: 50 }, (_, i) =>
            storage.save(storageSubmission(AT + ((first + i) % 600), { block })),
          ),
        );
      await storage.close();
      const reader = await openCassandraReader(urlOf(keyspace), envOf());
      await assertConstantMemory(reader.submissions({ from: AT, to: AT + 600 }), {
        batches: 30,
        bytesEach: 4_000_000,
        mayGrowBytes: 20 * 2 ** 20,
      });
      await reader.close();
    });
  });

  describe('Cassandra storage: how it is reached', () => {
    test('with TLS by a certificate given, and without', async () => {
      const keyspace = await newTable();
      const ca = encodeURIComponent(server.certificate);
      const other = { AWS_SSL_CERTIFICATE_PATH: server.certificate };
      for (const [query, env] of [
        [`?ca=${ca}`, {}],
        [`?tls=1&ca=${ca}&datacenter=datacenter1`, {}],
        ['', other],
        ['?tls=0', {}],
      ] as const)
        await (await openCassandraReader(urlOf(keyspace, query), { ...envOf(), ...env })).close();
      const byName = configOf(keyspace, { host: 'localhost' });
      await (await openCassandraStorage(byName)).close();
      assert.ok(existsSync(server.certificate));
    });
  });
});
