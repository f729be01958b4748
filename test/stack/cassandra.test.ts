/** What of the Cassandra storage needs no server: its URLs, and both ends on a driver that is made up. On a real one: cassandra.slow.ts. */
import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import type cassandra from 'cassandra-driver';
import { type CassandraConfig, cassandraConfigOf } from '../../system/cassandra.ts';
import {
  cassandraStorageOn,
  type CqlClient,
  openCassandraReader,
  openCassandraStorage,
  readRows,
} from '../../stack/storage/cassandra.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { submissionOf } from './storage-support.ts';

test('a URL and the environment make a configuration', () => {
  const env = { CASSANDRA_PASSWORD: 'secret', CASSANDRA_USERNAME: 'clerk' };
  assert.deepEqual(cassandraConfigOf(new URL('cassandra://127.0.0.1/Uptime'), env), {
    keyspace: 'Uptime',
    host: '127.0.0.1',
    port: 9142,
    credentials: { username: 'clerk', password: 'secret' },
    tls: { caFile: null },
    datacenter: null,
  });
  const full = 'cassandra://a%40b@[::1]:9999/ks?tls=1&ca=%2Fca.pem&datacenter=eu';
  assert.deepEqual(cassandraConfigOf(new URL(full), { ...env, AWS_SSL_CERTIFICATE_PATH: '/x' }), {
    keyspace: 'ks',
    host: '::1',
    port: 9999,
    credentials: { username: 'a@b', password: 'secret' },
    tls: { caFile: '/ca.pem' },
    datacenter: 'eu',
  });
  const plain = cassandraConfigOf(new URL('cassandra://localhost/ks?tls=0'), {});
  assert.equal(plain.port, 9042);
  assert.equal(plain.tls, null);
  assert.equal(plain.credentials, null);
});

test('a URL that cannot be meant is wrong usage, and its password is not repeated', async () => {
  for (const [url, message] of [
    ['cassandra://user:pass@127.0.0.1/ks', /holds a password/],
    ['cassandra://127.0.0.1', /names a host and a keyspace/],
    ['cassandra:///ks', /names a host and a keyspace/],
    ['cassandra://127.0.0.1/ks?tls=2', /tls must be 0 or 1, but is "2"/],
    ['cassandra://127.0.0.1/ks?tls=0&ca=/ca.pem', /nothing to check/],
    ['cassandra://127.0.0.1/ks?ssl=1', /no parameter "ssl"/],
    ['cassandra://127.0.0.1/%zz', /no percent-encoded text/],
  ] as const)
    await assert.rejects(
      openCassandraReader(new URL(url), {}),
      (error) =>
        error instanceof UserError &&
        error.exitCode === EXIT.usage &&
        message.test(error.message) &&
        !error.message.includes('pass@'),
      url,
    );
});

test('a user without a password is told before anything is tried', async () => {
  await assert.rejects(
    openCassandraReader(new URL('cassandra://clerk@127.0.0.1:1/ks'), {}),
    /there is no password for the Cassandra user clerk/,
  );
});

test('Amazon Keyspaces without a user: what it takes', async () => {
  const url = new URL('cassandra://cassandra.eu-west-1.amazonaws.com/ks');
  await assert.rejects(
    openCassandraReader(url, { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'key' }),
    (error) => error instanceof UserError && error.hint.includes('service-specific credentials'),
  );
});

