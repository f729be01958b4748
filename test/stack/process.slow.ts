/** The backend as a process of its own: ready line, port in use, stops, faults, and the death of its parent. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { projectRoot } from '../../paths.ts';
import { startBackend } from '../../stack/backend-process.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { startCli } from '../support/cli.ts';
import { runHere } from '../support/run-command.ts';
import { until } from '../support/until.ts';
import { readRecorded } from '../support/recorded.ts';
import { startFakeS3 } from './storage-support.ts';
import { scratchFolder } from '../support/scratch.ts';
import { program } from '../support/program.ts';

const base = scratchFolder();
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
const S3_ENV = {
  AWS_ACCOUNT_ID: '1',
  AWS_BUCKET_NAME_SUFFIX: 'test',
  AWS_REGION: 'us-east-1',
  AWS_S3_FORCE_PATH_STYLE: '1',
  AWS_ACCESS_KEY_ID: 'id',
  AWS_SECRET_ACCESS_KEY: 'the-secret',
};

/** The backend as a program, with the storages of its environment. */
function startProgram(env: Record<string, string>) {
  const child = spawn(process.execPath, [join(projectRoot, 'dist', 'backend.js')], {
    env: {
      CONFIG_NETWORK_NAME: 'devnet',
      DELEGATION_WHITELIST_DISABLED: '1',
      BACKEND_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const url = once(child.stdout, 'data').then(
    ([line]) => (JSON.parse(String(line)) as { url: string }).url,
  );
  return { child, url, ended, log: () => log };
}

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
        error.exitCode === EXIT.usage &&
        /^LOG_LEVEL must be one of .*"loud"$/.test(error.message),
    );
    await assert.rejects(startBackend(requestOf({}, join(base, 'absent.txt'))), /absent\.txt/);
    await assert.rejects(
      startBackend({ ...requestOf(), startMs: 0 }),
      (error) => error instanceof UserError && /not ready within 0 ms/.test(error.message),
    );
  });

  test('SIGTERM while a slow storage still writes: what is accepted is there', async () => {
    let held = (): void => {};
    const writing = new Promise<void>((resolve) => (held = resolve));
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const s3 = await startFakeS3(async (req) => {
      if (req.method === 'PUT') {
        held();
        await gate;
      }
      return false;
    });
    const backend = startProgram({ ...S3_ENV, AWS_ENDPOINT_URL_S3: s3.url });
    const answer = post(await backend.url);
    await writing;
    backend.child.kill('SIGTERM');
    await until(() => backend.log().includes('stopping: SIGTERM'), 'the stop');
    open();
    assert.deepEqual(await answer, { status: 200, text: '{"status":"ok"}' });
    assert.deepEqual(await backend.ended, [0, null]);
    const keys = [...s3.objects.keys()];
    assert.equal(keys.length, 2);
    assert.ok(keys.every((key) => key.startsWith('/1-test/devnet/')));
    assert.match(backend.log(), /"stored":1/);
    await s3.stop();
  });

  test('S3 and the filesystem at once: a failing one is answered 503, and nothing is written after it', async () => {
    let failing = true;
    const s3 = await startFakeS3((req, res) => {
      if (req.method !== 'PUT' || !failing) return false;
      res.statusCode = 403;
      res.end('<Error><Code>AccessDenied</Code><Message>not today</Message></Error>');
      return true;
    });
    const folder = join(base, 'both');
    const backend = startProgram({
      ...S3_ENV,
      AWS_ENDPOINT_URL_S3: s3.url,
      CONFIG_FILESYSTEM_PATH: folder,
    });
    const url = await backend.url;
    assert.equal((await post(url)).status, 503);
    assert.match(backend.log(), /"level":"error".*not today/);
    assert.deepEqual(readdirSync(folder), []);
    failing = false;
    // Until the next second, which this submitter has not used yet.
    let status = 0;
    const isTaken = async () => ({ status } = await post(url)).status !== 429;
    await until(isTaken, 'the next second');
    assert.equal(status, 200);
    assert.ok(readdirSync(folder).includes('submissions'));
    assert.equal(s3.objects.size, 2);
    backend.child.kill('SIGTERM');
    assert.deepEqual(await backend.ended, [0, null]);
    await s3.stop();
  });

  test('a storage that cannot be opened ends the start with 5 and its name', async () => {
    const backend = startProgram({ ...S3_ENV, AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' });
    assert.deepEqual(await backend.ended, [EXIT.broken, null]);
    assert.match(backend.log(), /S3 1-test\/devnet at http:\/\/127\.0\.0\.1:1 cannot be opened/);
    assert.ok(!backend.log().includes('the-secret'));
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
      [...program(`import './test/fixtures/backend-parent.ts';`), storageFolder, logFile],
      { stdio: ['ignore', 'pipe', 'inherit'] },
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

  test('up --faithful accepts several of a second, as the original; without it, one', async () => {
    for (const faithful of [true, false]) {
      const storage = join(base, `stack-${faithful}`);
      const words = ['stack', 'up', '--port', '0', '--storage', storage];
      const running = startCli(faithful ? [...words, '--faithful'] : words);
      await until(() => running.output().includes('"listening"'), 'the ready line');
      const url = /"url":"([^"]+)"/.exec(running.output())![1];
      const startedS = Math.floor(Date.now() / 1000);
      const replies = await Promise.all(Array.from({ length: 30 }, () => post(url)));
      const seconds = Math.floor(Date.now() / 1000) - startedS + 1;
      const accepted = replies.filter(({ status }) => status === 200).length;
      if (faithful) assert.equal(accepted, 30);
      else assert.ok(accepted >= 1 && accepted <= seconds, `${accepted} in ${seconds} s`);
      running.child.kill('SIGINT');
      assert.equal((await running.result).exitCode, 0);
    }
  });

  test('up with another storage in the environment makes no folder, and says where it writes', async () => {
    const s3 = await startFakeS3(() => false);
    const running = startCli(['stack', 'up', '--port', '0'], {
      ...S3_ENV,
      AWS_ENDPOINT_URL_S3: s3.url,
    });
    await until(() => running.output().includes('"listening"'), 'the ready line');
    assert.match(running.output(), /^submissions go to S3; Ctrl-C stops$/m);
    running.child.kill('SIGINT');
    assert.equal((await running.result).exitCode, 0);
    await s3.stop();
  });

  test('what it does not know is wrong usage', async () => {
    for (const words of [[], ['sideways'], ['up', 'up']]) {
      const { exitCode, stderr } = await runHere(['stack', ...words]);
      assert.equal(exitCode, EXIT.usage);
      assert.match(stderr, /npm run stack -- up/);
    }
    const which = await runHere(['stack', 'down']);
    assert.equal(which.exitCode, EXIT.usage);
    assert.match(which.stderr, /npm run stack -- down --folder/);
  });
});
