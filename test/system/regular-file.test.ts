import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  openRegularFile,
  readRegularFile,
  readRegularFileSync,
  type RegularFileUse,
} from '../../system/regular-file.ts';
import { UserError } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';

const folder = scratchFolder();
const use: RegularFileUse = { what: '--keys', maxBytes: 200_000 };

/** Every way to read refuses `path` with the same sentence. @returns it */
async function refusal(path: string, how = use): Promise<string> {
  const ways = [
    () => openRegularFile(path, how),
    () => readRegularFile(path, how),
    // eslint-disable-next-line @typescript-eslint/require-await
    async () => readRegularFileSync(path, how),
  ];
  const messages = new Set<string>();
  for (const way of ways)
    await assert.rejects(way, (error) => {
      assert.ok(error instanceof UserError, String(error));
      assert.equal(error.exitCode, 2);
      assert.notEqual(error.hint, '');
      messages.add(error.message);
      return true;
    });
  assert.equal(messages.size, 1, [...messages].join(' / '));
  return [...messages][0];
}

test('a file is read whole, also through a link, up to the limit and not a byte further', async () => {
  const path = join(folder, 'file');
  const bytes = Buffer.alloc(use.maxBytes, 'abc');
  writeFileSync(path, bytes);
  symlinkSync(path, join(folder, 'link'));
  for (const name of ['file', 'link']) {
    assert.deepEqual(await readRegularFile(join(folder, name), use), bytes);
    assert.deepEqual(readRegularFileSync(join(folder, name), use), bytes);
  }
  assert.equal(
    await refusal(path, { ...use, maxBytes: 199_999 }),
    `--keys ${path} is larger than 199,999 bytes`,
  );
});

test('what is missing or a folder', async () => {
  assert.equal(
    await refusal(join(folder, 'none')),
    `--keys ${folder}/none cannot be read (ENOENT)`,
  );
  assert.equal(await refusal(folder), `--keys ${folder} is a folder, not a file`);
});

test('what never ends or waits for ever is not opened', async (t) => {
  if (process.platform === 'win32') return t.skip('no such files');
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  assert.equal(await refusal(pipe), `--keys ${pipe} is a pipe, not a file`);
  for (const device of ['/dev/zero', '/dev/null', '/dev/tty'])
    assert.equal(await refusal(device), `--keys ${device} is a device, not a file`);
  const socket = join(folder, 'socket');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  assert.equal(await refusal(socket), `--keys ${socket} is a socket, not a file`);
  server.close();
});

test('a file of /proc says it is empty: it is read all the same, and the limit holds', async (t) => {
  if (process.platform !== 'linux') return t.skip('/proc');
  assert.match((await readRegularFile('/proc/self/status', use)).toString(), /^Name:/);
  assert.match(readRegularFileSync('/proc/self/status', use).toString(), /^Name:/);
  const small = { ...use, maxBytes: 10 };
  await assert.rejects(readRegularFile('/proc/self/status', small), /is larger than 10 bytes/);
  assert.throws(() => readRegularFileSync('/proc/self/status', small), /is larger than 10 bytes/);
});
