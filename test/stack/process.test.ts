/** The backend as a process of its own: ready line, port in use, stops, faults, and the death of its parent. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { projectRoot } from '../../paths.ts';
import { startBackend } from '../../stack/backend-process.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { runCli, startCli, until } from '../support/cli.ts';
import { readRecorded } from '../support/recorded.ts';

const base = mkdtempSync(join(tmpdir(), 'backend-process-'));
after(() => rmSync(base, { recursive: true, force: true }));
let runs = 0;
const requestOf = (env: Record<string, string> = {}, whitelist: string | null = null) => {
  const run = join(base, `run-${runs++}`);
  return { whitelist, storageFolder: run, logFile: `${run}.log`, env };
};
const body = readRecorded('submission-without-snark-work.json');
const { submitter } = JSON.parse(body) as { submitter: string };

const post = async (url: string): Promise<{ status: number; text: string }> => {
  const answer = await fetch(`${url}/v1/submit`, { method: 'POST', body });
  return { status: answer.status, text: await answer.text() };
};
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('startBackend', () => {
  test('a recorded submission is accepted, stored and survives the stop', async () => {
    const request = requestOf();
    const backend = await startBackend(request);
    assert.deepEqual(backend.notes, []);
    assert.equal((await fetch(`${backend.url}/health`)).status, 200);
    assert.deepEqual(await post(backend.url), { status: 200, text: '{"status":"ok"}' });
    await backend.stop();
    assert.deepEqual(await backend.exited, { code: 0, signal: null });
    const files = readdirSync(request.storageFolder, { recursive: true }).map(String);
    assert.equal(files.filter((file) => file.endsWith(`${submitter}.json`)).length, 1);
    assert.equal(files.filter((file) => file.endsWith('.dat')).length, 1);
    const lines = readFileSync(request.logFile, 'utf8').trimEnd().split('\n');
    for (const line of lines) assert.equal((JSON.parse(line) as { level: string }).level, 'info');
  });

  test('a port in use is replaced and named', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const backend = await startBackend({ ...requestOf(), port });
    assert.notEqual(backend.port, port);
    assert.equal(backend.notes.length, 1);
    assert.ok(
      backend.notes[0].includes(String(port)) && backend.notes[0].includes(String(backend.port)),
    );
    await backend.stop();
    taken.close();
  });

  test('with a whitelist only those in it may submit', async () => {
    const file = join(base, 'whitelist.txt');
    writeFileSync(file, 'B62qiVGZQdBJJrxnzhvqp7LKe6jDiFcpU3cF5xHoZof5Pz9qiL85KLx\n');
    const closed = await startBackend(requestOf({}, file));
    const refused = { status: 401, text: `{"error":"Submitter is not registered: ${submitter}"}` };
    assert.deepEqual(await post(closed.url), refused);
    await closed.stop();
    writeFileSync(file, `${submitter}\n`);
    const open = await startBackend(requestOf({}, file));
    assert.equal((await post(open.url)).status, 200);
    await open.stop();
  });

  test('the network name decides which signatures fit', async () => {
    const backend = await startBackend(requestOf({ CONFIG_NETWORK_NAME: 'mainnet' }));
    assert.deepEqual(await post(backend.url), {
      status: 401,
      text: '{"error":"Invalid signature"}',
    });
    await backend.stop();
  });

  test('one that cannot start says why, with the words of its log', async () => {
    await assert.rejects(
      startBackend(requestOf({ LOG_LEVEL: 'loud' })),
      (error) =>
        error instanceof UserError &&
        error.exitCode === EXIT.broken &&
        /exit code 2.*LOG_LEVEL.*loud/.test(error.message),
    );
    await assert.rejects(startBackend(requestOf({}, join(base, 'absent.txt'))), /absent\.txt/);
    await assert.rejects(
      startBackend({ ...requestOf(), startMs: 0 }),
      (error) => error instanceof UserError && /not ready within 0 ms/.test(error.message),
    );
  });

  test('a killed one is seen', async () => {
    const backend = await startBackend(requestOf());
    process.kill(backend.pid, 'SIGKILL');
    assert.deepEqual(await backend.exited, { code: null, signal: 'SIGKILL' });
    await backend.stop();
  });

  test('it ends when its parent is killed', async () => {
    const { storageFolder, logFile } = requestOf();
    const parent = spawn(
      process.execPath,
      ['--import', 'tsx', join('test', 'fixtures', 'backend-parent.ts'), storageFolder, logFile],
      { cwd: projectRoot, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const { pid } = JSON.parse(line.toString()) as { pid: number };
    assert.ok(isAlive(pid));
    parent.kill('SIGKILL');
    await until(() => !isAlive(pid), 'the end of the backend');
    assert.match(readFileSync(logFile, 'utf8'), /the parent is gone/);
  });
});

describe('npm run stack', () => {
  test('up runs the backend in the foreground until Ctrl-C', async () => {
    const storage = join(base, 'stack');
    const running = startCli(['stack', 'up', '--port', '0', '--storage', storage]);
    await until(() => running.output().includes('"listening"'), 'the ready line');
    const url = /"url":"([^"]+)"/.exec(running.output())![1];
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal((await post(url)).status, 200);
    running.child.kill('SIGINT');
    const { exitCode } = await running.result;
    assert.equal(exitCode, 0);
    assert.ok(readdirSync(storage).includes('submissions'));
  });

  test('anything but up is wrong usage', async () => {
    for (const words of [[], ['down'], ['up', 'up']]) {
      const { exitCode, stderr } = await runCli(['stack', ...words]);
      assert.equal(exitCode, EXIT.usage);
      assert.match(stderr, /npm run stack -- up/);
    }
  });
});
