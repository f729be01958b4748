/** Every way in which a process may end: its code, its words, and what was saved. */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../../paths.ts';
import { exitCodeOf } from '../../system/ending.ts';
import { EXIT } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { program } from '../support/program.ts';

const folder = scratchFolder();
const words = program(`import './test/fixtures/ending.ts';`);

let files = 0;
/** Starts the fixture. `saved` has what it noted in its file. */
function start(way: string[], stdio: StdioOptions = ['ignore', 'pipe', 'pipe']) {
  const file = join(folder, `rescued-${files++}`);
  const child = spawn(process.execPath, [...words, ...way], {
    cwd: projectRoot,
    stdio,
    env: { ...process.env, RESCUED: file },
  });
  let stderr = '';
  child.stderr?.on('data', (text: Buffer) => (stderr += text.toString()));
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const saved = () => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  return { child, ended, saved, stderr: () => stderr };
}

const FAULT =
  /^error: a fault of this toolkit, not of yours: (Type)?Error: boom[^\n]*ending\.ts:\d+[^\n]*\nwhat to do: please report it with these lines\n$/;

for (const [way, code, words, saved] of [
  [
    ['throws'],
    EXIT.broken,
    FAULT,
    /^rescued: a fault of .*: TypeError: boom and more \(at .*\nexit/,
  ],
  [['rejects'], EXIT.broken, FAULT, /^rescued: a fault of this toolkit.*boom.*\nexit/],
  [['fails'], EXIT.broken, FAULT, /^rescued: a fault of this toolkit.*boom.*\nexit/],
  [['refuses'], EXIT.noData, /^error: no data\nwhat to do: look\n$/, /^rescued: no data\nexit/],
  [
    ['never'],
    EXIT.broken,
    /^error: the command waits for something that can never happen\nwhat to do: [^\n]+\n$/,
    /^rescued: the command waits .*\nexit/,
  ],
  [['ends', '99'], EXIT.gateFailed, /^$/, /^exit listeners run\n$/],
  [['ends', '130'], EXIT.interrupted, /^$/, /^exit/],
  [['ends', '1'], EXIT.broken, /^$/, /^exit/],
  [['exits', '0'], EXIT.passed, /^$/, /^exit/],
  [['exits', '1'], EXIT.broken, /^$/, /^exit/],
  [['exits', '137'], EXIT.broken, /^$/, /^exit/],
] as const)
  test(`${way.join(' ')}: code ${code}`, async () => {
    const one = start([...way]);
    assert.deepEqual(await one.ended, [code, null], one.stderr());
    assert.match(one.stderr(), words);
    assert.match(one.saved(), saved);
    assert.doesNotMatch(one.saved(), /taken back/);
  });

test('codes of child programs that are in no table are 5', () => {
  assert.deepEqual([0, 99, 130, 3, 1, 139, null].map(exitCodeOf), [0, 99, 130, 3, 5, 5, 5]);
});

test('a signal that nobody listens for: 130, and exit listeners run', async (t) => {
  if (process.platform === 'win32') return t.skip('signals');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const one = start(['waits']);
    await once(one.child.stdout!, 'data');
    one.child.kill(signal);
    assert.deepEqual(await one.ended, [EXIT.interrupted, null], signal);
    assert.equal(one.saved(), 'exit listeners run\n');
  }
});

test('outputs on a full disk, or whose reader has gone, change nothing', async (t) => {
  if (process.platform === 'win32') return t.skip('no /dev/full');
  if (existsSync('/dev/full')) {
    const full = openSync('/dev/full', 'w');
    const one = start(['prints'], ['ignore', full, full]);
    assert.deepEqual(await one.ended, [EXIT.passed, null]);
    assert.equal(one.saved(), 'lost ENOSPC\nprinted all\nexit listeners run\n');
    closeSync(full);
  }
  const gone = start(['prints']);
  await once(gone.child.stdout!, 'data');
  gone.child.stdout!.destroy();
  gone.child.stderr!.destroy();
  assert.deepEqual(await gone.ended, [EXIT.passed, null]);
  assert.equal(gone.saved(), 'lost EPIPE\nprinted all\nexit listeners run\n');
});

test('a terminal that is closed under it: 130 and in order, not an abort of Node', async (t) => {
  if (spawnSync('script', ['--version']).status !== 0) return t.skip('there is no script(1)');
  const file = join(folder, 'terminal');
  const codeFile = join(folder, 'code');
  // The shell passes the signal on, as an interactive one does, and lives to see how its child ended.
  const quoted = [process.execPath, ...words, 'waits'].map((word) => `'${word}'`).join(' ');
  const line = `${quoted} & trap "kill -HUP $!" HUP; wait $!; wait $!; echo $? > '${codeFile}'`;
  const terminal = spawn('script', ['--quiet', '--command', line, '/dev/null'], {
    cwd: projectRoot,
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, SHELL: '/bin/sh', RESCUED: file },
  });
  t.after(() => terminal.kill('SIGKILL'));
  await once(terminal.stdout, 'data');
  terminal.kill('SIGKILL');
  await until(() => existsSync(codeFile) && readFileSync(codeFile, 'utf8') !== '', 'the end');
  assert.equal(readFileSync(codeFile, 'utf8').trim(), '130');
  assert.equal(readFileSync(file, 'utf8'), 'exit listeners run\n');
});
