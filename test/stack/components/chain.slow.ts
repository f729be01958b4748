/** The whole chain embedded: a submission is stored, verified, counted, and shown, with each storage; another process stops the coordinator and starts it again. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import pg from 'pg';
import type { PostgresAddress } from '../../../stack/components/addresses.ts';
import type { ComponentName } from '../../../stack/components/component.ts';
import type { Uses } from '../../../stack/components/use.ts';
import { cassandraIsMissing } from '../../../stack/services/cassandra.ts';
import { POSTGRES_VERSIONS } from '../../../stack/services/postgres-versions.ts';
import { versitygwIsMissing } from '../../../stack/services/versitygw.ts';
import { openStack, type RunningStack } from '../../../stack/up.ts';
import { processesWith } from '../../../system/process-identity.ts';
import { contractStack } from '../../contract/support.ts';
import { readRecorded, RECORDED_NAMES } from '../../support/recorded.ts';
import { until } from '../../support/until.ts';

const SETTINGS = { checksSignatures: false, faithful: false, intervalSeconds: 3, miniBatches: 2 };

async function chain(components: readonly ComponentName[], uses: Uses = {}): Promise<void> {
  const stack = await contractStack(components, { backendPort: 0, uses }, SETTINGS);
  const { folder, stack: name } = stack.plan;
  try {
    const { backend, leaderboard, postgres } = stack.addresses;
    if (uses.postgres?.kind === 'embedded')
      assert.match(await versionOf(postgres!), new RegExp(`^${uses.postgres.version}\\.`));
    const submit = async (recorded: string): Promise<string> => {
      const body = readRecorded(recorded);
      const response = await fetch(`${backend!.url}/v1/submit`, { method: 'POST', body });
      assert.equal(response.status, 200, await response.text());
      return (JSON.parse(body) as { submitter: string }).submitter;
    };
    const scored = (key: string): Promise<void> =>
      until(
        async () => (await fetch(`${leaderboard!.url}/uptimescore/${key}`)).status === 200,
        `a score of ${key}`,
      );
    await scored(await submit(RECORDED_NAMES[0]));
    // As another process does it, on another day.
    await stack.release();
    const taken = await taking(folder);
    await taken.stopOne('coordinator');
    assert.ok(!taken.isUp('coordinator') && taken.isUp('backend'));
    const late = await submit(RECORDED_NAMES[1]);
    await taken.startOne('coordinator');
    await scored(late);
    await taken.stop();
    assert.deepEqual(processesWith({ DELEGATION_TOOLKIT_STACK: name }), []);
    assert.deepEqual(readdirSync(folder), ['logs']);
    assert.ok(existsSync(join(folder, 'logs', 'verifier.log')));
  } finally {
    await (await openStack(folder, { env: process.env }))?.stop();
  }
}

async function versionOf(address: PostgresAddress): Promise<string> {
  const { host, port, user, password, database } = address;
  const client = new pg.Client({ host, port, user, password, database });
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
    return rows[0].server_version;
  } finally {
    await client.end();
  }
}

async function taking(folder: string): Promise<RunningStack> {
  const taken = await openStack(folder, { env: process.env });
  assert.ok(taken !== null);
  return taken;
}

const ALL: ComponentName[] = ['backend', 'coordinator', 'leaderboard'];

for (const version of POSTGRES_VERSIONS)
  test(`PostgreSQL ${version}, blocks in a folder`, () =>
    chain(ALL, { postgres: { kind: 'embedded', version } }));
test('PostgreSQL and S3', { skip: (await versitygwIsMissing(process.env)) ?? false }, () =>
  chain([...ALL, 's3']),
);

describe('Cassandra', { skip: (await cassandraIsMissing()) ?? false }, () => {
  after(() => {
    // As in cassandra.slow.ts.
    setTimeout(() => process.exit(), 2000).unref();
  });
  test('submissions in Cassandra, blocks beside them', () => chain([...ALL, 'cassandra']));
});
