/** Other programs: each way they may end, hang, flood, leave children behind, and what is left of them when this process ends. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { projectRoot } from '../../paths.ts';
import {
  askProgram,
  NotStartedError,
  OUTPUT_LIMIT,
  startProgram,
  type LongProgram,
} from '../../system/run-program.ts';
import { until } from '../support/until.ts';
import { program } from '../support/program.ts';

const env = { PATH: process.env.PATH };
const sh = (script: string) => ({ file: 'sh', args: ['-c', script], env });
const question = (script: string) => ({ ...sh(script), timeoutMs: 60_000 });
const long = (script: string, change: Partial<LongProgram> = {}): LongProgram => ({
  ...sh(script),
  stdout: 'pipe',
  stderr: 'keep',
  ...change,
});

/** Whether a process works still: one that nobody waited for stays in the table as a zombie. */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
};
/** The first line of a stream, as a number. */
const pidFrom = async (stream: NodeJS.ReadableStream): Promise<number> =>
  Number(String((await once(stream.resume(), 'data'))[0]));

test('a question has the program’s exit code, signal and output as its answer', async () => {
  const output = { stdout: 'out\n', stderr: 'err\n' };
  const cases = [
    ['echo out; echo err >&2', { exitCode: 0, signal: null }],
    ['echo out; echo err >&2; exit 7', { exitCode: 7, signal: null }],
    ['echo out; echo err >&2; kill -SEGV $$', { exitCode: null, signal: 'SIGSEGV' }],
  ] as const;
  for (const [script, end] of cases)
    assert.deepEqual(await askProgram(question(script)), { kind: 'ended', ...end, output });
});

test('nothing of our environment reaches the program, and it is called what it is to be called', async () => {
  const answer = await askProgram({ ...question('echo "$0$(env | grep -c HOME)"'), env });
  assert.ok(answer.kind === 'ended' && answer.output.stdout === 'sh0\n', JSON.stringify(answer));
  const named = await askProgram({
    file: process.execPath,
    args: ['-p', 'process.argv0'],
    argv0: 'other',
    env: {},
    timeoutMs: 60_000,
  });
  assert.ok(named.kind === 'ended' && named.output.stdout === 'other\n', JSON.stringify(named));
});

test('a program that does not start says why', async () => {
  const timeoutMs = 60_000;
  for (const [file, cwd, code] of [
    ['/nowhere/x', undefined, 'ENOENT'],
    [projectRoot, undefined, 'EACCES'],
    ['sh', '/nowhere', 'ENOENT'],
  ] as const) {
    const answer = await askProgram({ file, args: [], env, cwd, timeoutMs });
    assert.equal(answer.kind === 'not started' && answer.code, code, file);
    await assert.rejects(
      startProgram({ file, args: [], env, cwd, stdout: 'pipe', stderr: 'keep' }),
      (error) => error instanceof NotStartedError && error.code === code,
    );
  }
  const nul = await askProgram({ file: 'sh', args: ['a\0b'], env, timeoutMs });
  assert.equal(nul.kind, 'not started');
});

test('at the time limit the program ends with all that it started', async () => {
  const answer = await askProgram({
    ...question('sleep 600 & echo $!; wait'),
    timeoutMs: 500,
  });
  assert.equal(answer.kind, 'timed out');
  const pid = Number(answer.kind === 'timed out' && answer.output.stdout);
  assert.ok(pid > 1);
  await until(() => !isAlive(pid), 'the end of the grandchild');
});

test('an abort ends the program and is passed on as it is; one that came before starts nothing', async () => {
  const abort = new AbortController();
  const lines: string[] = [];
  const asked = askProgram({
    ...question('echo started >&2; exec sleep 600'),
    signal: abort.signal,
    onStderrLine: (line) => {
      lines.push(line);
      abort.abort(new Error('Ctrl-C'));
    },
  });
  await assert.rejects(asked, { message: 'Ctrl-C' });
  assert.deepEqual(lines, ['started']);
  await assert.rejects(
    askProgram({ ...question('exit'), file: '/nowhere', signal: abort.signal }),
    { message: 'Ctrl-C' },
  );
});

