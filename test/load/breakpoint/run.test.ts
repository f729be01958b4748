/** A search from the inside and from the outside, with a k6 of a few lines and the real embedded backend. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { runBreakpoint } from '../../../load/breakpoint/run.ts';
import type { Surroundings } from '../../../load/job.ts';
import { projectRoot } from '../../../paths.ts';
import type { Summary } from '../../../results/types.ts';
import { Screen } from '../../../system/screen.ts';
import { openFilesystemStorage } from '../../../stack/storage/filesystem.ts';
import { startCrookedBackend } from '../../support/crooked-backend.ts';
import { startCli } from '../../support/cli.ts';
import { runHere } from '../../support/run-command.ts';
import { assertPortableNames, samplesOf, theRun } from '../../support/load-results.ts';
import { until } from '../../support/until.ts';
import { jobOf } from '../../support/job.ts';
import { scratchFolder } from '../../support/scratch.ts';
import { slowOnly } from '../../support/thorough.ts';

const FAKE = join(projectRoot, 'test', 'fixtures', 'bin', 'k6-sends');
const LENIENT = ['--gate', 'on-time>=0%', '--gate', 'queue-growth<=100%'];

/** A search that is as short as it can be, in this process. */
async function search(args: string[], change: Parameters<typeof jobOf>[1] = {}) {
  const lines: string[] = [];
  const output = { write: (text: string) => lines.push(text) } as unknown as NodeJS.WritableStream;
  const signal = () => new AbortController().signal;
  const surroundings: Surroundings = {
    screen: new Screen(output),
    env: { PATH: process.env.PATH },
    cwd: projectRoot,
    confirm: undefined,
    keys: { env: {} } as unknown as Surroundings['keys'],
    interrupts: {
      first: signal(),
      second: signal(),
      interrupt: () => undefined,
      stop: () => undefined,
    },
  };
  const job = jobOf(['--scenario', 'breakpoint', '--settle', '0', ...args, ...LENIENT], {
    k6Flag: FAKE,
    resultsFolder: join(scratchFolder(), 'results'),
    ...change,
  });
  const end = await runBreakpoint(job, { ...surroundings, output });
  return { ...end, text: lines.join('') };
}

test(
  'each trial decides for itself and looks into the storage of the one backend; the last load stands for the whole',
  slowOnly,
  async () => {
    const { exitCode, folder, summary, text } = await search([
      ...['--rate', '10/s', '--max-rate', '10', '--hold', '2s', '--duration', '2s'],
    ]);
    assert.equal(exitCode, 0, text);
    const { trials, confirmedRate, end } = summary!.breakpoint!;
    assert.deepEqual([trials.length, confirmedRate, end], [3, 10, 'holds the highest']);
    assert.ok(
      trials.every(({ outcome, failedGates }) => outcome === 'held' && failedGates.length === 0),
    );
    assert.ok(
      summary!.gates.some(({ name, state }) => name === 'stored-share>=100%' && state === 'pass'),
    );
    assertPortableNames(folder!);
    const left = readdirSync(folder!);
    assert.ok(!left.includes('storage') && !left.includes('corpus'));
    assert.ok(left.includes('backend.log') && left.includes('reconcile.json') && left.includes('samples.ndjson')); // prettier-ignore
    // The other two trials keep their folders, with their own summaries.
    const trialFolders = readdirSync(join(folder!, 'trials'));
    assert.equal(trialFolders.length, 2);
    for (const trial of trialFolders) {
      const of = join(folder!, 'trials', trial);
      const { figures } = JSON.parse(readFileSync(join(of, 'summary.json'), 'utf8')) as Summary;
      const reconcile = JSON.parse(readFileSync(join(of, 'reconcile.json'), 'utf8')) as { stored: number }; // prettier-ignore
      assert.equal(reconcile.stored, figures.accepted);
    }
  },
);

const SHORT = ['--rate', '10/s', '--max-rate', '20', '--hold', '2s', '--duration', '2s', '--max-trials', '2']; // prettier-ignore

