import assert from 'node:assert/strict';
import { once } from 'node:events';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../../../paths.ts';
import { isLoopbackAddress, leadsToThisMachine } from '../../../system/loopback.ts';
import { checkAddress, checkIsBackend, submitUrl } from '../../../load/target/target.ts';
import { PLAIN_TRANSPORT } from '../../../load/target/transport.ts';
import { UserError } from '../../../user-error.ts';
import { scratchFolder } from '../../support/scratch.ts';
import { program } from '../../support/program.ts';

test('the submit route is added once and never ends with a slash', () => {
  for (const [target, url] of [
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080/v1/submit'],
    ['http://127.0.0.1:8080/', 'http://127.0.0.1:8080/v1/submit'],
    ['http://127.0.0.1:8080/v1/submit', 'http://127.0.0.1:8080/v1/submit'],
    ['http://127.0.0.1:8080/v1/submit/', 'http://127.0.0.1:8080/v1/submit'],
    ['https://[::1]/uptime/?a=1#b', 'https://[::1]/uptime/v1/submit?a=1'],
    ['http://h/v1/submit/?api-version=2', 'http://h/v1/submit?api-version=2'],
  ] as const)
    assert.equal(submitUrl(target), url);
});

test('loopback addresses in all their forms', () => {
  for (const address of [
    '127.0.0.1',
    '127.255.0.3',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    '::FFFF:127.0.0.1',
    '::ffff:7f00:1', // as a URL writes it
    '0:0:0:0:0:ffff:7f01:203',
  ])
    assert.ok(isLoopbackAddress(address) && leadsToThisMachine(address), address);
  // A listener there is open to all, but a connection to it stays here.
  for (const address of ['0.0.0.0', '::', '0:0:0:0:0:0:0:0', '::ffff:0.0.0.0', '::ffff:0:0'])
    assert.ok(leadsToThisMachine(address) && !isLoopbackAddress(address), address);
  for (const address of [
    '128.0.0.1',
    '10.0.0.1',
    '0.0.0.1',
    '::2',
    '::1:1',
    '1::',
    '::ffff:7e00:1',
    '127.0.0.1.example.com',
    '',
    '::ffff:10.0.0.1',
    '12.7.0.1',
  ])
    assert.ok(!isLoopbackAddress(address) && !leadsToThisMachine(address), address);
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
  for (const host of ['[::1]', '[::ffff:127.0.0.1]', '0.0.0.0', '[::]', '127.1'])
    await checkAddress(`http://${host}:1`, { allowRemote: false });
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
    async (url) => assert.deepEqual(await checkIsBackend(url), { otherFamily: false }),
  ));

test('a query of the target is asked with, too', () =>
  withServer(
    (request, response) => {
      assert.equal(request.url, '/v1/submit?api-version=2');
      response.writeHead(400).end(`{"error":"One of required fields wasn't provided"}`);
    },
    async (url) => void (await checkIsBackend(`${url}?api-version=2`)),
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
    async (url) => assert.match((await refusal(url)).message, /closed the connection without an/),
  );
  await withServer(
    (_, response) => response.writeHead(308, { location: `https://uptime.test` }).end(),
    async (url) => assert.match((await refusal(url)).hint, /^it leads to https:\/\/uptime.test/),
  );
});

test('what is no answer in HTTP: one sentence, and an end', async () => {
  const way = async (act: (socket: Socket) => void): Promise<string> => {
    const sockets = new Set<Socket>();
    const server = createTcpServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => act(socket));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      return (await refusal(`http://127.0.0.1:${port}`, 1000)).message;
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  };
  assert.match(
    await way((socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')),
    /is no uptime backend: it answered 101 ""/,
  );
  assert.match(
    await way((socket) =>
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
      ),
    ),
    /is no uptime backend: it answered 101 ""/,
  );
  assert.match(
    await way((socket) => socket.write('220 mail.test ESMTP\r\n')),
    /what listens at the target .* does not answer in HTTP/,
  );
  const closed = /closed the connection without an answer/;
  assert.match(await way((socket) => socket.end()), closed);
  assert.match(await way((socket) => socket.resetAndDestroy()), closed);
  assert.match(await way((socket) => socket.end('HTTP/1.1 400 Bad Req')), closed);
  assert.match(
    await way((socket) => socket.end('HTTP/1.1 400 B\r\nContent-Length: 99\r\n\r\n{"err')),
    closed,
  );
  const late = /did not answer within 1 s/;
  assert.match(await way(() => undefined), late);
  assert.match(await way((socket) => socket.write('HTTP/1.1 100 Continue\r\n\r\n')), late);
  assert.match(
    await way((socket) => socket.write('HTTP/1.1 400 B\r\nContent-Length: 99\r\n\r\n{"err')),
    late,
  );
});

test(
  'localhost that listens at ::1 only: the question and k6 go to the same address',
  { skip: process.platform !== 'linux' },
  (t) => {
    const folder = scratchFolder(t);
    writeFileSync(join(folder, 'hosts'), '127.0.0.1 localhost\n::1 localhost\n');
    // Of its own, this machine's localhost may have one address only.
    const inNamespace = `mount --bind '${folder}/hosts' /etc/hosts || exit 77; exec "$0" "$@"`;
    const words = program(`import './test/load/target/both-families.ts';`);
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      [
        ...['--mount', '--map-root-user', 'sh', '-c', inNamespace],
        ...[process.execPath, ...words, folder],
      ],
      { cwd: projectRoot, encoding: 'utf8' },
    );
    if (status === null || status === 77 || /unshare|not permitted/.test(stderr))
      return t.skip(`no mount namespace here: ${stderr}`);
    if (stdout.includes('no ::1')) return t.skip('no IPv6 here');
    assert.equal(status, 0, stderr);
    assert.deepEqual(stdout.trim().split('\n'), [
      'question true',
      'k6 prefers IPv6: true',
      'k6 200',
      'the target http://localhost:PORT answers at its IPv6 address only, and http://localhost:PORT at its IPv4 address only',
    ]);
  },
);

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
