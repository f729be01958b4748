/** Reading the filesystem storage: all fields, exact ranges, and nothing that a broken folder holds makes it fall. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openFilesystemStorage } from '../../stack/storage/filesystem.ts';
import { openFilesystemReader } from '../../stack/storage/filesystem-reader.ts';
import { readStoredJson, storedJson } from '../../stack/storage/go-json.ts';
import { EXIT, UserError } from '../../user-error.ts';
import {
  ALL,
  checkRoundTrip,
  readAll,
  storedOf,
  submissionOf,
  SUBMITTER,
} from './storage-support.ts';
import { scratchFolder } from '../support/scratch.ts';

const base = scratchFolder();
let folders = 0;
const newFolder = (): string => {
  const folder = join(base, `store-${folders++}`);
  mkdirSync(folder);
  return folder;
};
const DAY = join('submissions', '2026-01-02');
const NAME = `2026-01-02T03:04:05Z-${SUBMITTER}.json`;
const WHERE = `submissions/2026-01-02/${NAME}`;

test('whatever the backend writes is read back: every field, exact ranges, the blocks', () =>
  checkRoundTrip(() => {
    const folder = newFolder();
    const storage = openFilesystemStorage(folder);
    return Promise.resolve({ storage, reader: openFilesystemReader(folder) });
  }, 20));

test('a folder in which nothing was stored yet is empty; without end or with an end before its begin, so is a range', async () => {
  const folder = newFolder();
  const reader = openFilesystemReader(folder);
  assert.deepEqual(await readAll(reader), []);
  mkdirSync(join(folder, DAY), { recursive: true });
  writeFileSync(join(folder, DAY, NAME), storedJson(submissionOf()));
  assert.equal((await readAll(reader)).length, 1);
  const at = Date.parse('2026-01-02T03:04:05Z') / 1000;
  assert.equal((await readAll(reader, { from: at, to: at + 1 })).length, 1);
  for (const range of [
    { from: at, to: at },
    { from: at + 1, to: at },
    { from: at - 1, to: at },
    { from: at + 1, to: at + 9e9 },
  ])
    assert.deepEqual(await readAll(reader, range), []);
});

describe('what cannot be read is told, with its path and the reason', () => {
  const right = JSON.parse(storedJson(submissionOf())) as Record<string, unknown>;
  const cases: [name: string, content: string | Buffer, fault: RegExp][] = [
    [NAME, '', /^it is empty$/],
    [NAME, storedJson(submissionOf()).slice(0, -10), /^it is not JSON: /],
    [NAME, Buffer.from([0x22, 0xff, 0x22]), /^it is not UTF-8$/],
    [NAME, '[]', /no object/],
    [NAME, 'null', /no object/],
    [NAME, JSON.stringify({ ...right, submitter: undefined }), /^it has no submitter$/],
    [NAME, JSON.stringify({ ...right, block_hash: 5 }), /block_hash is no string: 5$/],
    [NAME, JSON.stringify({ ...right, peer_id: null }), /peer_id is no string: null$/],
    [NAME, JSON.stringify({ ...right, created_at: 7 }), /created_at is no string: 7$/],
    [
      NAME,
      JSON.stringify({ ...right, created_at: '2026-02-30T00:00:00Z' }),
      /no time: "2026-02-30/,
    ],
    [NAME, JSON.stringify({ ...right, snark_work: 1 }), /snark_work is no string: 1$/],
    [NAME, JSON.stringify({ ...right, remote_addr: {} }), /remote_addr is no string: \{\}$/],
    [NAME, JSON.stringify({ ...right, graphql_control_port: 1.5 }), /no whole number: 1\.5$/],
    [NAME, JSON.stringify({ ...right, built_with_commit_sha: [] }), /built_with_commit_sha/],
    [
      NAME,
      JSON.stringify({ ...right, submitter: 'x'.repeat(999) }),
      /its name says submitter B62q.*, but it holds "x{79}…$/,
    ],
    ['notes.txt', 'x', /its name is not <submitted_at>-<submitter>\.json/],
    [`2026-01-02T03:04:65Z-${SUBMITTER}.json`, '{}', /its name is not/],
    ['2026-01-02T03:04:05Z-.json', '{}', /its name is not/],
  ];
  for (const [name, content, fault] of cases)
    test(fault.source, async () => {
      const folder = newFolder();
      mkdirSync(join(folder, DAY), { recursive: true });
      writeFileSync(join(folder, DAY, name), content);
      const other = submissionOf({ submittedAt: '2026-01-02T03:04:06Z' });
      writeFileSync(
        join(folder, DAY, `${other.submittedAt}-${other.submitter}.json`),
        storedJson(other),
      );
      const got = await readAll(openFilesystemReader(folder));
      assert.equal(got.length, 2);
      const [bad] = got.filter((each) => 'fault' in each);
      assert.equal(bad.where, `submissions/2026-01-02/${name}`);
      assert.match((bad as { fault: string }).fault, fault);
    });

  test('a folder, a pipe and a hidden file in the place of a file', async () => {
    const folder = newFolder();
    mkdirSync(join(folder, DAY, NAME), { recursive: true });
    writeFileSync(join(folder, DAY, '.nfs0001'), 'x');
    const pipe = `2026-01-02T03:04:07Z-${SUBMITTER}.json`;
    if (process.platform !== 'win32') execFileSync('mkfifo', [join(folder, DAY, pipe)]);
    const got = await readAll(openFilesystemReader(folder));
    const faults = Object.fromEntries(
      got.map((each) => [each.where, 'fault' in each && each.fault]),
    );
    assert.match(String(faults[WHERE]), /EISDIR/);
    if (process.platform !== 'win32')
      assert.match(String(faults[`submissions/2026-01-02/${pipe}`]), /ESPIPE|empty/);
    assert.ok(!Object.keys(faults).some((where) => where.includes('.nfs')));
  });
});

test('a submission larger than the reader’s buffer is read whole', async () => {
  const folder = newFolder();
  const storage = openFilesystemStorage(folder);
  const large = submissionOf({ snarkWork: JSON.stringify('A'.repeat(300_000)) });
  const edge = submissionOf({ submittedAt: '2026-01-02T03:04:06Z' });
  edge.peerId = 'p'.repeat(64 * 1024 - storedJson({ ...edge, peerId: '' }).length);
  for (const submission of [large, edge]) await storage.save(submission);
  await storage.close();
  const got = await readAll(openFilesystemReader(folder));
  got.sort((a, b) => (a.where < b.where ? -1 : 1));
  for (const [i, submission] of [large, edge].entries())
    assert.deepEqual(got[i], {
      ...storedOf(submission),
      where: `submissions/2026-01-02/${submission.submittedAt}-${SUBMITTER}.json`,
      bytes: storedJson(submission).length,
    });
});

test('many come in batches, and an abort ends the reading', async () => {
  const folder = newFolder();
  mkdirSync(join(folder, DAY), { recursive: true });
  for (let i = 0; i < 2500; i++) {
    const submission = submissionOf({ submitter: `S${i}` });
    writeFileSync(
      join(folder, DAY, `${submission.submittedAt}-S${i}.json`),
      storedJson(submission),
    );
  }
  const reader = openFilesystemReader(folder);
  const sizes: number[] = [];
  for await (const batch of reader.submissions(ALL)) sizes.push(batch.length);
  assert.deepEqual(sizes, [1000, 1000, 500]);
  const stop = new AbortController();
  let batches = 0;
  await assert.rejects(async () => {
    for await (const batch of reader.submissions(ALL, stop.signal)) {
      batches += Math.sign(batch.length);
      stop.abort(new Error('stopped'));
    }
  }, /stopped/);
  assert.equal(batches, 1);
});

test('a folder that is not there, or may not be read, is the user’s to mend', () => {
  const file = join(base, 'a-file');
  writeFileSync(file, '');
  const locked = newFolder();
  chmodSync(locked, 0);
  for (const path of [join(base, 'absent'), file, ...(process.getuid?.() === 0 ? [] : [locked])])
    assert.throws(
      () => openFilesystemReader(path),
      (error) =>
        error instanceof UserError &&
        error.exitCode === EXIT.broken &&
        error.message.includes(path) &&
        error.hint.includes('CONFIG_FILESYSTEM_PATH'),
    );
});

test('a hash that is none is no path', async () => {
  const folder = newFolder();
  writeFileSync(join(folder, 'secret.dat'), 'x');
  mkdirSync(join(folder, 'blocks'));
  const reader = openFilesystemReader(folder);
  for (const hash of ['../secret', '', '3NK/../x', '3NKabsent'])
    assert.equal(await reader.block!(hash), null, hash);
});

test('a byte changed anywhere in a stored submission is never taken for the same one', () => {
  const name = { submittedAt: '2026-01-02T03:04:05Z', submitter: SUBMITTER };
  const submission = submissionOf({ snarkWork: '"AA=="', graphqlControlPort: 3085n });
  const bytes = Buffer.from(storedJson(submission));
  const right = JSON.stringify(readStoredJson(bytes, 'w', name));
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] ^= 1;
    const got = readStoredJson(changed, 'w', name);
    assert.notEqual(JSON.stringify(got), right, `byte ${at}`);
  }
});
