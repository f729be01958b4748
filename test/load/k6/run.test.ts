/** How the k6 step ends, with the real k6: its exit codes are told apart, and the user's environment stays out. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeK6Plan } from '../../../load/k6/plan.ts';
import { startK6, type K6Call } from '../../../load/k6/run.ts';
import { distFile } from '../../../paths.ts';
import { UserError } from '../../../user-error.ts';
import { k6Path } from '../../support/k6.ts';
import { shape } from '../../support/run-scenario.ts';
import { scratchFolder } from '../../support/scratch.ts';
import { program } from '../../support/program.ts';
import { until } from '../../support/until.ts';
import { slowOnly } from '../../support/thorough.ts';

const memory = { goGc: 100, limitBytes: 500e6 };

/** Runs `script` as k6's bundle. */
async function run(script: string, change: Partial<K6Call> = {}) {
  const folder = scratchFolder();
  const bundlePath = join(folder, 'script.js');
  const planPath = join(folder, 'k6-plan.json');
  writeFileSync(bundlePath, script);
  writeFileSync(planPath, '{}');
  let samples = '';
  const running = await startK6({
    k6Path: await k6Path(),
    bundlePath,
    planPath,
    runFolder: folder,
    memory,
    onSampleBytes: (chunk) => (samples += chunk.toString()),
    ...change,
  });
  const end = await running.done;
  return { end, samples, log: readFileSync(join(folder, 'k6.log'), 'utf8') };
}

const ONCE = "export const options = { systemTags: ['status'] };";

test('each way k6 may end has its meaning', async () => {
  const cases = [
    { script: 'export default () => {}', exitCode: 0, outcome: 'finished' },
    // k6 itself says 0 here, and a green bar.
    { script: 'export default () => { throw new Error("x") }', exitCode: 0, outcome: 'finished' },
    {
      script: "import e from 'k6/execution'; export default () => e.test.fail('x')",
      exitCode: 110,
      outcome: 'finished',
    },
    {
      script: "import e from 'k6/execution'; export default () => e.test.abort('enough')",
      exitCode: 108,
      outcome: 'broken',
    },
  ] as const;
  for (const { script, exitCode, outcome } of cases) {
    const { end } = await run(`${ONCE} ${script}`);
    assert.equal(end.exitCode, exitCode, script);
    assert.equal(end.outcome, outcome, script);
    if (outcome === 'broken') assert.match(end.sentence, /exit code 108 \(the script aborted/);
  }
});

test('a script or an option that is broken is a UserError with the first lines of the log', async () => {
  const cases = [
    { script: 'export default () => {', code: 107, words: /Unexpected/ },
    {
      script: 'throw new Error("no such corpus"); export default () => {}',
      code: 107,
      words: /no such corpus/,
    },
    {
      script:
        'export const options = { scenarios: { a: { executor: "constant-vus", vus: -1, duration: "1s" } } }; export default () => {}',
      code: 104,
      words: /number of VUs/,
    },
  ];
  for (const { script, code, words } of cases)
    await assert.rejects(run(script), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, new RegExp(`^k6 ended with exit code ${code} \\(`));
      assert.match(error.message, words);
      assert.ok(!error.message.includes('\n'));
      assert.match(error.hint, /k6\.log$/);
      assert.equal(error.exitCode, 5);
      return true;
    });
});

test('a plan that names a file which is not there is told by the file', async () => {
  const folder = scratchFolder();
  const planPath = join(folder, 'k6-plan.json');
  const plan = makeK6Plan({
    url: 'http://127.0.0.1/',
    load: shape({}),
    source: {
      kind: 'payloads',
      bodiesPath: '/nowhere/bodies.bin',
      payloads: [{ offset: 0, bytes: 1 }],
      order: 'in order',
    },
    seed: '',
  });
  writeFileSync(planPath, JSON.stringify(plan));
  await assert.rejects(
    run('', { bundlePath: distFile('scenarios', 'load.js'), planPath }),
    (error) => error instanceof UserError && /\/nowhere\/bodies\.bin/.test(error.message),
  );
});