test('of a flood the beginning of stdout and both ends of stderr are kept', async () => {
  const flood = (to: string) =>
    `i=0; while [ $i -lt 3000 ]; do printf '%0100d' $i ${to}; i=$((i+1)); done`;
  const answer = await askProgram(question(`${flood('')}; ${flood('>&2')}`));
  assert.equal(answer.kind, 'ended');
  const { stdout, stderr } = (answer as { output: { stdout: string; stderr: string } }).output;
  assert.equal(stdout.length, OUTPUT_LIMIT);
  assert.match(stdout, /^0{100}0{99}1/);
  assert.match(stderr, /^0{100}/);
  assert.match(stderr, new RegExp(`\n… ${300_000 - OUTPUT_LIMIT} bytes …\n`));
  assert.match(stderr, /2999$/);
  const more = await askProgram({ ...question(flood('')), stdoutLimit: 1e6 });
  assert.equal((more as { output: { stdout: string } }).output.stdout.length, 300_000);
});

test('a child that holds the pipes does not hold the answer', async () => {
  const answer = await askProgram(question('sleep 600 & echo $!'));
  assert.equal(answer.kind, 'ended');
  const pid = Number((answer as { output: { stdout: string } }).output.stdout);
  assert.ok(isAlive(pid));
  process.kill(pid, 'SIGKILL');
});

test('stop sends one signal, to all of the group, and waits', async () => {
  const running = await startProgram(
    long(`trap 'echo got it; exit 3' TERM; sh -c 'echo $$; exec sleep 600' & wait; wait`),
  );
  const pid = await pidFrom(running.stdout!);
  let rest = '';
  running.stdout!.on('data', (chunk) => (rest += String(chunk)));
  const end = await running.stop({ signal: 'SIGTERM', killAfterMs: 60_000 });
  assert.deepEqual(end, { exitCode: 3, signal: null, stderr: '' });
  assert.equal(rest, 'got it\n');
  await until(() => !isAlive(pid), 'the end of the grandchild');
  // After its end nothing is sent, and there is nothing to wait for.
  running.signal('SIGKILL');
  assert.deepEqual(await running.stop({ signal: 'SIGTERM', killAfterMs: 1 }), end);
});

test('what does not hear the signal is killed after the time', async () => {
  const running = await startProgram(
    long(`trap '' TERM; echo a complaint >&2; echo $$; while :; do sleep 1; done`),
  );
  await pidFrom(running.stdout!);
  assert.deepEqual(await running.stop({ signal: 'SIGTERM', killAfterMs: 100 }), {
    exitCode: null,
    signal: 'SIGKILL',
    stderr: 'a complaint\n',
  });
});

