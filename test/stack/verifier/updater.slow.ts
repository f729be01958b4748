/** The updater on a real Cassandra with blocks in a real S3: what the backend's own storages wrote is verified and written back. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import cassandra from 'cassandra-driver';
import { openCassandraStorage, submissionsTable } from '../../../stack/storage/cassandra.ts';
import { openS3Storage, s3ConfigOf } from '../../../stack/storage/s3.ts';
import type { AcceptedSubmission } from '../../../stack/storage/storage.ts';
import { updaterConfigOf } from '../../../stack/verifier/updater/config.ts';
import { openUpdater } from '../../../stack/verifier/updater/updater.ts';
import {
  cassandraIsMissing,
  type CassandraServer,
  startCassandra,
} from '../../support/cassandra-server.ts';
import { type S3Server, startS3Server, whyNoS3Server } from '../../support/s3-server.ts';
import { recorded, recordedInput, WITH_WORK, WITHOUT_WORK } from '../../support/verifier.ts';

const skip = (await cassandraIsMissing()) ?? (await whyNoS3Server()) ?? false;

/** Just before a turn of the day, and of a partition. */
const T0 = Date.UTC(2026, 8, 3, 23, 59, 0);
const timeOf = (seconds: number): string =>
  `${new Date(T0 + 1000 * seconds).toISOString().slice(0, 19)}Z`;

function accepted(name: string, seconds: number, submitter?: string): AcceptedSubmission {
  const { submitter: own, data } = recorded(name);
  const { block, blockHash } = recordedInput(name);
  return {
    submittedAt: timeOf(seconds),
    createdAt: timeOf(seconds - 1),
    submitter: submitter ?? own,
    blockHash: blockHash!,
    block: new Uint8Array(block),
    peerId: data.peer_id,
    snarkWork: data.snark_work === undefined ? null : JSON.stringify(data.snark_work),
    remoteAddr: '127.0.0.1:5',
    graphqlControlPort: 3085n,
    builtWithCommitSha: 'c',
  };
}

describe('updater with Cassandra and S3', { skip }, () => {
  let server: CassandraServer;
  let s3: S3Server;
  before(async () => {
    server = await startCassandra();
    s3 = await startS3Server();
    s3.makeBucket('1-test');
  });
  after(async () => {
    await server?.stop();
    await s3?.stop();
    // As in cassandra.slow.ts.
    setTimeout(() => process.exit(), 2000).unref();
  });

  test('rows of both days; a block that a row has not comes from S3; all is written back', async () => {
    const keyspace = await server.createKeyspace();
    await server.execute(submissionsTable(keyspace));
    const access = { username: server.username, password: server.password };
    const storage = await openCassandraStorage({
      keyspace,
      host: '127.0.0.1',
      port: server.port,
      credentials: access,
      tls: { caFile: server.certificate },
      datacenter: null,
    });
    const ownBlocks = await openS3Storage(s3ConfigOf(new URL('s3://1-test/devnet'), s3.env));
    for (const one of [
      accepted(WITHOUT_WORK, -1),
      accepted(WITHOUT_WORK, 0),
      accepted(WITH_WORK, 59),
      accepted(WITH_WORK, 61, 'B62large'),
      accepted(WITHOUT_WORK, 61, 'B62lost'),
      accepted(WITHOUT_WORK, 120),
    ]) {
      await storage.save(one);
      if (one.submitter !== 'B62lost') await ownBlocks.save(one);
    }
    await storage.close();
    await ownBlocks.close();
    const client = new cassandra.Client({
      contactPoints: [`127.0.0.1:${server.port}`],
      localDataCenter: 'datacenter1',
      keyspace,
      authProvider: new cassandra.auth.PlainTextAuthProvider(access.username, access.password),
    });
    const all = async () =>
      (await client.execute('SELECT * FROM submissions')).rows
        .map((row): Record<string, unknown> => ({ ...row }))
        .sort((a, b) =>
          `${Number(a.submitted_at)} ${String(a.submitter)}` <
          `${Number(b.submitted_at)} ${String(b.submitter)}`
            ? -1
            : 1,
        );
    // As the backend leaves a block of more than 1,000,000 bytes; and one that nobody has.
    for (const row of await all())
      if (row.submitter === 'B62large' || row.submitter === 'B62lost')
        await client.execute(
          `UPDATE submissions SET raw_block = null, block_hash = ? WHERE submitted_at_date = ? AND shard = ? AND submitted_at = ? AND submitter = ?`,
          [
            row.submitter === 'B62lost' ? 'ZBnowhere' : row.block_hash,
            ...[row.submitted_at_date, row.shard, row.submitted_at, row.submitter],
          ],
          { prepare: true },
        );
    // No row: a key alone, as a broken writer leaves it.
    await client.execute(
      "INSERT INTO submissions (submitted_at_date, shard, submitted_at, submitter) VALUES ('2026-09-03', 599, ?, 'B62bare')",
      [new Date(T0 + 30_000)],
      { prepare: true },
    );

    const env = {
      ...s3.env,
      SUBMISSION_STORAGE: 'CASSANDRA',
      AWS_KEYSPACE: keyspace,
      CASSANDRA_HOST: '127.0.0.1',
      CASSANDRA_PORT: String(server.port),
      CASSANDRA_USERNAME: access.username,
      CASSANDRA_PASSWORD: access.password,
      SSL_CERTFILE: server.certificate,
      AWS_S3_BUCKET: '1-test',
      NETWORK_NAME: 'devnet',
      NO_CHECKS: '1',
    };
    const log: string[] = [];
    const updater = await openUpdater({
      config: updaterConfigOf(env),
      rule: 'auto',
      strict: false,
      keys: { block: null, transaction: null },
      openProofs: () => assert.fail('no proofs are asked for'),
      env,
      cwd: process.cwd(),
      log: (level, text) => void log.push(`${level}: ${text}`),
    });
    const report = await updater.updateWindow(T0, T0 + 120_000);
    assert.deepEqual([report.read, report.unscannable, report.valid, report.refused], [4, 1, 3, 1]);
    assert.match(log[0], /cannot be scanned: .*'B62bare'.*created_at is NULL/);
    const rows = (await all()).filter(({ submitter }) => submitter !== 'B62bare');
    assert.deepEqual(
      rows.map(({ height, validation_error, verified, raw_block, snark_work }) => [
        height,
        validation_error,
        verified,
        raw_block === null,
        snark_work === null,
      ]),
      [
        [null, null, null, false, true],
        [4, '', true, true, true],
        [7, '', true, true, true],
        [7, '', true, true, true],
        [null, 'Fail to decode block', true, true, true],
        [null, null, null, false, true],
      ],
    );
    // Again: the rows have no blocks of their own now, and those of S3 are found.
    assert.equal((await updater.updateWindow(T0, T0 + 120_000)).valid, 3);
    await updater.close();
    await client.shutdown();
  });
});
