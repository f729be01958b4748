/**
 * Storages that fail in the middle of a load: accepted = stored afterwards, or the client was answered something else; and the backend takes
 * submissions again when the storage is back, without being started anew.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import cassandraDriver from 'cassandra-driver';
import getPort from 'get-port';
import pg from 'pg';
import { killed } from '../../faults/component/kill.ts';
import { stopped } from '../../faults/component/stop.ts';
import { FaultProxy } from '../../faults/proxy/proxy.ts';
import { componentOf } from '../../faults/stack-component.ts';
import { distFile } from '../../paths.ts';
import type { S3Address } from '../../stack/components/addresses.ts';
import { cassandraIsMissing } from '../../stack/services/cassandra.ts';
import { versitygwIsMissing } from '../../stack/services/versitygw.ts';
import type { RunningStack } from '../../stack/up.ts';
import { contractStack } from '../contract/support.ts';
import { scratchFolder } from '../support/scratch.ts';
import { lostOf, nothingLost, startDisturbedLoad } from './disturbed-load.ts';
import { storedNames } from './support-stored.ts';

const SETTINGS = { checksSignatures: false, faithful: false };
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
    const undo = await killed(componentOf(stack, 'postgres'));
    await load.untilRefused(50);
    await undo();
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
    const undo = await killed(componentOf(stack, 'postgres'));
    await load.untilAccepted(50);
    await undo();
    await load.untilAccepted(50);
    await load.stop();
    const lost = lostOf(load, await inPostgres(stack)).length;
    assert.ok(lost >= 25 && lost < load.accepted.size, `${lost} of ${load.accepted.size}`);
  } finally {
    await stack.stop();
  }
});

for (const way of ['500', 'stall'] as const)
  test(`S3 ${way === '500' ? 'answers 500' : 'stalls'} for a while`, { skip: (await versitygwIsMissing(process.env)) ?? false }, async () => {
    const storage = await contractStack(['s3'], {}, SETTINGS);
    const { endpoint, credentials } = storage.addresses.s3 as S3Address;
    const { hostname, port } = new URL(endpoint!);
    const proxy = new FaultProxy({ host: hostname, port: Number(port) }, 1);
    await proxy.listen(0);
    const env = {
      ...process.env,
      AWS_ACCESS_KEY_ID: credentials!.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials!.secretAccessKey,
    };
    const url = `s3://delegation-uptime?endpoint=${encodeURIComponent(`http://127.0.0.1:${proxy.port}`)}&path-style=1`;
    const stack = await contractStack(['backend'], { backendPort: 0, uses: { s3: { kind: 'url', url } } }, SETTINGS, env);
    try {
      const load = startDisturbedLoad(stack.addresses.backend!.url);
      await load.untilAccepted(100);
      await proxy.add(1, way === '500' ? { kind: 'status', status: 500, share: 1 } : { kind: 'stall' });
      // Of a stalled one each sender waits for its own.
      await load.untilRefused(way === '500' ? 50 : 4);
      await proxy.remove(1);
      await load.untilAccepted(100);
      await load.stop();
      const folder = join(storage.plan.folder, 'data', 's3', 'buckets', 'delegation-uptime', 'testnet', 'submissions');
      nothingLost(load, storedNames(folder));
    } finally {
      await stack.stop();
      await proxy.stop();
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
    nothingLost(load, storedNames(disk));
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
      const undo = await stopped(componentOf(stack, 'cassandra'));
      await load.untilRefused(20);
      await undo();
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
