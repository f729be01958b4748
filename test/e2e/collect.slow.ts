/** A dump collected from a real PostgreSQL, a filesystem storage and a leaderboard: what was put in comes out, and holds. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, test } from 'node:test';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { judge } from '../../e2e/assertions/index.ts';
import { collectDump } from '../../e2e/dump/collect.ts';
import { exportDump } from '../../e2e/dump/export.ts';
import { readDump } from '../../e2e/dump/read.ts';
import { startLeaderboard } from '../../stack/leaderboard/server.ts';
import { openFilesystemReader } from '../../stack/storage/filesystem-reader.ts';
import { storedJson } from '../../stack/storage/go-json.ts';
import { blockPath, submissionFile } from '../../stack/storage/layout.ts';
import { openPostgresReader } from '../../stack/storage/postgres.ts';
import { evidenceOf, golden } from '../support/evidence.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { scratchFolder } from '../support/scratch.ts';
import { configOf } from '../stack/coordinator/support.ts';

let server: PostgresServer;
before(async () => {
  server = await startPostgres({ timezone: 'Pacific/Chatham' });
});
after(() => server?.stop());

/** As psql -f does it. */
async function restore(client: pg.Client, sql: string): Promise<void> {
  for (const part of sql.split(/(^COPY [^]*?^\\\.$)/m)) {
    const copy = /^(COPY .* FROM) stdin;\n([^]*)\\\.$/.exec(part);
    if (copy === null) await client.query(part);
    else await pipeline(Readable.from([copy[2]]), client.query(copyFrom(`${copy[1]} STDIN`)));
  }
}

test('the export restored, collected again and judged', async () => {
  const scratch = scratchFolder();
  const { blocks } = await golden();
  const evidence = await evidenceOf();
  await exportDump(evidence, blocks, join(scratch, 'export'));
  const database = await server.createDatabase();
  await server.withClient(database, (client) =>
    restore(client, readFileSync(join(scratch, 'export', 'dump.sql'), 'utf8')),
  );
  const root = join(scratch, 'storage');
  const write = (path: string, bytes: string | Uint8Array): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes);
  };
  for (const row of evidence.storages.get('filesystem')!)
    write(
      submissionFile(row.submitted_at!, row.submitter!),
      storedJson({
        submittedAt: row.submitted_at!,
        createdAt: row.created_at!,
        submitter: row.submitter!,
        blockHash: row.block_hash!,
        block: Uint8Array.of(),
        peerId: row.peer_id!,
        snarkWork: row.snark_work === true ? '"AAAA"' : null,
        remoteAddr: row.remote_addr!,
        graphqlControlPort: BigInt(row.graphql_control_port!),
        builtWithCommitSha: row.built_with_commit_sha!,
      }),
    );
  for (const [hash, bytes] of blocks) write(blockPath(hash), bytes);
  const log = join(scratch, 'backend.log');
  writeFileSync(log, '{"level":"info","msg":"ready"}\nlast line without an end');

  const config = configOf(server, database);
  const url = new URL(
    `postgres://${config.user}@127.0.0.1:${config.port}/${database}?sslmode=disable`,
  );
  const postgres = await openPostgresReader(url, { PGPASSWORD: config.password });
  const leaderboard = await startLeaderboard({ database: config, log: () => undefined });
  const folder = join(scratch, 'dump');
  try {
    await server.withClient(database, (client) =>
      collectDump(
        {
          head: evidence.head,
          sent: [...evidence.sent].reverse(),
          storages: [
            { name: 'postgres', reader: postgres },
            { name: 'filesystem', reader: openFilesystemReader(root) },
          ],
          range: { from: 0, to: evidence.head.endedMs / 1000 },
          tables: client,
          leaderboard: leaderboard.url,
          logs: [
            { component: 'backend', path: log },
            { component: 'gone', path: join(scratch, 'nowhere.log') },
          ],
          events: evidence.events,
          now: () => evidence.head.endedMs,
        },
        folder,
      ),
    );
  } finally {
    await leaderboard.stop();
    await postgres.close();
  }
  const read = await readDump(folder, [{ name: 'PGPASSWORD', value: config.password }]);
  assert.deepEqual(read.sent, evidence.sent);
  for (const name of ['postgres', 'filesystem'] as const) {
    const rows = [...evidence.storages.get(name)!];
    if (name === 'filesystem') rows.sort((a, b) => (a.where < b.where ? -1 : 1));
    assert.deepEqual(read.storages.get(name), rows, name);
  }
  assert.deepEqual(read.blocks, evidence.blocks);
  const { indexes, ...tables } = read.tables;
  const { indexes: wanted, ...others } = evidence.tables;
  assert.deepEqual(tables, others);
  for (const index of wanted!)
    assert.ok(
      indexes!.some((one) => JSON.stringify(one) === JSON.stringify(index)),
      index.name,
    );
  assert.deepEqual(
    read.logs.map(({ component, lines }) => [component, lines]),
    [['backend', 2], ['gone', 0]],
  ); // prettier-ignore
  // There was neither a hard fork in it nor a disturbance.
  const special = ['fork-rule', 'score-as-sent'];
  for (const judged of judge(read))
    assert.equal(
      judged.outcome,
      special.includes(judged.name) ? 'no data' : 'held',
      JSON.stringify(judged),
    );
});
