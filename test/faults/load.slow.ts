/** Whole loads with faults, by the real k6: what the plan, the marks, the summary and the report say against a target that logs each arrival. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRun } from '../../results/reader.ts';
import { marksOf } from '../../results/marks.ts';
import { EXIT } from '../../user-error.ts';
import { runCli, startCli } from '../support/cli.ts';
import { scratchFolder } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { startTruthTarget } from '../truth/target.ts';

const onlyRun = (results: string): string =>
  join(
    results,
    readdirSync(results).find((name) => existsSync(join(results, name, 'plan.json')))!,
  );

test('faults of the way before a foreign target: each is seen by the client, the target’s log says the same', async (t) => {
  const target = await startTruthTarget();
  t.after(() => target.stop());
  const results = scratchFolder(t);
  const faults = ['status=503:50%@4s+3s', 'latency=300ms@11s+3s', 'cut=30%@18s+3s', 'refuse@24s+1s'];
  const { stdout, exitCode } = await runCli(['load', '--scenario', 'arrival', '--rate', '40/s', '--duration', '30s', '--timeout', '5s', '--target', target.url, '--results', results, '--gate', 'error-rate<=60%', '--gate', 'on-time>=0%', ...faults.flatMap((fault) => ['--fault', fault])]);
  assert.ok([EXIT.passed, EXIT.generatorLimited].includes(exitCode as 0), stdout);
  const run = await readRun(onlyRun(results));
  const { summary, plan } = run;
  assert.deepEqual(plan!.faults!.map(({ fault }) => fault), faults);
  const [status, latency, cut, refuse] = summary!.faults!;
  assert.ok(summary!.faults!.every(({ state }) => state === 'done'));
  // Once each, and in its time: as the marks say.
  assert.deepEqual(marksOf(run.marks!).map(({ label }) => label), faults);
  // What k6 saw is what proxy and target saw.
  const { answers, accepted } = summary!.figures;
  assert.equal(answers['503'], status.struck);
  assert.ok(status.struck! > 20 && status.within!.errors > 0, JSON.stringify(status));
  const whole = target.log.filter((one) => one.accepted);
  assert.ok(whole.length >= accepted && whole.length - accepted <= (refuse.within!.errors), `${whole.length} arrived, ${accepted} accepted`);
  assert.ok(cut.struck! > 5 && cut.within!.errors + cut.after!.errors >= cut.struck! - 2, JSON.stringify(cut));
  assert.ok(latency.within!.p50Ms! >= 300 && latency.before!.p50Ms! < latency.within!.p50Ms!);
  assert.ok(refuse.within!.errors > 0);
  const [{ faults: reason }] = [summary!.verdict.reasons!.find(({ kind }) => kind === 'faults') ?? {}].map((one) => ({ faults: one as { turns: number; errors: number; of: number } }));
  assert.equal(reason.turns, 4);
  assert.equal(reason.of, summary!.figures.sent - accepted);
  assert.match(summary!.verdict.sentence, /4 faults were made on purpose/);
  const report = readFileSync(join(run.folder, 'report.md'), 'utf8');
  assert.match(report, /## Faults on purpose/);
  for (const fault of faults) assert.ok(report.includes(fault), fault);
}); // prettier-ignore

test('the embedded backend is killed in the middle: accepted = stored, and the run says so', async (t) => {
  const results = scratchFolder(t);
  const { stdout } = await runCli(['load', '--vus', '10', '--think', '50ms', '--duration', '16s', '--port', '0', '--results', results, '--gate', 'error-rate<=100%', '--fault', 'backend-kill@6s+1s', '--fault', 'disk-full@10s+1s']); // prettier-ignore
  const { summary, reconcile } = await readRun(onlyRun(results));
  const [killed, full] = summary!.faults!;
  assert.deepEqual([killed.state, full.state], ['done', 'done'], stdout);
  assert.deepEqual([reconcile!.notStored, killed.lost, full.lost], [0, 0, 0], stdout);
  assert.ok(killed.within!.errors > 0, JSON.stringify(killed));
  assert.ok(summary!.figures.answers['503'] > 0, JSON.stringify(summary!.figures.answers));
  assert.ok(!summary!.verdict.sentence.startsWith('BROKEN'), summary!.verdict.sentence);
  assert.ok(summary!.figures.processes.backend !== undefined);
});

test('interrupted within a fault: it is undone, and the results say when', async (t) => {
  const results = scratchFolder(t);
  const running = startCli(['load', '--vus', '2', '--think', '100ms', '--duration', '2m', '--port', '0', '--results', results, '--fault', 'backend-pause@2s', '--fault', 'latency=1s@1m']); // prettier-ignore
  await until(() => running.output().includes('backend-pause@2s: begins'), () => running.output());
  running.child.kill('SIGINT');
  const { exitCode, stdout } = await running.result;
  assert.equal(exitCode, EXIT.interrupted, stdout);
  const { summary, marks } = await readRun(onlyRun(results));
  assert.deepEqual(summary!.faults!.map(({ state }) => state), ['done', 'skipped']);
  assert.ok(marksOf(marks!).every(({ toMs }) => toMs !== undefined));
}); // prettier-ignore
