/** `npm run stack -- up --component …` from the outside: table, logs with names, orderly ends; and nothing left after kill -9 or a start that failed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { processesWith } from '../../system/process-identity.ts';
import { startCli } from '../support/cli.ts';
import { runHere } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const base = scratchFolder();
const stackOf = (folder: string): string =>
  (JSON.parse(readFileSync(join(folder, 'stack.json'), 'utf8')) as { plan: { stack: string } }).plan
    .stack;
const marked = (stack: string): number[] => processesWith({ DELEGATION_TOOLKIT_STACK: stack });

test('wrong words are one list, and make nothing', async () => {
  const folder = join(base, 'wrong');
  const { exitCode, stderr } = await runHere([
    ...['stack', 'up', '--component', 'backend,foo', '--use', 'leaderboard=embedded'],
    ...['--detach', '--host', '0.0.0.0', '--interval', '1500ms'],
  ]);
  assert.equal(exitCode, 2);
  for (const words of [
    '--component does not know "foo"',
    '--detach needs --folder',
    '--host has no effect on a set',
    '--interval must be whole seconds',
    '--use leaderboard has no effect',
  ])
    assert.ok(stderr.includes(words), words);
  assert.ok(!existsSync(folder));
  const none = await runHere(['stack', 'down', '--folder', base]);
  assert.equal(none.exitCode, 2);
  assert.match(none.stderr, /there is no stack in/);
  const file = join(base, 'a-file');
  writeFileSync(file, '');
  for (const action of ['up', 'down']) {
    const onFile = await runHere(['stack', action, '--folder', file]);
    assert.equal(onFile.exitCode, 2);
    assert.match(onFile.stderr, /a-file is a file, not a folder/);
  }
  const near = await runHere(['stack', 'dwon']);
  assert.match(near.stderr, /stack does not know "dwon" \(did you mean down\?\)/);
});

test('what ends the backend alone stands behind its log, too, as a sentence', async () => {
  const { exitCode, stderr } = await runHere(
    ['stack', 'up', '--port', '0', '--whitelist', base, '--storage', join(base, 'alone')],
    {},
  );
  assert.equal(exitCode, 2);
  assert.match(
    stderr,
    /^error: the whitelist .* is a folder, not a file\nwhat to do: give the path/m,
  );
});

test('a component that does not start ends those that did, and leaves nothing', async () => {
  const folder = join(base, 'half');
  mkdirSync(folder);
  const program = join(folder, 'broken.sh');
  writeFileSync(program, '#!/bin/sh\necho no such luck\nexit 3\n', { mode: 0o755 });
  const { exitCode, stderr, stdout } = await runHere([
    ...['stack', 'up', '--component', 'backend,leaderboard', '--port', '0', '--folder', folder],
    ...['--use', 'postgres=postgres://me@127.0.0.1:1/none', '--use', `leaderboard=command:${program}`],
    ...['--set', 'backend.CONFIG_FILESYSTEM_PATH=' + join(folder, 'data', 'backend')],
    ...['--set', 'backend.POSTGRES_HOST='],
  ], { PGPASSWORD: 'x' }); // prettier-ignore
  assert.equal(exitCode, 5);
  assert.match(stderr, /leaderboard ended with exit code 3 before it was ready: no such luck/);
  assert.match(stdout, /^backend {5}\| .*"event":"listening"/m);
  assert.deepEqual(readdirSync(folder).sort(), ['broken.sh', 'logs']);
});

test('detached: another process finds and stops it', async () => {
  const folder = join(base, 'detached');
  const up = await runHere([
    ...['stack', 'up', '--component', 'backend', '--port', '0', '--folder', folder, '--detach'],
  ]);
  assert.equal(up.exitCode, 0, up.stderr);
  assert.match(up.stdout, /^backend {2}embedded {2}http:\/\/127\.0\.0\.1:\d+$/m);
  const url = /http:\S+/.exec(up.stdout)![0];
  assert.equal((await fetch(`${url}/health`)).status, 200);
  const stack = stackOf(folder);
  const again = await runHere(['stack', 'up', '--component', 'backend', '--folder', folder, '--detach']); // prettier-ignore
  assert.match(again.stderr, /holds the stack delegation-\w+ already/);
  const down = await runHere(['stack', 'down', '--folder', folder]);
  assert.equal(down.exitCode, 0, down.stderr);
  assert.match(down.stdout, /^stopped backend$/m);
  assert.deepEqual(marked(stack), []);
  assert.deepEqual(readdirSync(folder), ['logs']);
});

for (const isFolderThere of [true, false])
  test(`after kill -9 of the command its components are stopped in order${isFolderThere ? '' : ', also where its folder is gone'}`, { skip: process.platform !== 'linux' }, async () => {
    const folder = join(base, `killed-${isFolderThere}`);
    const running = startCli(['stack', 'up', '--component', 'backend', '--folder', folder, '--port', '0']);
    await until(() => running.output().includes('Ctrl-C stops'));
    const stack = stackOf(folder);
    assert.equal(marked(stack).length, 1);
    if (!isFolderThere) rmSync(folder, { recursive: true });
    running.child.kill('SIGKILL');
    await running.result;
    await until(() => marked(stack).length === 0 && !existsSync(join(folder, 'stack.json')));
    // In order: it had the time to say so.
    if (isFolderThere)
      assert.match(readFileSync(join(folder, 'logs', 'backend.log'), 'utf8'), /"msg":"stopped"/);
  }); // prettier-ignore

test('a port that something else listens on is no sign of readiness', async () => {
  const other = createServer((_, response) => void response.end());
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const folder = join(base, 'taken');
  const { exitCode, stderr } = await runHere([
    ...[
      'stack',
      'up',
      '--component',
      'backend',
      '--port',
      String(port),
      '--folder',
      folder,
      '--detach',
    ],
  ]);
  other.close();
  assert.equal(exitCode, 5);
  assert.match(stderr, /^error: backend: port \d+ of 127\.0\.0\.1 is in use$/m);
});
