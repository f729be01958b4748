/** A run from the inside: a k6 of a few lines that really sends, and the real embedded backend. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { Ending } from '../../load/ending.ts';
import type { LoadJob, Surroundings } from '../../load/job.ts';
import { prepareRun } from '../../load/prepare.ts';
import { runLoad } from '../../load/run.ts';
import { PLAIN_TRANSPORT } from '../../load/target/transport.ts';
import { projectRoot } from '../../paths.ts';
import type { Plan, Reconcile, Summary } from '../../results/types.ts';
import { Screen } from '../../system/screen.ts';
import { UserError } from '../../user-error.ts';
import { assertPortableNames } from '../support/load-results.ts';
import { backendOf } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { jobOf } from '../support/job.ts';
import { scratchFolder } from '../support/scratch.ts';
import { slowOnly } from '../support/thorough.ts';
import { startTruthTarget } from '../truth/target.ts';

const FAKE = join(projectRoot, 'test', 'fixtures', 'bin', 'k6-sends');

/** Two interrupts in the hand of the test, and what the screen shows. */
function around() {
  const [first, second] = [new AbortController(), new AbortController()];
  const lines: string[] = [];
  const output = { write: (text: string) => lines.push(text) } as unknown as NodeJS.WritableStream;
  const surroundings: Surroundings = {
    screen: new Screen(output),
    env: { PATH: process.env.PATH },
    cwd: projectRoot,
    confirm: undefined,
    keys: { env: {} } as unknown as Surroundings['keys'],
    interrupts: {
      first: first.signal,
      second: second.signal,
      interrupt: () => first.abort(),
      stop: () => undefined,
    },
  };
  return { surroundings, first, second, output, text: () => lines.join('') };
}
const fakeJob = (args: string[], change: Partial<LoadJob> = {}): LoadJob => {
  const results = join(scratchFolder(), 'results');
  return jobOf([...args, '--gate', 'on-time>=0%'], { resultsFolder: results, k6Flag: FAKE, ...change }); // prettier-ignore
};
const json = <T>(folder: string, file: string): T =>
  JSON.parse(readFileSync(join(folder, file), 'utf8')) as T;
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const ARRIVAL = ['--scenario', 'arrival', '--rate', '20/s', '--duration', '1s'];

test('a run: what was decided is what is done, sent = accepted = stored, and what was needed only for a while is gone', async () => {
  const job = fakeJob(ARRIVAL);
  const { surroundings, text } = around();
  const jobSummary = join(scratchFolder(), 'summary.md');
  Object.assign(surroundings.env, { GITHUB_STEP_SUMMARY: jobSummary, GITHUB_SHA: 'a'.repeat(40) });
  const end = await runLoad(job, surroundings);
  assert.equal(end.exitCode, 0, text());
  const { folder } = end;
  const { figures, verdict, gates } = json<Summary>(folder!, 'summary.json');
  const reconcile = json<Reconcile>(folder!, 'reconcile.json');
  const plan = json<Plan>(folder!, 'plan.json');
  assert.deepEqual([figures.sent, figures.accepted, reconcile.stored, reconcile.notStored], [20, 20, 20, 0]); // prettier-ignore
  assert.equal(plan.load.executor, 'constant-arrival-rate');
  assert.equal(plan.target.embedded, true);
  assert.ok(gates.some(({ name }) => name === 'stored-share>=100%'));
  assert.ok(text().includes(verdict.sentence) && text().includes(folder!));
  assert.deepEqual(
    readdirSync(folder!).filter((name) => ['corpus', 'storage'].includes(name)),
    [],
  );
  for (const file of ['report.md', 'report.html', 'junit.xml'])
    assert.ok(existsSync(join(folder!, file)), file);
  assert.deepEqual(plan.ci, { commit: 'a'.repeat(40) });
  assert.ok(readFileSync(jobSummary, 'utf8').startsWith(`# Load test ${plan.id}\n`));
});

test(
  'every name below the results is one that a CI can upload, also of what is kept, and of what is there in mid-run',
  slowOnly,
  async () => {
    const job = fakeJob(['--scenario', 'hostile', '--vus', '2', '--think', '50ms', '--duration', '1500ms'], { keep: true, pictures: true }); // prettier-ignore
    const { surroundings, text } = around();
    const ended = runLoad(job, surroundings);
    const isStored = () =>
    existsSync(job.resultsFolder) &&
    readdirSync(job.resultsFolder, { recursive: true }).some((path) => /B62\w+\.json$/.test(String(path))); // prettier-ignore
    await until(() => isStored(), 'the first submission in the storage');
    assertPortableNames(job.resultsFolder);
    const { folder } = await ended;
    assert.ok(isStored(), text());
    const names = readdirSync(folder!);
    for (const name of ['report.md', 'backend.log', 'corpus', 'storage', 'throughput.png'])
      assert.ok(names.includes(name), `${name} in ${names.join(' ')}`);
    assertPortableNames(job.resultsFolder);
  },
);

