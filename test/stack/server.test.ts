/** The server under trouble: many at once, slow storages, stops, cut connections, garbage, stalled clients. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ANSWERS } from '../../stack/backend/checks.ts';
import {
  backendAnswers,
  exchange,
  expand,
  MemoryStorage,
  post,
  replyOf,
  startTestBackend,
} from './support.ts';
import { until } from '../support/until.ts';

const plain = expand(backendAnswers.bodies[0].body);
const request = (body: Uint8Array, headers = ''): Buffer =>
  Buffer.concat([
    Buffer.from(
      `POST /v1/submit HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${body.length}\r\n\r\n`,
    ),
    body,
  ]);
const SERVICE = Buffer.from('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');

/** Opens when `open` is called. */
function gate(): { wait: Promise<void>; open: () => void } {
  let open = (): void => {};
  const wait = new Promise<void>((resolve) => (open = resolve));
  return { wait, open };
}

test('200 connections at once are all answered, each with its own answer', async () => {
  const backend = await startTestBackend();
  const cases = backendAnswers.bodies.filter(({ body }) => typeof body === 'string').slice(0, 40);
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, i) => {
      const { body, verified } = cases[i % cases.length];
      return post(backend.port, expand(body)).then((got) => ({ got, verified }));
    }),
  );
  for (const { got, verified } of answers) assert.deepEqual(got, verified);
  assert.equal(backend.counts.answers[200], answers.filter(({ got }) => got.status === 200).length);
  assert.equal(backend.counts.stored, backend.counts.answers[200]);
  await backend.stop();
});

test('pipelined submissions on one connection are answered in order', async () => {
  const backend = await startTestBackend();
  const requests = [request(plain), request(Buffer.from('x')), request(plain), SERVICE];
  const { text } = await exchange(backend.port, [Buffer.concat(requests)]);
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
  assert.deepEqual(statuses, [200, 400, 200, 200]);
  assert.ok(text.endsWith('delegation backend service'));
  await backend.stop();
});

describe('storages', () => {
  test('the answer waits for all storages, one after another', async () => {
    const [first, second] = [new MemoryStorage(), new MemoryStorage()];
    const { wait, open } = gate();
    first.behaviour = () => wait.then(() => ({ stored: true }));
    const backend = await startTestBackend({}, { storages: [first, second] });
    let answered = false;
    const answer = post(backend.port, plain).finally(() => (answered = true));
    await until(() => first.saved.length === 1);
    assert.equal(second.saved.length, 0);
    assert.equal(answered, false);
    open();
    assert.deepEqual(await answer, ANSWERS.ok);
    assert.equal(second.saved.length, 1);
    await backend.stop();
    assert.ok(first.closed && second.closed);
  });

  test('a failure is logged and counted, and still answered 200, as the original does', async () => {
    const backend = await startTestBackend();
    backend.storage.behaviour = () => Promise.reject(new Error('disk full'));
    assert.deepEqual(await post(backend.port, plain), ANSWERS.ok);
    assert.equal(backend.counts.storageFailures, 1);
    assert.equal(backend.counts.stored, 0);
    assert.ok(
      backend.logged.some((line) => line.includes('"level":"error"') && line.includes('disk full')),
    );
    await backend.stop();
  });
});

