/** Live runs that are disturbed: scores come out as computed, and who was disturbed loses what it must and no more. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DISTURBANCES } from '../../e2e/staging/disturbances.ts';
import { EXIT } from '../../user-error.ts';
import { runHere } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';

const scratch = scratchFolder();
const ENV = { MINA_LOAD_CACHE: join(scratch, 'cache') };
const namesOf = (of: (typeof DISTURBANCES)[number]['of']) =>
  DISTURBANCES.filter((one) => one.of === of).map(({ name }) => name);

/** @returns the figures of score-as-sent, and the names of what the harness did in the middle */
async function runWith(name: string, disturbances: readonly string[]) {
  const { exitCode, stdout, stderr } = await runHere(
    ['e2e', 'run', '--name', name, '--folder', scratch, ...disturbances.flatMap((one) => ['--disturb', one])], // prettier-ignore
    ENV,
  );
  assert.equal(exitCode, EXIT.passed, `${stdout}${stderr}`);
  assert.match(stdout, /held +score-as-sent/);
  const [results] = readdirSync(join(scratch, name));
  const read = (file: string) => readFileSync(join(scratch, name, results, file), 'utf8');
  type Named = { name: string; counts: Record<string, number> };
  const judged = JSON.parse(read('assertions.json')) as Named[];
  const done = read('events.ndjson')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string; fields: { name: string; status: string } })
    .filter(({ kind, fields }) => kind === 'disturbance' && fields.status === 'done')
    .map(({ fields }) => fields.name);
  return { counts: judged.find((one) => one.name === 'score-as-sent')!.counts, done };
}

test('block producers that are silent, lag, fork and sign wrongly lose the point of that batch', async () => {
  const names = namesOf('producer');
  const { counts } = await runWith('disturbed-keys', names);
  assert.equal(counts.disturbances, names.length);
  assert.equal(counts['without a point'], names.length);
});

test('backend, storage, coordinator and verifier are started again in the middle, and nobody loses a point', async () => {
  const names = namesOf('component');
  const { counts, done } = await runWith('disturbed-parts', names);
  assert.deepEqual(done.toSorted(), names.toSorted());
  // Three batches of 24, but for who came late on a busy machine.
  assert.ok(counts.due >= 0.9 * 3 * 24, String(counts.due));
});

test('a hard fork is rehearsed, and what it cost is reported', async () => {
  const { exitCode, stdout, stderr } = await runHere(
    ['e2e', 'run', '--name', 'fork', '--fork-at', '30s', '--batches', '6', '--folder', scratch],
    ENV,
  );
  assert.equal(exitCode, EXIT.passed, `${stdout}${stderr}`);
  // Each by the rule of its time: stragglers are refused, and nobody else.
  assert.match(stdout, /held +fork-rule: .*\(berkeley taken by the rule of berkeley \d+, mesa taken by the rule of mesa \d+, berkeley refused by the rule of mesa \d+\)/); // prettier-ignore
  const [results] = readdirSync(join(scratch, 'fork'));
  const page = readFileSync(join(scratch, 'fork', results, 'fork.md'), 'utf8');
  assert.match(page, /\(frozen tip\): \d+ of 24 block producers scored/);
  assert.match(page, /2 stayed behind: each lost [3-6]/);
  assert.equal(page.match(/^\| B62q/gm)?.length, 24);
});