test('all of the output is handed over before the end, however late its reader is', async () => {
  let bytes = 0;
  const stdout = (chunk: Buffer): void => {
    // As a reader that works: the program is long gone while its output is read.
    if (bytes === 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
    bytes += chunk.length;
  };
  const running = await startProgram(long('head -c 3000000 /dev/zero', { stdout }));
  await running.ended;
  assert.equal(bytes, 3_000_000);
});

test('a pipe waits until it is read', async () => {
  const running = await startProgram(long('echo one; echo two'));
  await new Promise((resolve) => setTimeout(resolve, 300));
  let text = '';
  for await (const chunk of running.stdout!) text += String(chunk);
  assert.equal(text, 'one\ntwo\n');
});

test('standard input is a pipe where it is asked for; writing after the end is no fault', async () => {
  const running = await startProgram(long('read line; echo "$line"', { stdin: 'pipe' }));
  running.stdin!.write('hello\n');
  assert.equal(String((await once(running.stdout!.resume(), 'data'))[0]), 'hello\n');
  await running.ended;
  running.stdin!.write('too late\n');
});

/** A process that starts a program which sleeps, says its pid, and does what `then` says. */
async function parent(then: string, change: Partial<LongProgram> = {}) {
  const call = JSON.stringify(long('echo $$; exec sleep 600', change));
  const words = program(`
    import { startProgram } from './system/run-program.ts';
    const running = await startProgram(${call});
    running.stdout.pipe(process.stdout);
    ${then}`);
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  return { child, ended, pid: await pidFrom(child.stdout) };
}

test('whatever ends this process takes the programs along', async () => {
  const exits = await parent(`process.stdin.once('data', () => process.exit(4));`);
  exits.child.stdin.write('now\n');
  assert.deepEqual(await exits.ended, [4, null]);
  await until(() => !isAlive(exits.pid), 'the end after process.exit');

  const throws = await parent(`process.stdin.once('data', () => { throw new Error('meant') });`);
  throws.child.stdin.write('now\n');
  assert.equal((await throws.ended)[0], 1);
  await until(() => !isAlive(throws.pid), 'the end after an error');

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const signalled = await parent(`process.stdin.resume();`);
    signalled.child.kill(signal);
    assert.deepEqual(await signalled.ended, [null, signal]);
    await until(() => !isAlive(signalled.pid), `the end after ${signal}`);
  }
});

test('what neither reads nor writes ends with a parent that was killed, and so does what it started', async () => {
  for (const script of ['echo $$; exec sleep 600', 'sleep 600 & echo $!; wait']) {
    const { child, ended, pid } = await parent('process.stdin.resume();', { args: ['-c', script] });
    assert.ok(isAlive(pid));
    child.kill('SIGKILL');
    await ended;
    await until(() => !isAlive(pid), 'the end of the program');
  }
});

test('a group whose program has ended is out of the guard’s hands: its number may be another’s by then', async (t) => {
  if (process.platform !== 'linux') return t.skip('/proc');
  const { child, ended, pid } = await parent(
    `await running.ended; console.log('over'); process.stdin.resume();`,
    { args: ['-c', 'sleep 600 & echo $!'] },
  );
  t.after(() => process.kill(pid, 'SIGKILL'));
  if (child.stdout.readableLength === 0) await once(child.stdout, 'data');
  const [guard] = readdirSync('/proc').filter((name) => isGuardOf(name, child.pid!));
  assert.ok(guard !== undefined);
  child.kill('SIGKILL');
  await ended;
  await until(() => !isAlive(Number(guard)), 'the end of the guard');
  assert.ok(isAlive(pid));
});

function isGuardOf(pid: string, parentPid: number): boolean {
  try {
    const isChild = readFileSync(`/proc/${pid}/status`, 'latin1').includes(`PPid:\t${parentPid}\n`);
    return isChild && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('groups=');
  } catch {
    return false; // no process, or it ended while it was looked at
  }
}

test('a signal that somebody else listens to ends nothing', async () => {
  const listening = await parent(
    `process.on('SIGTERM', () => { console.log('heard'); }); process.stdin.once('data', () => process.exit(0));`,
  );
  listening.child.kill('SIGTERM');
  assert.equal(String((await once(listening.child.stdout, 'data'))[0]), 'heard\n');
  assert.ok(isAlive(listening.pid));
  listening.child.stdin.write('now\n');
  await listening.ended;
  await until(() => !isAlive(listening.pid), 'the end');
});

test('a program with a channel hears that its parent is gone, even when that was killed', async () => {
  const script = `process.on('disconnect', () => process.exit(0)); console.log(process.pid); setInterval(() => {}, 1000)`;
  const { child, ended, pid } = await parent('process.stdin.resume();', {
    file: process.execPath,
    args: ['-e', script],
    channel: true,
  });
  assert.ok(isAlive(pid));
  child.kill('SIGKILL');
  await ended;
  await until(() => !isAlive(pid), 'the end of the program');
});
