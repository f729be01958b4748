/** What of the Cassandra storage needs no server: its URLs. The rest is in cassandra.slow.ts. */
import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { type CassandraConfig, cassandraConfigOf } from '../../system/cassandra.ts';
import { openCassandraReader, openCassandraStorage } from '../../stack/storage/cassandra.ts';
import { EXIT, UserError } from '../../user-error.ts';

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
