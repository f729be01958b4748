import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { payloadBytes, readPayloads } from '../../producers/payloads.ts';
import { readTemplates, templatesOf } from '../../producers/templates.ts';
import { UserError } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { readRecorded } from '../support/recorded.ts';

const text = readRecorded('submission-with-snark-work.json');
type Request = { data: Record<string, unknown>; submitter?: string; signature?: string };
const request = () => JSON.parse(text) as Request;

function folderOf(t: TestContext, files: Record<string, string>): string {
  const folder = scratchFolder(t);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

async function errorOf(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => assert.fail('it was accepted'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof UserError, String(error));
  return error;
}

test('bodies are kept byte for byte, with where block and snark work stand', async (t) => {
  const pretty = JSON.stringify(request(), null, 2);
  const folder = folderOf(t, { 'b.json': pretty, 'a.json': text, 'notes.txt': 'x' });
  mkdirSync(join(folder, 'inner'));
  const payloads = await readPayloads(folder);
  assert.deepEqual(
    payloads.map(({ name }) => name),
    ['a.json', 'b.json'],
  );
  const { block, snark_work } = request().data;
  for (const [i, content] of [text, pretty].entries()) {
    const bytes = await payloadBytes(payloads[i]);
    assert.equal(bytes.toString(), content);
    const at = (range: { start: number; end: number }) =>
      bytes.toString('utf8', range.start, range.end);
    assert.equal(at(payloads[i].block), JSON.stringify(block));
    assert.equal(at(payloads[i].snarkWork!), JSON.stringify(snark_work));
  }
});

test('an empty folder, a folder without *.json, a missing folder, a file for a folder', async (t) => {
  for (const files of [{}, { 'readme.md': 'x' }] as Record<string, string>[]) {
    const error = await errorOf(readPayloads(folderOf(t, files)));
    assert.match(error.message, /holds no \*\.json file/);
    assert.equal(error.exitCode, 2);
  }
  assert.match((await errorOf(readPayloads('/nowhere'))).message, /\/nowhere \(ENOENT\)/);
  const file = join(folderOf(t, { 'a.json': text }), 'a.json');
  assert.match((await errorOf(readPayloads(file))).message, /\(ENOTDIR\)/);
});

test('every broken file is named with its line', async (t) => {
  const changed = (change: (request: Request) => void): string => {
    const copy = request();
    change(copy);
    return JSON.stringify(copy);
  };
  const files: Record<string, [string, RegExp]> = {
    '1.json': ['{\n  "version": 1,\n  "data": nil\n}', /^3: /],
    '2.json': ['', /^1: /],
    '3.json': [changed((r) => delete r.data.block), /block.*missing/],
    '4.json': [changed((r) => (r.data.block = '"ab=')), /block.*base64/],
    '5.json': [changed((r) => (r.submitter = r.signature)), /submitter.*it is a signature/],
    '6.json': [changed((r) => (r.data.created_at = 'yesterday')), /created_at.*RFC 3339/],
    '7.json': ['[1]', /^1: /],
    '8.json': [text.slice(0, -1), /ends/],
  };
  const folder = folderOf(t, { 'good.json': text });
  for (const [name, [content]] of Object.entries(files)) writeFileSync(join(folder, name), content);
  writeFileSync(join(folder, '9.json'), '');
  truncateSync(join(folder, '9.json'), 50_000_001);
  const error = await errorOf(readPayloads(folder));
  assert.equal(error.exitCode, 2);
  const lines = error.message.split('\n');
  assert.equal(lines.length, 9, error.message);
  Object.entries(files).forEach(([name, [, expected]], i) => {
    assert.ok(lines[i].startsWith(join(folder, `${name}:`)), lines[i]);
    assert.match(lines[i].slice(join(folder, `${name}:`).length), expected);
  });
  assert.match(lines[8], /9\.json:1: has 50000001 bytes; the backend takes 50000000/);
});

test('a pipe or a folder called *.json is named, and not waited for', async (t) => {
  const folder = folderOf(t, { 'good.json': text });
  mkdirSync(join(folder, 'folder.json'));
  const isPipe = spawnSync('mkfifo', [join(folder, 'pipe.json')]).status === 0;
  const lines = (await errorOf(readPayloads(folder))).message.split('\n');
  assert.deepEqual(lines, [
    `the payload ${join(folder, 'folder.json')} is a folder, not a file`,
    ...(isPipe ? [`the payload ${join(folder, 'pipe.json')} is a pipe, not a file`] : []),
  ]);
});

test('a file that changes after it was read is refused', async (t) => {
  const folder = folderOf(t, { 'a.json': text });
  const [payload] = await readPayloads(folder);
  appendFileSync(payload.path, ' ');
  assert.match((await errorOf(payloadBytes(payload))).message, /had 32273 bytes and now has 32274/);
});

test('equal content is one template of more weight; the shipped set has one of each kind', async (t) => {
  const other = request();
  other.data.created_at = '2025-01-01T00:00:00Z';
  const third = request();
  third.data.graphql_control_port = 3085;
  const folder = folderOf(t, {
    'a.json': text,
    'b.json': JSON.stringify(other),
    'c.json': JSON.stringify(third),
  });
  const templates = templatesOf(await readPayloads(folder));
  assert.deepEqual(
    templates.map(({ name, weight, hasSnarkWork }) => ({ name, weight, hasSnarkWork })),
    [
      { name: 'a.json', weight: 2, hasSnarkWork: true },
      { name: 'c.json', weight: 1, hasSnarkWork: true },
    ],
  );
  assert.deepEqual(
    (await readTemplates()).map(({ hasSnarkWork }) => hasSnarkWork),
    [true, false],
  );
});