test("the user's k6 settings and secrets do not reach k6", async () => {
  const home = scratchFolder();
  mkdirSync(join(home, 'k6'));
  writeFileSync(
    join(home, 'k6', 'config.json'),
    '{ "iterations": 7, "out": ["json=stolen.json"] }',
  );
  const { samples, log } = await run(
    `${ONCE} export default () => { console.error(Object.keys(__ENV).join(' ')) }`,
    {
      env: {
        ...process.env,
        K6_ITERATIONS: '5',
        K6_VUS: '3',
        K6_OUT: 'json=stolen.json',
        K6_SYSTEM_TAGS: 'url,vu',
        MY_SECRET: 'hidden',
        XDG_CONFIG_HOME: home,
      },
    },
  );
  const lines = samples.trimEnd().split('\n');
  assert.equal(lines[0], 'metric_name,timestamp,metric_value,status,extra_tags,metadata');
  const iterations = lines.filter((line) => line.startsWith('iterations,'));
  assert.equal(iterations.length, 1);
  // Milliseconds, as the aggregator reads them.
  assert.match(iterations[0], /^iterations,\d{16},1\.000000,,,$/);
  assert.equal((JSON.parse(log) as { msg: string }).msg, 'PLAN');
});

test('a k6 that is stopped before it listens to signals was interrupted, not broken', async () => {
  const folder = scratchFolder();
  const program = join(folder, 'k6-slow-start');
  writeFileSync(program, '#!/bin/sh\necho started\nexec sleep 60\n', { mode: 0o755 });
  writeFileSync(join(folder, 'k6-plan.json'), '{}');
  let heard: () => void = () => undefined;
  const started = new Promise<void>((resolve) => (heard = resolve));
  const running = await startK6({
    k6Path: program,
    bundlePath: join(folder, 'none.js'),
    planPath: join(folder, 'k6-plan.json'),
    runFolder: folder,
    memory,
    onSampleBytes: () => heard(),
  });
  await started;
  running.stop();
  const { outcome, signal } = await running.done;
  assert.deepEqual([outcome, signal], ['interrupted', 'SIGINT']);
});

const EXECUTORS = {
  'constant-vus': "vus: 1, duration: '600s'",
  'shared-iterations': 'vus: 1, iterations: 10000',
  'constant-arrival-rate': "rate: 10, duration: '600s', preAllocatedVUs: 1",
};

/** Starts a k6 that would run for long, and gives it back when it has sent its first samples. */
async function startLong(executor: keyof typeof EXECUTORS, change: Partial<K6Call> = {}) {
  const folder = scratchFolder();
  const bundlePath = join(folder, 'script.js');
  writeFileSync(
    bundlePath,
    `import { sleep } from 'k6';
     export const options = { systemTags: ['status'], scenarios: {
       a: { executor: '${executor}', gracefulStop: '0s', ${EXECUTORS[executor]} } } };
     export default () => sleep(0.1)`,
  );
  writeFileSync(join(folder, 'plan'), '{}');
  let heard: () => void = () => undefined;
  const started = new Promise<void>((resolve) => (heard = resolve));
  const running = await startK6({
    k6Path: await k6Path(),
    bundlePath,
    planPath: join(folder, 'plan'),
    runFolder: folder,
    memory,
    onSampleBytes: (chunk) => void (chunk.includes('iterations,') && heard()),
    ...change,
  });
  await started;
  return running;
}

