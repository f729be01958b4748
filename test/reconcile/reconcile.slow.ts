/** The suite of lies on the real servers: PostgreSQL, S3 (versitygw) and Cassandra. On the filesystem: reconcile.test.ts. */
import { after, before, describe } from 'node:test';
import {
  openCassandraReader,
  openCassandraStorage,
  submissionsTable,
} from '../../stack/storage/cassandra.ts';
import { createSubmissionsTable } from '../../stack/storage/postgres-schema.ts';
import { openPostgresReader, openPostgresStorage } from '../../stack/storage/postgres.ts';
import { openS3Reader, openS3Storage, s3ConfigOf } from '../../stack/storage/s3.ts';
import {
  cassandraIsMissing,
  type CassandraServer,
  startCassandra,
} from '../support/cassandra-server.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { type S3Server, startS3Server, whyNoS3Server } from '../support/s3-server.ts';
import { crookedSuite } from './suite.ts';

describe('PostgreSQL', () => {
  let server: PostgresServer;
  before(async () => {
    server = await startPostgres({ tls: true, timezone: 'Pacific/Chatham' });
  });
  after(() => server?.stop());

  crookedSuite({
    name: 'PostgreSQL',
    blocks: 'none',
    async open() {
      const database = await server.createDatabase();
      await server.withClient(database, createSubmissionsTable);
      const { user, password, port } = server;
      return {
        writer: await openPostgresStorage({
          host: '127.0.0.1',
          port,
          user,
          password,
          database,
          sslmode: 'require',
          sslRootCert: null,
        }),
        openReader: () =>
          openPostgresReader(new URL(`postgres://${user}@127.0.0.1:${port}/${database}`), {
            PGPASSWORD: password,
          }),
        verify: () =>
          server.withClient(database, async (client) => {
            await client.query(
              "UPDATE submissions SET snark_work = NULL, state_hash = '3N', parent = '3P', height = 1, slot = 1, verified = TRUE",
            );
          }),
      };
    },
  });
});

describe('S3', { skip: (await whyNoS3Server()) ?? false }, () => {
  let server: S3Server;
  let networks = 0;
  before(async () => {
    server = await startS3Server();
    server.makeBucket('1-test');
  });
  after(() => server?.stop());

  crookedSuite({
    name: 'S3',
    blocks: 'by hash',
    async open() {
      const url = new URL(`s3://1-test/network-${networks++}`);
      return {
        writer: await openS3Storage(s3ConfigOf(url, server.env)),
        openReader: () => openS3Reader(url, server.env),
      };
    },
  });
});

describe('Cassandra', { skip: (await cassandraIsMissing()) ?? false }, () => {
  let server: CassandraServer;
  before(async () => {
    server = await startCassandra();
  });
  after(() => server?.stop());

  crookedSuite({
    name: 'Cassandra',
    blocks: 'beside',
    async open() {
      const keyspace = await server.createKeyspace();
      await server.execute(submissionsTable(keyspace));
      const { username, password, port } = server;
      const openReader = () =>
        openCassandraReader(
          new URL(`cassandra://${username}@127.0.0.1:${port}/${keyspace}?tls=0`),
          { CASSANDRA_PASSWORD: password },
        );
      return {
        writer: await openCassandraStorage({
          keyspace,
          host: '127.0.0.1',
          port,
          credentials: { username, password },
          tls: { caFile: server.certificate },
          datacenter: null,
        }),
        openReader,
        async verify() {
          const reader = await openReader();
          for await (const rows of reader.submissions({ from: 0, to: 2 ** 40 }))
            for (const { where } of rows) {
              // `submissions (date, shard, second, submitter)`: its primary key.
              const [, date, shard, second, submitter] = /\('(.*)', (\d+), (\d+), '(.*)'\)/.exec(
                where,
              )!;
              await server.execute(
                `UPDATE "${keyspace}".submissions SET snark_work = null, raw_block = null, state_hash = '3N', verified = true
                 WHERE submitted_at_date = '${date}' AND shard = ${shard} AND submitted_at = ${second}000 AND submitter = '${submitter}'`,
              );
            }
          await reader.close();
        },
      };
    },
  });
});