test('each way in which preparation fails leaves nothing', async () => {
  for (const [change, cause] of [
    [{ k6Flag: join(projectRoot, 'test', 'fixtures', 'bin', 'k6-1.7.1') }, /1\.7\.1/],
    [{ targets: [{ url: 'http://127.0.0.1:1', weight: 1 }] }, /nothing listens/],
    [{ payloads: '/nowhere' }, /nowhere/],
  ] as const) {
    const job = fakeJob(ARRIVAL, change as Partial<LoadJob>);
    await assert.rejects(
      runLoad(job, around().surroundings),
      (error: unknown) => error instanceof UserError && cause.test(error.message),
    );
    assert.deepEqual(readdirSync(job.resultsFolder), []);
  }
});

test('an interrupt while the run is prepared ends it: no folder, no backend, 130', async () => {
  // So many that signing lasts longer than the backend needs to come up.
  const job = fakeJob(['--scenario', 'arrival', '--rate', '1000/s', '--duration', '40s']);
  const { surroundings, first, text } = around();
  const ended = runLoad(job, surroundings);
  await until(() => /signing: /.test(text()), 'the signing');
  first.abort();
  assert.deepEqual(await ended, { exitCode: 130, folder: null, summary: null });
  assert.match(text(), /nothing was left behind/);
  assert.deepEqual(readdirSync(job.resultsFolder), []);
});

/** It says its version, and no script loads. */
function brokenK6(): string {
  const file = join(scratchFolder(), 'k6');
  const code =
    '#!/bin/sh\n[ "$1" = version ] && exec echo "k6 v2.2.0 (go1.26.8, linux/amd64)"\nexit 107\n';
  writeFileSync(file, code, { mode: 0o755 });
  return file;
}

test('wherever a load ends, no thread, no server and no program of it is left', async (t) => {
  const target = await startTruthTarget();
  t.after(() => target.stop());
  const FED = ['--scenario', 'soak', '--rate', '20/s', '--duration', '2s'];
  type Around = ReturnType<typeof around>;
  type End = Partial<LoadJob> & {
    args?: string[];
    /** Only in the slow suite. */
    slow?: true;
    /** Once a signing thread has been started. */
    onThread?: (thread: Worker, around: Around) => void;
    during?: (around: Around, threads: Worker[]) => Promise<void>;
    ends: number | RegExp;
  };
  const ends: Record<string, End> = {
    'by plan': { slow: true, args: [...FED.slice(0, -1), '1s'], ends: 0 },
    'interrupted while a corpus is signed': {
      slow: true,
      args: ['--scenario', 'arrival', '--rate', '1000/s', '--duration', '9s'],
      onThread: (_, { first }) => first.abort(),
      ends: 130,
    },
    'interrupted while the feeder starts': {
      onThread: (_, { first }) => first.abort(),
      ends: 130,
    },
    'interrupted in the middle': {
      slow: true,
      during: ({ first }) => Promise.resolve(first.abort()),
      ends: 130,
    },
    'the signing thread dies while the feeder starts': {
      slow: true,
      onThread: (thread) => void thread.terminate(),
      ends: /signing thread ended/,
    },
    'the signing thread dies in the middle': {
      slow: true,
      during: async (_, threads) => void (await Promise.all(threads.map((one) => one.terminate()))),
      ends: 5,
    },
    'no k6': { slow: true, k6Flag: '/nowhere/k6', ends: /nowhere/ },
    'k6 does not start': {
      slow: true,
      k6Flag: brokenK6(),
      ends: 5,
    },
    'a fault after the preparation': {
      monitorSources: () => {
        throw new Error('no such source');
      },
      ends: /no such source/,
    },
  };
  for (const [name, { args = FED, slow, onThread, during, ends: how, ...change }] of Object.entries(
    ends,
  ))
    await t.test(name, slow ? slowOnly : {}, async () => {
      const before = process.getActiveResourcesInfo().sort();
      const threads: Worker[] = [];
      const alive = new Set<Worker>();
      const around_ = around();
      const onWorker = (thread: Worker) => {
        threads.push(thread);
        alive.add(thread);
        thread.on('exit', () => alive.delete(thread));
        onThread?.(thread, around_);
      };
      process.on('worker', onWorker);
      try {
        const targets = [{ url: target.url, weight: 1 }];
        const seen = target.log.length;
        const ended = runLoad(fakeJob(args, { targets, ...change }), around_.surroundings);
        ended.catch(() => undefined);
        if (during !== undefined) {
          await until(() => target.log.length > seen, 'the first submission');
          await during(around_, threads);
        }
        if (typeof how === 'number') assert.equal((await ended).exitCode, how, around_.text());
        else await assert.rejects(ended, how);
      } finally {
        process.off('worker', onWorker);
      }
      if (!/k6$|k6 does/.test(name)) assert.ok(threads.length > 0);
      assert.equal(alive.size, 0, `${alive.size} of ${threads.length} threads`);
      const left = () => process.getActiveResourcesInfo().filter((kind) => /Server|Process|Worker/.test(kind)); // prettier-ignore
      const had = before.filter((kind) => /Server|Process|Worker/.test(kind));
      await until(() => left().length <= had.length, left);
    });
});

