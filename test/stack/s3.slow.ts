/** The S3 storage, both ends, on a real server (versitygw), and the backend that writes to it. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openS3Reader, openS3Storage, s3ConfigOf } from '../../stack/storage/s3.ts';
import { openStorageReader } from '../../stack/storage/storage-url.ts';
import { UserError } from '../../user-error.ts';
import { assertConstantMemory } from '../support/memory.ts';
import { type S3Server, startS3Server, whyNoS3Server } from '../support/s3-server.ts';
import { ALL, checkRoundTrip, readAll, storedOf, submissionOf } from './storage-support.ts';

const skip = (await whyNoS3Server()) ?? false;

describe('a real S3 server', { skip }, () => {
  let server: S3Server;
  let networks = 0;
  const newPlace = (): URL => new URL(`s3://1-test/network-${networks++}`);
  before(async () => {
    server = await startS3Server();
    server.makeBucket('1-test');
  });
  after(() => server.stop());

  test('whatever is written is read back: every field, exact ranges, the blocks', () =>
    checkRoundTrip(async () => {
      const url = newPlace();
      return {
        storage: await openS3Storage(s3ConfigOf(url, server.env)),
        reader: await openS3Reader(url, server.env),
      };
    }, 20));

  test('keeps the last of one submitter and second; a block stays as it is', async () => {
    const url = newPlace();
    const storage = await openS3Storage(s3ConfigOf(url, server.env), () => 0);
    await storage.save(submissionOf());
    const other = await openS3Storage(s3ConfigOf(url, server.env));
    const second = submissionOf({ peerId: 'second', block: Uint8Array.of(9) });
    assert.deepEqual(await other.save(second), { stored: true });
    const reader = await openS3Reader(url, server.env);
    assert.equal(reader.keeps, 'last');
    const [got, ...more] = await readAll(reader);
    assert.deepEqual(more, []);
    const { where, bytes, ...rest } = got as { where: string; bytes: number };
    assert.deepEqual(rest, storedOf(second));
    assert.ok(where.startsWith('submissions/2026-01-02/') && bytes > 0);
    assert.deepEqual(await reader.block!('HASH'), Buffer.of(1, 2, 3));
    assert.equal(await reader.block!('../x'), null);
    await Promise.all([storage.close(), other.close(), reader.close()]);
  });

  test('more than a page of keys, what is unreadable among them, and objects of others', async () => {
    const url = newPlace();
    const storage = await openS3Storage(s3ConfigOf(url, server.env));
    for (let i = 0; i < 1100; i += 100)
      await Promise.all(
        Array.from({ length: 100 }, (_, k) =>
          storage.save(submissionOf({ submitter: `S${i + k}` })),
        ),
      );
    await storage.close();
    const root = join(server.folder, '1-test', url.pathname);
    const day = join(root, 'submissions', '2026-01-02');
    writeFileSync(join(day, '2026-01-02T03:04:05Z-cut.json'), '{"created_at":');
    writeFileSync(join(day, '2026-01-02T03:04:05Z.txt'), 'x');
    mkdirSync(join(root, 'submissions', 'old'));
    writeFileSync(join(root, 'submissions', 'old', 'x.json'), 'x');
    const reader = await openS3Reader(url, server.env);
    const got = await readAll(reader);
    const bad = got.filter((each) => 'fault' in each);
    assert.equal(got.length - bad.length, 1100);
    assert.equal(new Set(got.map(({ where }) => where)).size, got.length);
    const faults = Object.fromEntries(bad.map(({ where, fault }) => [where, fault]));
    assert.equal(bad.length, 2);
    assert.match(faults['submissions/2026-01-02/2026-01-02T03:04:05Z-cut.json'], /^it is not JSON/);
    assert.match(faults['submissions/2026-01-02/2026-01-02T03:04:05Z.txt'], /^its name is not/);
    const stop = new AbortController();
    stop.abort(new Error('stopped'));
    await assert.rejects(readAll(reader, ALL, stop.signal), /stopped/);
    await reader.close();
  });

  test('memory does not grow with the objects: 4 pages of keys', async () => {
    const url = newPlace();
    const storage = await openS3Storage(s3ConfigOf(url, server.env));
    const snarkWork = `"${'A'.repeat(40_000)}"`;
    for (let i = 0; i < 4000; i += 100)
      await Promise.all(
        Array.from({ length: 100 }, (_, k) =>
          storage.save(submissionOf({ submitter: `S${i + k}`, snarkWork })),
        ),
      );
    await storage.close();
    const reader = await openS3Reader(url, server.env);
    await assertConstantMemory(reader.submissions(ALL), {
      batches: 4,
      bytesEach: 40_000_000,
      mayGrowBytes: 28 * 2 ** 20,
    });
    await reader.close();
  });

  test('wrong bucket, wrong secret, unknown key: each says so', async () => {
    const open = (text: string, env: Record<string, string>): Promise<unknown> =>
      openStorageReader(text, { ...server.env, ...env });
    for (const [text, env, message] of [
      ['s3://2-test/n', {}, /there is no bucket 2-test/],
      ['s3://1-test/n', { AWS_SECRET_ACCESS_KEY: 'wrong' }, /SignatureDoesNotMatch/],
      ['s3://1-test/n', { AWS_ACCESS_KEY_ID: 'wrong' }, /access key/],
    ] as const)
      await assert.rejects(
        open(text, env),
        (error) =>
          error instanceof UserError &&
          message.test(error.message) &&
          !error.message.includes(server.env.AWS_SECRET_ACCESS_KEY),
      );
  });

  test('the server going away is an error of reading, not an empty storage', async () => {
    const own = await startS3Server();
    own.makeBucket('1-test');
    const url = newPlace();
    const storage = await openS3Storage(s3ConfigOf(url, own.env));
    await storage.save(submissionOf());
    await storage.close();
    const reader = await openS3Reader(url, own.env);
    await own.stop();
    await assert.rejects(readAll(reader), UserError);
    await assert.rejects(reader.block!('HASH'), UserError);
    await reader.close();
  });
});
