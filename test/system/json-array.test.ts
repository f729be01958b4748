/** Elements of a JSON array in pieces: as JSON.parse has them, wherever the pieces are cut; and every text that is no array is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JsonArrayError, jsonArrayElements } from '../../system/json-array.ts';

/** @param cuts places between two pieces */
async function elementsOf(text: string, cuts: readonly number[] = []): Promise<unknown[]> {
  const bytes = Buffer.from(text);
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  const pieces = ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
  const elements: unknown[] = [];
  for await (const element of jsonArrayElements(pieces.map((piece) => Buffer.from(piece))))
    elements.push(JSON.parse(element.toString()));
  return elements;
}

test('any array, cut anywhere, with any white space', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 8 }),
      fc.array(fc.nat(2000), { maxLength: 6 }),
      fc.constantFrom(undefined, 1, '\t'),
      fc.constantFrom('', ' ', '\r\n\t'),
      async (values, cuts, indent, space) => {
        const text = space + JSON.stringify(values, null, indent) + space;
        assert.deepEqual(await elementsOf(text, cuts), JSON.parse(text));
      },
    ),
    { numRuns: 300 },
  );
});

test('a byte order mark before the text is passed over, and nowhere else', async () => {
  for (const cuts of [[], [1], [2, 3]])
    assert.deepEqual(await elementsOf('\ufeff[1, {}]', cuts), [1, {}]);
  for (const text of ['[]\ufeff', '[\ufeff1]']) await assert.rejects(elementsOf(text));
});

test('strings hold whatever ends an element outside of them', async () => {
  const values = ['],[{}', '"', '\\', '\\"]', 'é]', { 'a"]': ['[', '}'] }];
  const text = JSON.stringify(values);
  for (let cut = 0; cut <= Buffer.byteLength(text); cut++)
    assert.deepEqual(await elementsOf(text, [cut]), values);
});

test('what is no array is refused, with the place', async () => {
  for (const [text, message] of [
    ['', /ends before its JSON array does at byte 0/],
    ['{}', /is no JSON array at byte 0/],
    [' [1', /ends before its JSON array does at byte 3/],
    ['[1,]', /is no JSON array at byte 3/],
    ['[,1]', /is no JSON array at byte 1/],
    ['[1] 2', /is no JSON array at byte 4/],
    ['[1}]', /is no JSON array at byte 2/],
    ['["a]', /ends before/],
  ] as const)
    await assert.rejects(elementsOf(text), (error: unknown) => {
      assert.ok(error instanceof JsonArrayError, text);
      assert.match(error.message, message);
      return true;
    });
  assert.deepEqual(await elementsOf(' [ ] '), []);
});

test('elements before a fault are given', async () => {
  const got: string[] = [];
  await assert.rejects(async () => {
    for await (const element of jsonArrayElements([Buffer.from('[1, 2, '), Buffer.from('3 ')]))
      got.push(element.toString().trim());
  }, JsonArrayError);
  assert.deepEqual(got, ['1', '2']);
});
