/** Signatures checked in threads: the same answers as on one, and what becomes of them when a thread dies. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { after, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { makeFleet } from '../../producers/fleet.ts';
import { decode } from '../../mina/base58check.ts';
import { type CheckThread, createCheckPool } from '../../stack/backend/check-pool.ts';
import { QUESTION } from '../../stack/backend/check-worker.ts';
import { type SignatureQuestion, signatureFault } from '../../stack/backend/signature-check.ts';
import { ANSWERS } from '../../stack/backend/checks.ts';
import { backendAnswers, expand, post, signer, startTestBackend } from './support.ts';

const rule = { network: 'testnet', signatures: 'strict' } as const;
const pool = createCheckPool({ rule, threads: 2 });
after(() => pool.close());

const fleet = makeFleet({ seed: 'pool', count: 20 });
/** Every third is wrong, every seventh no signature at all. */
const questions = Array.from({ length: 500 }, (_, i): SignatureQuestion => {
  const producer = i % 20;
  const handle = signer.addKey(
    fleet.privateKeys.slice(producer * 32, producer * 32 + 32),
    'testnet',
  );
  const message = new Uint8Array(32).fill(i);
  const signature = signer.sign(handle, message);
  if (i % 3 === 0) signature[40] ^= 1;
  if (i % 7 === 0) signature.fill(0xff);
  return {
    publicKey: decode('publicKey', fleet.producers[producer].publicKey),
    signature,
    message,
  };
});

test('each question gets the answer that it gets on one thread, in the same words', async () => {
  const answers = await Promise.all(
    questions.map(
      (question) => new Promise<string | Error | null>((resolve) => pool.check(question, resolve)),
    ),
  );
  const expected = questions.map((question) => signatureFault(question, rule, signer));
  assert.ok(expected.filter((fault) => fault === null).length > 200);
  assert.ok(new Set(expected).size >= 3);
  assert.deepEqual(answers, expected);
  assert.equal(pool.waiting, 0);
});

test('over HTTP, with threads, every body is answered as the original answers it', async () => {
  const backend = await startTestBackend({ pool: createCheckPool({ rule, threads: 2 }) });
  const replies = await Promise.all(
    backendAnswers.bodies.map(async ({ name, body, verified }) => ({
      name,
      verified,
      got: await post(backend.port, expand(body)),
    })),
  );
  for (const { name, verified, got } of replies) assert.deepEqual(got, verified, name);
  assert.ok(replies.some(({ got }) => got.body === ANSWERS.badSignature.body));
  await backend.stop();
});

/** A thread that the test plays. */
class FakeThread extends EventEmitter {
  readonly asked: Uint8Array[] = [];
  postMessage(message: Uint8Array): void {
    this.asked.push(message);
  }
  terminate(): Promise<number> {
    return Promise.resolve(0);
  }
}

function fakePool(threads: number) {
  const started: FakeThread[] = [];
  const start = (): CheckThread => {
    const thread = new FakeThread();
    started.push(thread);
    return thread as unknown as Worker;
  };
  return { started, pool: createCheckPool({ rule, threads, start }) };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('what a dead thread held is asked anew, and what ends two threads is no endless loop', async () => {
  const { started, pool: fake } = fakePool(1);
  const answers: (string | Error | null)[] = [];
  for (const question of questions.slice(0, 3)) fake.check(question, (why) => answers.push(why));
  await turn();
  assert.deepEqual(
    started.map(({ asked }) => asked.map(({ length }) => length)),
    [[3 * QUESTION.bytes]],
  );
  started[0].emit('error', new Error('no memory'));
  started[0].emit('exit', 1);
  await turn();
  assert.equal(started.length, 2);
  assert.equal(answers.length, 0);
  assert.equal(fake.waiting, 3);
  started[1].emit('exit', 1);
  await turn();
  assert.equal(answers.length, 3);
  assert.match(String(answers[0]), /the thread that checks signatures failed: it ended with 1/);
  assert.equal(fake.waiting, 0);
  fake.check(questions[3], (why) => answers.push(why));
  await turn();
  assert.equal(started.length, 3);
  started[2].emit('message', { faults: [[0, 'wrong']] });
  assert.equal(answers[3], 'wrong');
  await fake.close();
});

test('a key stays with its thread, until that one is far behind', async () => {
  const { started, pool: fake } = fakePool(4);
  for (let i = 0; i < 33; i++) fake.check(questions[0], () => {});
  await turn();
  assert.equal(started.length, 1);
  for (let i = 0; i < 200; i++) fake.check(questions[0], () => {});
  await turn();
  const counts = started.map(({ asked }) =>
    asked.reduce((sum, { length }) => sum + length / QUESTION.bytes, 0),
  );
  assert.equal(counts.length, 4);
  assert.equal(
    counts.reduce((sum, count) => sum + count),
    233,
  );
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 34, String(counts));
  await fake.close();
});
