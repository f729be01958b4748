/** Requests of the toolkit's own: through the proxy of the environment, and never through one to this machine. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { HttpError, httpFetch, proxiesOf } from '../../system/http.ts';
import { UserError } from '../../user-error.ts';
import { startTestProxy, startTestTarget, tlsFile } from '../support/tls-target.ts';
import { program } from '../support/program.ts';

const STATUS_OF_TARGET = 400; // of `{}`
const listen = async (answer: RequestListener) => {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = () => server.close().closeAllConnections();
  return { port: (server.address() as AddressInfo).port, stop };
};
const ask = { method: 'POST', body: '{}' };

test('a plain request names its whole URL to the proxy, in whatever way the variable is written', async () => {
  const target = await startTestTarget(null);
  const proxy = await startTestProxy({ 'uptime.test:8080': target.port });
  const url = 'http://uptime.test:8080/v1/submit';
  for (const env of [
    { HTTP_PROXY: `http://127.0.0.1:${proxy.port}` },
    { http_proxy: `127.0.0.1:${proxy.port}`, HTTP_PROXY: 'http://127.0.0.1:1' },
    {
      http_proxy: '',
      HTTP_PROXY: `http://me:secret@127.0.0.1:${proxy.port}`,
      NO_PROXY: 'other.test',
    },
  ])
    assert.equal((await httpFetch(url, { ...ask, env })).status, STATUS_OF_TARGET);
  const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`;
  assert.deepEqual(
    proxy.seen,
    [undefined, undefined, basic].map((authorization) => ({
      kind: 'request',
      to: 'uptime.test:8080',
      authorization,
    })),
  );
  assert.equal(target.probes.length, 3);
  await Promise.all([proxy.stop(), target.stop()]);
});

test('an https request goes through a tunnel, and its certificate is checked', async () => {
  const target = await startTestTarget({ http2: false });
  const proxy = await startTestProxy({ 'uptime.test:8443': target.port });
  const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
  const url = 'https://uptime.test:8443/';
  // This process does not know the root.
  await assert.rejects(httpFetch(url, { ...ask, env }), (error) => {
    assert.ok(error instanceof HttpError);
    assert.match(error.message, /certificate.* \(HTTPS_PROXY is http:\/\/127\.0\.0\.1:\d+\)$/);
    return true;
  });
  const words = program(`
    import { httpFetch } from './system/http.ts';
    const answer = await httpFetch('${url}', { method: 'POST', body: '{}' });
    console.log(answer.status, await answer.text());`);
  const { stdout } = await promisify(execFile)(process.execPath, words, {
    env: { PATH: process.env.PATH, ...env, NODE_EXTRA_CA_CERTS: tlsFile('ca.cert.pem') },
  });
  assert.equal(stdout, `400 {"error":"One of required fields wasn't provided"}\n`);
  assert.deepEqual(
    [...new Set(proxy.seen.map(({ kind, to }) => `${kind} ${to}`))],
    ['tunnel uptime.test:8443'],
  );
  await Promise.all([proxy.stop(), target.stop()]);
});

test('NO_PROXY, the other scheme and this machine take no proxy, a redirect to this machine neither', async () => {
  const local = await listen((_, response) => response.end('here'));
  const { port } = local;
  const away = await listen((_, response) =>
    response.writeHead(302, { location: `http://localhost:${port}/` }).end(),
  );
  const proxy = await startTestProxy({ 'uptime.test:80': away.port });
  const all = `http://127.0.0.1:${proxy.port}`;
  const env = { HTTP_PROXY: all, HTTPS_PROXY: all, NO_PROXY: 'direct.test, *.inner.test' };
  for (const host of ['127.0.0.1', 'localhost', '127.1.2.3', 'x.localhost']) {
    // What listens on 127.0.0.1 alone is not found by every name; what counts is who is asked.
    await httpFetch(`http://${host}:${port}/`, { env }).catch(() => undefined);
    assert.deepEqual(proxy.seen, [], host);
  }
  assert.equal(await (await httpFetch(`http://127.0.0.1:${port}/`, { env })).text(), 'here');
  for (const [url, variables] of [
    ['http://direct.test/', env],
    ['http://a.inner.test/', env],
    ['https://other.test/', { HTTP_PROXY: all }],
    ['http://other.test/', { HTTPS_PROXY: all }],
  ] as const) {
    await assert.rejects(httpFetch(url, { env: variables, timeoutMs: 60_000 }), HttpError);
    assert.deepEqual(proxy.seen, [], url);
  }
  assert.equal(await (await httpFetch('http://uptime.test/', { env })).text(), 'here');
  assert.deepEqual(
    proxy.seen.map(({ to }) => to),
    ['uptime.test:80'],
  );
  await proxy.stop();
  for (const server of [local, away]) server.stop();
});

test('a proxy that refuses is named, without its password', async () => {
  const proxy = await startTestProxy({}, 'me:right');
  const HTTPS_PROXY = `http://me:wrong-secret@127.0.0.1:${proxy.port}`;
  await assert.rejects(httpFetch('https://uptime.test/', { env: { HTTPS_PROXY } }), (error) => {
    assert.ok(error instanceof HttpError);
    assert.match(error.message, /407.*\(HTTPS_PROXY is http:\/\/127\.0\.0\.1:\d+\)$/);
    assert.doesNotMatch(error.message, /secret/);
    return true;
  });
  await proxy.stop();
});

test('a variable that names no proxy is wrong usage, and its value is not repeated', async () => {
  for (const value of ['socks5://user:hunter2@x', 'http://', 'http://a b'])
    await assert.rejects(
      httpFetch('http://uptime.test/', { env: { http_proxy: value } }),
      (error) => {
        assert.ok(error instanceof UserError);
        assert.equal(error.message, 'http_proxy names no http or https proxy');
        assert.match(error.hint, /http_proxy=http:\/\/HOST:PORT/);
        assert.equal(error.exitCode, 2);
        return true;
      },
    );
  assert.deepEqual(proxiesOf({ http_proxy: '', HTTPS_PROXY: '' }), { http: null, https: null });
});

test('the time limit covers the body, and an abort is passed on as it is', async () => {
  const server = await listen((request, response) => {
    if (request.url === '/body') response.write('x');
  });
  const url = `http://127.0.0.1:${server.port}`;
  await assert.rejects(httpFetch(url, { timeoutMs: 100 }), { message: 'no answer within 100 ms' });
  const answer = await httpFetch(`${url}/body`, { timeoutMs: 500 });
  await assert.rejects(answer.text());
  const abort = new AbortController();
  const asked = httpFetch(url, { signal: abort.signal });
  abort.abort(new Error('Ctrl-C'));
  await assert.rejects(asked, { message: 'Ctrl-C' });
  server.stop();
  const gone = await listen(() => undefined);
  gone.stop();
  await assert.rejects(httpFetch(`http://127.0.0.1:${gone.port}`), {
    name: 'HttpError',
    message: /ECONNREFUSED/,
  });
});