test('what was prepared and is released without a run leaves its folder, without corpus and storage; the backend has ended', async () => {
  const job = fakeJob(ARRIVAL);
  const { surroundings, first, second } = around();
  const ending = new Ending({ second: second.signal }, () => undefined);
  const { leftovers } = ending;
  const prepared = await prepareRun(job, { ...surroundings, leftovers }, first.signal);
  ending.stop();
  const { pid } = prepared.backend!.process;
  assert.ok(isAlive(pid));
  assert.equal(prepared.plan.corpus.submissions, prepared.decision.volume.submissions);
  assert.equal(prepared.plan.corpus.producers, prepared.decision.producers);
  const [real, decided] = [prepared.plan.estimate, prepared.decision.estimate];
  assert.ok(Math.abs(real.k6MemoryBytes / decided.k6MemoryBytes - 1) < 0.05);
  assert.ok(Math.abs(prepared.plan.corpus.meanBodyBytes / prepared.decision.meanBodyBytes - 1) < 0.02); // prettier-ignore
  assert.deepEqual(await prepared.release(), []);
  prepared.writer.close();
  await until(() => !isAlive(pid), 'the end of the backend');
  assert.deepEqual(
    readdirSync(prepared.writer.folder).filter((name) => ['corpus', 'storage'].includes(name)),
    [],
  );
});

test(
  'a backend that dies in the middle: results are kept, the verdict says so',
  slowOnly,
  async () => {
    const { surroundings, text } = around();
    const ended = runLoad(fakeJob([...ARRIVAL.slice(0, -1), '60s']), surroundings);
    await until(() => / VUs \| /.test(text()), 'the live line');
    process.kill(backendOf(process.pid), 'SIGKILL');
    const { exitCode, folder } = await ended;
    assert.equal(exitCode, 5, text());
    assert.match(
      text(),
      /\nBROKEN: the backend ended with signal SIGKILL, see backend.log \(\d+ s after the start\); [\d,]+ of [\d,]+/,
    );
    assert.ok(json<Summary>(folder!, 'summary.json').figures.accepted > 0);
    assert.ok(existsSync(join(folder!, 'report.md')));
  },
);

test(
  'the second interrupt: k6 and backend are killed, the results up to then are whole, the rest is removed, the process ends',
  slowOnly,
  async () => {
    const transport = { ...PLAIN_TRANSPORT, headers: { 'x-fake': 'stays' } };
    const job = fakeJob([...ARRIVAL.slice(0, -1), '5s'], { transport });
    const { surroundings, first, second, text } = around();
    const codes: number[] = [];
    const ending = new Ending({ second: second.signal }, (code) => codes.push(code));
    const seen: { folder: string; summary: Summary }[] = [];
    // One of many with nothing given: so the test has the ending in its hand.
    const ended = runLoad(job, surroundings, {
      given: null,
      ending,
      onSummary: (folder, summary) => seen.push({ folder, summary }),
    });
    await until(() => / VUs \| /.test(text()), 'the live line');
    first.abort();
    assert.match(text(), /interrupted: stopping/);
    second.abort();
    assert.deepEqual(codes, [130]);
    const { folder, summary } = seen[0];
    assert.ok(summary.interrupted && summary.figures.sent > 0);
    assert.equal(summary.verdict.exitCode, 130);
    assert.equal(json<Summary>(folder, 'summary.json').verdict.exitCode, 130);
    assert.deepEqual(
      readdirSync(folder).filter((name) => ['corpus', 'storage'].includes(name)),
      [],
    );
    // A real process would be gone by now.
    await ended.catch(() => undefined);
    ending.stop();
  },
);

test('the ending: what was added last comes first, a fault keeps nothing from its end, and what was taken back is not done', () => {
  const second = new AbortController();
  const done: string[] = [];
  const ending = new Ending({ second: second.signal }, (code) => done.push(String(code)));
  ending.atOnce(() => done.push('a'));
  ending.atOnce(() => {
    throw new Error('a full disk');
  });
  ending.atOnce(() => done.push('b'))();
  ending.atOnce(() => done.push('c'));
  second.abort();
  assert.deepEqual(done, ['c', 'a', '130']);
  ending.stop();
});
