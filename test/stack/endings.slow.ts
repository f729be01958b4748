/** The backend goes on when its own output cannot be written, and answers by what its storage kept. */
import assert from 'node:assert/strict';
import { spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { distFile, projectRoot } from '../../paths.ts';
import { readRecorded } from '../support/recorded.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const base = scratchFolder();
const body = readRecorded('submission-without-snark-work.json');
let runs = 0;

/** A port that was free a moment ago: where nothing can be read of the backend, it must be known. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function startProgram(program: string, args: string[], stdio: StdioOptions) {
  const folder = join(base, `run-${runs++}`);
  mkdirSync(folder);
  const port = await freePort();
  const env = {
    ...process.env,
    npm_command: undefined,
    INIT_CWD: undefined,
    CONFIG_NETWORK_NAME: 'devnet',
    CONFIG_FILESYSTEM_PATH: folder,
    DELEGATION_WHITELIST_DISABLED: '1',
    BACKEND_PORT: String(port),
    LOG_LEVEL: 'debug',
  };
  const child = spawn(process.execPath, [distFile(program), ...args], { env, stdio });
  const ended = once(child, 'exit');
  const answer = async (path: string, init?: RequestInit): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers: { connection: 'close' } }))
      .status;
  const isUp = () =>
    answer('/health').then(
      (status) => status === 200,
      () => false,
    );
  return {
    child,
    folder,
    ended,
    isUp,
    post: () => answer('/v1/submit', { method: 'POST', body }),
    async stop(): Promise<number | null> {
      child.kill('SIGTERM');
      return ((await ended) as [number | null])[0];
    },
  };
}

describe('where the log cannot be written', () => {
  test(
    'a full disk: submissions are answered 503, as those that the storage cannot keep; it lives',
    { skip: !existsSync('/dev/full') },
    async () => {
      const full = openSync('/dev/full', 'w');
      const backend = await startProgram('backend.js', [], ['ignore', full, full]);
      closeSync(full);
      await until(backend.isUp, 'the backend listens');
      assert.equal(await backend.post(), 503);
      assert.ok(await backend.isUp());
      const broken = await startProgram('backend.js', [], ['ignore', 'ignore', 'ignore']);
      await until(broken.isUp, 'the backend listens');
      // No folder can be made where a file is.
      writeFileSync(join(broken.folder, 'submissions'), '');
      assert.equal(await broken.post(), 503);
      assert.ok(await broken.isUp());
      assert.equal(await broken.stop(), 0);
      assert.equal(await backend.stop(), 0);
    },
  );

  test('a closed pipe: it serves on, and ends as asked', async () => {
    const backend = await startProgram('backend.js', [], ['ignore', 'pipe', 'pipe']);
    backend.child.stdout!.destroy();
    backend.child.stderr!.destroy();
    await until(backend.isUp, 'the backend listens');
    assert.equal(await backend.post(), 200);
    assert.ok(await backend.isUp());
    assert.equal(await backend.stop(), 0);
  });

  test('a log has whole lines', async () => {
    const log = join(base, 'whole.log');
    const file = openSync(log, 'a');
    const backend = await startProgram('backend.js', [], ['ignore', 'ignore', file]);
    closeSync(file);
    await until(backend.isUp, 'the backend listens');
    await Promise.all(Array.from({ length: 20 }, backend.post));
    assert.equal(await backend.stop(), 0);
    for (const line of readFileSync(log, 'utf8').trimEnd().split('\n'))
      assert.equal((JSON.parse(line) as { logger: string }).logger, 'delegation backend');
  });

  test('stack up | head -1 goes on serving', async () => {
    const stack = await startProgram('cli.js', ['stack', 'up'], ['ignore', 'pipe', 'ignore']);
    await once(stack.child.stdout!, 'data');
    stack.child.stdout!.destroy();
    await until(stack.isUp, 'the backend listens');
    assert.equal(await stack.post(), 200);
    assert.equal(await stack.stop(), 0);
  });
});

test('stack up takes the CONFIG_FILE of the original, or refuses what contradicts it', async () => {
  const folder = join(base, 'stands-here');
  mkdirSync(folder);
  const config = JSON.parse(
    readFileSync(join(projectRoot, 'test', 'stack', 'app-config.json'), 'utf8'),
  ) as object;
  // As the original: relative to where it is started.
  writeFileSync(
    join(folder, 'c.json'),
    JSON.stringify({ ...config, filesystem: { path: 'kept' } }),
  );
  const run = (args: string[]) => {
    const child = spawn(process.execPath, [distFile('cli.js'), 'stack', 'up', ...args], {
      cwd: folder,
      env: { ...process.env, npm_command: undefined, INIT_CWD: undefined, CONFIG_FILE: 'c.json' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (part: string) => (text += part));
    return { child, text: () => text, ended: once(child, 'close') as Promise<[number | null]> };
  };
  const taken = run(['--port', '0']);
  await until(() => taken.text().includes('"msg":"Server ready and listening'), 'it listens');
  taken.child.kill('SIGTERM');
  assert.equal((await taken.ended)[0], 0);
  assert.match(taken.text(), new RegExp(`submissions go to .*stands-here.kept; Ctrl-C stops`));
  assert.match(taken.text(), /"network":"mainnet"/);
  assert.ok(existsSync(join(folder, 'kept')));
  assert.ok(!existsSync(join(folder, 'stack-data')));

  const refused = run(['--network', 'x', '--storage', 'y', '--whitelist', 'c.json']);
  assert.equal((await refused.ended)[0], 2);
  assert.match(refused.text(), /--network and CONFIG_FILE exclude each other\n.*--storage and/);
  const useless = run(['--port', '0', '--whitelist', 'c.json']);
  assert.equal((await useless.ended)[0], 2);
  assert.match(
    useless.text(),
    /--whitelist has no effect: CONFIG_FILE .* delegation_whitelist_dis/,
  );
});
