/**
 * A program for a test: in a place where `localhost` is 127.0.0.1 and ::1, it asks a backend that listens at ::1 only, and lets k6 ask it.
 * Argument: a folder to write into.
 */
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startK6 } from '../../../load/k6/run.ts';
import { askTargets, checkIsBackend } from '../../../load/target/target.ts';
import { PLAIN_TRANSPORT } from '../../../load/target/transport.ts';
import { k6Path } from '../../support/k6.ts';

const folder = process.argv[2];

async function backendAt(host: string): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    if (request.method === 'GET') response.end('hello');
    else response.writeHead(400).end('{"error":"empty"}');
  }).listen(0, host);
  await once(server, 'listening');
  return { server, url: `http://localhost:${(server.address() as AddressInfo).port}` };
}

const six = await backendAt('::1').catch(() => {
  console.log('no ::1');
  process.exit(0);
});
const four = await backendAt('127.0.0.1');
const targetOf = ({ url }: { url: string }) => ({ url, weight: 1 });

console.log(`question ${(await checkIsBackend(six.url)).otherFamily}`);
const transport = await askTargets([targetOf(six)], PLAIN_TRANSPORT);
console.log(`k6 prefers IPv6: ${transport.prefersIpv6}`);

mkdirSync(join(folder, 'run'));
writeFileSync(
  join(folder, 'script.js'),
  `import http from 'k6/http'; export default () => console.error(http.get('${six.url}').status);`,
);
writeFileSync(join(folder, 'plan'), '{}');
const k6 = await startK6({
  k6Path: await k6Path(),
  bundlePath: join(folder, 'script.js'),
  planPath: join(folder, 'plan'),
  runFolder: join(folder, 'run'),
  memory: { goGc: 100, limitBytes: 500e6 },
  transport,
  onSampleBytes: () => undefined,
});
await k6.done;
const log = readFileSync(join(folder, 'run/k6.log'), 'utf8').trim().split('\n');
console.log(`k6 ${(JSON.parse(log[0]) as { msg: string }).msg}`);

await askTargets([targetOf(six), targetOf(four)], PLAIN_TRANSPORT).catch((error: Error) =>
  console.log(error.message.replace(/:\d+/g, ':PORT')),
);
for (const { server } of [six, four]) {
  server.closeAllConnections();
  server.close();
}
