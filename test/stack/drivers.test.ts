/** Components however they are started: ready, logs, ends nobody wanted, stops that leave nothing behind, taken over by another process. */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { projectRoot } from '../../paths.ts';
import { attach } from '../../stack/drivers/attach.ts';
import { type CommandComponent, startCommand } from '../../stack/drivers/command.ts';
import {
  type ContainerComponent,
  leftContainers,
  makeNetwork,
  removeLeftContainers,
  removeNetwork,
  runArgs,
  startContainer,
} from '../../stack/drivers/container.ts';
import type { StartOptions } from '../../stack/drivers/driver.ts';
import { startEmbedded } from '../../stack/drivers/embedded.ts';
import type { ReadyQuestion } from '../../stack/drivers/ready.ts';
import { processExists } from '../../system/process-exists.ts';
import { UserError } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const base = scratchFolder();
let logs = 0;
const marks = { stack: `test-${process.pid}`, component: 'component' };
/** Of a start, with a log of its own. */
const options = (more: Partial<StartOptions> = {}): StartOptions => ({
  logFile: join(base, `${logs++}.log`),
  marks: { ...marks, component: `component-${logs}` },
  ...more,
});
const linesOf = ({ logFile }: StartOptions): string[] =>
  readFileSync(logFile, 'utf8').split('\n').filter(Boolean);
const AT_ONCE: ReadyQuestion = { kind: 'at once', withinMs: 60_000 };
const NEVER: ReadyQuestion = { kind: 'line', pattern: '^never$', withinMs: 60_000 };
const lineLike = (pattern: string): ReadyQuestion => ({ kind: 'line', pattern, withinMs: 60_000 });

describe('command', () => {
  const script = (code: string, more: Partial<CommandComponent> = {}): CommandComponent => ({
    name: 'component',
    file: process.execPath,
    args: ['-e', code],
    env: { WORD: 'hello' },
    url: null,
    ready: AT_ONCE,
    ...more,
  });
  const LIVES = 'console.log(process.pid); setInterval(() => {}, 1000);';

  test('is ready when its line says so, writes to its file, and ends when it is asked', async () => {
    const how = options();
    const code = `console.log(process.env.WORD); setTimeout(() => console.error('listening'), 50);
      ${LIVES} process.on('SIGTERM', () => { console.log('bye'); process.exit(7) })`;
    const component = await startCommand(script(code, { ready: lineLike('^listening') }), how);
    const lines = linesOf(how);
    assert.ok(lines.includes('hello') && lines.includes('listening'));
    const pid = Number(lines[1]);
    assert.ok(processExists(pid));
    await component.stop();
    await component.stop();
    assert.deepEqual(await component.ended, { exitCode: 7, signal: null });
    assert.ok(linesOf(how).includes('bye') && !processExists(pid));
  });

  test('a second start in the same file is not ready by the line of the first', async () => {
    const how = options();
    await (await startCommand(script(`console.log('listening'); ${LIVES}`, { ready: lineLike('^listening') }), how)).stop(); // prettier-ignore
    await assert.rejects(
      startCommand(script(LIVES, { ready: { ...lineLike('^listening'), withinMs: 500 } }), how),
      /was not ready within 500 ms/,
    );
  });

  test('one that ends, is not there or is not ready in time is an error with its last lines', async () => {
    await assert.rejects(
      startCommand(script(`console.error('no such table'); process.exitCode = 3`, { ready: NEVER }), options()), // prettier-ignore
      (error) =>
        error instanceof UserError &&
        error.exitCode === 5 &&
        error.message === 'component ended with exit code 3 before it was ready: no such table',
    );
    await assert.rejects(startCommand(script('', { file: join(base, 'absent') }), options()), {
      message: `component did not start: ${join(base, 'absent')} (ENOENT)`,
    });
    const how = options();
    const url = 'http://127.0.0.1:1/health';
    const slow = script(LIVES, { ready: { kind: 'http', url, statuses: [200], withinMs: 2000 } });
    await assert.rejects(
      startCommand(slow, how),
      /was not ready within 2000 ms \(http:\/\/127\.0\.0\.1:1\/health\)/,
    );
    for (const line of linesOf(how)) assert.ok(!processExists(Number(line)), 'it is not left behind'); // prettier-ignore
  });

  test('a start that is not wanted any more ends what it began', async () => {
    const stopped = new AbortController();
    const how = options({ signal: stopped.signal });
    const starting = startCommand(script(LIVES, { ready: NEVER }), how);
    await until(() => linesOf(how).length === 1);
    stopped.abort(new Error('enough'));
    await assert.rejects(starting, /enough/);
    assert.ok(!processExists(Number(linesOf(how)[0])));
  });

  test('another process takes it over by its handle; one whose number is another’s now is left alone', async () => {
    const how = options();
    const component = await startCommand(script(LIVES, { ready: lineLike('^\\d') }), how);
    const pid = Number(linesOf(how)[0]);
    const about = { name: 'component', url: null, marks: how.marks };
    const foreign = { ...component.handle, startedAt: 'long ago' } as typeof component.handle;
    await (
      await attach({ ...about, marks: { ...how.marks, component: 'other' } }, foreign, null)
    ).stop();
    assert.ok(processExists(pid), 'it is not what was started then');
    await (await attach(about, component.handle, null)).stop();
    assert.deepEqual(await component.ended, { exitCode: null, signal: 'SIGTERM' });
  });

  test('kill ends what it started, too', { skip: process.platform !== 'linux' }, async () => {
    const how = options();
    const code = `const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true });
      console.log(child.pid); ${LIVES}`;
    const component = await startCommand(script(code, { ready: lineLike('^\\d') }), how);
    await until(() => linesOf(how).length === 2);
    const pids = linesOf(how).map(Number);
    await component.kill();
    assert.equal((await component.ended).signal, 'SIGKILL');
    await until(() => !pids.some(processExists));
  });
});

