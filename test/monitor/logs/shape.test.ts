import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hideSecrets, printable, shapeOf } from '../../../monitor/logs/shape.ts';

test('lines that differ in numbers, keys, hashes and addresses only have one shape', () => {
  const key = `B62q${'k'.repeat(51)}`;
  const shapes = [
    [
      `submission of ${key} at 2026-01-02T03:04:05Z failed after 12.5 ms`,
      'submission of <key> at <time> failed after <n> ms',
    ],
    ['dial tcp 10.0.0.7:5432: connection refused', 'dial tcp <address>: connection refused'],
    ['dial tcp [::1]:5432: refused', 'dial tcp <address>: refused'],
    ['request 123e4567-e89b-12d3-a456-426614174000 lost', 'request <uuid> lost'],
    [`block 3NK${'a'.repeat(49)} of 12D3KooW${'b'.repeat(44)}`, 'block <hash> of <peer>'],
    [`bad signature 7mX${'c'.repeat(90)}`, 'bad signature <signature>'],
    ['hash 0x00ff12ab34', 'hash <hex>'],
    ['a deadbeef of letters', 'a deadbeef of letters'],
    [`body ${'QUJD'.repeat(20)}==`, 'body <data>'],
    ['a\tb\r\n\u001b[31mc', 'a b [<n>mc'],
  ];
  for (const [message, shape] of shapes) assert.equal(shapeOf(message), shape);
  assert.equal(shapeOf('word '.repeat(1000)).length, 160);
  assert.equal(printable('\u001b]0;title\u0007x'), ']0;title x');
});

test('secrets do not stay in what is kept', () => {
  const cases = [
    ['postgres://me:hunter2@db/x', 'postgres://***@db/x'],
    ['Authorization: Bearer abc.def-123', 'Authorization: ***'],
    ['got Basic dXNlcjpwYXNz', 'got Basic ***'],
    ['{"password":"hunter2","x":1}', '{"password":"***","x":1}'],
    ['api_key=abcdef&x=1', 'api_key=***&x=1'],
    ['id AKIAABCDEFGHIJKLMNOP', 'id ***'],
    ['no secret here', 'no secret here'],
  ];
  for (const [text, hidden] of cases) {
    const shown = hideSecrets(text);
    for (const secret of ['hunter2', 'abc.def-123', 'dXNlcjpwYXNz', 'abcdef', 'AKIAABC'])
      assert.ok(!shown.includes(secret), shown);
    if (!text.startsWith('Auth')) assert.equal(shown, hidden);
  }
});
