/** Files that are there as a whole or not at all, also where a disk takes a part of them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeWhole, writeWholeSync } from '../whole-file.ts';
import { program } from './support/program.ts';
import { scratchFolder } from './support/scratch.ts';

const isWindows = process.platform === 'win32';
const WAYS = { writeWhole, writeWholeSync };

for (const [name, write] of Object.entries(WAYS))
  test(`${name}: new, replaced, through a link, with its rights; nothing beside`, async () => {
    const folder = scratchFolder();
    const path = join(folder, 'file');
    await write(path, 'first');
    assert.equal(readFileSync(path, 'utf8'), 'first');
    if (!isWindows) {
      chmodSync(path, 0o640);
      symlinkSync(path, join(folder, 'link'));
      await write(join(folder, 'link'), Buffer.from('second'));
      assert.ok(lstatSync(join(folder, 'link')).isSymbolicLink());
      assert.equal(readFileSync(path, 'utf8'), 'second');
      assert.equal(statSync(path).mode & 0o777, 0o640);
      await write(join(folder, 'secret'), 'x', { mode: 0o600 });
      assert.equal(statSync(join(folder, 'secret')).mode & 0o777, 0o600);
    }
    assert.deepEqual(
      readdirSync(folder).filter((file) => file.includes('part')),
      [],
    );
  });

test('a folder in the way is an error, and leaves nothing', async () => {
  const folder = scratchFolder();
  mkdirSync(join(folder, 'file'));
  assert.throws(() => writeWholeSync(join(folder, 'file'), 'x'));
  await assert.rejects(writeWhole(join(folder, 'file'), 'x'));
  await assert.rejects(writeWhole(join(folder, 'none', 'file'), 'x'), { code: 'ENOENT' });
  assert.deepEqual(readdirSync(folder), ['file']);
});

test(
  'where a part of it would fit, the old file stays: a limit of file sizes, with the signal as a shell has it',
  { skip: isWindows },
  () => {
    const folder = scratchFolder();
    const words = program(`
      import { execa } from 'execa';
      import { surviveFileSizeLimit } from './system/file-size-limit.ts';
      import { writeWhole, writeWholeSync } from './whole-file.ts';
      surviveFileSizeLimit();
      // It listens for signals, and goes again.
      await execa(process.execPath, ['--version']);
      const long = 'x'.repeat(100_000);
      try { writeWholeSync('sync', long); } catch (error) { console.log(error.code); }
      await writeWhole('async', long).catch((error) => console.log(error.code));
      await writeWhole('short', 'fits');`);
    for (const name of ['sync', 'async']) writeFileSync(join(folder, name), 'old');
    const { status, signal, stdout, stderr } = spawnSync(
      'sh',
      ['-c', `cd ${folder}; ulimit -f 32; exec "$0" "$@"`, process.execPath, ...words],
      { encoding: 'utf8' },
    );
    assert.deepEqual([status, signal, stdout], [0, null, 'EFBIG\nEFBIG\n'], stderr);
    assert.deepEqual(
      readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
      [['async', 'old'], ['short', 'fits'], ['sync', 'old']], // prettier-ignore
    );
  },
);
