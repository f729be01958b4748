/** The filesystem storage: layout, first one kept, nothing half-written. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openFilesystemStorage, type Writer } from '../../stack/storage/filesystem.ts';
import {
  type FileWriterData,
  INCOMING,
  type JobColumns,
  type ResultColumns,
  runJobs,
  writeOnce,
} from '../../stack/storage/file-writer.ts';
import { readSubmissionName, submissionFile, submissionPath } from '../../stack/storage/layout.ts';
import { distFile } from '../../paths.ts';
import { storedJson } from '../../stack/storage/go-json.ts';
import { UserError } from '../../user-error.ts';
import { submissionOf, SUBMITTER } from './storage-support.ts';
import { scratchFolder } from '../support/scratch.ts';
import { program } from '../support/program.ts';

const base = scratchFolder();
let folders = 0;
const newFolder = (): string => join(base, `store-${folders++}`);

const SUBMISSION_FILE = join('submissions', '2026-01-02', `2026-01-02T03:04:05Z-${SUBMITTER}.json`);

describe('filesystem storage', () => {
  test('writes the original’s layout and nothing else', async () => {
    const folder = newFolder();
    const storage = openFilesystemStorage(folder);
    assert.deepEqual(await storage.save(submissionOf()), { stored: true });
    await storage.close();
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
    assert.deepEqual(files.sort(), [join('blocks', 'HASH.dat'), SUBMISSION_FILE]);
    assert.deepEqual([...readFileSync(join(folder, 'blocks', 'HASH.dat'))], [1, 2, 3]);
    assert.equal(readFileSync(join(folder, SUBMISSION_FILE), 'utf8'), storedJson(submissionOf()));
    assert.equal(statSync(join(folder, SUBMISSION_FILE)).mode & 0o111, 0);
  });

  test('keeps the first of one submitter and second, and the blocks of both', async () => {
    const folder = newFolder();
    const storage = openFilesystemStorage(folder);
    const second = submissionOf({ blockHash: 'OTHER', block: Uint8Array.of(9), peerId: 'second' });
    const outcomes = await Promise.all([storage.save(submissionOf()), storage.save(second)]);
    assert.deepEqual(outcomes, [{ stored: true }, { stored: false }]);
    assert.equal(readFileSync(join(folder, SUBMISSION_FILE), 'utf8'), storedJson(submissionOf()));
    assert.deepEqual(readdirSync(join(folder, 'blocks')).sort(), ['HASH.dat', 'OTHER.dat']);
    await storage.close();
  });

  test('writes a block again that was taken away, once its trust has run out', async () => {
    const folder = newFolder();
    let nowMs = 0;
    const storage = openFilesystemStorage(folder, () => nowMs);
    await storage.save(submissionOf());
    rmSync(folder, { recursive: true });
    nowMs = 1001;
    assert.deepEqual(await storage.save(submissionOf()), { stored: true });
    assert.deepEqual(readdirSync(join(folder, 'blocks')), ['HASH.dat']);
    await storage.close();
  });

  test('a write that failed for a moment is repeated, and what it had written by then is its own', async () => {
    let faults = 2;
    const storage = openFilesystemStorage(newFolder(), Date.now, (root) => {
      const thread = new EventEmitter();
      return Object.assign(thread, {
        postMessage(jobs: JobColumns) {
          const results = runJobs(root, jobs);
          // It fails when all is written.
          if (faults-- > 0) results.errors = jobs.ids.map((_, i) => [i, 'EIO: i/o error, unlink']);
          setImmediate(() => thread.emit('message', results));
        },
        terminate: () => Promise.resolve(0),
      }) as unknown as Writer;
    });
    assert.deepEqual(await storage.save(submissionOf()), { stored: true });
    faults = 1;
    assert.deepEqual(await storage.save(submissionOf({ peerId: 'second' })), { stored: false });
    faults = 3;
    const late = storage.save(submissionOf({ submitter: 'S3' }));
    // Close waits for the calls that are still to come.
    await Promise.all([
      assert.rejects(late, { message: 'EIO: i/o error, unlink (tried 3 times)' }),
      storage.close(),
    ]);
  });

  test('says why a submission was not kept', async () => {
    const folder = newFolder();
    const storage = openFilesystemStorage(folder);
    writeFileSync(join(folder, 'submissions'), 'a file where a folder should be');
    await assert.rejects(storage.save(submissionOf()), /ENOTDIR|EEXIST/);
    await storage.close();
  });

  test('close waits for what is under way', async () => {
    const folder = newFolder();
    const storage = openFilesystemStorage(folder);
    const saves = Array.from({ length: 50 }, (_, i) =>
      storage.save(submissionOf({ submitter: `S${i}`, blockHash: `B${i}` })),
    );
    await storage.close();
    assert.deepEqual(
      await Promise.all(saves),
      saves.map(() => ({ stored: true })),
    );
    assert.equal(readdirSync(join(folder, 'blocks')).length, 50);
  });

  test('a writing thread that dies loses what it held, and the next submission finds another', async () => {
    const threads: Worker[] = [];
    const storage = openFilesystemStorage(newFolder(), Date.now, (root) => {
      const workerData: FileWriterData = { root };
      const thread = new Worker(distFile('backend-file-writer.js'), { workerData });
      threads.push(thread);
      return thread;
    });
    await storage.save(submissionOf());
    const [worker] = threads;
    const held = storage.save(submissionOf({ submitter: 'S1' }));
    const ended = once(worker, 'exit');
    // After the hand-over of this turn; the answer may or may not come before the end.
    setImmediate(() => void worker.terminate());
    await held.catch((error: Error) => assert.match(error.message, /the writing thread/));
    await ended;
    assert.deepEqual(await storage.save(submissionOf({ submitter: 'S2' })), { stored: true });
    assert.equal(threads.length, 2);
    await storage.close();
  });

  test(
    'a disk that takes half a file leaves nothing of it, and the next one that fits is kept',
    { skip: process.platform === 'win32' },
    () => {
      // No file of this child grows beyond 16 KB: write() is short, then fails (setrlimit(2), RLIMIT_FSIZE).
      const folder = newFolder();
      const words = program(`
        import { runJobs } from './stack/storage/file-writer.ts';
        process.on('SIGXFSZ', () => {});
        const jobs = { ids: [1, 2, 3], paths: ['a/large', 'a/small', 'a/with-block'], texts: ['x'.repeat(40_000), 'y', 'z'], blocks: [[2, 'b/block', new Uint8Array(40_000)]] };
        console.log(JSON.stringify(runJobs(${JSON.stringify(folder)}, jobs)));`);
      const { stdout, stderr, status } = spawnSync(
        'sh',
        ['-c', 'ulimit -f 32; exec "$0" "$@"', process.execPath, ...words],
        { encoding: 'utf8' },
      );
      assert.equal(status, 0, stderr);
      const results = JSON.parse(stdout) as ResultColumns;
      assert.deepEqual(results.stored, [false, true, true]);
      assert.deepEqual(
        results.errors.map(([place, error]) => [place, /EFBIG/.test(error)]),
        [
          [0, true],
          [2, true],
        ],
      );
      assert.deepEqual(readdirSync(join(folder, INCOMING)), []);
      assert.deepEqual(readdirSync(join(folder, 'a')).sort(), ['small', 'with-block']);
      assert.equal(readFileSync(join(folder, 'a', 'small'), 'utf8'), 'y');
    },
  );

  test('names hold a colon where the original has one, and none where they must not; both are read', () => {
    const time = '2026-01-02T03:04:05Z';
    assert.equal(submissionFile(time, 'B62', true), submissionPath(time, 'B62'));
    const portable = submissionFile(time, 'B62', false);
    assert.equal(portable, 'submissions/2026-01-02/2026-01-02T03-04-05Z-B62.json');
    for (const hasColons of [true, false])
      assert.deepEqual(readSubmissionName(submissionFile(time, 'B62', hasColons).split('/')[2]), {
        submittedAt: time,
        submitter: 'B62',
      });
    for (const name of [
      '2026-01-02T03-04:05Z-B62.json',
      '2026-01-02T03:04-05Z-B62.json',
      '2026-13-02T03-04-05Z-B62.json',
      '2026-01-02T03-04-05Z.json',
    ])
      assert.equal(readSubmissionName(name), null, name);
  });

  test('removes what a killed process left, but not what another one is writing', () => {
    const folder = newFolder();
    mkdirSync(join(folder, INCOMING), { recursive: true });
    const [stale, fresh] = ['stale', 'fresh'].map((name) => join(folder, INCOMING, name));
    writeFileSync(stale, '');
    writeFileSync(fresh, '');
    utimesSync(stale, 0, 0);
    openFilesystemStorage(folder);
    assert.deepEqual(readdirSync(join(folder, INCOMING)), ['fresh']);
  });

  test('never replaces a file', () => {
    const folder = newFolder();
    assert.equal(writeOnce(folder, 'a/b', 'first'), true);
    assert.equal(writeOnce(folder, 'a/b', 'second'), false);
    assert.equal(readFileSync(join(folder, 'a', 'b'), 'utf8'), 'first');
    assert.deepEqual(readdirSync(join(folder, INCOMING)), []);
  });

  test('a folder that cannot be written is the user’s to mend', () => {
    const file = join(base, 'a-file');
    writeFileSync(file, '');
    assert.throws(() => openFilesystemStorage(join(file, 'x')), UserError);
    const locked = newFolder();
    mkdirSync(locked);
    chmodSync(locked, 0o500);
    // Root may write everywhere.
    if (process.getuid?.() !== 0) assert.throws(() => openFilesystemStorage(locked), UserError);
  });
});
