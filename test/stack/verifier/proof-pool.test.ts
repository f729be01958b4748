/** Processes that check proofs, with programs that do what they are told in the place of o1js: test/fixtures/verifier/proof-worker.mjs. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../../../paths.ts';
import {
  openProofPool,
  type ProofPoolOptions,
  whyNoProofs,
} from '../../../stack/verifier/proof-pool.ts';
import { scratchFolder } from '../../support/scratch.ts';

const program = join(projectRoot, 'test/fixtures/verifier/proof-worker.mjs');
const job = (proof: string) => ({ proof, publicInput: ['1'], key: 'k' });
const openPool = (options: Partial<ProofPoolOptions> = {}) =>
  openProofPool({ program, known: job('valid'), workers: 2, ...options });

/** With a variable that the processes see. */
async function withStarts<T>(backends: string, action: () => Promise<T>): Promise<T> {
  process.env.PROOF_WORKER_STARTS = backends;
  try {
    return await action();
  } finally {
    delete process.env.PROOF_WORKER_STARTS;
  }
}

test('each job has its own answer, from as many processes as there is work for', async () => {
  const pool = openPool();
  const words = Array.from({ length: 100 }, (_, i) => (i % 3 === 0 ? 'invalid' : `valid ${i}`));
  const answers = await Promise.all(words.map((word) => pool.check(job(word))));
  assert.deepEqual(
    answers,
    words.map((word) => word.startsWith('valid')),
  );
  await pool.close();
  await assert.rejects(pool.check(job('valid')), /was closed/);
});

test('what says nothing of a proof is no answer: a checker without memory', async () => {
  const pool = openPool();
  await assert.rejects(pool.check(job('fails')), /no memory/);
  assert.equal(await pool.check(job('valid')), true);
  await pool.close();
});

test('a process that dies costs its job twice, and nobody else', async () => {
  const pool = openPool({ workers: 1 });
  const [dead, valid] = await Promise.allSettled([
    pool.check(job('dies')),
    pool.check(job('valid')),
  ]);
  assert.ok(dead.status === 'rejected');
  assert.match((dead.reason as Error).message, /o1js ended with code 7 at this proof, 2 times/);
  assert.deepEqual(valid, { status: 'fulfilled', value: true });
  await pool.close();
});

test('no native back end: WebAssembly, with a note; neither: every job says so', async () => {
  const notes: string[] = [];
  await withStarts('wasm', async () => {
    const pool = openPool({ onNote: (text) => notes.push(text) });
    assert.equal(await pool.check(job('valid')), true);
    await pool.close();
  });
  assert.deepEqual(notes, [
    'o1js runs in WebAssembly, its native back end does not: no native here',
  ]);
  await withStarts('none', async () => {
    const pool = openPool();
    const asked = Promise.allSettled(['valid', 'invalid'].map((word) => pool.check(job(word))));
    for (const one of await asked) {
      assert.ok(one.status === 'rejected');
      assert.match((one.reason as Error).message, /o1js does not work here: no wasm here/);
    }
    await assert.rejects(pool.check(job('valid')), /does not work here/);
    await pool.close();
  });
  await withStarts('wasm', async () => {
    const pool = openPool({ backend: 'native' });
    await assert.rejects(pool.check(job('valid')), /no native here/);
    await pool.close();
  });
});

test('closing ends what is under way', async () => {
  const pool = openPool();
  const under = Promise.allSettled([pool.check(job('valid')), pool.check(job('valid'))]);
  await pool.close();
  for (const one of await under)
    if (one.status === 'rejected') assert.match((one.reason as Error).message, /was closed/);
});

test('a folder without o1js is said to be one', (t) => {
  assert.match(whyNoProofs(scratchFolder(t))!, /o1js.* is not installed/);
});
