/** How whole commands end: with the real k6, the embedded backend, and a terminal, disk or reader that goes away. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
} from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { stack } from '../../cli/commands/stack.ts';
import { doctor } from '../../cli/commands/doctor.ts';
import { load } from '../../cli/commands/load.ts';
import { distFile, projectRoot } from '../../paths.ts';
import type { OptionSpec } from '../../system/option.ts';
import type { Summary } from '../../results/types.ts';
import { EXIT } from '../../user-error.ts';
import { startCli, USUAL_ENV } from '../support/cli.ts';
import { freshResults } from '../support/load-results.ts';
import { k6Path } from '../support/k6.ts';
import { runCommand, runHere } from '../support/run-command.ts';
import { childrenOf } from '../support/processes.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const folder = scratchFolder();
const env = { ...process.env, ...USUAL_ENV, K6_BIN: await k6Path() };

const loadWords = (results: string, duration: string) =>
  ['load', '--port', '0', '--vus', '2', '--think', '50ms', '--producers', '400', '--duration', duration, '--results', results]; // prettier-ignore

/** The only run in `results`; undefined: there is none yet. */
const runIn = (results: string): string | undefined => {
  const names = existsSync(results) ? readdirSync(results) : [];
  // Beside it, while it runs, stands who runs it.
  const run = names.find((name) => !name.startsWith('.'));
  return run === undefined ? undefined : join(results, run);
};
const hasSamples = (results: string): boolean => {
  const file = join(runIn(results) ?? '', 'samples.ndjson');
  return existsSync(file) && readFileSync(file, 'utf8').includes('\n');
};
function summaryIn(results: string): Summary {
  assert.equal(readdirSync(results).length, 1);
  return JSON.parse(readFileSync(join(runIn(results)!, 'summary.json'), 'utf8')) as Summary;
}

test('a load whose output is on a full disk passes, and leaves its results', async (t) => {
  if (!existsSync('/dev/full')) return t.skip('no /dev/full');
  const results = freshResults();
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [distFile('cli.js'), ...loadWords(results, '2s')], {
    env,
    stdio: ['ignore', full, full],
  });
  closeSync(full);
  assert.deepEqual(await once(child, 'close'), [EXIT.passed, null]);
  assert.equal(summaryIn(results).verdict.exitCode, EXIT.passed);
  assert.ok(existsSync(join(runIn(results)!, 'report.md')));
});

