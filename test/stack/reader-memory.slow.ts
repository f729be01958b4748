/**
 * No storage's reader keeps what it has given: many pages, little memory. PostgreSQL's is in postgres.test.ts; Cassandra's and S3's on real servers
 * in cassandra.slow.ts and s3.slow.ts.
 */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { utcText } from '../../mina/created-at.ts';
import { Arrivals } from '../../stack/storage/arrivals.ts';
import { type CqlClient, readRows } from '../../stack/storage/cassandra.ts';
import { openFilesystemReader } from '../../stack/storage/filesystem-reader.ts';
import { storedJson } from '../../stack/storage/go-json.ts';
import { submissionPath } from '../../stack/storage/layout.ts';
import { openS3Reader } from '../../stack/storage/s3.ts';
import { assertConstantMemory } from '../support/memory.ts';
import { startFakeS3, submissionOf, SUBMITTER } from './storage-support.ts';
import { scratchFolder } from '../support/scratch.ts';

const DAY = Date.parse('2026-01-02T00:00:00Z') / 1000;

describe('Arrivals', () => {
  test('gives each result as it comes, and what was rejected', async () => {
    const arrivals = new Arrivals<number>();
    let settle: (value: number) => void = () => undefined;
    arrivals.expect(new Promise((resolve) => (settle = resolve)));
    arrivals.expect(Promise.resolve(2));
    arrivals.expect(Promise.reject(new Error('no')));
    assert.equal(arrivals.expected, 3);
    assert.equal(await arrivals.next(), 2);
    await assert.rejects(arrivals.next(), /^Error: no$/);
    settle(1);
    assert.equal(await arrivals.next(), 1);
    assert.equal(arrivals.expected, 0);
  });

  test('an abort ends a wait, and no listener stays', async () => {
    const stop = new AbortController();
    const arrivals = new Arrivals<number>(stop.signal);
    arrivals.expect(new Promise(() => undefined));
    const waiting = arrivals.next();
    stop.abort(new Error('enough'));
    await assert.rejects(waiting, /enough/);
    await assert.rejects(arrivals.next(), /enough/);
    arrivals.close();
    const other = new AbortController();
    new Arrivals(other.signal).close();
    assert.equal(getEventListeners(other.signal, 'abort').length, 0);
  });
});

/** A driver that has `pages` pages in one partition, and one partition that does not answer until the others are read. */
function fakeCassandra(pages: number, blockBytes: number): CqlClient & { release(): void } {
  let release: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => (release = resolve));
  let rows = 0;
  return {
    release: () => release(),
    execute: (async (_query: string, values: unknown[], options: { pageState?: string }) => {
      const [date, shard] = values as [string, number];
      const page = Number(options.pageState ?? 0);
      if (shard === 1) await slow;
      else await new Promise((turn) => setImmediate(turn));
      if (shard !== 0) return { rows: [], pageState: null };
      const row = {
        submitted_at_date: date,
        shard,
        submitted_at: new Date((DAY + (rows++ % 144)) * 1000),
        submitter: SUBMITTER,
        created_at: new Date(DAY * 1000),
        block_hash: 'HASH',
        raw_block: Buffer.alloc(blockBytes, page),
        peer_id: 'peer',
        snark_work: null,
        graphql_control_port: 0,
        built_with_commit_sha: '',
        remote_addr: null,
      };
      if (page + 1 === pages) release();
      return { rows: [row], pageState: page + 1 < pages ? String(page + 1) : null };
    }) as unknown as CqlClient['execute'],
  };
}
const CASSANDRA = {
  keyspace: 'k',
  host: 'h',
  port: 1,
  credentials: null,
  tls: null,
  datacenter: null,
};

