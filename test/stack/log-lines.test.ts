/** The embedded backend's log in the original's words and levels, and its list of who is online. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { knownMessages } from '../../load/target/known-messages.ts';
import { createOnlineTable, hostOf } from '../../stack/backend/online.ts';
import type { Storage } from '../../stack/storage/storage.ts';
import { readRecorded, RECORDED_NAMES } from '../support/recorded.ts';
import { exchange, post, startTestBackend } from './support.ts';

const body = Buffer.from(readRecorded(RECORDED_NAMES[0]));
const { submitter } = JSON.parse(body.toString()) as { submitter: string };
type Line = { level: string; msg: string };
const linesOf = (logged: readonly string[]): Line[] =>
  logged.map((line) => JSON.parse(line) as Line).map(({ level, msg }) => ({ level, msg }));

test('a submission is logged from its head to its end at level info, as the original does', async (t) => {
  const backend = await startTestBackend();
  t.after(() => backend.stop());
  await post(backend.port, body);
  const lines = linesOf(backend.logged);
  assert.ok(
    lines.every(({ level }) => level === 'info'),
    JSON.stringify(lines),
  );
  const patterns = [
    new RegExp(`^Received request: method=POST path=/v1/submit remote_addr=127\\.0\\.0\\.1:\\d+ content_length=${body.length}$`),
    new RegExp(`^Successfully parsed submission from submitter: ${submitter}$`),
    new RegExp(`^Saving submission for submitter ${submitter}: block_hash=\\w+ meta_path=submissions/[\\d-]+/[\\dTZ:-]+-${submitter}\\.json block_path=blocks/\\w+\\.dat$`),
    new RegExp(`^Successfully processed submission from ${submitter}$`),
  ]; // prettier-ignore
  assert.equal(lines.length, patterns.length, JSON.stringify(lines));
  for (const [i, pattern] of patterns.entries()) assert.match(lines[i].msg, pattern);
});

test('refusals have the original’s levels: a body that is no JSON is an error, a missing field a warning', async (t) => {
  const backend = await startTestBackend({ whitelist: () => new Set() });
  t.after(() => backend.stop());
  const hostile = 'hostile '.repeat(100);
  await post(backend.port, Buffer.from(hostile));
  await post(backend.port, Buffer.from(`{"submitter":"${submitter}"}`));
  await post(backend.port, Buffer.from('{}'));
  await post(backend.port, body);
  for (const head of ['Transfer-Encoding: chunked', 'Content-Length: 50000001'])
    await exchange(
      backend.port,
      [Buffer.from(`POST /v1/submit HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${head}\r\n\r\n`)],
      (text) => text.includes('\r\n\r\n'),
    );
  const loud = linesOf(backend.logged).filter(({ level }) => level === 'error' || level === 'warn');
  const preview = hostile.slice(0, 200);
  assert.deepEqual(
    loud.map(({ level }) => level),
    ['error', 'warn', 'warn', 'warn', 'warn', 'warn'],
  );
  const [undecodable, incomplete, nobody, stranger, chunked, large] = loud.map(({ msg }) => msg);
  assert.ok(undecodable.startsWith("Error while unmarshaling JSON of /submit request's body: "));
  assert.ok(undecodable.endsWith(`, body preview: ${preview}`));
  assert.equal(incomplete, `Required fields validation failed for submitter: ${submitter}`);
  // Observed on the original at a358915.
  assert.equal(nobody, 'Required fields validation failed for submitter: B62qiTKpEPjGTSHZrtM8uXiKgn8So916pLmNJKDhKeyBQL9TDb3nvBG'); // prettier-ignore
  assert.equal(stranger, `Submitter not in whitelist: ${submitter}`);
  assert.equal(chunked, 'Request missing Content-Length header');
  assert.equal(large, 'Request payload too large: 50000001 bytes (max: 50000000)');
  // A load with hostile requests beside it knows all of them, and one without none.
  const isKnown = (isHostile: boolean) => (msg: string) =>
    knownMessages(isHostile).some(({ pattern, means }) => means === 'caused by the run' && pattern.test(msg)); // prettier-ignore
  assert.ok(loud.map(({ msg }) => msg).every(isKnown(true)));
  assert.ok(!loud.map(({ msg }) => msg).some(isKnown(false)));
});

/** Lines of the original for submissions that it answered 200 and lost: whatever their level, they are losses. */
test('a faithful backend says what it lost in the original’s words, and the gate log-errors takes them for losses', async (t) => {
  const failing = (name: string): Storage => ({
    name,
    save: () => Promise.reject(new Error('no space left on device')),
    close: () => Promise.resolve(),
  });
  const names = ['filesystem /data', 's3://bucket', 'cassandra 127.0.0.1', 'PostgreSQL localhost'];
  const backend = await startTestBackend({}, { storages: names.map(failing) });
  t.after(() => backend.stop());
  assert.equal((await post(backend.port, body)).status, 200);
  const lost = linesOf(backend.logged).filter(({ msg }) => msg.includes('no space left'));
  assert.deepEqual(
    lost.map(({ level, msg }) => `${level} ${msg.replace(/(: | \/data).*/, '')}`),
    ['warn Error writing to file', 'warn S3Save', 'error KeyspaceSave', 'error PostgreSQLSave'],
  );
  for (const { msg } of lost)
    assert.equal(knownMessages(false).find(({ pattern }) => pattern.test(msg))?.means, 'loss', msg);
});

test('who submitted within 20 minutes is listed once, with the host alone', async (t) => {
  const backend = await startTestBackend();
  t.after(() => backend.stop());
  const online = async (): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${backend.port}/v1/online`);
    assert.equal(response.headers.get('content-type'), 'application/json');
    return response.json();
  };
  assert.deepEqual(await online(), []);
  await post(backend.port, body);
  await post(backend.port, body, 'X-Forwarded-For: 10.1.2.3:77\r\n');
  const data = JSON.parse(body.toString()) as { data: { graphql_control_port?: number } };
  const port = data.data.graphql_control_port;
  assert.deepEqual(await online(), [
    { remote_addr: '10.1.2.3', submitter, ...(port ? { graphql_control_port: port } : {}) },
  ]);
  let now = 0;
  const table = createOnlineTable(() => now);
  table.record({ submitter: 'a', remoteAddr: '[::1]:7', graphqlControlPort: 3085n });
  now = 10 * 60_000;
  table.record({ submitter: 'b', remoteAddr: 'x', graphqlControlPort: 0n });
  now = 19.99 * 60_000;
  assert.deepEqual(table.list(), [
    { remote_addr: '::1', submitter: 'a', graphql_control_port: 3085 },
    { remote_addr: 'x', submitter: 'b' },
  ]);
  now = 20 * 60_000;
  assert.deepEqual(
    table.list().map((entry) => entry.submitter),
    ['b'],
  );
  assert.deepEqual(['1.2.3.4:5', '1.2.3.4', '::1', '[fe80::1]:9'].map(hostOf), ['1.2.3.4', '1.2.3.4', '::1', 'fe80::1']); // prettier-ignore
});
