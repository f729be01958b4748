/** The lock of a results folder: one holder, a refusal that says where to look, and nothing that a dead holder leaves behind. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isOnThisMachine, runningLoad, takeLoadLock } from '../../load/one-at-a-time.ts';
import { startProgram } from '../../system/run-program.ts';
import type { UserError } from '../../user-error.ts';
import { runHere } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';

const fileOf = (results: string) => join(results, '.running.json');
const contentOf = (results: string) =>
  JSON.parse(readFileSync(fileOf(results), 'utf8')) as Record<string, unknown>;

test('one load at a time in a folder, several in several', (t) => {
  const [results, other] = [scratchFolder(t), scratchFolder(t)];
  const lock = takeLoadLock(results, 'http://127.0.0.1:8089');
  lock.setRun(join(results, '2026-01-02T03-04-05Z-load'));
  assert.equal(runningLoad(results)?.run, '2026-01-02T03-04-05Z-load');
  assert.throws(
    () => takeLoadLock(results, null),
    (error: UserError) =>
      error.exitCode === 5 &&
      /^a load is running since \d{4}-.* UTC \(process \d+, 2026-01-02T03-04-05Z-load\)$/.test(
        error.message,
      ) && // prettier-ignore
      /watch it at http:\/\/127\.0\.0\.1:8089,.*--results/.test(error.hint),
  );
  const beside = takeLoadLock(other, null);
  beside.release();
  lock.release();
  assert.equal(runningLoad(results), null);
  takeLoadLock(results, null).release();
  assert.deepEqual(readdirSync(results), []);
});

test('the terminal obeys it, before anything is prepared', async (t) => {
  const results = scratchFolder(t);
  const lock = takeLoadLock(results, null);
  const { exitCode, stderr } = await runHere(['load', '--results', results]);
  lock.release();
  assert.equal(exitCode, 5);
  assert.match(
    stderr,
    /^error: a load is running since .*\nwhat to do: watch it with npm run console, /,
  );
  assert.deepEqual(readdirSync(results), []);
});

test('a holder that is gone holds nothing: another process of its number, another boot, a file that is no lock', async (t) => {
  const results = scratchFolder(t);
  const lock = takeLoadLock(results, null);
  const mine = contentOf(results);
  lock.release();
  const program = await startProgram({ file: process.execPath, args: ['-e', ''], env: {}, stdout: () => undefined, stderr: 'keep' }); // prettier-ignore
  await program.ended;
  const gone: unknown[] = [
    { ...mine, pid: program.pid },
    ...(mine.processStart === null ? [] : [{ ...mine, processStart: '1' }]),
    { ...mine, format: 2 },
    'no lock',
  ];
  for (const content of gone) {
    writeFileSync(fileOf(results), JSON.stringify(content));
    assert.equal(runningLoad(results), null, JSON.stringify(content));
    const taken = takeLoadLock(results, null);
    assert.equal(contentOf(results).pid, process.pid);
    taken.release();
    assert.deepEqual(readdirSync(results), []);
  }
});

test('a holder on another machine holds it as long as it touches the file', (t) => {
  const results = scratchFolder(t);
  const lock = takeLoadLock(results, null);
  const mine = contentOf(results);
  lock.release();
  writeFileSync(fileOf(results), JSON.stringify({ ...mine, host: 'another' }));
  const running = runningLoad(results);
  assert.equal(running?.host, 'another');
  assert.equal(isOnThisMachine(running), false);
  assert.throws(() => takeLoadLock(results, null), /on another/);
  const longAgo = new Date(Date.now() - 3_600_000);
  utimesSync(fileOf(results), longAgo, longAgo);
  assert.equal(runningLoad(results), null);
  takeLoadLock(results, null).release();
});

test('whoever lost it to another one leaves that one alone', (t) => {
  const results = scratchFolder(t);
  const lock = takeLoadLock(results, null);
  const others = { ...contentOf(results), key: 'of another' };
  writeFileSync(fileOf(results), JSON.stringify(others));
  lock.setRun(join(results, 'x'));
  lock.release();
  assert.ok(existsSync(fileOf(results)));
  assert.deepEqual(contentOf(results), others);
});
