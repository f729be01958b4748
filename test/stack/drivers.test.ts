/** Components however they are started: ready, logs, ends nobody wanted, stops that leave nothing behind. */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { projectRoot } from '../../paths.ts';
import { commandDriver, type CommandComponent } from '../../stack/drivers/command.ts';
import {
  type ContainerComponent,
  containerDriver,
  leftContainers,
  removeLeftContainers,
  runArgs,
} from '../../stack/drivers/container.ts';
import { embeddedDriver } from '../../stack/drivers/embedded.ts';
import { readyAtOnce, readyByHttp, readyByLine } from '../../stack/drivers/ready.ts';
import { processExists } from '../../system/process-exists.ts';
import { UserError } from '../../user-error.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const base = scratchFolder();

describe('command', () => {
  const script = (code: string, more: Partial<CommandComponent> = {}): CommandComponent => ({
    name: 'component',
    file: process.execPath,
    args: ['-e', code],
    env: { WORD: 'hello' },
    url: null,
    ready: readyAtOnce,
    ...more,
  });

  test('is ready when its line says so, hands on its lines, and ends when it is asked', async () => {
    const { ready, onLine } = readyByLine(/^listening/);
    const lines: string[] = [];
    const code = `console.log(process.env.WORD); setTimeout(() => console.error('listening'), 50);
      console.log(process.pid); setInterval(() => {}, 1000); process.on('SIGTERM', () => { console.log('bye'); process.exit(7) })`;
    const component = await commandDriver(script(code, { ready, onLine })).start({
      onLine: (line) => lines.push(line),
    });
    assert.ok(lines.includes('hello') && lines.includes('listening'));
    const pid = Number(lines[1]);
    assert.ok(processExists(pid));
    await component.stop();
    await component.stop();
    assert.deepEqual(await component.ended, { exitCode: 7, signal: null });
    assert.ok(lines.includes('bye') && !processExists(pid));
  });

  test('one that ends, is not there or is not ready in time is an error with its last lines', async () => {
    const start = (component: CommandComponent) =>
      commandDriver(component).start({ onLine: () => {} });
    const never = { what: 'a sign', withinMs: 60_000, ask: () => Promise.resolve(false) };
    await assert.rejects(
      start(script(`console.error('no such table'); process.exitCode = 3`, { ready: never })),
      (error) =>
        error instanceof UserError &&
        error.exitCode === 5 &&
        error.message === 'component ended with exit code 3 before it was ready: no such table',
    );
    await assert.rejects(start(script('', { file: join(base, 'absent') })), {
      message: `component did not start: ${join(base, 'absent')} (ENOENT)`,
    });
    const lines: string[] = [];
    const slow = script('console.log(process.pid); setInterval(() => {}, 1000)', {
      ready: readyByHttp('http://127.0.0.1:1/health', { withinMs: 2000 }),
      onLine: (line) => lines.push(line),
    });
    await assert.rejects(
      start(slow),
      /was not ready within 2000 ms \(http:\/\/127\.0\.0\.1:1\/health\)/,
    );
    for (const line of lines) assert.ok(!processExists(Number(line)), 'it is not left behind');
  });

  test('a start that is not wanted any more ends what it began', async () => {
    const lines: string[] = [];
    const stopped = new AbortController();
    const never = { what: 'a sign', withinMs: 60_000, ask: () => Promise.resolve(false) };
    const starting = commandDriver(
      script('console.log(process.pid); setInterval(() => {}, 1000)', { ready: never }),
    ).start({ onLine: (line) => lines.push(line), signal: stopped.signal });
    await until(() => lines.length === 1);
    stopped.abort(new Error('enough'));
    await assert.rejects(starting, /enough/);
    assert.ok(!processExists(Number(lines[0])));
  });
});

test('embedded: the backend of this toolkit, ready by its health', async () => {
  const port = 20_000 + (process.pid % 20_000);
  const url = `http://127.0.0.1:${port}`;
  const lines: string[] = [];
  const component = await embeddedDriver({
    name: 'backend',
    program: 'backend.js',
    env: {
      CONFIG_NETWORK_NAME: 'devnet',
      DELEGATION_WHITELIST_DISABLED: '1',
      CONFIG_FILESYSTEM_PATH: join(base, 'stored'),
      BACKEND_PORT: String(port),
    },
    url,
    ready: readyByHttp(`${url}/health`),
  }).start({ onLine: (line) => lines.push(line) });
  assert.equal(await (await fetch(`${url}/health`)).text(), '{"status":"ok"}\n');
  await component.stop();
  assert.deepEqual(await component.ended, { exitCode: 0, signal: null });
  assert.ok(lines.some((line) => line.includes('"msg":"stopped"')));
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
    const { ready, onLine } = readyByLine(/ready/);
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
      ready,
      onLine,
      ...more,
    };
    return { root, container };
  };

  test('it is run with image, environment, network, volumes and labels; no value of its environment is an argument', async () => {
    const { root, container } = containerWith();
    const lines: string[] = [];
    const component = await containerDriver(container).start({
      onLine: (line) => lines.push(line),
    });
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
    assert.ok(lines.includes('it is ready'));
    assert.deepEqual(readdirSync(root), [], 'it is removed');
  });

  test('an image that is not there, an engine that is not there, a container that ends', async () => {
    const start = (container: ContainerComponent) =>
      containerDriver(container).start({ onLine: () => {} });
    await assert.rejects(start(containerWith('refuses').container), {
      message: 'validation did not start: Unable to find image locally',
    });
    const { container } = containerWith();
    await assert.rejects(start({ ...container, engine: { command: 'podman-x', env: {} } }), {
      message: 'podman-x is not there (ENOENT)',
    });
    const never = { what: 'a sign', withinMs: 60_000, ask: () => Promise.resolve(false) };
    const dead = containerWith('dies', { ready: never });
    await assert.rejects(
      start(dead.container),
      /validation ended with exit code 3 before it was ready/,
    );
    assert.deepEqual(readdirSync(dead.root), [], 'it is removed');
  });

  test('what a killed run left is found by its label, and only that is removed', async () => {
    const { root, container } = containerWith();
    await containerDriver(container).start({ onLine: () => {} });
    const other = await containerDriver({ ...container, stack: 'other' }).start({
      onLine: () => {},
    });
    const { engine } = container;
    assert.equal((await leftContainers(engine, 'nightly-7')).length, 1);
    assert.equal((await removeLeftContainers(engine, 'nightly-7')).length, 1);
    assert.deepEqual(await removeLeftContainers(engine, 'nightly-7'), []);
    assert.equal(readdirSync(root).length, 1);
    await other.stop();
  });
});