test('a list on a full disk is not whole: 5, with one sentence', (t) => {
  if (!existsSync('/dev/full')) return t.skip('no /dev/full');
  // Those that wait for their own output, that do not, and that do nothing else.
  for (const words of [
    ['producers', '--count', '5'],
    ['score', join(projectRoot, 'test/vectors/coordinator-lagging.json')],
    ['explain', '--help'],
    // Calls that only print, of commands that do more.
    ['load', '--explain'],
    ['load', '--dry-run', '--duration', '1s'],
    ['e2e', 'cleanup', '--dry-run', '--folder', join(scratchFolder(t), 'none')],
  ]) {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [distFile('cli.js'), ...words], {
      env,
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    assert.equal(status, EXIT.broken, words.join(' '));
    assert.match(stderr, /^error: standard output cannot be written \(ENOSPC\)\nwhat to do: /);
  }
});

test('files that may not become as large as a load needs them: 5, and what to lift', (t) => {
  if (process.platform === 'win32') return t.skip('there is no ulimit');
  const words = [process.execPath, distFile('cli.js'), ...loadWords(freshResults(), '1s')];
  // 4 KB, with the signal as it is in a shell.
  const line = `ulimit -f 8; exec ${words.map((word) => `'${word}'`).join(' ')}`;
  const { status, stderr } = spawnSync('sh', ['-c', line], { env, encoding: 'utf8' });
  assert.equal(status, EXIT.broken, stderr);
  assert.match(
    stderr,
    /^error: a file could not be written or opened: EFBIG: file too large, write\nwhat to do: [^\n]*ulimit -f unlimited/,
  );
});

test('a limit of file sizes that the lines of a load reach in its middle: 5, results whole, no half line', async (t) => {
  if (spawnSync('prlimit', ['--version']).status !== 0) return t.skip('there is no prlimit(1)');
  const results = freshResults();
  const cli = startCli(loadWords(results, '1m'), env);
  await until(() => hasSamples(results) || cli.child.exitCode !== null, 'the first samples');
  // More than plan, summary and page take; less than the lines of half a minute.
  const LIMIT_BYTES = 12_000;
  for (const pid of [cli.child.pid!, ...childrenOf(cli.child.pid!).map((child) => child.pid)])
    spawnSync('prlimit', ['--pid', String(pid), `--fsize=${LIMIT_BYTES}`]);
  const { exitCode, stdout, stderr } = await cli.result;
  assert.equal(exitCode, EXIT.broken, stdout + stderr);
  assert.match(stdout, /\nBROKEN: the results folder cannot be written \(EFBIG[^\n]* submissions were accepted/); // prettier-ignore
  const { figures, verdict } = summaryIn(results);
  assert.ok(figures.accepted > 0);
  assert.equal(verdict.exitCode, EXIT.broken);
  const run = runIn(results)!;
  for (const name of readdirSync(run)) {
    const text = readFileSync(join(run, name), 'utf8');
    assert.ok(text.length <= LIMIT_BYTES, name);
    if (name.endsWith('.json')) JSON.parse(text);
    if (!name.endsWith('.ndjson') || text === '') continue;
    assert.ok(text.endsWith('\n'), `${name} ends with half a line`);
    for (const line of text.trimEnd().split('\n')) JSON.parse(line);
  }
  assert.match(readFileSync(join(run, 'report.md'), 'utf8'), /BROKEN/);
  // Too long for the limit: not there, rather than a part of it.
  assert.ok(!existsSync(join(run, 'report.html')));
});

test('a load whose terminal is closed: interrupted, results whole, nothing runs on', async (t) => {
  if (spawnSync('script', ['--version']).status !== 0) return t.skip('there is no script(1)');
  const results = freshResults();
  const codeFile = join(folder, 'code');
  const words = [process.execPath, distFile('cli.js'), ...loadWords(results, '1m')];
  const line = `${words.map((word) => `'${word}'`).join(' ')} & trap "kill -HUP $!" HUP; wait $!; wait $!; echo $? > '${codeFile}'`;
  const terminal = spawn('script', ['--quiet', '--command', line, '/dev/null'], {
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { ...env, SHELL: '/bin/sh' },
  });
  t.after(() => terminal.kill('SIGKILL'));
  await until(() => hasSamples(results), 'the first samples');
  terminal.kill('SIGKILL');
  await until(() => existsSync(codeFile) && readFileSync(codeFile, 'utf8') !== '', 'the end');
  assert.equal(readFileSync(codeFile, 'utf8').trim(), '130');
  const summary = summaryIn(results);
  assert.ok(summary.interrupted && summary.figures.accepted > 0);
  assert.ok(existsSync(join(runIn(results)!, 'report.md')));
  assert.ok(!existsSync(join(runIn(results)!, 'corpus')));
});

test('a fault of the toolkit in mid-run: 5, one sentence, results kept, k6 and backend ended', async (t) => {
  if (process.platform !== 'linux') return t.skip('/proc');
  const results = freshResults();
  const fault = join(projectRoot, 'test', 'fixtures', 'fault-on-signal.mjs');
  const cli = startCli(loadWords(results, '1m'), { ...env, NODE_OPTIONS: `--import=${fault}` });
  await until(() => hasSamples(results) || cli.child.exitCode !== null, 'the first samples');
  const children = childrenOf(cli.child.pid!).map(({ pid }) => pid);
  assert.ok(children.length >= 2, 'k6 and the backend run');
  cli.child.kill('SIGUSR2');
  const { exitCode, stdout, stderr } = await cli.result;
  assert.equal(exitCode, EXIT.broken, stdout + stderr);
  assert.match(
    stderr,
    /^error: a fault of this toolkit, not of yours: Error: boom[^\n]*\nwhat to do: [^\n]*\n$/,
  );
  assert.match(stdout, /\nBROKEN: a fault of this toolkit[^\n]*boom/);
  const { figures, verdict } = summaryIn(results);
  assert.ok(figures.accepted > 0);
  assert.equal(verdict.exitCode, EXIT.broken);
  await until(
    () => children.every((pid) => !existsSync(`/proc/${pid}`)),
    'the end of k6 and backend',
  );
});

test('a target that answers 101 is no backend: 5', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const results = freshResults();
  const target = `http://127.0.0.1:${port}`;
  const { exitCode, stderr } = await runHere(
    ['load', '--target', target, '--results', results],
    env,
  );
  server.close();
  assert.equal(exitCode, EXIT.broken, stderr);
  assert.match(stderr, /^error: the target \S+ is no uptime backend: it answered 101 /);
});

test('one that begins to answer 101 under load fails by its own words: 99', async () => {
  const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n';
  const server = createHttpServer((request, response) => {
    request.resume().on('end', () => {
      // The questions before the load are small.
      if (Number(request.headers['content-length'] ?? 0) > 10_000) request.socket.end(upgrade);
      else response.writeHead(400, { 'Content-Type': 'application/json' }).end('{"error":"no"}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const results = freshResults();
  const target = ['--target', `http://127.0.0.1:${port}`, '--results', results];
  const { exitCode, stdout } = await runHere(['load', '--scenario', 'smoke', ...target], env);
  server.close();
  server.closeAllConnections();
  assert.equal(exitCode, EXIT.gateFailed, stdout);
  assert.match(stdout, /every error: [^\n]*"unsupported response status: 101 Switching Protocols"/);
  const { figures } = summaryIn(results);
  assert.equal(figures.failedIterations, 0);
  assert.deepEqual(figures.answers, { 'error:1000': figures.sent });
});

test('stack up on a port that is taken: one sentence; only the default one moves', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const [args, more] of [
    [['up', '--port', String(port)], {}],
    [['up'], { BACKEND_PORT: String(port) }],
  ] as const) {
    const { exitCode, stderr, stdout } = await runCommand(stack, args, { cwd: folder, env: more });
    assert.equal(exitCode, EXIT.broken);
    assert.equal(
      stderr,
      `error: port ${port} of 127.0.0.1 is in use\nwhat to do: end what listens there, or choose another one with --port (0: any free one)\n`,
    );
    assert.equal(stdout, '');
  }
  server.close();
  assert.equal(existsSync(join(folder, 'stack-data')), false);
});

test('stack up goes on serving when nobody reads its output any more', async () => {
  const storage = join(folder, 'storage');
  const running = startCli(['stack', 'up', '--port', '0', '--storage', storage]);
  await until(() => running.output().includes('"listening"'), 'the ready line');
  const url = /"url":"([^"]+)"/.exec(running.output())![1];
  running.child.stdout!.destroy();
  running.child.stderr!.destroy();
  for (let i = 0; i < 20; i++) {
    const answer = await fetch(`${url}/v1/submit`, { method: 'POST', body: '{}' });
    assert.equal(answer.status, 400);
    await answer.text();
  }
  running.child.kill('SIGINT');
  assert.equal((await running.result).exitCode, EXIT.passed);
});

test('doctor looks where load does', () => {
  for (const name of ['results', 'k6']) {
    const facts = (options: readonly OptionSpec[]) => {
      const spec = options.find((one) => one.name === name)!;
      return { env: spec.env, default: spec.default, type: spec.type };
    };
    assert.deepEqual(facts(doctor.options), facts(load.options));
  }
});

test('a user without HOME and without an entry in /etc/passwd: doctor and load work, or one sentence says what to set', (t) => {
  const place = scratchFolder(t);
  const k6 = join(place, 'k6');
  copyFileSync(env.K6_BIN, k6);
  const results = join(place, 'results');
  mkdirSync(results);
  for (const [path, mode] of [[place, 0o755], [k6, 0o755], [results, 0o777]] as const) chmodSync(path, mode); // prettier-ignore
  // As `docker run --user 12345` with an environment of nothing else.
  const asNobody = (words: readonly string[], more: Record<string, string>) =>
    spawnSync(
      'setpriv',
      [
        ...['--reuid', '12345', '--regid', '12345', '--clear-groups', 'env', '-i'],
        ...Object.entries({ PATH: '/usr/bin:/bin', ...more }).map((pair) => pair.join('=')),
        ...words,
      ],
      { cwd: place, encoding: 'utf8' },
    );
  const cli = [process.execPath, distFile('cli.js')];
  const canRun = asNobody([...cli, 'inspect', '--help'], {});
  if (canRun.status !== 0) return t.skip(`not as another user: ${canRun.stderr ?? ''}`);
  assert.match(asNobody([process.execPath, '-p', 'os.homedir()'], {}).stderr, /ENOENT/);

  const checks = asNobody([...cli, 'doctor', '--results', results], { K6_BIN: k6 });
  assert.equal(checks.status, EXIT.passed, checks.stdout + checks.stderr);
  const words = ['load', '--scenario', 'smoke', '--port', '0', '--results', results];
  const smoke = asNobody([...cli, ...words], { K6_BIN: k6 });
  assert.equal(smoke.status, EXIT.passed, smoke.stdout + smoke.stderr);
  assert.equal(summaryIn(results).figures.accepted, 10);
  assert.ok(existsSync(join(runIn(results)!, 'latency.png')));
  const none = asNobody([...cli, ...words], { MINA_LOAD_OFFLINE: '1' });
  assert.equal(none.status, EXIT.broken, none.stdout + none.stderr);
  assert.match(none.stderr, /^error: .*no home folder[^]*^what to do: .*HOME.*MINA_LOAD_CACHE/m);
});