describe('stop', () => {
  test('a submission under way is stored and answered, then the connection ends', async () => {
    const backend = await startTestBackend();
    const { wait, open } = gate();
    backend.storage.behaviour = () => wait.then(() => ({ stored: true }));
    const answer = exchange(backend.port, [request(plain)]);
    await until(() => backend.storage.saved.length === 1);
    const stopped = backend.stop();
    await assert.rejects(
      post(backend.port, plain).then(({ status }) => assert.notEqual(status, 0)),
    );
    open();
    const { text, closed } = await answer;
    assert.deepEqual(replyOf(text), ANSWERS.ok);
    assert.match(text, /Connection: close/);
    assert.ok(closed);
    await stopped;
    assert.ok(backend.storage.closed);
  });

  test('an idle connection does not hold it up, a stalled body only for the limit', async () => {
    const backend = await startTestBackend({}, { limits: { stopMs: 50 } });
    const idle = exchange(
      backend.port,
      [Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
      undefined,
      60_000,
    );
    const stalled = exchange(backend.port, [request(plain).subarray(0, 200)], undefined, 60_000);
    await until(() => backend.counts.answers[200] === 1);
    await backend.stop();
    assert.ok((await idle).closed && (await stalled).closed);
    assert.equal(backend.storage.saved.length, 0);
  });
});

describe('clients that misbehave', () => {
  test('a body cut by a reset leaves nothing behind', async () => {
    const backend = await startTestBackend();
    for (let i = 0; i < 20; i++) {
      const socket = connect(backend.port, '127.0.0.1');
      socket.on('error', () => {});
      await new Promise((resolve) => socket.write(request(plain).subarray(0, 100 + i), resolve));
      socket.resetAndDestroy();
    }
    assert.deepEqual(await post(backend.port, plain), ANSWERS.ok);
    assert.equal(backend.storage.saved.length, 1);
    await backend.stop();
  });

  test('one that goes before the answer is stored nevertheless', async () => {
    const backend = await startTestBackend();
    const { wait, open } = gate();
    backend.storage.behaviour = () => wait.then(() => ({ stored: true }));
    const socket = connect(backend.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(request(plain));
    await until(() => backend.storage.saved.length === 1);
    socket.resetAndDestroy();
    open();
    await until(() => backend.counts.stored === 1);
    await backend.stop();
  });

  test('stalled headers and a stalled body are let go after their time', async () => {
    const backend = await startTestBackend({}, { limits: { headersMs: 100, requestMs: 200 } });
    for (const part of [
      'GET / HT',
      'POST /v1/submit HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{',
    ]) {
      const { text, closed } = await exchange(backend.port, [Buffer.from(part)], undefined, 60_000);
      assert.ok(closed, part);
      assert.match(text, /^HTTP\/1\.1 408 /);
    }
    assert.deepEqual(await post(backend.port, plain), ANSWERS.ok);
    await backend.stop();
  });

  test('large bodies wait their turn and are all answered', async () => {
    const limits = { bodiesBytes: 1_000_000, reserveBytes: 2_500_000 };
    const backend = await startTestBackend({}, { limits });
    const large = Buffer.alloc(2_000_000, 0x20);
    large.set(plain, 0);
    // The first two only announce theirs and go again: what they held must come back.
    for (let i = 0; i < 2; i++) {
      const socket = connect(backend.port, '127.0.0.1');
      socket.on('error', () => {});
      await new Promise((resolve) => socket.write(request(large).subarray(0, 5000), resolve));
      setTimeout(() => socket.resetAndDestroy(), 20);
    }
    const answers = await Promise.all(Array.from({ length: 8 }, () => post(backend.port, large)));
    for (const answer of answers) assert.deepEqual(answer, ANSWERS.ok);
    await backend.stop();
  });

  test('who sends slowly is in nobody’s way, and is refused only where it keeps others waiting', async () => {
    const limits = {
      bodiesBytes: 300_000,
      reserveBytes: 1,
      stopMs: 50,
      slowMs: 200,
      slowBytesPerS: 10_000_000,
    };
    const backend = await startTestBackend({}, { limits });
    const large = Buffer.alloc(2_000_000, 0x20);
    large.set(plain, 0);
    const begun = (bytes: number) =>
      exchange(backend.port, [request(large).subarray(0, bytes)], undefined, 60_000);
    const slow = begun(250_000);
    for (let i = 0; i < 5; i++) assert.deepEqual(await post(backend.port, plain), ANSWERS.ok);
    // This one fills the room, is let go on out of the reserve, and stops.
    const holder = begun(150_000);
    await until(async () => {
      const text = await (await fetch(`http://127.0.0.1:${backend.port}/metrics`)).text();
      return Number(/^uptime_backend_bodies_under_way_bytes (\d+)$/m.exec(text)![1]) > 300_000;
    });
    assert.deepEqual(await post(backend.port, large), ANSWERS.ok);
    // The one that reserved its place may be next.
    await until(() => backend.counts.answers[503] >= 1);
    const { text, closed } = await slow;
    assert.ok(closed);
    assert.match(text, /^HTTP\/1\.1 503 [^]*\r\nRetry-After: 1\r\n/);
    assert.deepEqual(replyOf(text).body, ANSWERS.noRoom.body);
    await backend.stop();
    assert.ok((await holder).closed);
  });

  test('no bytes make it fall: afterwards it answers as before', async () => {
    const backend = await startTestBackend({}, { limits: { lingerMs: 20 } });
    const valid = request(plain);
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .tuple(fc.nat(valid.length), fc.uint8Array({ maxLength: 20 }), fc.nat(valid.length))
        .map(([at, more, from]) =>
          Buffer.concat([valid.subarray(0, at), more, valid.subarray(from)]),
        ),
      fc
        .tuple(
          fc.constantFrom('POST', 'GET', 'HEAD', 'CONNECT', 'OPTIONS'),
          fc.string(),
          fc.string(),
        )
        .map(([method, path, header]) =>
          Buffer.from(`${method} /${path} HTTP/1.1\r\nHost: x\r\nA: ${header}\r\n\r\n`),
        ),
    );
    await fc.assert(
      fc.asyncProperty(garbage, async (bytes) => {
        const { text } = await exchange(backend.port, [bytes, 'END'], undefined, 2000);
        if (text !== '') assert.match(text, /^HTTP\/1\.1 \d{3} /);
      }),
      { numRuns: 300 },
    );
    assert.deepEqual(await post(backend.port, plain), ANSWERS.ok);
    assert.ok(
      !backend.logged.some(
        (line) =>
          line.includes('"level":"error"') &&
          !line.includes('"msg":"Error while unmarshaling JSON'),
      ),
      backend.logged.join(),
    );
    await backend.stop();
  });
});
