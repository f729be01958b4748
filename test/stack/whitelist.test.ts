/** Who may submit: lists, sheets and JSON, and what of them is refused. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { makeFleet } from '../../producers/fleet.ts';
import {
  columnName,
  columnOf,
  parseWhitelist,
  readWhitelist,
} from '../../stack/backend/whitelist.ts';
import { UserError } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { projectRoot } from '../../paths.ts';

const base = scratchFolder();
const [a, b, c] = makeFleet({ seed: 'whitelist', count: 3 }).producers.map((p) => p.publicKey);

test('text, CSV and JSON give the same keys; what is no key is passed over', () => {
  for (const text of [
    `${a}\n${b}\n`,
    `# keys\r\n\r\n"${a}",1\r\n ${b},x\r\n`,
    `${a};x\r${b};y`,
    `name\tkey\nn "1"\t${a}\nn 2\t"${b}"\n`,
    `| ${a} | x |\n| ${b} | y |\n`,
    JSON.stringify([a, { publicKey: b }]),
    JSON.stringify([{ public_key: a }, b]),
    JSON.stringify({ one: { pk: a, sk: 'x' }, two: { pk: b } }),
    JSON.stringify({ [a]: 1, [b]: {} }),
  ]) {
    const { keys, passedOver } = parseWhitelist(text);
    assert.deepEqual([...keys], [a, b], text);
    assert.equal(passedOver, 0, text);
  }
  assert.deepEqual([...parseWhitelist(JSON.stringify({ publicKey: a })).keys], [a]);
  const damaged = a.replace('k', 'm');
  assert.equal(parseWhitelist(`publicKey\n${damaged}\n${a}`).passedOver, 2);
  assert.equal(parseWhitelist(`x,${damaged}\nx,${a}`).passedOver, 1);
});

test('a sheet has its keys in any column, in any encoding', async () => {
  const file = join(projectRoot, 'test', 'stack', 'whitelist-sheet.csv');
  const expected = [
    'B62qkoA83ZvKZC8LVZgwFF5ELN1BJYu5qZRDeti2ySZgq8U49abJ91x',
    'B62qnfk6Y6aj8pafgHZ4aDy1eZFmTonhqjHNRwhPdfVVoX9uUStuSGD',
    'B62qn7JpP4f111ju4thb8y9E2HH8Rbbicp6QZzU3UUwSj3Ntr4vv8Sb',
  ];
  for (const column of [null, 2]) {
    const { keys, passedOver } = await readWhitelist(file, column);
    assert.deepEqual([[...keys], passedOver], [expected, 0]);
  }
  const utf16 = join(base, 'utf16.csv');
  writeFileSync(utf16, Buffer.from(`\ufeff${readFileSync(file, 'utf8')}`, 'utf16le'));
  assert.equal((await readWhitelist(utf16, null)).keys.size, 3);
  await assert.rejects(
    readWhitelist(file, 1),
    (error) =>
      error instanceof UserError &&
      error.exitCode === 2 &&
      error.message === `the whitelist ${file}: 4 lines and not one key in column B`,
  );
});

test('lines but not one key, and keys in two columns, are errors; an empty file is an empty list', () => {
  for (const text of ['a,b\n1,2\n3,4\n5,6\n', 'a\nb\nc\nd', '["a",{"pk":1},null,5]'])
    assert.throws(() => parseWhitelist(text), { message: '4 lines and not one key' });
  assert.throws(() => parseWhitelist('x'), { message: '1 line and not one key' });
  assert.equal(parseWhitelist('').keys.size, 0);
  assert.equal(parseWhitelist('\n# nobody yet\n').keys.size, 0);
  const two = `payout,submitter\n${a},${b}\n${a},${c}`;
  assert.throws(
    () => parseWhitelist(two),
    (error) =>
      error instanceof UserError &&
      error.message === 'the columns A, B all hold public keys' &&
      error.hint.includes('DELEGATION_WHITELIST_COLUMN'),
  );
  assert.deepEqual([...parseWhitelist(two, columnOf('b')).keys], [b, c]);
  assert.throws(() => parseWhitelist(`x,${a}\n"y,${b}`), /^UserError: line 2: a quote/);
  assert.throws(() => parseWhitelist(`[\n"${a}"\n"${b}"]`), /^UserError: line 3 is not valid JSON/);
});

test('files that cannot be read, and what is no file', async () => {
  await assert.rejects(readWhitelist(join(base, 'absent'), null), /cannot be read \(ENOENT\)/);
  await assert.rejects(readWhitelist(base, null), /is a folder, not a file/);
  if (process.platform !== 'win32')
    await assert.rejects(readWhitelist('/dev/zero', null), /is a device, not a file/);
});

test('columns of a sheet: names and numbers are inverse', () => {
  for (let column = 0; column < 18_278; column++)
    assert.equal(columnOf(columnName(column)), column);
  for (const name of ['', '3', 'A1', 'ABCD', 'Ä']) assert.equal(columnOf(name), null);
});

test('whatever stands in a list, it is read or refused in one error', () => {
  const pieces = fc.constantFrom(a, b, '"', ',', ';', '\t', '\n', '\r', '#', '{', '}', '[', ']', ':', '"pk"', 'null', '\\', '\ufeff', '&x', '*x'); // prettier-ignore
  const texts = fc.oneof(
    fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join('')),
    fc.json(),
    fc.string({ unit: 'binary', maxLength: 100 }),
  );
  fc.assert(
    fc.property(texts, fc.constantFrom(null, 0, 1), (text, column) => {
      try {
        for (const key of parseWhitelist(text, column).keys) assert.ok([a, b].includes(key));
      } catch (error) {
        assert.ok(error instanceof UserError, `${JSON.stringify(text)}: ${(error as Error).stack}`);
      }
    }),
    { numRuns: 1000 },
  );
});

test('130,000 rows overflow nothing', () => {
  const sheet = `1,x\n`.repeat(130_000);
  assert.deepEqual(parseWhitelist(`${sheet}n,${a}`), { keys: new Set([a]), passedOver: 130_000 });
  assert.throws(() => parseWhitelist(sheet), { message: '130000 lines and not one key' });
});
