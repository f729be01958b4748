/** `npm run load -- --storage URL` from the outside: the real command line, the real k6, a backend that lies. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { readRun } from '../../results/reader.ts';
import type { ReconcileLine, ReconcileLiveLine } from '../../results/types.ts';
import { openFilesystemStorage } from '../../stack/storage/filesystem.ts';
import type { CliResult } from '../support/cli.ts';
import { runHere } from '../support/run-command.ts';
import { type Deed, startCrookedBackend } from '../support/crooked-backend.ts';
import { k6Path } from '../support/k6.ts';
import { scratchFolder } from '../support/scratch.ts';
import { slowOnly } from '../support/thorough.ts';

const folder = scratchFolder();
const env = { K6_BIN: await k6Path() };

/** By the order of arrival: each of these once in so many. */
const DEEDS: Deed[] = [
  'store',
  'lie',
  'store',
  'refuse and store',
  'store',
  'double',
  'store',
  'alter peer_id',
  'store',
  'refuse',
  'store',
  'drop',
  'store',
  'alter snark_work',
  'store',
  'store a stranger',
  'store',
  'alter created_at',
  'store',
  'store and drop',
];

async function crookedLoad(
  args: string[],
  name: string,
  { duration = '2s', onFirst }: { duration?: string; onFirst?: () => void } = {},
) {
  const storage = join(folder, `${name}-storage`);
  mkdirSync(storage);
  const writer = openFilesystemStorage(storage);
  const backend = await startCrookedBackend({
    storage: writer,
    deedOf: (n) => {
      if (n === 0) onFirst?.();
      return DEEDS[n % DEEDS.length];
    },
  });
  const results = join(folder, name);
  try {
    const withStorage = args.map((arg) => arg.replace('STORAGE', pathToFileURL(storage).href));
    const result: CliResult = await runHere(
      ['load', '--target', backend.url, '--results', results]
        .concat(['--vus', '10', '--duration', duration, '--think', '0.2s-0.4s', '--timeout', '5s'])
        .concat(['--gate', 'error-rate<=50%'], withStorage),
      env,
    );
    const run = join(results, readdirSync(results)[0]);
    return { result, run, read: await readRun(run), counts: backend.counts };
  } finally {
    await backend.stop();
    await writer.close();
  }
}

const linesOf = <T>(file: string): T[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);