test('embedded: the backend of this toolkit, ready by its health', async () => {
  const port = 20_000 + (process.pid % 20_000);
  const url = `http://127.0.0.1:${port}`;
  const how = options();
  const component = await startEmbedded(
    {
      name: 'backend',
      program: 'backend.js',
      env: {
        CONFIG_NETWORK_NAME: 'devnet',
        DELEGATION_WHITELIST_DISABLED: '1',
        CONFIG_FILESYSTEM_PATH: join(base, 'stored'),
        BACKEND_PORT: String(port),
      },
      url,
      ready: { kind: 'http', url: `${url}/health`, statuses: [200], withinMs: 60_000 },
    },
    how,
  );
  assert.equal(await (await fetch(`${url}/health`)).text(), '{"status":"ok"}\n');
  await component.stop();
  assert.deepEqual(await component.ended, { exitCode: 0, signal: null });
  assert.ok(linesOf(how).some((line) => line.includes('"msg":"stopped"')));
});

describe('container', () => {
  const bin = join(base, 'bin');
  const docker = join(bin, 'docker');
  mkdirSync(bin);
  copyFileSync(join(projectRoot, 'test', 'fixtures', 'bin', 'container-engine.mjs'), docker);
  chmodSync(docker, 0o755);
  let engines = 0;
  const containerWith = (mode = '', more: Partial<ContainerComponent> = {}) => {
    const root = join(base, `engine-${engines++}`);
    mkdirSync(root);
    const PATH = [bin, dirname(process.execPath), process.env.PATH].join(delimiter);
    const container: ContainerComponent = {
      name: 'validation',
      engine: { command: 'docker', env: { PATH, FAKE_ENGINE: root, FAKE_ENGINE_MODE: mode } },
      stack: 'nightly-7',
      image: 'example/validation:1',
      env: { POSTGRES_PASSWORD: 'secret words', EMPTY: '' },
      network: 'net',
      alias: 'validation',
      volumes: [{ from: '/host/a', to: '/a' }, { from: '/host/b', to: '/b', isWritable: true }], // prettier-ignore
      ports: [{ host: 8080, container: 80 }],
      labels: { part: 'x=y' },
      url: null,
      ready: lineLike('ready'),
      ...more,
    };
    return { root, container };
  };

  test('it is run with image, environment, network, volumes and labels; no value of its environment is an argument', async () => {
    const { root, container } = containerWith();
    const how = options();
    const component = await startContainer(container, how);
    const [id] = readdirSync(root);
    const read = (name: string): unknown => JSON.parse(readFileSync(join(root, id, name), 'utf8'));
    assert.deepEqual(read('args.json'), [
      '--detach',
      ...['--label', 'delegation-toolkit.stack=nightly-7'],
      ...['--label', 'delegation-toolkit.component=validation'],
      ...['--label', 'part=x=y', '--network', 'net', '--network-alias', 'validation'],
      ...['--volume', '/host/a:/a:ro', '--volume', '/host/b:/b:rw'],
      ...['--publish', '127.0.0.1:8080:80', '--env', 'POSTGRES_PASSWORD', '--env', 'EMPTY'],
      'example/validation:1',
    ]);
    assert.deepEqual(read('env.json'), { POSTGRES_PASSWORD: 'secret words', EMPTY: '' });
    assert.ok(!runArgs(container).join(' ').includes('secret'));
    await component.stop();
    assert.ok(linesOf(how).includes('it is ready'));
    assert.deepEqual(readdirSync(root), [], 'it is removed');
  });

  test('an image that is not there, an engine that is not there, a container that ends', async () => {
    const start = (container: ContainerComponent) => startContainer(container, options());
    await assert.rejects(start(containerWith('refuses').container), {
      message: 'validation did not start: Unable to find image locally',
    });
    const { container } = containerWith();
    await assert.rejects(start({ ...container, engine: { command: 'podman-x', env: {} } }), {
      message: 'podman-x is not there (ENOENT)',
    });
    const dead = containerWith('dies', { ready: NEVER });
    await assert.rejects(
      start(dead.container),
      /validation ended with exit code 3 before it was ready/,
    );
    assert.deepEqual(readdirSync(dead.root), [], 'it is removed');
  });

  test('what a killed run left is found by its label, and only that is removed', async () => {
    const { root, container } = containerWith();
    await startContainer(container, options());
    const other = await startContainer({ ...container, stack: 'other' }, options());
    const { engine } = container;
    assert.equal((await leftContainers(engine, 'nightly-7')).length, 1);
    assert.equal((await removeLeftContainers(engine, 'nightly-7')).length, 1);
    assert.deepEqual(await removeLeftContainers(engine, 'nightly-7'), []);
    assert.equal(readdirSync(root).length, 1);
    await other.stop();
  });

  test('another process takes it over; a network is made with the stack’s label and removed', async () => {
    const { root, container } = containerWith();
    const how = options();
    const component = await startContainer(container, how);
    await component.release();
    const about = { name: 'validation', url: null, marks: how.marks };
    const { engine } = container;
    const taken = await attach(about, component.handle, engine);
    await taken.stop();
    assert.deepEqual(readdirSync(root), []);
    assert.ok(linesOf(how).includes('last line'), 'its log was copied to the end');
    await makeNetwork(engine, 'net-7', 'nightly-7');
    await makeNetwork(engine, 'net-7', 'nightly-7');
    assert.deepEqual(readdirSync(root), ['network-net-7']);
    await removeNetwork(engine, 'net-7');
    assert.deepEqual(readdirSync(root), []);
  });
});
