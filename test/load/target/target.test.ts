import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { isLoopbackAddress } from '../../../system/loopback.ts';
import { checkAddress, checkIsBackend, submitUrl } from '../../../load/target/target.ts';
import { PLAIN_TRANSPORT } from '../../../load/target/transport.ts';
import { UserError } from '../../../user-error.ts';

test('the submit route is added once and never ends with a slash', () => {
  for (const [target, url] of [
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080/v1/submit'],
    ['http://127.0.0.1:8080/', 'http://127.0.0.1:8080/v1/submit'],
    ['http://127.0.0.1:8080/v1/submit', 'http://127.0.0.1:8080/v1/submit'],
    ['http://127.0.0.1:8080/v1/submit/', 'http://127.0.0.1:8080/v1/submit'],
    ['https://[::1]/uptime/?a=1#b', 'https://[::1]/uptime/v1/submit'],
  ] as const)
    assert.equal(submitUrl(target), url);
});

test('loopback addresses in all their forms', () => {
  for (const address of ['127.0.0.1', '127.255.0.3', '::1', '::ffff:127.0.0.1'])
    assert.ok(isLoopbackAddress(address), address);
  for (const address of [
    '128.0.0.1',
    '10.0.0.1',
    '0.0.0.0',
    '::',
    '::2',
    '::ffff:10.0.0.1',
    '12.7.0.1',
  ])
    assert.ok(!isLoopbackAddress(address), address);
});

test('another machine needs permission: by flag, or by an answer at the terminal', async () => {
  const target = 'http://192.0.2.7:8080';
  await assert.rejects(checkAddress(target, { allowRemote: false }), (error) => {
    assert.ok(error instanceof UserError);
    assert.equal(error.message, 'the target 192.0.2.7:8080 is not this machine (192.0.2.7)');
    assert.match(error.hint, /--allow-remote/);
    assert.equal(error.exitCode, 2);
    return true;
  });
  await checkAddress(target, { allowRemote: true });
  await checkAddress(target, { allowRemote: false, confirm: () => Promise.resolve(true) });
  await assert.rejects(
    checkAddress(target, { allowRemote: false, confirm: () => Promise.resolve(false) }),
    UserError,
  );
  await checkAddress('http://localhost:1', { allowRemote: false });
  await checkAddress('http://[::1]:1', { allowRemote: false });
});

/** Runs `use` with the address of a server that lives as long. */
async function withServer(listener: RequestListener, use: (url: string) => Promise<void>) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const refusal = async (target: string, timeoutMs?: number): Promise<UserError> => {
  let refused: unknown;
  await checkIsBackend(target, PLAIN_TRANSPORT, timeoutMs).catch(
    (error: unknown) => (refused = error),
  );
  assert.ok(refused instanceof UserError, 'no error');
  assert.equal(refused.exitCode, 5);
  assert.notEqual(refused.hint, '');
  return refused;
};

test('a backend is known by its answer to an empty submission', () =>
  withServer(
    (request, response) => {
      assert.equal(`${request.method} ${request.url}`, 'POST /v1/submit');
      response.writeHead(400).end(`{"error":"One of required fields wasn't provided"}`);
    },
    (url) => checkIsBackend(url),
  ));

test('other servers are refused with what they said', async () => {
  await withServer(
    (_, response) => response.end('delegation backend service'),
    async (url) =>
      assert.match(
        (await refusal(url)).message,
        /is no uptime backend: it answered 200 "delegation backend service"/,
      ),
  );
  await withServer(
    (_, response) => response.writeHead(503).end('{"status":"unavailable"}'),
    async (url) => assert.match((await refusal(url)).message, /says that it is unavailable/),
  );
  await withServer(
    () => undefined,
    async (url) => assert.match((await refusal(url, 50)).message, /did not answer within 0.05 s/),
  );
  await withServer(
    (request) => request.socket.destroy(),
    async (url) => assert.match((await refusal(url)).message, /could not be reached/),
  );
});

test('nothing listening', async () => {
  let closed = '';
  await withServer(
    () => undefined,
    (url) => {
      closed = url;
      return Promise.resolve();
    },
  );
  assert.match((await refusal(closed)).message, /^nothing listens at the target 127\.0\.0\.1:\d+$/);
});
