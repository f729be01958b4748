/** What is made in a service that is the stack's own, once it is ready: tables, bucket, keyspace. What is there stays. */
import { openS3Client } from '../../system/s3.ts';
import { openPool, URL_WORDS } from '../../system/postgres.ts';
import { createCoordinatorSchema, initCoordinator } from '../coordinator/schema.ts';
import {
  bucketOf,
  type CassandraAddress,
  type PostgresAddress,
  type S3Address,
} from './addresses.ts';
import type { Preparation } from './component.ts';

export async function prepare(preparation: Preparation): Promise<void> {
  switch (preparation.kind) {
    case 'tables':
      return makeTables(preparation.postgres, preparation.startSeconds);
    case 'bucket':
      return makeBucket(preparation.s3);
    case 'keyspace':
      return makeKeyspace(preparation.cassandra);
  }
}

async function makeTables(address: PostgresAddress, startSeconds: number): Promise<void> {
  const pool = await openPool(address, URL_WORDS, { connections: 1, statementMs: 60_000 });
  try {
    const client = await pool.connect();
    try {
      await createCoordinatorSchema(client);
      await initCoordinator(client, startSeconds);
    } finally {
      client.release(true);
    }
  } finally {
    await pool.end();
  }
}

async function makeBucket({ kind, account, suffix, ...access }: S3Address): Promise<void> {
  const { client, sdk } = await openS3Client(access, { tries: 3, sockets: 1 });
  try {
    const Bucket = bucketOf({ kind, account, suffix, ...access });
    await client.send(new sdk.CreateBucketCommand({ Bucket }));
  } catch (error) {
    if (!/^BucketAlready(OwnedByYou|Exists)$/.test((error as Error).name)) throw error;
  } finally {
    client.destroy();
  }
}

async function makeKeyspace({ keyspace, ...node }: CassandraAddress): Promise<void> {
  const { openClient, URL_WORDS: words } = await import('../../system/cassandra.ts');
  const { submissionsTable } = await import('../storage/cassandra.ts');
  const { caFile } = node;
  const client = await openClient(
    { ...node, keyspace, tls: caFile === null ? null : { caFile } },
    words,
  );
  try {
    await client.execute(
      `CREATE KEYSPACE IF NOT EXISTS "${keyspace}" WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
    );
    await client.execute(submissionsTable(keyspace));
  } finally {
    await client.shutdown();
  }
}
