/** A whitelist from a URL: read, bounded in time and size, and what of a server's answers is no list. */
import { unreachableUrl } from '../support/bin-folder.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { makeFleet } from '../../producers/fleet.ts';
import { createLog } from '../../stack/backend/log.ts';
import { readWhitelist } from '../../stack/backend/whitelist.ts';
import { keepWhitelist } from '../../stack/backend/whitelist-keeper.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { startTestProxy } from '../support/tls-target.ts';
import { until } from '../support/until.ts';

const [a, b] = makeFleet({ seed: 'whitelist', count: 2 }).producers.map((p) => p.publicKey);
const list = `name,key\none,${a}\ntwo,${b}\n`;

/** Answers each path in its own way. */
const answers: Record<string, RequestListener> = {
  '/list.csv': (_, res) => res.end(list),
  '/moved': (_, res) => res.writeHead(307, { Location: '/list.csv' }).end(),
  '/missing': (_, res) => res.writeHead(404).end(list),
  '/sign-in': (_, res) =>
    res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(list),
  '/empty': (_, res) => res.end(''),
  '/words': (_, res) => res.end('a\nb\n'),
  '/large': (_, res) => {
    const timer = setInterval(() => res.write('x'.repeat(65_536)), 1);
    res.on('close', () => clearInterval(timer));
  },
  '/stalls': (_, res) => void res.write(list),
  '/silent': () => {},
};
const server = createServer((req, res) => {
  answers[new URL(req.url!, 'http://x').pathname](req, res);
}).listen(0, '127.0.0.1');
await once(server, 'listening');
after(() => server.close().closeAllConnections());
const { port } = server.address() as AddressInfo;
const origin = `http://127.0.0.1:${port}`;

test('a list is read, also behind a redirect and through the proxy of the environment', async () => {
  for (const path of ['/list.csv', '/moved'])
    assert.deepEqual([...(await readWhitelist(origin + path, null)).keys], [a, b]);
  const proxy = await startTestProxy({ 'sheets.test:80': port });
  const env = { HTTP_PROXY: `http://127.0.0.1:${proxy.port}` };
  const { keys } = await readWhitelist('http://sheets.test/list.csv', 1, { env });
  assert.equal(keys.size, 2);
  assert.equal(proxy.seen.length, 1);
  await proxy.stop();
});

test('what is no list is refused in one sentence, without what may be secret in the URL', async () => {
  const short = { timeoutMs: 300, maxBytes: 200_000 };
  for (const [path, why] of [
    ['/missing', 'it is answered with 404'],
    ['/sign-in', 'it is a web page, not a list'],
    ['/large', 'it has more than 200000 bytes'],
    ['/stalls', 'it has not come whole within 300 ms'],
    ['/silent', 'no answer within 300 ms'],
  ])
    await assert.rejects(
      readWhitelist(`http://me:password@127.0.0.1:${port}${path}?key=secret`, null, short),
      (error) => {
        assert.ok(error instanceof UserError);
        assert.equal(error.message, `the whitelist ${origin}${path} cannot be read: ${why}`);
        assert.equal(error.exitCode, EXIT.broken);
        return true;
      },
    );
  await assert.rejects(readWhitelist(`${origin}/empty`, null), {
    message: `the whitelist ${origin}/empty: not one key`,
  });
  await assert.rejects(readWhitelist(`${origin}/words`, null), /2 lines and not one key/);
  await assert.rejects(
    readWhitelist(`${await unreachableUrl()}/x`, null),
    /cannot be read: .*ECONNREFUSED/,
  );
});

test('a list that cannot be read again keeps the old one, with an error in the log', async () => {
  let text = list;
  let isBroken = false;
  answers['/changing'] = (_, res) => res.writeHead(isBroken ? 500 : 200).end(text);
  const lines: string[] = [];
  const log = createLog(
    'info',
    (line) => lines.push(line),
    () => new Date(0),
  );
  const file = `${origin}/changing?key=secret`;
  const keys = await keepWhitelist({ file, column: null, refreshMs: 10 }, log);
  assert.deepEqual([...keys()!], [a, b]);
  assert.match(lines[0], /number of BPs: 2","file":"http:\/\/127\.0\.0\.1:\d+\/changing"/);
  isBroken = true;
  await until(() => lines.some((line) => line.includes('"level":"error"')));
  assert.match(lines.at(-1)!, /using previous one, error: the whitelist .* answered with 500"/);
  assert.deepEqual([...keys()!], [a, b]);
  [text, isBroken] = [`${b}\n`, false];
  await until(() => keys()!.size === 1);
  assert.deepEqual([...keys()!], [b]);
  assert.ok(!lines.join('').includes('secret'));
});
