/** Files of whole lines on disks that fill up, and names below the results. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineFile, type Write } from '../../results/line-file.ts';
import { fileName, runId } from '../../results/writer.ts';
import { scratchFolder } from '../support/scratch.ts';
import { program } from '../support/program.ts';

const scratch = scratchFolder();
let files = 0;
const newPath = () => join(scratch, `${++files}.ndjson`);

/** A disk that takes `space` bytes, in pieces of `piece` at most, and then nothing until it has more. */
function disk(space: number, piece = Infinity): { write: Write; free: (bytes: number) => void } {
  let left = space;
  return {
    free: (bytes) => void (left += bytes),
    write(file, bytes, offset) {
      if (left === 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      const count = Math.min(left, piece, bytes.length - offset);
      left -= count;
      return writeSync(file, bytes, offset, count);
    },
  };
}

test('a short write goes on where it stopped', () => {
  const path = newPath();
  const file = new LineFile(path, disk(1e6, 3).write);
  file.append('{"a":1}');
  file.append('{"ü":"€"}');
  file.close();
  assert.equal(readFileSync(path, 'utf8'), '{"a":1}\n{"ü":"€"}\n');
});

test('half a line is taken back when the disk is full, and never stands in the middle', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string({ maxLength: 30 }).map((text) => JSON.stringify(text)),
        { maxLength: 12 },
      ),
      fc.integer({ min: 0, max: 200 }),
      fc.integer({ min: 1, max: 9 }),
      (lines, space, piece) => {
        const path = newPath();
        const full = disk(space, piece);
        const file = new LineFile(path, full.write);
        const kept: string[] = [];
        lines.forEach((line, i) => {
          // Somebody else frees some space now and then.
          if (i % 4 === 3) full.free(20);
          try {
            file.append(line);
            kept.push(line);
          } catch (error) {
            assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
          }
        });
        file.close();
        assert.equal(readFileSync(path, 'utf8'), kept.map((line) => `${line}\n`).join(''));
      },
    ),
    { numRuns: 60 },
  );
});

test('what a killed process left of a line is cut off before anything is appended', () => {
  for (const [left, kept] of [
    ['{"a":1}\n{"b":', '{"a":1}\n'],
    ['{"b":', ''],
    ['{"a":1}\n', '{"a":1}\n'],
    [`{"a":1}\n${'x'.repeat(200_000)}`, '{"a":1}\n'],
  ]) {
    const path = newPath();
    writeFileSync(path, left);
    const file = new LineFile(path);
    file.append('{"c":3}');
    file.close();
    assert.equal(readFileSync(path, 'utf8'), `${kept}{"c":3}\n`);
  }
});

test('no name below the results holds what Windows or an upload of artifacts refuses', () => {
  const at = new Date('2026-01-02T03:04:05.678Z');
  assert.equal(runId(at, 'load'), '2026-01-02T03-04-05Z-load');
  assert.equal(fileName('a:b/c\\d|e?*"<>\u0007. '), 'a-b-c-d-e-------' + '-');
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.doesNotMatch(fileName(text), /[<>:"/\\|?*]|[. ]$/);
      assert.equal(fileName(text).length, text.length);
    }),
  );
});

test('a disk that takes no byte ends the attempt', () => {
  const path = join(scratch, 'none');
  const file = new LineFile(path, () => 0);
  assert.throws(() => file.append('a'), /takes nothing more/);
  file.close();
  assert.equal(readFileSync(path, 'utf8'), '');
});

test(
  'with a real limit of the system a line is appended whole or not at all',
  { skip: process.platform === 'win32' },
  () => {
    const path = join(scratch, 'limited');
    writeFileSync(path, 'a\n');
    // No file of this child grows beyond some KB (setrlimit(2), RLIMIT_FSIZE): the write is short, then fails.
    const words = program(`
      import { LineFile } from './results/line-file.ts';
      process.on('SIGXFSZ', () => {});
      const file = new LineFile(${JSON.stringify(path)});
      file.append('b');
      try { file.append('x'.repeat(40_000)); } catch (error) { console.log(error.code); }
      file.append('c');`);
    const { stdout, stderr } = spawnSync(
      'sh',
      ['-c', 'ulimit -f 32; exec "$0" "$@"', process.execPath, ...words],
      { encoding: 'utf8' },
    );
    assert.equal(stdout, 'EFBIG\n', stderr);
    assert.equal(readFileSync(path, 'utf8'), 'a\nb\nc\n');
  },
);
