/** One way to S3: what the environment says, and for which region requests are signed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { loadConfig } from '../../stack/backend/config.ts';
import { openStorageReader } from '../../stack/storage/storage-url.ts';
import { openS3Storage, s3ConfigOf } from '../../stack/storage/s3.ts';
import { openS3Client, s3AccessOf } from '../../system/s3.ts';
import { UserError } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';

test('the environment, as the AWS command line reads it', () => {
  const access = (env: Record<string, string>, given = {}) => {
    const { region, endpoint, pathStyle } = s3AccessOf(env, given);
    return [region, endpoint, pathStyle];
  };
  assert.deepEqual(access({}), [null, null, false]);
  assert.deepEqual(access({ AWS_DEFAULT_REGION: 'a' }), ['a', null, false]);
  assert.deepEqual(access({ AWS_REGION: 'b', AWS_DEFAULT_REGION: 'a' }), ['b', null, false]);
  assert.deepEqual(access({ AWS_REGION: '', AWS_DEFAULT_REGION: 'a' }), ['a', null, false]);
  const urls = { AWS_ENDPOINT_URL: 'http://all:1', AWS_ENDPOINT_URL_S3: 'http://s3:1' };
  assert.deepEqual(access(urls), [null, 'http://s3:1', false]);
  assert.deepEqual(access({ ...urls, AWS_ENDPOINT_URL_S3: '' }), [null, 'http://all:1', false]);
  const ignored = { ...urls, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' };
  assert.deepEqual(access(ignored), [null, null, false]);
  assert.deepEqual(access(ignored, { endpoint: 'http://url:1' }), [null, 'http://url:1', false]);
  const style = { AWS_S3_FORCE_PATH_STYLE: '1' };
  assert.deepEqual(access(style), [null, null, true]);
  assert.deepEqual(access(style, { pathStyle: '0', region: 'r' }), ['r', null, false]);
  for (const name of ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3'])
    assert.throws(
      () => access({ [name]: 'localhost:9000' }),
      (error) =>
        error instanceof UserError &&
        error.exitCode === 2 &&
        error.message === `${name} must be an http or https URL, but is "localhost:9000"`,
    );
});

/** A server that takes everything, and what the requests were signed for. */
async function signedFor(t: TestContext) {
  const regions: string[] = [];
  const server = createServer((request, response) => {
    const scope = /Credential=[^/]+\/\d{8}\/([^/]+)\//.exec(request.headers.authorization ?? '');
    regions.push(scope?.[1] ?? 'unsigned');
    response.setHeader('content-type', 'application/xml');
    response.end('<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { regions, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const KEYS = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' };

/** The SDK itself looks into this process's environment and the user's files. */
function withoutProfiles(t: TestContext, config = ''): void {
  const folder = scratchFolder(t);
  writeFileSync(join(folder, 'config'), config);
  const changes = {
    AWS_CONFIG_FILE: join(folder, 'config'),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
    AWS_REGION: undefined,
    AWS_PROFILE: undefined,
  };
  const before = Object.fromEntries(Object.keys(changes).map((name) => [name, process.env[name]]));
  const apply = (values: Record<string, string | undefined>) => {
    for (const [name, value] of Object.entries(values))
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  };
  apply(changes);
  t.after(() => apply(before));
}

test('reader and embedded backend sign for the same region, AWS_DEFAULT_REGION included', async (t) => {
  withoutProfiles(t);
  for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION'])
    for (const endpoint of ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL']) {
      const s3 = await signedFor(t);
      const env = {
        ...KEYS,
        [name]: 'us-west-2',
        [endpoint]: s3.url,
        AWS_S3_FORCE_PATH_STYLE: '1',
      };
      const reader = await openStorageReader('s3://bucket/net', env);
      await reader.close();
      const { storages } = loadConfig({
        ...env,
        CONFIG_NETWORK_NAME: 'net',
        AWS_ACCOUNT_ID: '1',
        AWS_BUCKET_NAME_SUFFIX: 'x',
        DELEGATION_WHITELIST_DISABLED: '1',
      });
      assert.ok(storages[0].kind === 's3');
      await (await openS3Storage(storages[0])).close();
      assert.deepEqual(s3.regions, ['us-west-2', 'us-west-2'], `${name} ${endpoint}`);
    }
});

test('without a region: that of the profile, else a word, or a refusal where AWS itself is asked', async (t) => {
  withoutProfiles(t);
  const s3 = await signedFor(t);
  const url = new URL(`s3://bucket/net?endpoint=${s3.url}&path-style=1`);
  const storage = await openS3Storage(s3ConfigOf(url, KEYS));
  assert.equal(
    storage.name,
    `S3 bucket/net at ${s3.url}, signed for us-east-1 because no region is set`,
  );
  await storage.close();
  assert.deepEqual(s3.regions, ['us-east-1']);
  await assert.rejects(openS3Client(s3AccessOf(KEYS), { tries: 1, sockets: 1 }), {
    message: /there is no AWS region to sign for/,
    hint: /AWS_REGION or AWS_DEFAULT_REGION/,
  });
});

test('the region of a profile', async (t) => {
  withoutProfiles(t, '[default]\nregion = eu-north-1\n');
  const opened = await openS3Client(s3AccessOf(KEYS), { tries: 1, sockets: 1 });
  assert.deepEqual([opened.region, opened.regionIsAssumed], ['eu-north-1', false]);
  opened.client.destroy();
});
