import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { monitor } from '../../cli/commands/monitor.ts';
import { parseCommandLine } from '../../cli/parse.ts';
import { projectRoot } from '../../paths.ts';
import type { ResourceLine } from '../../results/types.ts';
import { UserError } from '../../user-error.ts';

/** Runs the command inside this process. */
async function run(args: string[]) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const outputs = Promise.all([text(stdout), text(stderr)]);
  const exitCode = await monitor.run({
    ...parseCommandLine(monitor, args, {}),
    cwd: process.cwd(),
    stdout,
    stderr,
    env: {},
  });
  stdout.end();
  stderr.end();
  const [out, err] = await outputs;
  return { exitCode, out, err };
}

const linesIn = (content: string): ResourceLine[] => {
  assert.ok(content.endsWith('\n'), 'the last line is complete');
  return content
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ResourceLine);
};

function sleeper(t: TestContext, seconds: number): ChildProcess {
  const child = spawn(process.execPath, ['-e', `setTimeout(() => {}, ${seconds * 1000})`]);
  t.after(() => child.kill());
  return child;
}

function tempFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'monitor-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'out.ndjson');
}

/** Lines in a file that may not be there yet. */
function linesOf(file: string): number {
  try {
    return readFileSync(file, 'utf8').split('\n').length - 1;
  } catch {
    return 0;
  }
}

async function until(reached: () => boolean): Promise<void> {
  for (let i = 0; i < 600 && !reached(); i++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(reached());
}

/** A pid that was in use a moment ago. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid!;
}

test('bad input: what was wrong, what to do, exit code 2', async () => {
  const me = String(process.pid);
  const dead = String(await deadPid());
  const cases: [string[], RegExp][] = [
    [[], /--pid is missing/],
    [['--pid', '0'], /--pid must be a whole number of at least 1, but is "0"/],
    [['--pid', 'abc'], /--pid must be a whole number of at least 1, but is "abc"/],
    [['--pid', dead], new RegExp(`--pid ${dead}: there is no such process`)],
    [['--pid', me, '--pid', me], /is given twice/],
    [['--pid', me, '--name', 'a', '--name', 'b'], /--name is given 2 times, but --pid only 1/],
    [['--pid', me, '--pid', '1', '--name', 'x', '--name', 'x'], /two processes are named x/],
    [['--pid', me, '--interval', '0'], /--interval must be at least 50ms.*but is "0"/],
    [['--pid', me, '--interval', '1x'], /--interval must be a duration/],
    [['--pid', me, '--duration', '0'], /--duration must be at least 1ms/],
    [['--pid', me, '--container', 'x'], /unknown option '--container'/],
  ];
  for (const [args, message] of cases)
    await assert.rejects(
      () => run(args),
      (error) =>
        error instanceof UserError &&
        error.exitCode === 2 &&
        error.hint !== '' &&
        message.test(error.message),
      args.join(' '),
    );
});

test('several problems are told at once', async () => {
  const dead = String(await deadPid());
  await assert.rejects(() => run(['--pid', dead, '--name', 'a', '--name', 'b']), /\n/);
});

test('an output that cannot be written: exit code 5, no reading', async () => {
  const out = join(tmpdir(), 'no such folder', 'out.ndjson');
  await assert.rejects(
    () => run(['--pid', String(process.pid), '--out', out]),
    (error) => error instanceof UserError && error.exitCode === 5 && error.message.includes(out),
  );
});

test('a disk that fills up ends the monitor', { skip: process.platform !== 'linux' }, async () => {
  await assert.rejects(
    () => run(['--pid', String(process.pid), '--out', '/dev/full']),
    (error) => error instanceof UserError && /ENOSPC/.test(error.message),
  );
});

test('--duration: readings to standard output, a table on standard error', async (t) => {
  const child = sleeper(t, 30);
  const args = ['--pid', String(child.pid), '--name', 'a', '--interval', '100ms'];
  const { exitCode, out, err } = await run([...args, '--duration', '600ms', '--summary']);
  assert.equal(exitCode, 0);
  const lines = linesIn(out);
  const own = lines.filter((line) => line.kind === 'process' && line.name === 'a');
  assert.ok(own.length >= 2);
  assert.ok(lines.some(({ kind }) => kind === 'host'));
  assert.match(err, /\| name +\| cores, mean/);
  assert.match(err, new RegExp(`\\| a .*\\| +${own.length} \\|`));
  assert.match(err, /the monitor itself: \d+\.\d\d % of one core/);
});

test('ends when all watched processes have ended', async (t) => {
  const file = tempFile(t);
  const children = [sleeper(t, 60), sleeper(t, 60)];
  const pids = children.flatMap(({ pid }) => ['--pid', String(pid)]);
  const running = run([...pids, '--interval', '100ms', '--out', file]);
  await until(() => linesOf(file) >= 3);
  for (const child of children) child.kill();
  const { exitCode, out } = await running;
  assert.equal(exitCode, 0);
  assert.equal(out, '');
  const notes = linesIn(readFileSync(file, 'utf8')).filter(({ kind }) => kind === 'note');
  const expected = children.map(({ pid }) => `process ${pid} has ended`).sort();
  assert.deepEqual(notes.map((note) => 'text' in note && note.text).sort(), expected);
});

test('Ctrl-C, also twice: exit code 130, every line complete', async (t) => {
  const file = tempFile(t);
  const args = ['--import', 'tsx', 'cli/main.ts', 'monitor', '--interval', '50ms', '--out', file];
  const child = spawn(process.execPath, [...args, '--pid', String(process.pid)], {
    cwd: projectRoot,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  await until(() => linesOf(file) >= 4);
  child.kill('SIGINT');
  child.kill('SIGINT');
  assert.deepEqual(await exited, [130, null]);
  assert.ok(linesIn(readFileSync(file, 'utf8')).length >= 4);
});
