/**
 * Storages that fail in the middle of a load: accepted = stored afterwards, or the client was answered something else; and the backend takes
 * submissions again when the storage is back, without being started anew.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import cassandraDriver from 'cassandra-driver';
import getPort from 'get-port';
import pg from 'pg';
import { distFile } from '../../paths.ts';
import type { S3Address } from '../../stack/components/addresses.ts';
import { cassandraIsMissing } from '../../stack/services/cassandra.ts';
import { versitygwIsMissing } from '../../stack/services/versitygw.ts';
import type { RunningStack } from '../../stack/up.ts';
import { contractStack } from '../contract/support.ts';
import { scratchFolder } from '../support/scratch.ts';
import { lostOf, nothingLost, startDisturbedLoad } from './disturbed-load.ts';

const SETTINGS = { checksSignatures: false, faithful: false };
const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .map((name) => join(folder, name));
const commitOf = (text: string): string =>
  (JSON.parse(text) as { built_with_commit_sha: string }).built_with_commit_sha;

async function inPostgres({ addresses }: RunningStack): Promise<string[]> {
  const client = new pg.Client({ ...addresses.postgres!, ssl: false });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      'SELECT built_with_commit_sha AS name FROM submissions',
    );
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

test('PostgreSQL is killed and comes back', async () => {
  const stack = await contractStack(['backend', 'postgres'], { backendPort: 0 }, SETTINGS);
  try {
    const load = startDisturbedLoad(stack.addresses.backend!.url);
    await load.untilAccepted(100);
    await stack.killOne('postgres');
    await load.untilRefused(50);
    await stack.startOne('postgres');
    await load.untilAccepted(100);
    await load.stop();
    assert.deepEqual(stack.running, ['backend', 'postgres']);
    nothingLost(load, await inPostgres(stack));
  } finally {
    await stack.stop();
  }
});

test('the same with --faithful: it accepts what it loses, and the comparison sees it', async () => {
  const stack = await contractStack(['backend', 'postgres'], { backendPort: 0 }, { ...SETTINGS, faithful: true }); // prettier-ignore
  try {
    const load = startDisturbedLoad(stack.addresses.backend!.url);
    await load.untilAccepted(50);
    await stack.killOne('postgres');
    await load.untilAccepted(50);
    await stack.startOne('postgres');
    await load.untilAccepted(50);
    await load.stop();
    const lost = lostOf(load, await inPostgres(stack)).length;
    assert.ok(lost >= 25 && lost < load.accepted.size, `${lost} of ${load.accepted.size}`);
  } finally {
    await stack.stop();
  }
});

/** Between backend and S3. `500` answers so without passing on; `stall` takes the request and says nothing. */
async function startProxy(target: string) {
  let mode: 'pass' | '500' | 'stall' = 'pass';
  const server = createServer((incoming, response) => {
    if (mode === 'stall') return void incoming.resume();
    if (mode === '500') {
      incoming.resume();
      return void response
        .writeHead(500, { 'content-type': 'application/xml' })
        .end('<Error><Code>InternalError</Code></Error>');
    }
    const { hostname, port } = new URL(target);
    const { method, url, headers } = incoming;
    const passed = request({ hostname, port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    incoming.pipe(passed);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    become: (next: typeof mode): void => {
      mode = next;
      // What hangs there is cut when it passes again.
      if (next === 'pass') server.closeAllConnections();
    },
    stop: (): void => void server.close().closeAllConnections(),
  };
}

for (const way of ['500', 'stall'] as const)
  test(`S3 ${way === '500' ? 'answers 500' : 'stalls'} for a while`, { skip: (await versitygwIsMissing(process.env)) ?? false }, async () => {
    const storage = await contractStack(['s3'], {}, SETTINGS);
    const { endpoint, credentials } = storage.addresses.s3 as S3Address;
    const proxy = await startProxy(endpoint!);
    const env = {
      ...process.env,
      AWS_ACCESS_KEY_ID: credentials!.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials!.secretAccessKey,
    };
    const url = `s3://delegation-uptime?endpoint=${encodeURIComponent(proxy.url)}&path-style=1`;
    const stack = await contractStack(['backend'], { backendPort: 0, uses: { s3: { kind: 'url', url } } }, SETTINGS, env);
    try {
      const load = startDisturbedLoad(stack.addresses.backend!.url);
      await load.untilAccepted(100);
      proxy.become(way);
      // Of a stalled one each sender waits for its own.
      await load.untilRefused(way === '500' ? 50 : 4);
      proxy.become('pass');
      await load.untilAccepted(100);
      await load.stop();
      const folder = join(storage.plan.folder, 'data', 's3', 'buckets', 'delegation-uptime', 'testnet', 'submissions');
      nothingLost(load, filesBelow(folder).map((path) => commitOf(readFileSync(path, 'utf8'))));
    } finally {
      await stack.stop();
      proxy.stop();
      await storage.stop();
    }
  }); // prettier-ignore

const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

test('a disk that runs full, and gets room again', { skip: canMount ? false : 'a tmpfs cannot be mounted here' }, async () => {
  const program = join(scratchFolder(), 'backend-on-small-disk.sh');
  // In a mount namespace of its own; nobody else sees the disk, but /proc shows it.
  writeFileSync(program, `#!/bin/sh
exec unshare -rm sh -c 'mount -t tmpfs -o size=6m,nr_inodes=100k none "$CONFIG_FILESYSTEM_PATH" && exec "${process.execPath}" "${distFile('backend.js')}"'
`, { mode: 0o755 });
  const stack = await contractStack(['backend'], {
    backendPort: await getPort({ host: '127.0.0.1' }),
    uses: { backend: { kind: 'command', command: program } },
  }, SETTINGS);
  try {
    const log = readFileSync(stack.logOf('backend'), 'utf8');
    const { pid } = JSON.parse(log.split('\n').find((line) => line.includes('"event":"listening"'))!) as { pid: number };
    const disk = join('/proc', String(pid), 'root', stack.plan.folder, 'data', 'backend');
    const load = startDisturbedLoad(stack.addresses.backend!.url);
    await load.untilAccepted(100);
    const filled = join(disk, 'filled');
    spawnSync('sh', ['-c', 'head -c 10000000 /dev/zero > "$0" 2>/dev/null', filled]);
    await load.untilRefused(50);
    rmSync(filled);
    await load.untilAccepted(100);
    await load.stop();
    nothingLost(load, filesBelow(disk).map((path) => commitOf(readFileSync(path, 'utf8'))));
  } finally {
    await stack.stop();
  }
}); // prettier-ignore

describe('Cassandra', { skip: (await cassandraIsMissing()) ?? false }, () => {
  after(() => {
    // As in cassandra.slow.ts.
    setTimeout(() => process.exit(), 2000).unref();
  });

  test('it is stopped and started again', async () => {
    const stack = await contractStack(['backend', 'cassandra'], { backendPort: 0 }, SETTINGS);
    try {
      const load = startDisturbedLoad(stack.addresses.backend!.url);
      await load.untilAccepted(100);
      await stack.stopOne('cassandra');
      await load.untilRefused(20);
      await stack.startOne('cassandra');
      await load.untilAccepted(100);
      await load.stop();
      const { port, keyspace, credentials } = stack.addresses.cassandra!;
      const client = new cassandraDriver.Client({
        contactPoints: [`127.0.0.1:${port}`],
        localDataCenter: 'datacenter1',
        authProvider: new cassandraDriver.auth.PlainTextAuthProvider(
          credentials!.username,
          credentials!.password,
        ),
      });
      const { rows } = await client.execute(
        `SELECT built_with_commit_sha FROM "${keyspace}".submissions`,
        [],
        { fetchSize: 50_000 },
      );
      await client.shutdown();
      nothingLost(
        load,
        rows.map((row) => row.built_with_commit_sha as string),
      );
    } finally {
      await stack.stop();
    }
  });
});
