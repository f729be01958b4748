/** What is not kept is not accepted: the backend as it is unless faithful to the original. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ANSWERS, judge } from '../../stack/backend/checks.ts';
import { createHourlyLimiter } from '../../stack/backend/rate-limit.ts';
import { createSecondTable } from '../../stack/backend/second-table.ts';
import { retrying } from '../../stack/storage/retrying.ts';
import {
  backendAnswers,
  checksWith,
  exchange,
  expand,
  MemoryStorage,
  NOW_MS,
  post,
  RECORDED,
  startTestBackend,
} from './support.ts';
import { until } from '../support/until.ts';

const plain = expand(backendAnswers.bodies[0].body);
const plainReply = { status: ANSWERS.ok.status, body: ANSWERS.ok.body };
const replyTo = ({ status, body }: { status: number; body: string }) => ({ status, body });
const rawPost = (port: number): Promise<string> =>
  exchange(port, [
    Buffer.from(
      `POST /v1/submit HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${plain.length}\r\n\r\n`,
    ),
    plain,
  ]).then(({ text }) => text);

test('while the log cannot be written nothing is taken, unless faithful; it costs nothing of the hour', async () => {
  for (const faithful of [false, true]) {
    let logFails = true;
    const storage = new MemoryStorage();
    const backend = await startTestBackend(
      { limiter: createHourlyLimiter(1, () => 0), seconds: null },
      { storages: [storage], faithful, logFails: () => logFails },
    );
    const first = await post(backend.port, plain);
    assert.deepEqual(first, faithful ? plainReply : replyTo(ANSWERS.notKept));
    assert.equal(storage.saved.length, faithful ? 1 : 0);
    logFails = false;
    if (!faithful) assert.deepEqual(await post(backend.port, plain), plainReply);
    assert.equal(storage.saved.length, 1);
    await backend.stop();
  }
});

describe('a failed write', () => {
  test('is answered 503 with Retry-After, the reason stands in the log, and nothing further is written', async () => {
    const [first, second] = [new MemoryStorage(), new MemoryStorage()];
    const backend = await startTestBackend({}, { storages: [first, second], faithful: false });
    first.behaviour = () => Promise.reject(new Error('disk full'));
    const text = await rawPost(backend.port);
    assert.match(text, /^HTTP\/1\.1 503 Service Unavailable\r\n/);
    assert.match(text, /\r\nRetry-After: 1\r\n/);
    assert.ok(text.endsWith('\r\n\r\n{"error":"The submission could not be stored"}'));
    assert.deepEqual([first.saved.length, second.saved.length], [1, 0]);
    assert.deepEqual([backend.counts.stored, backend.counts.storageFailures], [0, 1]);
    assert.ok(
      backend.logged.some((line) => line.includes('"level":"error"') && line.includes('disk full')),
    );
    await backend.stop();
  });

  test('of the last storage counts as well, and faithful asks them all and says 200', async () => {
    for (const faithful of [false, true]) {
      const [first, second] = [new MemoryStorage(), new MemoryStorage()];
      const failing = faithful ? first : second;
      failing.behaviour = () => Promise.reject(new Error('gone'));
      const backend = await startTestBackend({}, { storages: [first, second], faithful });
      assert.deepEqual(
        await post(backend.port, plain),
        faithful ? plainReply : replyTo(ANSWERS.notKept),
      );
      assert.deepEqual([first.saved.length, second.saved.length], [1, 1]);
      assert.equal(backend.counts.stored, 0);
      await backend.stop();
    }
  });

  test('costs nothing of the hour, and a try in a later second is taken', async () => {
    let nowMs = NOW_MS;
    const limiter = createHourlyLimiter(2, () => nowMs);
    const backend = await startTestBackend({ nowMs: () => nowMs, limiter }, { faithful: false });
    backend.storage.behaviour = () => Promise.reject(new Error('gone'));
    for (let i = 0; i < 5; i++) {
      assert.deepEqual(await post(backend.port, plain), replyTo(ANSWERS.notKept));
      // Still the same second: its key may be half written.
      assert.deepEqual(await post(backend.port, plain), replyTo(ANSWERS.sameSecond));
      nowMs += 1000;
    }
    backend.storage.behaviour = () => Promise.resolve({ stored: true });
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(await post(backend.port, plain), plainReply);
      nowMs += 1000;
    }
    assert.deepEqual(await post(backend.port, plain), replyTo(ANSWERS.tooMany));
    await backend.stop();
  });

  test('counts in the hour where the backend is faithful, as in the original', async () => {
    const limiter = createHourlyLimiter(1, () => 0);
    const backend = await startTestBackend({ limiter }, { faithful: true });
    backend.storage.behaviour = () => Promise.reject(new Error('gone'));
    assert.deepEqual(await post(backend.port, plain), plainReply);
    assert.deepEqual(await post(backend.port, plain), replyTo(ANSWERS.tooMany));
    await backend.stop();
  });
});

describe('a second submission of one submitter within a second', () => {
  test('is answered 429 with Retry-After before anything is written', async () => {
    let nowMs = NOW_MS;
    const backend = await startTestBackend({ nowMs: () => nowMs }, { faithful: false });
    assert.deepEqual(await post(backend.port, plain), plainReply);
    nowMs += 999;
    const text = await rawPost(backend.port);
    assert.match(text, /^HTTP\/1\.1 429 Too Many Requests\r\n/);
    assert.match(text, /\r\nRetry-After: 1\r\n/);
    assert.ok(text.endsWith('\r\n\r\n{"error":"Only one submission per second is kept"}'));
    assert.equal(backend.storage.saved.length, 1);
    // Another submitter has this second too.
    assert.deepEqual(await post(backend.port, RECORDED[0].bytes), plainReply);
    nowMs += 1;
    assert.deepEqual(await post(backend.port, plain), plainReply);
    assert.equal(backend.storage.saved.length, 3);
    await backend.stop();
  });

  test('that only the storage knows of is refused too', async () => {
    const backend = await startTestBackend({}, { faithful: false });
    backend.storage.behaviour = () => Promise.resolve({ stored: false });
    assert.deepEqual(await post(backend.port, plain), replyTo(ANSWERS.sameSecond));
    assert.deepEqual([backend.counts.stored, backend.counts.keptEarlier], [0, 1]);
    await backend.stop();
  });

  test('comes after the hourly limit in the order of checks, and costs nothing of it', () => {
    let nowMs = NOW_MS;
    const checks = checksWith({
      nowMs: () => nowMs,
      limiter: createHourlyLimiter(2, () => nowMs),
      seconds: createSecondTable(),
    });
    const refusal = (): unknown => judge(plain, '', checks).refused;
    assert.equal(refusal(), undefined);
    for (let i = 0; i < 5; i++) assert.equal(refusal(), ANSWERS.sameSecond);
    nowMs += 1000;
    assert.equal(refusal(), undefined);
    assert.equal(refusal(), ANSWERS.tooMany);
  });
});

test('many at once: each submitter and second is stored once, and only then accepted', async () => {
  let nowMs = NOW_MS;
  const backend = await startTestBackend({ nowMs: () => nowMs }, { faithful: false });
  for (let second = 0; second < 3; second++) {
    const replies = await Promise.all(Array.from({ length: 20 }, () => post(backend.port, plain)));
    assert.equal(replies.filter(({ status }) => status === 200).length, 1);
    assert.equal(replies.filter(({ status }) => status === 429).length, 19);
    nowMs += 1000;
  }
  assert.equal(backend.counts.stored, 3);
  await backend.stop();
});

test('the table of seconds is a plain set of pairs, for as many seconds as it keeps', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(9), fc.constantFrom('a', 'b', 'c')), { maxLength: 60 }),
      (steps) => {
        const table = createSecondTable();
        const seen = new Set<string>();
        for (const [second, who] of steps) {
          const pair = `${second} ${who}`;
          assert.equal(table.take(who, String(second)), !seen.has(pair));
          seen.add(pair);
        }
      },
    ),
  );
  const table = createSecondTable();
  for (let second = 0; second < 1000; second++) assert.ok(table.take('a', String(second)));
  assert.equal(table.size, 10);
});

describe('stop', () => {
  test('waits for a save whose client is gone or whose time is over, and closes the storage after it', async () => {
    const backend = await startTestBackend({}, { faithful: false, limits: { stopMs: 20 } });
    let finish = (): void => {};
    const kept = new Promise<void>((resolve) => (finish = resolve));
    backend.storage.behaviour = () => kept.then(() => ({ stored: true }));
    const stays = post(backend.port, plain);
    // Gone before its answer: nothing is read from it.
    const leaves = exchange(
      backend.port,
      [
        Buffer.from(
          `POST /v1/submit HTTP/1.1\r\nHost: x\r\nContent-Length: ${RECORDED[0].bytes.length}\r\n\r\n`,
        ),
        RECORDED[0].bytes,
      ],
      undefined,
      300,
    );
    await until(() => backend.storage.saved.length >= 2, 'both are being saved');
    await leaves;
    let stopped = false;
    const stop = backend.stop().then(() => (stopped = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual([stopped, backend.storage.closed], [false, false]);
    finish();
    assert.deepEqual(await stays, plainReply);
    await stop;
    assert.ok(backend.storage.closed);
    assert.equal(backend.counts.stored, 2);
  });
});

describe('retrying', () => {
  const failing = (times: number) => {
    const calls: number[] = [];
    const waits: number[] = [];
    const action = (call: number): Promise<string> => {
      calls.push(call);
      return call <= times ? Promise.reject(new Error(`fault ${call}`)) : Promise.resolve('done');
    };
    const wait = (ms: number): Promise<void> => (waits.push(ms), Promise.resolve());
    return { calls, waits, action, wait };
  };

  test('waits twice as long each time, and gives what came in the end', async () => {
    const { calls, waits, action, wait } = failing(3);
    const got = await retrying(action, { tries: 4, firstWaitMs: 100, mayPass: () => true, wait });
    assert.deepEqual([got, calls, waits], ['done', [1, 2, 3, 4], [100, 200, 400]]);
  });

  test('gives up after its bound, with the last reason and the number of calls', async () => {
    const { calls, action, wait } = failing(9);
    await assert.rejects(
      retrying(action, { tries: 3, firstWaitMs: 1, mayPass: () => true, wait }),
      { message: 'fault 3 (tried 3 times)' },
    );
    assert.equal(calls.length, 3);
  });

  test('does not repeat what cannot pass', async () => {
    const { calls, action, wait } = failing(9);
    await assert.rejects(
      retrying(action, { tries: 3, firstWaitMs: 1, mayPass: () => false, wait }),
      {
        message: 'fault 1',
      },
    );
    assert.equal(calls.length, 1);
  });
});