test('a backend that keeps less than it accepts fails the trials', slowOnly, async () => {
  const folder = scratchFolder();
  const storage = openFilesystemStorage(folder);
  const deedOf = (n: number) => (n % 3 === 0 ? 'lie' : 'store');
  const backend = await startCrookedBackend({ storage, deedOf });
  const { exitCode, summary, text } = await search(SHORT, {
    targets: [{ url: backend.url, weight: 1 }],
    storage: pathToFileURL(folder).href,
    storageWaitMs: 0,
  });
  await backend.stop();
  await storage.close();
  assert.equal(exitCode, 99, text);
  for (const { outcome, failedGates, errorRate } of summary!.breakpoint!.trials)
    assert.deepEqual([outcome, failedGates, errorRate], ['failed', ['stored-share>=100%'], 0]);
});

test(
  'what one producer sends within a second is no loss of a faithful backend, and said',
  slowOnly,
  async () => {
    // Of what it sends in a second the original keeps one, and says 200 to all.
    const { summary, text } = await search([...SHORT, '--producers', '1'], { faithful: true });
    assert.match(text, /1 producer is few for 10 submissions\/s: two of one producer may fall into the same second/); // prettier-ignore
    for (const { failedGates, errorRate } of summary!.breakpoint!.trials)
      assert.deepEqual([failedGates, errorRate], [[], 0]);
    assert.match(
      summary!.notes.join('\n'),
      /of those of the same second are no loss of the target/,
    );
  },
);

const command = (results: string, ...args: string[]) => [
  ...['load', '--scenario', 'breakpoint', '--k6', FAKE, '--port', '0', '--results', results],
  ...['--settle', '0', '--rate', '10/s', '--max-rate', '10', '--hold', '2s', ...LENIENT, ...args],
];

test('a search that was killed shows its trials in the report', slowOnly, async () => {
  const results = join(scratchFolder(), 'results');
  const cli = startCli(command(results, '--duration', '60s'));
  await until(() => /confirming /.test(cli.output()), 'the last load');
  cli.child.kill('SIGKILL');
  await cli.result;
  const folder = theRun(results);
  const { exitCode, stdout, stderr } = await runHere(['report', folder]);
  assert.equal(exitCode, 0, stdout + stderr);
  const report = readFileSync(join(folder, 'report.md'), 'utf8');
  assert.match(report, /BROKEN: the search did not come to its end/);
  assert.match(report, /\| +10[^|]*\|[^\n]*held/);
  assert.ok(existsSync(join(folder, 'breakpoint.png')));
});

/** Whether a process runs that names this folder. */
const isNamedByAProcess = (folder: string): boolean =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8'); // prettier-ignore
        return words.includes(folder);
      } catch {
        return false;
      }
    });

test(
  'the second Ctrl-C in a trial: what was tried is there, corpus, storage and processes are not',
  slowOnly,
  async () => {
    const results = join(scratchFolder(), 'results');
    // This k6 hears no SIGINT and never ends.
    const cli = startCli(command(results, '--duration', '60s', '--header', 'x-fake: stays'));
    const runs = () => (existsSync(results) ? readdirSync(results) : []);
    await until(
      () => runs().some((name) => samplesOf(join(results, name, 'trials')) > 0),
      () => `the first trial: ${cli.output()}`,
    );
    cli.child.kill('SIGINT');
    await until(() => /interrupted: stopping/.test(cli.output()), 'the answer to the first');
    // What comes within a second counts once.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    cli.child.kill('SIGINT');
    const { exitCode, stdout } = await cli.result;
    assert.equal(exitCode, 130, stdout);
    const folder = theRun(results);
    const summary = JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8')) as Summary;
    assert.equal(summary.verdict.exitCode, 130);
    assert.equal(summary.breakpoint!.end, 'cut');
    assert.ok(summary.figures.sent > 0);
    assert.match(stdout, /INTERRUPTED: /);
    assert.deepEqual(
      readdirSync(folder).filter((name) => ['corpus', 'storage'].includes(name)),
      [],
    );
    assert.deepEqual(readdirSync(join(folder, 'trials')), []);
    await until(() => !isNamedByAProcess(folder), 'the end of k6 and backend');
  },
);

test('a search that cannot begin leaves nothing', async () => {
  const results = join(scratchFolder(), 'results');
  mkdirSync(results);
  await assert.rejects(
    search(['--hold', '2s', '--duration', '2s'], { resultsFolder: results, k6Flag: '/nowhere/k6' }),
    /nowhere/,
  );
  assert.deepEqual(readdirSync(results), []);
  assert.ok(statSync(results).isDirectory());
});
