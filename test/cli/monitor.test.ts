import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { monitor, summaryTable } from '../../cli/commands/monitor.ts';
import { parseCommandLine } from '../../cli/parse.ts';
import { agentSource } from '../../monitor/agent.ts';
import { SourceNames } from '../../monitor/agent-readings.ts';
import { httpLink } from '../../monitor/agent-link.ts';
import { systemClock } from '../../monitor/source.ts';
import { distFile, projectRoot } from '../../paths.ts';
import type { ProcessReading, ResourceLine } from '../../results/types.ts';
import { UserError } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { FakeEngine, statsAnswer } from '../monitor/fake-engine.ts';

/** Runs the command inside this process. */
async function run(args: string[], env: NodeJS.ProcessEnv = {}) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const outputs = Promise.all([text(stdout), text(stderr)]);
  const exitCode = await monitor.run({
    ...parseCommandLine(monitor, args, {}),
    cwd: process.cwd(),
    stdout,
    stderr,
    env,
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

const tempFile = (t: TestContext): string => join(scratchFolder(t), 'out.ndjson');

/** Lines in a file that may not be there yet. */
function linesOf(file: string): number {
  try {
    return readFileSync(file, 'utf8').split('\n').length - 1;
  } catch {
    return 0;
  }
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
    [['--container', 'a b'], /--container must be the name or id of a container/],
    [['--container', 'web', '--container', 'web'], /--container web is given twice/],
    [['--container', 'a=web', '--container', 'a=db'], /two readings are named a/],
    [['--agent', 'nonsense'], /--agent must be a URL/],
    [['--agent', 'x=http://h', '--agent', 'x=http://g'], /two agents are named x/],
    [['--pid', me, '--agent-token-env', 'NOT_SET'], /--agent-token-env has no effect without/],
    [['--agent', 'http://h', '--agent-token-env', 'NOT_SET'], /NOT_SET is not set/],
    [['--agent', 'http://h', '--agent-token-env', 'a-b'], /not the token itself/],
    [['--prometheus', 'http://h'], /--prometheus needs --prometheus-query/],
    [['--prometheus-query', 'a.cpu=x'], /--prometheus-query needs --prometheus/],
    [['--prometheus-query', 'a=x'], /must be NAME\.FIGURE=EXPRESSION/],
    [
      ['--pid', me, '--name', 'a', '--prometheus', 'http://h', '--prometheus-query', 'a.cpu=x'],
      /the name a is in use/,
    ],
    [['--watch-postgres', 'postgres://u:p@h/d'], /--watch-postgres must not hold a password/],
    [['--watch-postgres', 'postgres://h/d?sslmode=on'], /sslmode must be one of .*but is "on"/],
    [['--postgres', 'postgres://h/d'], /--postgres has another name now: --watch-postgres/],
    [['--postgres=postgres://h/d'], /--postgres has another name now: --watch-postgres/],
    [
      ['--prometheus', 'http://h', '--prometheus-user-env', 'NOT_SET'],
      /--prometheus-user-env: NOT_SET is not set/,
    ],
    [['--prometheus', 'http://u:p@h'], /must not hold a user or a password.*-user-env/],
    [['--pid', me, '--port', '1'], /--port has no effect without --serve/],
    [['--pid', me, '--serve'], /--serve needs --port/],
    [['--pid', me, '--serve', '--port', '0', '--stdio'], /exclude each other/],
    [['--pid', me, '--serve', '--port', '0', '--host', '0.0.0.0'], /without a token/],
    [['--pid', me, '--serve', '--port', '0', '--token-env', 'NOT_SET'], /NOT_SET is not set/],
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

test('a user for Prometheus without a password is refused, and not repeated', async () => {
  const args = ['--prometheus', 'http://h', '--prometheus-query', 'a.cpu=x'];
  await assert.rejects(
    run([...args, '--prometheus-user-env', 'PROM'], { PROM: 's3cret' }),
    (error) =>
      error instanceof UserError &&
      error.exitCode === 2 &&
      error.message === '--prometheus-user-env: PROM must hold USER:PASSWORD',
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
  await until(() => linesOf(file) >= 3, 'the readings');
  for (const child of children) child.kill();
  const { exitCode, out } = await running;
  assert.equal(exitCode, 0);
  assert.equal(out, '');
  const notes = linesIn(readFileSync(file, 'utf8')).filter(({ kind }) => kind === 'note');
  const expected = children.map(({ pid }) => `process ${pid} has ended`).sort();
  assert.deepEqual(notes.map((note) => 'text' in note && note.text).sort(), expected);
});

test('a container by a fake engine: an unknown one is told at once, a known one is read', async (t) => {
  if (process.platform === 'win32') return t.skip('unix sockets');
  const engine = await new FakeEngine(t).start();
  const env = { DOCKER_HOST: engine.url };
  await assert.rejects(
    () => run(['--container', 'other'], env),
    (error) =>
      error instanceof UserError &&
      error.exitCode === 2 &&
      /no container "other"/.test(error.message),
  );
  const id = 'ab'.repeat(32);
  const stats = statsAnswer('2026-01-02T03:04:05Z', 1e9);
  engine.containers.set('web', { id, pid: 4_000_000, stats });
  const args = ['--container', 'backend=web', '--interval', '100ms', '--duration', '500ms'];
  const { exitCode, out, err } = await run([...args, '--summary'], env);
  assert.equal(exitCode, 0);
  const lines = linesIn(out);
  assert.ok(lines.some((line) => line.kind === 'process' && line.name === 'backend'));
  assert.match(err, /\| backend /);
});

test('an agent serves its readings until what it watches has ended', async (t) => {
  const child = sleeper(t, 60);
  const env = { TOKEN: '0123456789abcdef0123456789abcdef' };
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const args = ['--pid', String(child.pid), '--name', 'far', '--serve', '--port', '0'];
  const serving = monitor.run({
    ...parseCommandLine(monitor, [...args, '--token-env', 'TOKEN', '--interval', '100ms'], {}),
    cwd: process.cwd(),
    stdout,
    stderr,
    env,
  });
  const [said] = (await once(stderr, 'data')) as [Buffer];
  const url = /listens on (http:\S+)/.exec(String(said))![1];
  const lines: ResourceLine[] = [];
  const source = agentSource({
    link: httpLink(new URL(url), env.TOKEN),
    label: 'db',
    names: new SourceNames(),
  }).start({ intervalMs: 1000, clock: systemClock, emit: (line) => lines.push(line) });
  t.after(() => source.stop());
  const far = () => lines.filter((line) => line.kind === 'process' && line.name === 'db far');
  await until(() => far().length >= 2, 'the readings');
  child.kill();
  assert.equal(await serving, 0);
  await until(() => lines.some(({ kind }) => kind === 'note'), 'the readings');
  assert.ok(far().every((line) => 'rootPid' in line && line.rootPid === child.pid));
  const ended = `process ${child.pid} has ended`;
  assert.ok(lines.some((line) => line.kind === 'note' && line.text === ended));
  // The agent writes nothing where its readings would mix with other output.
  stdout.end();
  assert.equal(await text(stdout), '');
});

test('Ctrl-C, also twice: exit code 130, every line complete', async (t) => {
  const file = tempFile(t);
  const args = [distFile('cli.js'), 'monitor', '--interval', '50ms', '--out', file];
  const child = spawn(process.execPath, [...args, '--pid', String(process.pid)], {
    cwd: projectRoot,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  await until(() => linesOf(file) >= 4, 'the readings');
  child.kill('SIGINT');
  child.kill('SIGINT');
  assert.deepEqual(await exited, [130, null]);
  assert.ok(linesIn(readFileSync(file, 'utf8')).length >= 4);
});

test('130,000 readings of a process are one row of the table', () => {
  const readings = Array.from({ length: 130_000 }, (_, i): ProcessReading => ({
    t: i,
    kind: 'process',
    name: 'backend',
    rootPid: 7,
    processes: 1,
    threads: i % 9,
    cpuCores: 0.5,
  }));
  const [, , row] = summaryTable(readings).split('\n');
  const cells = row.split('|').map((cell) => cell.trim());
  // No reading has open files: the cell is empty.
  assert.deepEqual(cells.slice(1, -1), ['backend', '0.500', '0.500', '', '1', '8', '', '130000']);
});
