/** The limit of open files, and what it means for a load. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { localPortsProblem } from '../../load/local-ports.ts';
import { filesNeeded, openFilesProblem, vusWithin } from '../../load/open-files.ts';
import { localPorts } from '../../system/local-ports.ts';
import { openFilesLimit } from '../../system/open-files.ts';
import { scratchFolder } from '../support/scratch.ts';

const folder = scratchFolder();

const limitIn = (line: string) => {
  const file = join(folder, 'limits');
  writeFileSync(file, `Limit  Soft Limit  Hard Limit  Units\n${line}\n`);
  return openFilesLimit(process.env, file);
};

test('the hard limit counts: programs raise their own to it', async () => {
  assert.equal(
    await limitIn('Max open files            1024                 200                  files'),
    200,
  );
  assert.equal(
    await limitIn('Max open files            1024                 unlimited            files'),
    null,
  );
  assert.equal(
    await limitIn('Max processes             1024                 77                   processes'),
    null,
  );
});

test('without /proc the shell says it', { skip: process.platform === 'win32' }, async () => {
  const said = spawnSync('/bin/sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).stdout.trim();
  const expected = said === 'unlimited' ? null : Number(said);
  assert.equal(await openFilesLimit(process.env, join(folder, 'none')), expected);
});

test('a connection for each VU and target, or one sentence before the load', () => {
  const of = (vus: number, limit: number | null, targets = 1) =>
    openFilesProblem({ vus, targets, limit });
  assert.equal(of(100, 200), null);
  assert.equal(of(400, null), null);
  assert.equal(of(vusWithin(4096), 4096), null);
  assert.notEqual(of(vusWithin(4096) + 1, 4096), null);
  assert.match(
    of(400, 200)!.problem,
    /^400 VUs need about 500 open files, but this machine allows 200/,
  );
  assert.match(of(400, 200)!.hint, /at most 100 VUs/);
  assert.equal(filesNeeded(400, 0), filesNeeded(400, 1), 'the embedded backend is a target too');
  assert.match(of(150, 300, 2)!.problem, /need about 400/);
});

test('a local port for each VU, or one sentence before the load', () => {
  const of = (vus: number, ports: number | null) => localPortsProblem({ vus, ports });
  assert.deepEqual([of(20, 20), of(1e6, null)], [null, null]);
  assert.match(of(1021, 1020)!.problem, /^1,021 VUs need as many local ports, but .* has 1,020$/);
  assert.match(of(1021, 1020)!.hint, /at most 1,020 VUs/);
  const file = join(folder, 'range');
  for (const [text, ports] of [
    ['32768\t60999\n', 28_232],
    ['40000 40000\n', 1],
    ['9 1\n', 0],
    ['', null],
  ] as const) {
    writeFileSync(file, text);
    assert.equal(localPorts(file), ports, text);
  }
  assert.equal(localPorts(join(folder, 'none')), null);
});