test('Cassandra: 400 pages beside a partition that is slow to answer', async () => {
  const pages = 400;
  const bytesEach = 1 << 20;
  const client = fakeCassandra(pages, bytesEach);
  const stop = new AbortController();
  const range = { from: DAY, to: DAY + 3 * 144 };
  const read = readRows(client, CASSANDRA, ['raw_block'], range, stop.signal);
  await assertConstantMemory(read, { batches: pages, bytesEach });
  assert.equal(getEventListeners(stop.signal, 'abort').length, 0);
});

test('Cassandra: whoever stops early, or is aborted, leaves no listener', async () => {
  const range = { from: DAY, to: DAY + 3 * 144 };
  const stop = new AbortController();
  const first = fakeCassandra(5, 10);
  for await (const rows of readRows(first, CASSANDRA, ['raw_block'], range, stop.signal)) {
    assert.equal(rows.length, 1);
    break;
  }
  first.release();
  assert.equal(getEventListeners(stop.signal, 'abort').length, 0);
  const client = fakeCassandra(5, 10);
  const seen = (async () => {
    for await (const rows of readRows(client, CASSANDRA, ['raw_block'], range, stop.signal)) {
      assert.equal(rows.length, 1);
      stop.abort(new Error('enough'));
    }
  })();
  await assert.rejects(seen, /enough/);
  client.release();
  assert.equal(getEventListeners(stop.signal, 'abort').length, 0);
});

test('filesystem: 20,000 files', async (t) => {
  const folder = scratchFolder(t);
  mkdirSync(join(folder, 'submissions', '2026-01-02'), { recursive: true });
  const bytesEach = 20_000;
  const text = storedJson(submissionOf({ snarkWork: `"${'A'.repeat(bytesEach)}"` }));
  const one = join(folder, 'one');
  writeFileSync(one, text);
  // One file under many names: only its second differs, and that is in the name.
  for (let i = 0; i < 20_000; i++)
    linkSync(one, join(folder, submissionPath(utcText(DAY + i), SUBMITTER)));
  const read = openFilesystemReader(folder).submissions({ from: DAY, to: DAY + 20_000 });
  await assertConstantMemory(read, {
    batches: 20,
    bytesEach: 1000 * bytesEach,
    mayGrowBytes: 48 * 2 ** 20,
  });
});

test('S3: 24 pages of keys', async (t) => {
  const perPage = 50;
  const pages = 24;
  const bytesEach = 60_000;
  const text = storedJson(submissionOf({ snarkWork: `"${'A'.repeat(bytesEach)}"` }));
  const s3 = await startFakeS3((req, res) => {
    const url = new URL(req.url!, 'http://x');
    s3.asked.length = 0;
    if (req.method !== 'GET') return false;
    if (!url.searchParams.has('list-type')) {
      res.end(text);
      return true;
    }
    if (url.searchParams.get('max-keys') === '1') return false;
    const page = Number(url.searchParams.get('continuation-token') ?? 0);
    const keys = Array.from(
      { length: perPage },
      (_, i) =>
        `<Contents><Key>devnet/${submissionPath(utcText(DAY + page * perPage + i), SUBMITTER)}</Key><Size>${text.length}</Size></Contents>`,
    );
    const more = page + 1 < pages;
    res.end(
      `<?xml version="1.0"?><ListBucketResult><IsTruncated>${more}</IsTruncated>${more ? `<NextContinuationToken>${page + 1}</NextContinuationToken>` : ''}${keys.join('')}</ListBucketResult>`,
    );
    return true;
  });
  t.after(() => s3.stop());
  const stop = new AbortController();
  const reader = await openS3Reader(
    new URL(`s3://1-test/devnet?endpoint=${encodeURIComponent(s3.url)}&region=r&path-style=1`),
    { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' },
  );
  const read = reader.submissions({ from: DAY, to: DAY + pages * perPage }, stop.signal);
  await assertConstantMemory(read, { batches: pages, bytesEach: perPage * bytesEach });
  await reader.close();
  assert.equal(getEventListeners(stop.signal, 'abort').length, 0);
});
