/** `--storage URL`: every form, and every sentence that refuses one. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStorageReader, storageUrlProblem } from '../../stack/storage/storage-url.ts';
import { s3ConfigOf } from '../../stack/storage/s3.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';

const base = join(scratchFolder(), 'storage url %');
mkdirSync(base);

test('all forms that are right', () => {
  for (const text of [
    '/srv/uptime',
    'file:/srv/uptime',
    'file:///srv/uptime',
    'FILE:/srv/uptime',
    'file:/srv/a%20b@c:d',
    's3://123-bucket/devnet',
    's3://123-bucket/devnet/',
    's3://123-bucket/devnet?endpoint=http://127.0.0.1:9000&region=us-west-2&path-style=1',
    'postgres://user@db/coordinator',
    'postgresql://user@127.0.0.1:5433/coordinator?sslmode=disable',
    'postgres://user@[::1]/coordinator?sslmode=verify-full',
    'postgres://user%40host@db/coordinator',
    'cassandra://node/keyspace',
    'cassandra://user@node:9042/keyspace?tls=0&datacenter=dc1&ca=/etc/ca.pem',
  ])
    assert.equal(storageUrlProblem(text), null, text);
});

test('what is wrong is said in one sentence', () => {
  const kinds = 'must be an absolute path, or a URL with file:, s3:, postgres: or cassandra:';
  const cases: [string, string][] = [
    ['', `${kinds}, but is ""`],
    ['storage', `${kinds}, but is "storage"`],
    ['mysql://u@h/d', `${kinds}, but is mysql:`],
    ['file:srv', 'must be an absolute path after file:, but is "file:srv"'],
    ['file:/srv?x', 'takes nothing after the path (write ? as %3F, # as %23): "file:/srv?x"'],
    ['s3:bucket/devnet', 'must have the form s3://BUCKET/NETWORK, but is "s3:bucket/devnet"'],
    ['s3://bucket', 'must have the form s3://BUCKET/NETWORK, but is "s3://bucket"'],
    ['s3://bucket/', 'must have the form s3://BUCKET/NETWORK, but is "s3://bucket/"'],
    ['s3://B/devnet', 'has no bucket name: "B"'],
    ['s3://bucket:9000/devnet', 'takes no port after the bucket; give ?endpoint=http://HOST:PORT'],
    [
      's3://bucket/d?endpoint=ftp://x',
      'needs endpoint to be an http or https URL, but it is "ftp://x"',
    ],
    ['s3://bucket/d?path-style=yes', 'needs path-style to be 0 or 1, but it is "yes"'],
    ['s3://bucket/d?region=', 'needs region to not be empty, but it is ""'],
    ['s3://bucket/d?region=a&region=b', 'has the parameter "region" 2 times'],
    [
      's3://bucket/d?style=1',
      'does not know the parameter "style"; it takes endpoint, region or path-style',
    ],
    [
      's3://bucket/d?constructor=1',
      'does not know the parameter "constructor"; it takes endpoint, region or path-style',
    ],
    [
      'postgres://db/coordinator',
      'must have the form postgres://USER@HOST/DATABASE, but is "postgres://db/coordinator"',
    ],
    [
      'postgres://u@db',
      'must have the form postgres://USER@HOST/DATABASE, but is "postgres://u@db"',
    ],
    [
      'postgres://u@db/a/b',
      'must have the form postgres://USER@HOST/DATABASE, but is "postgres://u@db/a/b"',
    ],
    [
      'postgres://u@db:99999/a',
      'must have the form postgres://USER@HOST/DATABASE, but is "postgres://u@db:99999/a"',
    ],
    [
      'postgres://u@db/a?sslmode=on',
      'needs sslmode to be disable, allow, prefer, require, no-verify, verify-ca or verify-full, but it is "on"',
    ],
    [
      'postgres://u@db/a?host=x',
      'does not know the parameter "host"; it takes sslmode or sslrootcert',
    ],
    ['cassandra://node', 'must have the form cassandra://HOST/KEYSPACE, but is "cassandra://node"'],
    ['cassandra://node/k?tls=2', 'needs tls to be 0 or 1, but it is "2"'],
  ];
  for (const [text, problem] of cases) assert.equal(storageUrlProblem(text), problem, text);
  // All of them, not the first.
  assert.equal(
    storageUrlProblem('s3://B:9000/devnet?path-style=yes&region=&style=1'),
    'takes no port after the bucket; give ?endpoint=http://HOST:PORT; it has no bucket name: "B"; ' +
      'it needs path-style to be 0 or 1, but it is "yes"; it needs region to not be empty, but it is ""; ' +
      'it does not know the parameter "style"; it takes endpoint, region or path-style',
  );
  assert.equal(
    storageUrlProblem('postgres://db/a?sslmode=on'),
    'must have the form postgres://USER@HOST/DATABASE, but is "postgres://db/a?…"; ' +
      'it needs sslmode to be disable, allow, prefer, require, no-verify, verify-ca or verify-full, but it is "on"',
  );
  assert.match(
    storageUrlProblem('file://host/srv')!,
    /^is no file on this machine: "file:\/\/host/,
  );
});

test('a password is refused, not repeated, and its place is named', async () => {
  const cases: [string, RegExp][] = [
    ['postgres://user:hunter2@db/coordinator', /PGPASSWORD/],
    ['postgres://user:hunter2/#?x@db/coordinator', /PGPASSWORD/],
    ['postgres://user:hunter2@', /PGPASSWORD/],
    ['postgres://user@db/coordinator?password=hunter2', /PGPASSWORD/],
    ['postgres://user@db/coordinator?sslmode=require&PASSWORD=hunter2', /PGPASSWORD/],
    ['cassandra://user:hunter2@node/k', /CASSANDRA_PASSWORD/],
    ['s3://key:hunter2@bucket/devnet', /AWS_SECRET_ACCESS_KEY/],
    ['s3://hunter2@bucket/devnet', /AWS_SECRET_ACCESS_KEY/],
    ['s3://bucket/devnet?endpoint=http://key:hunter2@host', /AWS_SECRET_ACCESS_KEY/],
    ['s3://bucket/devnet?secret_access_key=hunter2', /AWS_SECRET_ACCESS_KEY/],
    ['mysql://user:hunter2@db/x', /cassandra/],
    ['127.0.0.1:hunter2@db', /something else/],
    ['host=db password=hunter2', /something else/],
    ['postgres://user%3Ahunter2@db/coordinator', /PGPASSWORD/],
    ['postgres://user%253Ahunter2@db/coordinator', /PGPASSWORD/],
    ['postgres://user%3Ahunter2%40db/coordinator', /PGPASSWORD/],
    ['postgres://user%3Ahunter2%zz@db/coordinator', /PGPASSWORD/],
    ['postgres://user:hunter2', /USER@HOST/],
    ['postgres:user:hunter2', /USER@HOST/],
    ['postgres://user@db/coordinator?pass%77ord=hunter2', /PGPASSWORD/],
    ['postgres://user@db/coordinator?sslpassword=hunter2', /PGPASSWORD/],
    ['postgres://db?pin=hunter2', /USER@HOST/],
    ['postgres://user@db/coordinator#pin=hunter2', /USER@HOST/],
    ['cassandra://node/k?passwd=hunter2', /CASSANDRA_PASSWORD/],
    ['s3://bucket/devnet?endpoint=http%3A%2F%2Fkey%3Ahunter2%40host', /AWS_SECRET_ACCESS_KEY/],
    ['s3://bucket/devnet?endpoint=http%253A%252F%252Fkey%253Ahunter2%2540host', /AWS_SECRET_/],
    ['s3://bucket/devnet?X-Amz-Security-Token=hunter2', /AWS_SECRET_ACCESS_KEY/],
    ['s3://bucket/devnet?AWSAccessKeyId=hunter2', /AWS_SECRET_ACCESS_KEY/],
    ['file://user:hunter2@host/srv', /file: takes a path only/],
    ['file:/srv?password=hunter2', /takes nothing after the path/],
  ];
  for (const [text, place] of cases) {
    const problem = storageUrlProblem(text)!;
    assert.match(problem, place, text);
    assert.ok(!problem.includes('hunter2'), problem);
    await assert.rejects(
      openStorageReader(text, {}),
      (error) =>
        error instanceof UserError &&
        error.exitCode === EXIT.usage &&
        error.message === `--storage ${problem}`,
    );
  }
});

test('a folder is opened by its path and by its URL', async () => {
  const folder = join(base, 'a folder #1?');
  mkdirSync(folder);
  for (const text of [
    folder,
    `file:${encodeURI(folder).replace('#', '%23').replace('?', '%3F')}`,
  ]) {
    const reader = await openStorageReader(text, {});
    assert.equal(reader.name, `filesystem ${folder}`);
    assert.equal(reader.keeps, 'first');
    await reader.close();
  }
  await assert.rejects(
    openStorageReader(join(base, 'absent'), {}),
    (error) => error instanceof UserError && error.exitCode === EXIT.broken,
  );
});

test('the URL wins over the environment, which fills the gaps', () => {
  const env = {
    AWS_ENDPOINT_URL_S3: 'http://env:1',
    AWS_REGION: 'env-1',
    AWS_S3_FORCE_PATH_STYLE: '1',
    AWS_ACCESS_KEY_ID: 'id',
    AWS_SECRET_ACCESS_KEY: 'secret',
  };
  assert.deepEqual(s3ConfigOf(new URL('s3://bucket/dev%20net/'), env), {
    bucket: 'bucket',
    network: 'dev net',
    region: 'env-1',
    endpoint: 'http://env:1',
    pathStyle: true,
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
  });
  const url = new URL('s3://bucket/n?endpoint=http://url:2&region=url-1&path-style=0');
  const config = s3ConfigOf(url, { ...env, AWS_SECRET_ACCESS_KEY: '' });
  assert.deepEqual(
    [config.region, config.endpoint, config.pathStyle, config.credentials],
    ['url-1', 'http://url:2', false, null],
  );
});

test('one that never answers is given up in time', async () => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const text = `s3://bucket/devnet?endpoint=http://127.0.0.1:${port}&path-style=1`;
  const env = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret', AWS_REGION: 'r' };
  await assert.rejects(
    openStorageReader(text, env, 100),
    (error) =>
      error instanceof UserError &&
      error.exitCode === EXIT.broken &&
      error.message === 'the storage s3://bucket/devnet could not be opened within 100 ms',
  );
  silent.close();
});
