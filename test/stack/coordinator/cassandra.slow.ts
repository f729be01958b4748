/** The coordinator with its submissions in a real Cassandra: recorded runs of the real one, the same tables. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  openCassandraSource,
  type SourceRow,
} from '../../../stack/coordinator/cassandra-source.ts';
import { submissionsTable } from '../../../stack/storage/cassandra.ts';
import { openClient, URL_WORDS } from '../../../system/cassandra.ts';
import {
  cassandraIsMissing,
  type CassandraServer,
  startCassandra,
} from '../../support/cassandra-server.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';
import { checkRecordedRun } from './source-suite.ts';

const skip = (await cassandraIsMissing()) ?? false;

describe('coordinator on Cassandra', { skip }, () => {
  let cassandra: CassandraServer;
  let postgres: PostgresServer;
  before(async () => {
    [cassandra, postgres] = await Promise.all([startCassandra(), startPostgres()]);
  });
  after(async () => {
    await cassandra?.stop();
    await postgres?.stop();
    // As in cassandra.slow.ts.
    setTimeout(() => process.exit(), 2000).unref();
  });

  for (const name of ['healthy', 'lagging'] as const)
    for (const faithful of [true, false])
      test(`recorded run ${name}, ${faithful ? 'faithful' : 'default'}`, async () => {
        const keyspace = await cassandra.createKeyspace();
        await cassandra.execute(submissionsTable(keyspace));
        const config = {
          keyspace,
          host: '127.0.0.1',
          port: cassandra.port,
          credentials: { username: cassandra.username, password: cassandra.password },
          tls: { caFile: cassandra.certificate },
          datacenter: null,
        };
        const client = await openClient(config, URL_WORDS);
        const source = await openCassandraSource(config, URL_WORDS);
        const insert = `INSERT INTO "${keyspace}".submissions (submitted_at_date, shard, submitted_at, submitter, created_at, block_hash, remote_addr, peer_id,
             graphql_control_port, built_with_commit_sha, state_hash, parent, height, slot, validation_error, verified)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
        const add = async (rows: readonly SourceRow[]): Promise<void> => {
          for (const row of rows) {
            const time = new Date(row.submittedAtUs / 1000);
            const shard = Math.floor(((row.submittedAtUs / 1e6) % 86_400) / 144);
            const createdAt = row.createdAtUs === null ? null : new Date(row.createdAtUs / 1000);
            await client.execute(insert, [
              ...[time.toISOString().slice(0, 10), shard, time, row.submitter, createdAt],
              ...[row.blockHash, row.remoteAddr, row.peerId, row.port, row.commit],
              ...[row.stateHash, row.parent, row.height, row.slot, row.error, row.verified],
            ]);
          }
        };
        try {
          await checkRecordedRun(postgres, name, faithful, { source, add });
          assert.match(source.name, /^Cassandra 127\.0\.0\.1/);
        } finally {
          await source.close();
          await client.shutdown();
        }
      });
});
