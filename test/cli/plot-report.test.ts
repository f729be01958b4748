import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { plot } from '../../cli/commands/plot.ts';
import { report } from '../../cli/commands/report.ts';
import type { Command } from '../../cli/command.ts';
import { projectRoot } from '../../paths.ts';
import { EXIT } from '../../user-error.ts';
import { USUAL_CHARTS } from '../support/charts.ts';
import { runCommand } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';

const scratch = scratchFolder();

let copies = 0;
/** A copy of a sample run, so that the sample stays as it is. */
function copyOf(name: 'minute' | 'killed'): string {
  const folder = join(scratch, `${name}-${copies++}`);
  cpSync(join(projectRoot, 'test/fixtures/runs', name), folder, { recursive: true });
  return folder;
}

test('report draws and describes several runs, whole and killed', async () => {
  const runs = [copyOf('minute'), copyOf('killed')];
  const { exitCode, stdout, stderr } = await runCommand(
    report,
    runs.map((run) => basename(run)),
    { cwd: scratch },
  );
  assert.equal(exitCode, EXIT.passed, stderr);
  // Operands, and what is printed of them, are relative to where the user stands.
  assert.equal(stdout, runs.map((run) => `${basename(run)}/report.md\n`).join(''));
  const [whole, killed] = runs.map((run) => readFileSync(join(run, 'report.md'), 'utf8'));
  assert.match(whole, /\*\*FAILED: 8688 of 9052/);
  assert.match(killed, /\*\*NO VERDICT/);
  assert.match(killed, /The last line of samples\.ndjson was cut/);
  for (const [i, page] of [whole, killed].entries())
    for (const name of USUAL_CHARTS) {
      assert.ok(page.includes(`(${name}.png)`));
      assert.ok(existsSync(join(runs[i], `${name}.svg`)));
    }
});

test('plot writes only the format and to the folder that were asked for', async () => {
  const out = join(scratch, 'pictures');
  const run = copyOf('killed');
  const before = readdirSync(run);
  const { exitCode, stdout, stderr } = await runCommand(
    plot,
    [run, '--out', 'pictures', '--format', 'svg'],
    { cwd: scratch },
  );
  assert.equal(exitCode, EXIT.passed, stderr);
  assert.deepEqual(readdirSync(out).sort(), USUAL_CHARTS.map((name) => `${name}.svg`).sort());
  assert.equal(stdout.trim().split('\n').length, USUAL_CHARTS.length);
  assert.deepEqual(readdirSync(run), before);
});

const WRONG: [string, [Command, ...string[]], RegExp][] = [
  ['no run', [plot], /error: no run was given/],
  ['no run', [report], /error: no run was given/],
  ['a folder that is not there', [plot, join(scratch, 'nowhere')], /there is no folder/],
  ['a folder without a run', [report, scratch], /is no result folder/],
  ['an unknown format', [plot, '--format', 'gif', scratch], /format/],
  ['--out for two runs', [plot, '--out', 'x', 'a', 'b'], /--out takes the pictures of one run/],
];

for (const [what, [command, ...args], message] of WRONG)
  test(`${command.name} refuses ${what}`, async () => {
    const { exitCode, stderr } = await runCommand(command, args, { cwd: scratch });
    assert.equal(exitCode, EXIT.usage, stderr);
    assert.match(stderr, message);
    assert.match(stderr, /what to do: /);
  });