test('a server that speaks no TLS, or no CQL, is told, and nothing is left open', async () => {
  const behaviours: [title: string, (socket: Socket) => void, plain: RegExp, tls: RegExp][] = [
    ['speaks', (socket) => socket.write('220 smtp\r\n'), /what it answers is not CQL$/, /TLS/],
    ['closes', (socket) => socket.end(), /closed the connection without an answer$/, /TLS/],
    ['resets', (socket) => socket.resetAndDestroy(), /ECONNRESET|without an answer/, /TLS/],
  ];
  for (const [title, behaviour, plain, encrypted] of behaviours) {
    const server = createServer((socket) => {
      // Who does not read does not see the end.
      socket.on('error', () => {}).resume();
      behaviour(socket);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    const config: CassandraConfig = {
      keyspace: 'ks',
      host: '127.0.0.1',
      port,
      credentials: null,
      tls: { caFile: null },
      datacenter: null,
    };
    const told = async (changes: Partial<CassandraConfig>): Promise<string> => {
      const error = await openCassandraStorage({ ...config, ...changes }).then(
        () => assert.fail('it opened'),
        (error: unknown) => error,
      );
      assert.ok(error instanceof UserError, String(error));
      return `${error.hint}: ${error.message}`;
    };
    assert.match(await told({}), encrypted, title);
    assert.match(await told({}), /CASSANDRA_TLS=0/, title);
    assert.match(await told({ tls: null }), plain, title);
    // Ends only when every connection has ended.
    await new Promise((done) => server.close(done));
  }
});

const CONFIG: CassandraConfig = {
  keyspace: 'a"b',
  host: 'h',
  port: 1,
  credentials: null,
  tls: null,
  datacenter: null,
};

type Call = {
  query: string;
  values: unknown[];
  options: { timestamp?: number; pageState?: string };
};

/** A driver that notes what it is asked and answers with what `answer` gives. */
function fakeDriver(answer: (call: Call) => unknown): {
  client: cassandra.Client;
  calls: Call[];
  isShut: () => boolean;
} {
  const calls: Call[] = [];
  let isShut = false;
  const client = {
    async execute(query: string, values: unknown[], options: Call['options']) {
      const call = { query, values, options };
      calls.push(call);
      return (await answer(call)) ?? { rows: [], pageState: null };
    },
    shutdown: () => Promise.resolve(void (isShut = true)),
    emit: () => false,
    log: () => undefined,
  };
  return { client: client as unknown as cassandra.Client, calls, isShut: () => isShut };
}

describe('the writer', () => {
  test('binds the original’s columns in order, and a time that says whose write is the last', async () => {
    const { client, calls, isShut } = fakeDriver(() => undefined);
    const storage = cassandraStorageOn(client, CONFIG);
    const block = Uint8Array.of(1, 2, 3);
    assert.deepEqual(await storage.save(submissionOf({ block, graphqlControlPort: 5n })), {
      stored: true,
    });
    await storage.save(submissionOf({ block: new Uint8Array(1_000_001), snarkWork: '"AAH/"' }));
    const [first, second] = calls;
    assert.match(
      first.query,
      /^INSERT INTO "a""b"\.submissions \(submitted_at_date, shard, submitted_at, /,
    );
    assert.equal(first.query.match(/\?/g)!.length, first.values.length);
    const time = new Date('2026-01-02T03:04:05Z');
    // 3 h 4 min 5 s are 11,045 s: the 76th part of 144 s.
    assert.deepEqual(first.values.slice(0, 4), ['2026-01-02', 76, time, submissionOf().submitter]);
    assert.deepEqual(first.values[6], Buffer.of(1, 2, 3));
    assert.deepEqual([first.values[9], first.values[10]], [null, 5]);
    assert.equal(second.values[6], null, 'a block of more than 1,000,000 bytes is not kept');
    assert.deepEqual(second.values[9], Buffer.of(0, 1, 255));
    assert.ok(second.options.timestamp! > first.options.timestamp!);
    await storage.close();
    assert.ok(isShut());
  });

  test('has 256 writes under way at most, and close waits for them', async () => {
    const open: (() => void)[] = [];
    const { client, calls, isShut } = fakeDriver(
      () => new Promise<void>((done) => open.push(done)),
    );
    const storage = cassandraStorageOn(client, CONFIG);
    const saves = Array.from({ length: 300 }, (_, i) =>
      storage.save(submissionOf({ submitter: `S${i}` })),
    );
    await new Promise((turn) => setImmediate(turn));
    assert.equal(calls.length, 256);
    const closed = storage.close();
    for (let done; (done = open.shift()) !== undefined;) {
      assert.ok(!isShut());
      done();
      await new Promise((turn) => setImmediate(turn));
    }
    await Promise.all([...saves, closed]);
    assert.equal(calls.length, 300);
    assert.ok(isShut());
  });

  test('tries a passing failure again with the time of the first try, and reports another at once', async () => {
    let failures = 1;
    const { client, calls } = fakeDriver(() => {
      if (failures-- > 0)
        throw Object.assign(new Error('no host'), { name: 'NoHostAvailableError' });
      return undefined;
    });
    const storage = cassandraStorageOn(client, CONFIG);
    await storage.save(submissionOf());
    assert.equal(calls.length, 2);
    assert.equal(calls[0].options.timestamp, calls[1].options.timestamp);
    await assert.rejects(
      storage.save(submissionOf({ graphqlControlPort: 2n ** 31n })),
      /does not fit the column/,
    );
    assert.equal(calls.length, 2);
    await storage.close();
  });
});

describe('the reader', () => {
  const AT = Date.parse('2026-01-02T00:00:00Z') / 1000;
  const rowOf = (changes: object) => ({
    submitted_at_date: '2026-01-02',
    shard: 0,
    submitted_at: new Date(AT * 1000),
    submitter: 'B62',
    created_at: new Date(AT * 1000),
    block_hash: 'HASH',
    raw_block: null,
    remote_addr: null,
    peer_id: 'p',
    snark_work: null,
    graphql_control_port: null,
    built_with_commit_sha: null,
    ...changes,
  });
  const read = async (client: CqlClient, to: number, columns: string[], rawBlocks = true) => {
    const rows = [];
    for await (const page of readRows(client, CONFIG, columns, { from: AT, to }, undefined, {
      rawBlocks,
    }))
      rows.push(...page);
    return rows;
  };

  test('asks each partition of the range, all pages of each, and fewer rows where they are large', async () => {
    const sizes: number[] = [];
    const { client, calls } = fakeDriver(({ values, options }) => {
      sizes.push((options as { fetchSize: number }).fetchSize);
      if (values[1] !== 1) return undefined;
      const page = Number(options.pageState ?? 0);
      const rows = [rowOf({ submitter: `B62${page}`, raw_block: Buffer.alloc(2_000_000) })];
      return { rows, pageState: page < 3 ? String(page + 1) : null };
    });
    const rows = await read(client, AT + 300, ['raw_block']);
    assert.deepEqual(
      rows.map((row) => 'submitter' in row && row.submitter),
      ['B620', 'B621', 'B622', 'B623'],
    );
    assert.deepEqual(calls.map(({ values }) => values[1]).sort(), [0, 1, 1, 1, 1, 2]);
    assert.equal(sizes[0], 20);
    assert.equal(sizes.at(-1), 1);
  });

  test('a range of more than ten days first asks which partitions there are', async () => {
    const { client, calls } = fakeDriver(({ query }) =>
      query.startsWith('SELECT DISTINCT')
        ? {
            rows: [
              { submitted_at_date: '2026-01-02', shard: 0 },
              { submitted_at_date: '2020-01-01', shard: 9 },
            ],
          }
        : { rows: [rowOf({})] },
    );
    assert.equal((await read(client, AT + 11 * 86_400, ['submitter'])).length, 1);
    assert.equal(calls.length, 2);
  });

  test('without blocks they are not asked for; what cannot be read stands beside the rest; a failure is one', async () => {
    const { client, calls } = fakeDriver(() => ({
      rows: [rowOf({}), rowOf({ created_at: null }), rowOf({ submitted_at: new Date(NaN) })],
    }));
    const rows = await read(client, AT + 1, ['submitter', 'raw_block', 'verified'], false);
    assert.match(calls[0].query, /^SELECT submitter, verified FROM/);
    assert.deepEqual(
      rows.map((row) => ('fault' in row ? row.fault : 'rawBlock' in row)),
      [false, 'created_at is NULL', 'submitted_at is no possible time'],
    );
    const broken = fakeDriver(() => {
      throw new Error('unconfigured table');
    });
    await assert.rejects(
      read(broken.client, AT + 1, ['submitter']),
      (error) => error instanceof UserError && /could not be read/.test(error.message),
    );
  });
});
