/** The fleet as mainnet has it, and a rehearsed hard fork, through the real k6 against the embedded backend: what becomes of same-second pairs, and of each era. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FleetLine, FleetSubmission, Reconcile, ReconcileLine, Summary } from '../../results/types.ts'; // prettier-ignore
import { EXIT } from '../../user-error.ts';
import { runCli } from '../support/cli.ts';
import { k6Path } from '../support/k6.ts';
import { scratchFolder } from '../support/scratch.ts';

const ANY_PACE = ['--gate', 'on-time>=0%'];

async function runFleet(args: readonly string[]) {
  const results = scratchFolder();
  const { exitCode, stdout, stderr } = await runCli(
    ['load', '--scenario', 'fleet', '--port', '0', '--results', results, '--skip-pictures', ...ANY_PACE, ...args],
    { K6_BIN: await k6Path() },
  ); // prettier-ignore
  const [name] = readdirSync(results);
  assert.ok(name !== undefined, stdout + stderr);
  const folder = join(results, name);
  const linesOf = <T>(file: string): T[] =>
    existsSync(join(folder, file))
      ? readFileSync(join(folder, file), 'utf8').trim().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as T) // prettier-ignore
      : [];
  const json = <T>(file: string): T => JSON.parse(readFileSync(join(folder, file), 'utf8')) as T;
  return {
    exitCode,
    folder,
    output: stdout + stderr,
    summary: json<Summary>('summary.json'),
    reconcile: json<Reconcile>('reconcile.json'),
    lost: linesOf<ReconcileLine>('reconcile.ndjson'),
    fleet: linesOf<FleetLine>('fleet.ndjson'),
  };
}

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const sent = (lines: readonly FleetLine[]): FleetSubmission[] =>
  lines.filter((line) => line.kind === 'submission');

/** Half of mainnet's time is as good as all of it: each pair meets four times. */
const MAINNET = ['--preset', 'mainnet', '--speedup', '30', '--duration', '60s'];

test('mainnet: against the embedded backend every submission of a pair is stored, one of them after a retry', async () => {
  const { exitCode, output, summary, reconcile, folder } = await runFleet([
    ...MAINNET,
    '--x-forwarded-for',
    '--keep',
  ]);
  assert.equal(exitCode, EXIT.passed, output);
  const { classes, eras } = reconcile.look!;
  assert.equal(classes!.right, summary.figures.accepted);
  assert.equal(classes!.right, summary.figures.sent);
  assert.deepEqual([classes!.missing, classes!.sameSecond, classes!.different], [0, 0, 0]);
  assert.deepEqual(eras?.map(({ era, right }) => [era, right]), [['mesa', classes!.right]]); // prettier-ignore
  // Each of 224 nodes has a peer id and an address of its own, each of 108 keys some nodes.
  const stored = filesBelow(join(folder, 'storage', 'submissions')).map(
    (file) => JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>,
  );
  const distinct = (...names: string[]) =>
    new Set(stored.map((one) => names.map((name) => one[name]).join())).size;
  assert.deepEqual([stored.length, distinct('submitter'), distinct('peer_id')], [classes!.right, 108, 224]); // prettier-ignore
  assert.deepEqual([distinct('peer_id', 'remote_addr'), distinct('remote_addr')], [224, 224]);
  // Seven pairs in four cycles: of each the second was told to come again.
  assert.ok(summary.figures.retries!['429'] >= 7 * 3, JSON.stringify(summary.figures.retries));
});

test('mainnet, --faithful: one of each pair is lost, and found as lost to the same second', async () => {
  const { exitCode, output, reconcile, lost, summary } = await runFleet([...MAINNET, '--faithful']);
  assert.equal(exitCode, EXIT.gateFailed, output);
  const { classes } = reconcile.look!;
  assert.equal(summary.figures.accepted, summary.figures.sent);
  assert.equal(classes!.missing, 0);
  const pairs = lost.filter((line) => line.class === 'same second');
  assert.equal(pairs.length, classes!.sameSecond);
  // Hardly one of a pair falls into another second than its partner; a busy machine sends some of the others late.
  assert.ok(pairs.length >= 18 && pairs.length <= 60, String(pairs.length));
  const submitters = new Set(pairs.map(({ submitter }) => submitter));
  assert.ok(submitters.size >= 7, String(submitters.size));
  assert.ok(pairs.every(({ era }) => era === 'mesa'));
});

test('a hard fork: both eras are sent and stored, old blocks by those who stayed until the end', async () => {
  const { exitCode, output, reconcile, fleet } = await runFleet([
    '--producers', '30', '--speedup', '60', '--duration', '60s', '--fork-at', '30s', '--stay-behind-share', '0.2',
  ]); // prettier-ignore
  assert.equal(exitCode, EXIT.passed, output);
  const eras = reconcile.look!.eras!;
  assert.deepEqual(eras.map(({ era }) => era), ['berkeley', 'mesa']); // prettier-ignore
  const submissions = sent(fleet);
  for (const { era, right } of eras)
    assert.equal(right, submissions.filter((one) => one.era === era).length);
  const stayed = submissions.filter(({ as }) => as === 'stayed');
  assert.ok(stayed.length >= 6 && stayed.every(({ era, atMs }) => era === 'berkeley' && atMs >= 1_800_000)); // prettier-ignore
  assert.match(output, /of Berkeley, then of Mesa|signed \d+ submissions/);
});
