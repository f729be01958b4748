/** What this machine itself holds back, for real: a limit of open files, a CPU quota of a control group. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { distFile } from '../../paths.ts';
import type { Summary } from '../../results/types.ts';
import { k6Path } from '../support/k6.ts';
import { scratchFolder } from '../support/scratch.ts';

/** Answers at once, and has no limit of its own: it runs in this process, outside of what holds the generator back. */
const target = createServer((request, response) => {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => (bytes += chunk.length));
  request.on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.statusCode = bytes < 10 ? 400 : 200;
    response.end(
      bytes < 10 ? '{"error":"One of required fields wasn\'t provided"}' : '{"status":"ok"}',
    );
  });
});
before(async () => {
  target.listen(0, '127.0.0.1');
  await once(target, 'listening');
});
after(() => {
  target.closeAllConnections();
  target.close();
});

/** Runs a load in a shell that first does `set`. */
async function loadAfter(set: string, args: readonly string[]) {
  const results = scratchFolder();
  const { port } = target.address() as AddressInfo;
  const command = `${set}; exec "$0" "$@"`;
  const child = spawn(
    'sh',
    [
      ...['-c', command, process.execPath, distFile('cli.js'), 'load'],
      ...['--target', `http://127.0.0.1:${port}`, '--think', '0', '--results', results],
      ...args,
    ],
    {
      env: { ...process.env, K6_BIN: await k6Path(), MINA_LOAD_SKIP_PICTURES: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const [exitCode] = (await once(child, 'close')) as [number | null];
  const [run] = readdirSync(results);
  const summary =
    run === undefined
      ? null
      : (JSON.parse(readFileSync(join(results, run, 'summary.json'), 'utf8')) as Summary);
  return { exitCode, stdout, stderr, summary };
}

test('more VUs than open files: refused before anything is sent, and as many as there is room for pass', async () => {
  const many = await loadAfter('ulimit -n 200', ['--vus', '400', '--duration', '5s']);
  assert.equal(many.exitCode, 2, many.stdout + many.stderr);
  assert.match(
    many.stderr,
    /^error: 400 VUs need about 500 open files, but this machine allows 200/m,
  );
  assert.equal(many.summary, null);
  const few = await loadAfter('ulimit -n 200', ['--vus', '90', '--duration', '3s']);
  assert.equal(few.summary!.figures.refusals, undefined, few.stdout);
});

const CPU = '/sys/fs/cgroup/cpu';
const group = join(CPU, `mina-load-test-${process.pid}`);

function canMakeGroups(): boolean {
  try {
    accessSync(join(CPU, 'cpu.cfs_quota_us'), constants.W_OK);
    mkdirSync(group);
    return true;
  } catch {
    return false;
  }
}

describe(
  'a CPU quota',
  { skip: canMakeGroups() ? false : 'no control groups to write to (version 1, root)' },
  () => {
    after(async () => {
      // A group is gone a moment after its last process.
      for (let tries = 0; tries < 50; tries++)
        try {
          rmdirSync(group);
          return;
        } catch {
          await sleep(100);
        }
    });

    test('of 0.3 cores for the generator alone: limited by it, by name', async () => {
      writeFileSync(join(group, 'cpu.cfs_quota_us'), '30000');
      const enter = `echo $$ > ${join(group, 'cgroup.procs')}`;
      const held = await loadAfter(enter, ['--vus', '20', '--duration', '8s']);
      assert.equal(held.exitCode, 4, held.stdout + held.stderr);
      const { throttling } = held.summary!.figures.generator!;
      assert.equal(throttling!.quotaCores, 0.3);
      // How often depends on what else runs: on a busy machine it gets less than its quota.
      assert.ok(throttling!.throttled > 0, JSON.stringify(throttling));
      const [reason] = held.summary!.verdict.reasons!;
      assert.ok(reason.kind === 'generator-limited' && reason.cause === 'cpu quota');
      assert.match(held.stdout, /the CPU quota of 0\.3 cores of its control group/);
    });

    test('without a quota nothing is said of one', async () => {
      const free = await loadAfter(':', ['--vus', '5', '--duration', '3s']);
      assert.equal(free.summary!.figures.generator!.throttling?.throttled ?? 0, 0);
    });
  },
);