describe('a backend that lies', { concurrency: 2 }, () => {
  test('every class is found, with the numbers of the backend itself', async () => {
    const { result, run, read, counts } = await crookedLoad(
      ['--storage', 'STORAGE', '--storage-wait', '1s', '--reconcile-every', '1s'],
      'crooked',
      { duration: '4s' },
    );
    const { reconcile, summary } = read;
    const of = (...deeds: Deed[]) => deeds.reduce((sum, deed) => sum + (counts[deed] ?? 0), 0);
    assert.ok(of('store and drop') > 0, 'each deed was done at least once');
    const altered = of('alter peer_id', 'alter snark_work', 'alter created_at');
    assert.deepEqual(reconcile!.look!.classes, {
      right: of('store', 'double', 'store a stranger'),
      different: altered,
      missing: of('lie'),
      sameSecond: 0,
      refusedStored: of('refuse and store'),
      unknownStored: of('store and drop'),
      unknownNotStored: of('drop'),
      foreign: of('store a stranger'),
      hostile: 0,
      retried: 0,
      doubles: of('double'),
      unreadable: 0,
    });
    assert.equal(reconcile!.notStored, of('lie'));
    const lines = linesOf<ReconcileLine>(join(run, 'reconcile.ndjson'));
    assert.equal(lines.filter(({ class: name }) => name === 'missing').length, of('lie'));

    // A tool that counts answers would call this a pass.
    assert.equal(result.exitCode, 99, result.stdout);
    const gate = summary!.gates.find(({ name }) => name === 'stored-share>=100%')!;
    assert.equal(gate.state, 'fail');
    assert.match(summary!.verdict.sentence, /stored-share>=100% does not hold/);
    assert.match(
      summary!.verdict.sentence,
      new RegExp(`${of('lie')} of them (is|are) not in the storage`),
    );
    const report = readFileSync(join(run, 'report.md'), 'utf8');
    assert.match(report, /^## Accepted and stored$/m);
    assert.match(
      report,
      new RegExp(`^\\| ❌ accepted, and not stored +\\| +${of('lie')} \\|`, 'm'),
    );
    assert.match(report, /peer\\_id: sent 12D3Koo/);

    const looks = linesOf<ReconcileLiveLine>(join(run, 'reconcile-live.ndjson'));
    assert.ok(looks.length > 0);
    for (const [i, { accepted, stored, notStored }] of looks.entries()) {
      assert.ok(notStored <= accepted && stored >= (looks[i - 1]?.stored ?? 0));
      assert.ok(stored <= of('store', 'double', 'double', 'store a stranger') + altered * 2 + 99);
    }
  });

  test('a storage that cannot be opened is told before the load, and nothing is sent', async () => {
    const writer = openFilesystemStorage(join(folder, 'unused'));
    const backend = await startCrookedBackend({ storage: writer, deedOf: () => 'store' });
    const results = join(folder, 'not-begun');
    try {
      const missing = pathToFileURL(join(folder, 'nowhere')).href;
      const { exitCode, stderr } = await runHere(
        ['load', '--target', backend.url, '--results', results, '--storage', missing],
        env,
      );
      assert.equal(exitCode, 5, stderr);
      assert.match(stderr, /nowhere cannot be read.*\nwhat to do: --storage names/);
      assert.deepEqual([readdirSync(results), backend.counts.store ?? 0], [[], 0]);
    } finally {
      await backend.stop();
      await writer.close();
    }
  });

  test(
    'a storage that cannot be read any more is told with a hint, and is no pass',
    slowOnly,
    async () => {
      const gone = join(folder, 'gone');
      mkdirSync(gone);
      const { result, read, run } = await crookedLoad(
        ['--storage', pathToFileURL(gone).href, '--storage-wait', '1s'],
        'unreadable',
        { onFirst: () => rmSync(gone, { recursive: true }) },
      );
      assert.equal(result.exitCode, 99, result.stdout);
      assert.equal(read.reconcile!.stored, null);
      assert.equal(read.reconcile!.look!.complete, false);
      assert.match(read.reconcile!.look!.failure!, /gone cannot be read/);
      assert.match(result.stdout, /gone cannot be read.* \(--storage names /);
      assert.match(read.summary!.verdict.sentence, /no data for stored-share>=100%/);
      assert.match(
        result.stdout,
        /note: .*could not be read, so nothing is known of what is stored/,
      );
      assert.match(
        readFileSync(join(run, 'report.md'), 'utf8'),
        /^Nothing is known of what is stored\./m,
      );
    },
  );

  test('of a target alone nobody knows where it stores', async () => {
    const { result, read, run } = await crookedLoad([], 'not-looked');
    assert.equal(result.exitCode, 0, result.stdout);
    assert.equal(read.reconcile!.stored, null);
    assert.equal(read.reconcile!.look, undefined);
    assert.ok(!existsSync(join(run, 'reconcile.ndjson')));
    assert.match(
      readFileSync(join(run, 'report.md'), 'utf8'),
      /^\| Stored by the target +\| +not looked at \|$/m,
    );
  });

  for (const [args, cause] of [
    [['--storage', 'ftp://x'], /--storage must be an absolute path, or a URL with file:/],
    [['--storage', 'postgres://u:secret@h/d'], /--storage must not hold a password/],
    [['--reconcile-every', '1s'], /--reconcile-every needs --storage/],
    [['--storage-wait', '1s'], /--storage-wait needs --storage/],
    [['--storage', '/x', '--reconcile-every', '10ms'], /--reconcile-every must be at least 1s/],
  ] as const)
    test(`wrong words: ${args.join(' ').replace('secret', '…')}`, async () => {
      const { exitCode, stderr } = await runHere(
        ['load', '--target', 'http://127.0.0.1:9', ...args],
        env,
      );
      assert.equal(exitCode, 2, stderr);
      assert.match(stderr, cause);
      assert.doesNotMatch(stderr, /secret/);
    });
});