test(
  'a k6 that something else ends is broken in every model, with the signal named',
  slowOnly,
  async () => {
    for (const executor of Object.keys(EXECUTORS) as (keyof typeof EXECUTORS)[])
      for (const signal of ['SIGTERM', 'SIGINT'] as const) {
        const running = await startLong(executor);
        process.kill(running.pid, signal);
        const end = await running.done;
        assert.deepEqual([end.exitCode, end.outcome], [105, 'broken'], `${executor} ${signal}`);
        assert.match(
          end.sentence,
          /^k6 ended with exit code 105 \(something other than this toolkit/,
        );
      }
    const cases = [
      ['SIGKILL', /^k6 ended with SIGKILL \(was the memory/],
      // Go prints the goroutines, whose first line has the signal.
      ['SIGSEGV', /^k6 ended with exit code 2: SIGSEGV: segmentation violation/],
      ['SIGQUIT', /^k6 ended with exit code 2: SIGQUIT: quit/],
    ] as const;
    for (const [signal, words] of cases) {
      const running = await startLong('constant-vus');
      process.kill(running.pid, signal);
      const end = await running.done;
      assert.equal(end.outcome, 'broken', signal);
      assert.match(end.sentence, words);
    }
  },
);

test('stopped by us it was interrupted, in every model', async () => {
  for (const executor of Object.keys(EXECUTORS) as (keyof typeof EXECUTORS)[]) {
    const running = await startLong(executor);
    running.stop();
    running.stop();
    const { exitCode, outcome, sentence } = await running.done;
    assert.deepEqual([exitCode, outcome, sentence], [105, 'interrupted', 'k6 was interrupted']);
  }
});

test('a shell around k6 gets the same: one signal stops k6, and a crash is named', async () => {
  const folder = scratchFolder();
  const program = join(folder, 'k6');
  writeFileSync(program, `#!/bin/sh\n"${await k6Path()}" "$@"\nexit $?\n`, { mode: 0o755 });
  const stopped = await startLong('constant-vus', { k6Path: program });
  stopped.stop();
  assert.equal((await stopped.done).outcome, 'interrupted');

  for (const [code, words] of [
    [137, /^k6 ended with SIGKILL \(was the memory/],
    [139, /^k6 ended with SIGSEGV \(it crashed/],
    [143, /^k6 ended with SIGTERM \(something other than this toolkit/],
    [1, /^k6 ended with exit code 1$/],
  ] as const) {
    writeFileSync(program, `#!/bin/sh\nexit ${code}\n`, { mode: 0o755 });
    writeFileSync(join(folder, 'plan'), '{}');
    const running = await startK6({
      k6Path: program,
      bundlePath: program,
      planPath: join(folder, 'plan'),
      runFolder: folder,
      memory,
      onSampleBytes: () => undefined,
    });
    const { exitCode, outcome, sentence } = await running.done;
    assert.deepEqual([exitCode, outcome], [code, 'broken']);
    assert.match(sentence, words);
  }
});

test('kill ends it at once; stop and kill after the end do nothing', async () => {
  const folder = scratchFolder();
  const bundlePath = join(folder, 'script.js');
  writeFileSync(bundlePath, `${ONCE} import { sleep } from 'k6'; export default () => sleep(600)`);
  writeFileSync(join(folder, 'plan'), '{}');
  const running: Awaited<ReturnType<typeof startK6>> = await startK6({
    k6Path: await k6Path(),
    bundlePath,
    planPath: join(folder, 'plan'),
    runFolder: folder,
    memory,
    onSampleBytes: () => running.kill(),
  });
  const end = await running.done;
  assert.equal(end.signal, 'SIGKILL');
  assert.equal(end.outcome, 'interrupted');
  running.kill();
  running.stop();
});

test('what the reader of the samples throws ends k6 and is passed on', async () => {
  await assert.rejects(
    run(`${ONCE} import { sleep } from 'k6'; export default () => sleep(600)`, {
      onSampleBytes: () => {
        throw new Error('cannot read this');
      },
    }),
    /cannot read this/,
  );
});

test('a program that cannot be started, and a folder that cannot be written', async () => {
  await assert.rejects(run('', { k6Path: '/nowhere/k6' }), (error) => {
    assert.ok(error instanceof UserError);
    assert.equal(error.message, 'k6 did not start: /nowhere/k6 (ENOENT)');
    return true;
  });
  await assert.rejects(run('', { runFolder: '/dev/null/run' }), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /^cannot write into \/dev\/null\/run \(ENOTDIR\)$/);
    return true;
  });
});

test('k6 does not outlive the process that started it', async (t) => {
  const folder = scratchFolder();
  writeFileSync(
    join(folder, 'script.js'),
    `import { sleep } from 'k6';
     export const options = { systemTags: ['status'], scenarios: {
       a: { executor: 'constant-vus', vus: 1, duration: '300s' } } };
     export default () => sleep(0.05)`,
  );
  writeFileSync(join(folder, 'plan'), '{}');
  const call = {
    k6Path: await k6Path(),
    bundlePath: join(folder, 'script.js'),
    planPath: join(folder, 'plan'),
  };
  const words = program(
    `import { startK6 } from './load/k6/run.ts';
     const call = ${JSON.stringify({ ...call, runFolder: folder, memory })};
     const { pid } = await startK6({ ...call, onSampleBytes: () => {} });
     console.log(pid);
     setTimeout(() => {}, 60_000);`,
  );
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output] = (await once(child.stdout, 'data')) as [Buffer];
  const pid = Number(output.toString());
  assert.ok(pid > 1);
  child.kill('SIGKILL');
  const isAlive = () => {
    try {
      process.kill(pid, 0);
      // Nobody may wait for it here: a process that has ended stays in the table as a zombie.
      return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== 'ESRCH' && process.platform !== 'linux';
    }
  };
  t.after(() => isAlive() && process.kill(pid, 'SIGKILL'));
  await until(() => !isAlive(), 'the end of k6');
});
