/** `npm run stack -- record` from the outside: what it refuses, and its beginning and end. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readPayloads } from '../../producers/payloads.ts';
import { runHere } from '../support/run-command.ts';
import { startCli } from '../support/cli.ts';
import { readRecorded, RECORDED_NAMES } from '../support/recorded.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';

test('options that fit no deed, or open the machine, are refused together before anything is made', async (t) => {
  const folder = scratchFolder(t);
  const out = join(folder, 'recording');
  const refused = async (...args: string[]) => {
    const { exitCode, stderr } = await runHere(['stack', ...args]);
    assert.equal(exitCode, 2, stderr);
    return stderr;
  };
  assert.match(await refused(), /stack needs to know what to do/);
  assert.match(await refused('record', '--port', '0'), /record needs --out DIR/);
  assert.match(await refused('record', '--out', out, '--no-verify'), /--no-verify has no effect with "stack record"/); // prettier-ignore
  assert.match(await refused('up', '--out', out, '--allow-remote'), /--out has no effect with "stack up"\n.*--allow-remote has no effect/); // prettier-ignore
  const both = await refused('record', '--out', out, '--host', '0.0.0.0', '--forward', 'http://127.0.0.1:1/?a=b'); // prettier-ignore
  assert.match(both, /--host 0\.0\.0\.0 would let other machines in, which needs --allow-remote/);
  assert.match(both, /--forward must have no query/);
  assert.ok(!both.includes('a=b'));
  assert.match(await refused('record', '--out', out, '--forward', 'http://192.0.2.1:8080'), /192\.0\.2\.1:8080 is not this machine/); // prettier-ignore
  assert.deepEqual(readdirSync(folder), []);
  mkdirSync(out);
  writeFileSync(join(out, 'mine'), '');
  assert.match(await refused('record', '--out', out, '--port', '0'), /is not empty: it holds mine/);
  assert.match(await refused('record', '--out', join(out, 'mine'), '--port', '0'), /mine is a file, not a folder/); // prettier-ignore
});

test('it says where it listens, and Ctrl-C ends it in order, with counts', async (t) => {
  const out = join(scratchFolder(t), 'recording');
  const running = startCli(['stack', 'record', '--out', out, '--port', '0']);
  t.after(() => running.child.kill('SIGKILL'));
  await until(
    () => running.output().includes('Ctrl-C'),
    () => running.output(),
  );
  const url = /http:\/\/\S+\/v1\/submit/.exec(running.output())![0];
  for (const name of RECORDED_NAMES) {
    const body = readRecorded(name);
    const { status } = await fetch(url, { method: 'POST', body });
    assert.equal(status, 200);
  }
  running.child.kill('SIGINT');
  const { exitCode, stdout } = await running.result;
  assert.equal(exitCode, 0, running.output());
  assert.match(stdout, /recorded 2 requests \([\d.]+ KB\), answered 200: 2\n/);
  assert.match(stdout, new RegExp(`replay it: .*--payloads ${out} --timing recorded`));
  assert.equal((await readPayloads(out)).length, 2);
});
