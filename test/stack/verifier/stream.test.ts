/** Submissions as a stream: answers in the order of the questions, as many, and no faster than they are read. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { answerLine, type Checks, type Verdict } from '../../../stack/verifier/answer.ts';
import { parseObject } from '../../../stack/verifier/submission-json.ts';
import { answerStream, arrayTexts, lineTexts } from '../../../stack/verifier/stream.ts';
import type { Verifier } from '../../../stack/verifier/verifier.ts';
import { until } from '../../support/until.ts';
import { recordedRow, verifierWith, WITH_WORK, WITHOUT_WORK } from '../../support/verifier.ts';

const NOTHING_DONE: Checks = {
  decoding: 'not done',
  consistency: 'not done',
  block_proof: 'not done',
  snark_work: 'not done',
  sok_digest: 'not done',
  snark_work_proof: 'not done',
};

function collector(): { output: Writable; lines: () => Record<string, unknown>[] } {
  let text = '';
  const output = new Writable({
    write(chunk, _, done) {
      text += String(chunk);
      done();
    },
  });
  return {
    output,
    lines: () =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

async function* piecesOf(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

const rows = () => [
  recordedRow(WITH_WORK, 'a'),
  recordedRow(WITHOUT_WORK, 'b'),
  { ...recordedRow(WITH_WORK, 'c'), raw_block: '' },
  { ...recordedRow(WITHOUT_WORK, 'd'), more: { of: 'its own' } },
];

test('an array: the original’s fields in its order, one line each; block and snark work stay away', async () => {
  const { output, lines } = collector();
  const texts = arrayTexts(piecesOf(JSON.stringify(rows()), 5000));
  assert.deepEqual(await answerStream(texts, verifierWith(), output), {
    answered: 4,
    notCheckable: 0,
    malformed: 0,
  });
  const answers = lines();
  assert.deepEqual(Object.keys(answers[0]), [
    ...[
      'id',
      'submitted_at_date',
      'shard',
      'submitted_at',
      'submitter',
      'created_at',
      'block_hash',
    ],
    ...['remote_addr', 'peer_id', 'graphql_control_port', 'built_with_commit_sha'],
    ...['state_hash', 'parent', 'height', 'slot', 'validation_error', 'verified', 'checks'],
  ]);
  assert.deepEqual(
    answers.map(({ id, height, validation_error, verified }) => [
      id,
      height,
      validation_error,
      verified,
    ]),
    [
      ['a', 7, null, true],
      ['b', 4, null, true],
      ['c', null, 'Fail to decode block', true],
      ['d', 4, null, true],
    ],
  );
  assert.deepEqual(answers[3].more, { of: 'its own' });
});

test('lines: each is answered, also one that is no submission', async () => {
  const { output, lines } = collector();
  const [a, b] = rows();
  const text = `${JSON.stringify(a)}\n\nno json\n[1]\r\n${JSON.stringify(b)}`;
  const counts = await answerStream(lineTexts(piecesOf(text, 700)), verifierWith(), output);
  assert.deepEqual(counts, { answered: 4, notCheckable: 0, malformed: 2 });
  assert.deepEqual(
    lines().map(({ id, validation_error }) => [id, validation_error]),
    [
      ['a', null],
      [undefined, 'Fail to decode block'],
      [undefined, 'Fail to decode block'],
      ['b', null],
    ],
  );
});

test('a fault of the input: what came before it is answered, and the fault is said', async () => {
  const { output, lines } = collector();
  const texts = arrayTexts(piecesOf(`[${JSON.stringify(rows()[0])}, 7`, 4000));
  await assert.rejects(answerStream(texts, verifierWith(), output), /ends before its JSON array/);
  assert.equal(lines()[0].id, 'a');
});

test('answers are in order whichever is ready first, and reading stops where nobody takes them', async () => {
  const waiting: (() => void)[] = [];
  const slow: Verifier = {
    verify: () =>
      new Promise((resolve) =>
        waiting.push(() =>
          resolve({
            facts: { stateHash: 's', parent: 'p', height: waiting.length, slot: 1 },
            error: null,
            verified: true,
            checks: {
              decoding: 'passed',
              consistency: 'passed',
              block_proof: 'not done',
              snark_work: 'not done',
              sok_digest: 'not done',
              snark_work_proof: 'not done',
            },
          }),
        ),
      ),
  };
  let asked = 0;
  async function* texts() {
    for (; asked < 500; asked++) {
      await Promise.resolve();
      yield JSON.stringify({ id: asked });
    }
  }
  const ids: unknown[] = [];
  let release: () => void = () => undefined;
  const output = new Writable({
    highWaterMark: 1,
    write(chunk, _, done) {
      ids.push((JSON.parse(String(chunk)) as { id: unknown }).id);
      release = done;
    },
  });
  const done = answerStream(texts(), slow, output);
  await until(() => waiting.length === 64);
  // The last first: none can leave before the first is ready.
  for (const answer of waiting.slice().reverse()) answer();
  await until(() => ids.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  // The reader takes no second one, so no more is read than what is under way.
  assert.ok(asked <= 66, `${asked} read`);
  const goOn = (): void => {
    const next = release;
    release = () => undefined;
    next();
  };
  const timer = setInterval(() => {
    goOn();
    waiting.forEach((answer) => answer());
  }, 0);
  await done;
  output.end();
  await once(output, 'finish');
  clearInterval(timer);
  assert.deepEqual(
    ids,
    Array.from({ length: 500 }, (_, i) => i),
  );
});

test('an answer echoes what was sent in its order, without block and snark work; its own names go last', () => {
  const verdict: Verdict = {
    facts: null,
    error: 'Fail to decode block',
    verified: true,
    checks: { ...NOTHING_DONE, decoding: 'failed' },
  };
  const tail = `"validation_error":"Fail to decode block","verified":true,"checks":${JSON.stringify(verdict.checks)}}`;
  const nulls = '"state_hash":null,"parent":null,"height":null,"slot":null';
  for (const [sent, echoed] of [
    ['{"raw_block":"AA==","id":"1","__proto__":{"a":1},"snark_work":""}', '"id":"1","__proto__":{"a":1}'], // prettier-ignore
    ['{"verified":false,"id":2,"__proto__":null,"height":7,"x":[]}', '"id":2,"__proto__":null,"x":[]'], // prettier-ignore
  ])
    assert.equal(answerLine(parseObject(sent)!, verdict), `{${echoed},${nulls},${tail}`);
});
