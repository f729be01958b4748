/** The scenario breakpoint with the real k6, on a target whose capacity is known. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { readRun } from '../../../results/reader.ts';
import { startCapacityTarget } from '../../support/capacity-target.ts';
import { type CliResult, startCli, WITH_PICTURES } from '../../support/cli.ts';
import { until } from '../../support/until.ts';
import { k6Path } from '../../support/k6.ts';
import { scratchFolder } from '../../support/scratch.ts';

const folder = scratchFolder();
let env: NodeJS.ProcessEnv;
before(async () => {
  env = { K6_BIN: await k6Path() };
});

/** A search takes some twenty trials; on a busy machine more. */
const LIMIT_MS = 300_000;
const breakpoint = (args: string[]) =>
  startCli(
    ['load', '--scenario', 'breakpoint', '--settle', '0', ...args],
    { ...env, ...WITH_PICTURES },
    LIMIT_MS,
  );
const theRun = (results: string): string => join(results, readdirSync(results)[0]);

for (const capacity of [40, 90])
  test(`a capacity of ${capacity}/s is found within 10 %`, async () => {
    const target = await startCapacityTarget(capacity);
    const results = join(folder, String(capacity));
    let result: CliResult;
    try {
      const search = ['--rate', '30/s', '--hold', '3s', '--duration', '4s', '--precision', '8'];
      result = await breakpoint([...search, '--target', target.url, '--results', results]).result;
    } finally {
      await target.stop();
    }
    const said = result.stdout + result.stderr;
    assert.equal(result.exitCode, 0, said);
    const { summary, plan, samples } = await readRun(theRun(results));
    const { rate, low, high, confirmedRate, trials, end } = summary!.breakpoint!;
    assert.equal(end, 'precise', said);
    assert.ok(Math.abs(rate! / capacity - 1) <= 0.1, `${rate} for ${capacity}\n${said}`);
    assert.ok(low! <= rate! && rate! <= high! && confirmedRate! <= high!);
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
