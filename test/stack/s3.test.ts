/** The S3 storage against an endpoint that fails on purpose. Against a real server: s3.slow.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openS3Storage } from '../../stack/storage/s3.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { storedJson } from '../../stack/storage/go-json.ts';
import { fakeS3Config, startFakeS3, submissionOf, SUBMITTER } from './storage-support.ts';

const SUBMISSION = `/1-test/devnet/submissions/2026-01-02/2026-01-02T03:04:05Z-${SUBMITTER}.json`;
const BLOCK = '/1-test/devnet/blocks/HASH.dat';

test('writes the original’s keys: the block unless it is there, then the submission', async () => {
  const s3 = await startFakeS3(() => false);
  let nowMs = 0;
  const storage = await openS3Storage(fakeS3Config(s3.url), () => nowMs);
  assert.ok(storage.name.includes('1-test/devnet') && !storage.name.includes('secret'));
  assert.deepEqual(await storage.save(submissionOf()), { stored: true });
  assert.deepEqual(s3.asked.slice(1), [`HEAD ${BLOCK}`, `PUT ${BLOCK}`, `PUT ${SUBMISSION}`]);
  assert.deepEqual(s3.objects.get(BLOCK), Buffer.of(1, 2, 3));
  assert.equal(s3.objects.get(SUBMISSION)!.toString(), storedJson(submissionOf()));

  // Known for a second, then looked for, and not written again.
  await storage.save(submissionOf({ peerId: 'other' }));
  assert.deepEqual(s3.asked.slice(4), [`PUT ${SUBMISSION}`]);
  assert.match(s3.objects.get(SUBMISSION)!.toString(), /"peer_id":"other"/);
  nowMs = 1001;
  await storage.save(submissionOf());
  assert.deepEqual(s3.asked.slice(5), [`HEAD ${BLOCK}`, `PUT ${SUBMISSION}`]);
  await storage.close();
  await s3.stop();
});

test('one block at the same time from many is written once', async () => {
  const s3 = await startFakeS3(() => false);
  const storage = await openS3Storage(fakeS3Config(s3.url));
  const saves = Array.from({ length: 20 }, (_, i) =>
    storage.save(submissionOf({ submitter: `S${i}` })),
  );
  await storage.close();
  await Promise.all(saves);
  assert.equal(s3.asked.filter((each) => each === `PUT ${BLOCK}`).length, 1);
  assert.equal(s3.objects.size, 21);
  await s3.stop();
});

test('tries again what may pass, and gives up what does not', async () => {
  let failures = 2;
  let status = 503;
  const s3 = await startFakeS3((req, res) => {
    if (req.method !== 'PUT' || failures-- <= 0) return false;
    res.statusCode = status;
    res.end(`<Error><Code>${status === 503 ? 'SlowDown' : 'AccessDenied'}</Code></Error>`);
    return true;
  });
  const storage = await openS3Storage(fakeS3Config(s3.url), () => 0);
  assert.deepEqual(await storage.save(submissionOf()), { stored: true });
  assert.ok(s3.objects.has(SUBMISSION) && s3.objects.has(BLOCK));

  failures = Infinity;
  const before = s3.asked.length;
  await assert.rejects(
    storage.save(submissionOf({ submitter: 'S1' })),
    (error) => error instanceof UserError && /SlowDown/.test(error.message),
  );
  assert.equal(s3.asked.length - before, 4);

  status = 403;
  const late = s3.asked.length;
  await assert.rejects(storage.save(submissionOf({ submitter: 'S2' })), /AccessDenied/);
  assert.equal(s3.asked.length - late, 1);
  await storage.close();
  await s3.stop();
});

test('a start without bucket, rights or server says which', async () => {
  let code = '';
  const s3 = await startFakeS3((req, res) => {
    if (req.method !== 'GET' || code === '') return false;
    res.statusCode = code === 'NoSuchBucket' ? 404 : 403;
    res.end(`<Error><Code>${code}</Code><Message>told so</Message></Error>`);
    return true;
  });
  for (const [each, message, hint] of [
    ['NoSuchBucket', /there is no bucket 1-test/, /AWS_BUCKET_NAME_SUFFIX/],
    ['SignatureDoesNotMatch', /SignatureDoesNotMatch: told so/, /AWS_SECRET_ACCESS_KEY/],
  ] as const) {
    code = each;
    await assert.rejects(openS3Storage(fakeS3Config(s3.url)), (error) => {
      assert.ok(error instanceof UserError && error.exitCode === EXIT.broken);
      assert.match(error.message, message);
      assert.match(error.hint, hint);
      return true;
    });
  }
  // Whoever may only put is let in.
  code = 'AccessDenied';
  await (await openS3Storage(fakeS3Config(s3.url))).close();
  await s3.stop();
  await assert.rejects(
    openS3Storage(fakeS3Config(s3.url)),
    (error) => error instanceof UserError && /ECONNREFUSED/.test(error.message),
  );
});
