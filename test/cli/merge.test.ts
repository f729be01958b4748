import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Summary } from '../../results/types.ts';
import { EXIT } from '../../user-error.ts';
import { runCli } from '../support/cli.ts';
import { syntheticRun, writeRun } from '../support/synthetic-run.ts';

const scratch = mkdtempSync(join(tmpdir(), 'merge-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

function part(number: number, scenario = 'load'): string {
  const folder = join(scratch, `part-${number}-${scenario}`);
  const run = syntheticRun({ seconds: 8, rate: 20 * number });
  const plan = { ...run.plan!, id: `part-${number}`, seed: `seed-${number}`, scenario };
  writeRun(folder, { ...run, plan });
  return folder;
}

test('two generators become one result folder, with gates, pictures and report', async () => {
  const out = join(scratch, 'both');
  const { exitCode, stdout, stderr } = await runCli(['merge', part(1), part(2), '--out', out]);
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

  const again = await runCli(['merge', part(1), part(2), '--out', out]);
  assert.equal(again.exitCode, EXIT.usage);
  assert.match(again.stderr, /is not empty/);
});

test('what cannot be merged is refused, and nothing is made', async () => {
  const out = join(scratch, 'none');
  const other = await runCli(['merge', part(1), part(2, 'soak'), '--out', out]);
  assert.equal(other.exitCode, EXIT.usage);
  assert.match(other.stderr, /not parts of one load: scenario differs/);
  const one = await runCli(['merge', part(1)]);
  assert.equal(one.exitCode, EXIT.usage);
  assert.match(one.stderr, /two runs or more, but 1 were given[^]*--out is missing/);
  assert.ok(!existsSync(out));
});
