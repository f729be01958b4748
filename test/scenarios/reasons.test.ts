/** The words of refusals: what counts as the same, and how the toolkit finds them again. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { refusalsOf, wordsOfReasons } from '../../load/k6/refusals.ts';
import { parseReasonLine, reasonLine, reasonOf, wordsOf } from '../../scenarios/lib/reasons.ts';
import { scratchFolder } from '../support/scratch.ts';

const folder = scratchFolder();

test('the words of an answer: the backend’s error, else the page without its mark-up', () => {
  // uptime-service-backend, src/delegation_backend/submit.go
  assert.equal(wordsOf('{"error":"Invalid signature"}'), 'Invalid signature');
  assert.equal(wordsOf('{"message":"slow\\n down"}'), 'slow down');
  assert.equal(wordsOf('<html><style>a{}</style><h1>502 Bad\n Gateway</h1>'), '502 Bad Gateway');
  assert.equal(wordsOf('{"error":7}'), '{"error":7}');
  assert.equal(wordsOf('{"error":'), '{"error":');
  assert.equal(wordsOf(''), '');
  assert.equal(wordsOf('x'.repeat(9000)).length, 300);
});

test('numbers and keys make no reason of their own', () => {
  const same = (a: string, b: string) => reasonOf(a) === reasonOf(b);
  assert.ok(same('dial tcp 127.0.0.1:4711: refused', 'dial tcp 127.0.0.1:815: refused'));
  const key = (letter: string) => `B62q${letter.repeat(51)} is not registered`;
  assert.ok(same(key('a'), key('b')));
  assert.ok(!same('Invalid signature', 'Submitter is not registered'));
});

test('what a scenario writes is what the toolkit reads, whatever the words', () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom(0, 400, 503), (words, status) => {
      const reason = reasonOf(words);
      assert.deepEqual(parseReasonLine(reasonLine(reason, status, words)), { reason, words });
    }),
  );
  fc.assert(
    fc.property(fc.string(), (line) => {
      const found = parseReasonLine(line);
      assert.ok(found === null || Number.isInteger(found.reason));
    }),
  );
});

test('refusals: counts from the samples, words from the log, unknown words together', async () => {
  const log = join(folder, 'k6.log');
  const said = (status: number, words: string) =>
    JSON.stringify({ level: 'error', msg: reasonLine(reasonOf(words), status, words) });
  writeFileSync(
    log,
    [
      said(400, 'created_at is 5 s ahead'),
      said(400, 'created_at is 9 s ahead'),
      'no JSON',
      '{"level":"error","msg":7}',
      said(0, 'dial: connection refused'),
    ].join('\n'),
  );
  const words = await wordsOfReasons(log);
  assert.equal(words.size, 2);
  assert.deepEqual(
    refusalsOf(
      [
        { reason: reasonOf('dial: connection refused'), code: 1212, count: 3 },
        { reason: reasonOf('created_at is 7 s ahead'), code: 400, count: 9 },
        { reason: 1, code: 500, count: 2 },
        { reason: 2, code: 500, count: 2 },
      ],
      words,
    ),
    [
      { answer: '400', text: 'created_at is 5 s ahead', count: 9 },
      { answer: '500', text: '', count: 4 },
      { answer: 'error:1212', text: 'dial: connection refused', count: 3 },
    ],
  );
  assert.equal((await wordsOfReasons(join(folder, 'none.log'))).size, 0);
});

test('a target with a thousand words for the same: the twenty most frequent are kept', () => {
  const counts = Array.from({ length: 1000 }, (_, i) => ({ reason: i, code: 400, count: i }));
  const words = new Map(counts.map(({ reason }) => [reason, `words of kind ${reason}`]));
  const refusals = refusalsOf(counts, words);
  assert.equal(refusals.length, 20);
  assert.equal(refusals[0].count, 999);
});
