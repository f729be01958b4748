/** A run from the inside: a k6 of a few lines that really sends, and the real embedded backend. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
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
    interrupts: { first: first.signal, second: second.signal, stop: () => undefined },
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
    for (const name of ['report.md', 'backend.log', 'corpus', 'storage', 'latency.png'])
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

test('a backend that dies in the middle: results are kept, the verdict says so', async () => {
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
});

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
