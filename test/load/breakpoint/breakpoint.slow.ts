/** The scenario breakpoint with the real k6, on a target whose capacity is known. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { readRun } from '../../../results/reader.ts';
import { startCapacityTarget } from '../../../bench/capacity-target.ts';
import { type CliResult, startCli, WITH_PICTURES } from '../../support/cli.ts';
import { until } from '../../support/until.ts';
import { k6Path } from '../../support/k6.ts';
import { theRun } from '../../support/load-results.ts';
import { scratchFolder } from '../../support/scratch.ts';

const folder = scratchFolder();
let env: NodeJS.ProcessEnv;
before(async () => {
  env = { K6_BIN: await k6Path() };
});

/** A search takes some twenty trials; on a busy machine more. */
const LIMIT_MS = 600_000;
const breakpoint = (args: string[]) =>
  startCli(
    ['load', '--scenario', 'breakpoint', '--settle', '0', ...args],
    { ...env, ...WITH_PICTURES },
    LIMIT_MS,
  );

for (const capacity of [40, 90])
  test(`a steady capacity of ${capacity}/s is found within 5 %, and confirmed`, async () => {
    const target = await startCapacityTarget(capacity);
    const results = join(folder, String(capacity));
    let result: CliResult;
    try {
      const search = ['--rate', '30/s', '--hold', '3s', '--duration', '8s'];
      result = await breakpoint([...search, '--target', target.url, '--results', results]).result;
    } finally {
      await target.stop();
    }
    const said = result.stdout + result.stderr;
    assert.equal(result.exitCode, 0, said);
    const { summary, plan, samples } = await readRun(theRun(results));
    const { rate, low, high, confirmedRate, trials, end } = summary!.breakpoint!;
    // On a busy machine the knee is blurred, and the trials may not do.
    assert.match(end, /^(precise|trials)$/, said);
    assert.ok(Math.abs(rate! / capacity - 1) <= 0.05, `${rate} for ${capacity}\n${said}`);
    assert.ok(low! <= rate! && rate! <= high! && confirmedRate! <= high!);
    assert.equal(trials.at(-1)!.confirmsForMs, 8000);
    assert.ok(trials.some(({ outcome }) => outcome === 'failed'));
    assert.ok(existsSync(join(theRun(results), 'breakpoint.png')));
    assert.match(readFileSync(join(theRun(results), 'report.md'), 'utf8'), /The knee lies at /);
    // The folder's other figures are those of the load that confirmed.
    assert.equal(plan!.load.rate!.starts / 100, confirmedRate);
    assert.equal(
      samples.reduce((sum, { sent }) => sum + sent, 0),
      summary!.figures.sent,
    );
    // Each trial but the last lies below.
    assert.equal(readdirSync(join(theRun(results), 'trials')).length, trials.length - 1);
  });

test('a target that throttles after some seconds gets no knee', async () => {
  // For as long as a trial lasts it takes 90 a second, from then on half of that.
  const target = await startCapacityTarget(90, { throttle: { afterMs: 6000, perSecond: 45 } });
  const results = join(folder, 'throttled');
  const search = ['--rate', '60/s', '--hold', '3s', '--duration', '16s', '--precision', '10'];
  let result: CliResult;
  try {
    result = await breakpoint([...search, '--settle', '600ms', '--target', target.url, '--results', results]).result; // prettier-ignore
  } finally {
    await target.stop();
  }
  const said = result.stdout + result.stderr;
  assert.equal(result.exitCode, 99, said);
  const { summary } = await readRun(theRun(results));
  const { rate, low, high, confirmedRate, trials, notConfirmed } = summary!.breakpoint!;
  assert.deepEqual([rate, low, high, confirmedRate], [null, null, null, null]);
  // The rate that the short trials found, and when it gave way: to a fortieth of the load and a part.
  assert.ok(Math.abs(notConfirmed!.rate / 90 - 1) <= 0.12, said);
  const afterMs = notConfirmed!.throttlesAfterMs!;
  assert.ok(afterMs >= 4500 && afterMs <= 8000, `${afterMs}`);
  assert.match(said, /FAILED: at .*\/s the target throttles after \d s; not confirmed; no knee is given/); // prettier-ignore
  assert.equal(trials.filter(({ confirmsForMs }) => confirmsForMs !== undefined).length, 2);
  const report = readFileSync(join(theRun(results), 'report.md'), 'utf8');
  assert.match(report, /No knee is given: at .* the target throttles after/);
  assert.match(report, /\d, for 16 s/);
});

test('an interrupt in the middle leaves what is known', async () => {
  const results = join(folder, 'interrupted');
  const cli = breakpoint([
    '--rate',
    '20/s',
    '--hold',
    '2s',
    '--duration',
    '2s',
    '--results',
    results,
  ]);
  await until(() => /trial 2,/.test(cli.output()), 'the second trial');
  cli.child.kill('SIGINT');
  const { exitCode, stdout } = await cli.result;
  assert.equal(exitCode, 130, stdout);
  const { summary } = await readRun(theRun(results));
  assert.equal(summary!.interrupted, true);
  assert.equal(summary!.breakpoint!.end, 'cut');
  assert.ok(summary!.breakpoint!.trials.length >= 1);
  assert.match(stdout, /INTERRUPTED: up to then/);
  assert.ok(!existsSync(join(theRun(results), 'storage')));
});

test('a target that fails at every rate has no breakpoint', async () => {
  const target = await startCapacityTarget(0.05);
  const results = join(folder, 'none');
  const search = ['--rate', '5/s', '--hold', '2s', '--duration', '2s', '--max-trials', '2'];
  const result = await breakpoint([
    ...search,
    '--timeout',
    '1s',
    '--target',
    target.url,
    '--results',
    results,
  ]).result;
  await target.stop();
  assert.equal(result.exitCode, 99, result.stdout + result.stderr);
  assert.match(result.stdout, /FAILED: the gates do not even hold at /);
});
