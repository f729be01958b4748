/** `npm run load -- --scenario soak` from the outside, with the embedded backend, which checks every signature. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, test } from 'node:test';
import type { Plan, Reconcile, Summary } from '../../results/types.ts';
import { startCli } from '../support/cli.ts';
import { runHere } from '../support/run-command.ts';
import { readSubmissionName } from '../../stack/storage/layout.ts';
import { until } from '../support/until.ts';
import { k6Path } from '../support/k6.ts';
import { json, theRun } from '../support/load-results.ts';
import { scratchFolder } from '../support/scratch.ts';

const folder = scratchFolder();
const env = { K6_BIN: await k6Path() };

const soak = (results: string, ...args: string[]): string[] => [
  'load', '--port', '0', '--scenario', 'soak', '--results', join(folder, results), ...args,
]; // prettier-ignore
const runOf = (results: string): string => theRun(join(folder, results));

/** Of all that the backend stored: what a file holds, and when it was submitted, which begins its name (whole seconds). */
function stored(run: string): { created_at: string; submittedAt: string; submitter: string }[] {
  const root = join(run, 'storage', 'submissions');
  return (readdirSync(root, { recursive: true }) as string[])
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({
      ...(JSON.parse(readFileSync(join(root, name), 'utf8')) as {
        created_at: string;
        submitter: string;
      }),
      submittedAt: readSubmissionName(basename(name))!.submittedAt,
    }));
}

test('a soak: sent = accepted = stored, each signed in the seconds before it was sent', async () => {
  const { exitCode, stdout } = await runHere(
    soak('rate', '--rate', '60/s', '--duration', '3s', '--keep', '--gate', 'on-time>=0%'),
    env,
  );
  // 4 is the machine's: the counts hold all the same.
  assert.ok(exitCode === 0 || exitCode === 4, stdout);
  assert.match(stdout, /signing while the load runs: 1000 producers, at most 181 submissions/);
  const run = runOf('rate');
  const { figures, gates } = json<Summary>(run, 'summary.json');
  const reconcile = json<Reconcile>(run, 'reconcile.json');
  const { executor, rate } = json<Plan>(run, 'plan.json').load;
  assert.deepEqual([executor, rate], ['constant-arrival-rate', { starts: 60, timeUnitMs: 1000 }]);
  assert.ok(figures.sent > 0 && figures.schedule!.started === figures.sent);
  assert.equal(figures.accepted, figures.sent);
  assert.equal(reconcile.stored, figures.sent);
  assert.ok(!gates.some(({ name }) => name.includes('memory')), 'too short for a gate on growth');
  const files = stored(run);
  assert.equal(files.length, figures.sent);
  assert.equal(new Set(files.map(({ submitter }) => submitter)).size, files.length);
  for (const { created_at, submittedAt } of files) {
    const ageMs = Date.parse(submittedAt) - Date.parse(created_at);
    // Less than 3 s when its request begins; the rest is for a machine that is busy with other tests.
    assert.ok(ageMs >= 0 && ageMs < 3000 + figures.latency!.maxMs + 10_000, `${ageMs} ms`);
  }
  // The log of what was handed out says the same times.
  const log = readFileSync(join(run, 'corpus', 'handed-out.bin'));
  const handedOut = Array.from({ length: log.length / 4 }, (_, i) => log.readUInt32LE(i * 4));
  assert.deepEqual(
    handedOut.filter((seconds) => seconds > 0).sort(),
    files.map(({ created_at }) => Date.parse(created_at) / 1000).sort(),
  );
});

test('VUs with think times instead of a rate; an hour of it, interrupted', async () => {
  const cli = startCli(soak('vus', '--vus', '5', '--think', '50ms-150ms', '--duration', '1h'), env);
  const run = () => join(runOf('vus'), 'samples.ndjson');
  await until(
    () =>
      existsSync(join(folder, 'vus')) && readdirSync(join(folder, 'vus')).some((n) => n.startsWith('20')) && // prettier-ignore
      existsSync(run()) && readFileSync(run(), 'utf8').includes('\n'), // prettier-ignore
    'first samples',
  );
  cli.child.kill('SIGINT');
  const { exitCode, stdout } = await cli.result;
  assert.equal(exitCode, 130, stdout);
  const folderOfRun = runOf('vus');
  const { figures, interrupted } = json<Summary>(folderOfRun, 'summary.json');
  const { stored: inStorage, unknown } = json<Reconcile>(folderOfRun, 'reconcile.json');
  assert.equal(json<Plan>(folderOfRun, 'plan.json').load.executor, 'constant-vus');
  assert.ok(interrupted && figures.accepted > 0);
  assert.equal(figures.failedIterations, 0);
  assert.ok(inStorage! >= figures.accepted && inStorage! <= figures.sent + unknown);
  assert.ok(existsSync(join(folderOfRun, 'report.md')));
  assert.ok(!existsSync(join(folderOfRun, 'corpus')));
});

describe('what makes no soak', { concurrency: 2 }, () => {
  for (const [args, cause] of [
    [['--think', '0'], /--think must be above 0 in the scenario soak, or --rate be given/],
    [['--stages', '1m:5'], /--stages has no effect in the scenario soak/],
    [['--rate', '5/s', '--think', '1s'], /--think has no effect in the scenario soak with --rate/],
    [['--gate', 'k6-memory-growth<1MB'], /must give k6-memory-growth in MB\/min/],
    [
      ['--think', '1s', '--gate', 'on-time>=99%'],
      /--gate on-time>=99% would have no data: .*open model/,
    ],
  ] as const)
    test(args.join(' '), async () => {
      const { exitCode, stderr } = await runHere(['load', '--scenario', 'soak', ...args], env);
      assert.equal(exitCode, 2, stderr);
      assert.match(stderr, cause);
      assert.match(stderr, /^(error: [^\n]+\n)+what to do: [^\n]+\n$/);
    });
});

test('a dry run says that nothing is signed beforehand, however long it is', async () => {
  const { exitCode, stdout } = await runHere(['load', '--scenario', 'soak', '--duration', '24h', '--dry-run'], env); // prettier-ignore
  assert.equal(exitCode, 0, stdout);
  assert.match(stdout, /about 2592000\d, signed while they are sent, by 18,\d{3} producers/);
  assert.match(stdout, /corpus on disk 0\.\d MB/);
  assert.match(stdout, /storage {7}the embedded backend will store about \d{6} MB/);
  assert.match(stdout, /gates .*backend-memory-growth<=1MB\/min/);
});

test('a soak that the disk has no room for is refused before anything is sent', async () => {
  // A week at the highest rate: some 600 TB.
  const { exitCode, stderr } = await runHere(soak('room', '--duration', '168h', '--rate', '100000/s', '--producers', '1000'), env); // prettier-ignore
  assert.equal(exitCode, 5, stderr);
  assert.match(
    stderr,
    /the embedded backend would store about [\d.,]+ TB, but .*room has [\d.]+ [KMGT]?B left/,
  );
  assert.deepEqual(readdirSync(join(folder, 'room')), []);
});
