import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { merge } from '../../cli/commands/merge.ts';
import type { Reconcile, ReconcileClasses, ReconcileLine, Summary } from '../../results/types.ts';
import { EXIT } from '../../user-error.ts';
import { runCommand } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';
import { syntheticRun, writeRun } from '../../bench/synthetic-run.ts';

const scratch = scratchFolder();
const run = (...args: string[]) => runCommand(merge, args, { cwd: scratch });

function part(number: number, scenario = 'load'): string {
  const folder = join(scratch, `part-${number}-${scenario}`);
  const run = syntheticRun({ seconds: 8, rate: 20 * number });
  const plan = { ...run.plan!, id: `part-${number}`, seed: `seed-${number}`, scenario };
  writeRun(folder, { ...run, plan });
  return folder;
}

test('two generators become one result folder, with gates, pictures and report', async () => {
  const out = join(scratch, 'both');
  const { exitCode, stdout, stderr } = await run(part(1), part(2), '--out', out);
  assert.equal(exitCode, EXIT.passed, stderr);
  assert.match(stdout, /results: .*both\nPASSED: /);
  const summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as Summary;
  const sent = [1, 2].map((number) => syntheticRun({ seconds: 8, rate: 20 * number }).summary!);
  assert.equal(summary.figures.sent, sent[0].figures.sent + sent[1].figures.sent);
  assert.equal(summary.id, 'both');
  assert.ok(summary.gates.some(({ name, state }) => name === 'error-rate<=1%' && state === 'pass'));
  assert.ok(summary.cost!.readings > 0 || Object.keys(summary.cost!.unknown).length > 0);
  assert.ok(existsSync(join(out, 'throughput.png')));
  assert.match(readFileSync(join(out, 'report.md'), 'utf8'), /# Load test both/);

  const again = await run(part(1), part(2), '--out', out);
  assert.equal(again.exitCode, EXIT.usage);
  assert.match(again.stderr, /is not empty/);
  const onFile = await run(part(1), part(2), '--out', join(out, 'summary.json'));
  assert.equal(onFile.exitCode, EXIT.usage);
  assert.match(onFile.stderr, /--out .*summary\.json is a file/);
});

test('what cannot be merged is refused, and nothing is made', async () => {
  const out = join(scratch, 'none');
  const other = await run(part(1), part(2, 'soak'), '--out', out);
  assert.equal(other.exitCode, EXIT.usage);
  assert.match(other.stderr, /not parts of one load: scenario differs/);
  const one = await run(part(1));
  assert.equal(one.exitCode, EXIT.usage);
  assert.match(one.stderr, /two runs or more, but 1 was given[^]*--out is missing/);
  assert.ok(!existsSync(out));
  // Whole or not at all: nothing half made lies beside it.
  assert.deepEqual(
    readdirSync(scratch).filter((name) => name.includes('.part-')),
    [],
  );
});

const NO_CLASSES: ReconcileClasses = {
  ...{ right: 0, different: 0, missing: 0, sameSecond: 0, refusedStored: 0, unknownStored: 0 },
  ...{ unknownNotStored: 0, foreign: 0, hostile: 0, retried: 0, doubles: 0, unreadable: 0 },
};

/** A part whose storage was looked into; null: it could not be read. */
function lookedPart(
  name: string,
  number: number,
  classes: Partial<ReconcileClasses> | null,
): string {
  const folder = join(scratch, `${name}-${number}`);
  const run = syntheticRun({ seconds: 8, rate: 20 * number });
  const lines: ReconcileLine[] = [
    { class: 'missing', index: number, submitter: `B62q${number}` },
    { class: 'foreign', submitter: 'B62qother' },
  ];
  const look = { storage: 'filesystem /x', waitedMs: 10 * number, readings: number };
  const reconcile: Reconcile = {
    ...run.reconcile!,
    look: classes
      ? { ...look, complete: true, classes: { ...NO_CLASSES, ...classes }, examples: lines }
      : { ...look, complete: false, failure: 'refused' },
  };
  const gate = { state: 'pass', value: 100, limit: 100, unit: '%' } as const;
  const gates = [...run.summary!.gates, { ...gate, name: 'stored-share>=100%' }];
  writeRun(folder, {
    ...run,
    plan: { ...run.plan!, id: `${name}-${number}`, seed: `seed-${number}` },
    reconcile,
    summary: { ...run.summary!, gates },
  });
  writeFileSync(
    join(folder, 'reconcile.ndjson'),
    lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  );
  return folder;
}

const readJson = <T>(out: string, file: string): T =>
  JSON.parse(readFileSync(join(out, file), 'utf8')) as T;

test('what one generator found lost is lost in the whole: the gate on it stays, classes add', async () => {
  const out = join(scratch, 'looked');
  const parts = [
    lookedPart('looked', 1, { right: 100, foreign: 205, unreadable: 2 }),
    lookedPart('looked', 2, { right: 198, different: 1, missing: 1, foreign: 103, unreadable: 2 }),
  ];
  const { exitCode, stdout } = await run(...parts, '--out', out);
  assert.equal(exitCode, EXIT.gateFailed, stdout);
  assert.match(stdout, /FAILED: stored-share>=100% does not hold \(99\.3 %\)/);
  const { look } = readJson<Reconcile>(out, 'reconcile.json');
  // 205 foreign to the first: 199 are the second's, 6 are nobody's.
  assert.deepEqual(look!.classes, {
    ...NO_CLASSES,
    ...{ right: 298, different: 1, missing: 1, foreign: 6, unreadable: 2 },
  });
  assert.deepEqual([look!.complete, look!.readings, look!.waitedMs], [true, 2, 20]);
  const lines = [
    { class: 'missing', submitter: 'B62q1' },
    { class: 'missing', submitter: 'B62q2' },
  ];
  assert.deepEqual(look!.examples, lines);
  const list = readFileSync(join(out, 'reconcile.ndjson'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(
    list.map((line) => JSON.parse(line) as unknown),
    lines,
  );
});

test('a storage that one generator could not read is known to none', async () => {
  const out = join(scratch, 'half-looked');
  const parts = [lookedPart('half', 1, { right: 100 }), lookedPart('half', 2, null)];
  const { exitCode, stdout } = await run(...parts, '--out', out);
  assert.equal(exitCode, EXIT.gateFailed, stdout);
  assert.match(stdout, /no data for stored-share>=100%/);
  const { look } = readJson<Reconcile>(out, 'reconcile.json');
  assert.deepEqual([look!.complete, look!.classes], [false, undefined]);
  assert.equal(look!.failure, 'generator 2: refused');
});
