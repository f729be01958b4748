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
  const files = ['report.md', 'report.html', 'junit.xml'];
  assert.equal(
    stdout,
    runs.flatMap((run) => files.map((file) => `${basename(run)}/${file}\n`)).join(''),
  );
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

/** Name -> bytes of all that is in a folder. */
const contentOf = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'base64')]),
  );

test('report --gate judges again: gates, verdict and exit code, and nothing in the folder changes', async () => {
  const [run, killed] = [copyOf('minute'), copyOf('killed')];
  const before = [run, killed].map(contentOf);
  const judge = (...args: string[]) => runCommand(report, args, { cwd: scratch });
  const failed = await judge(run, '--gate', 'p95<50ms', '--gate', 'error-rate<=5%');
  assert.equal(failed.exitCode, EXIT.gateFailed, failed.stderr);
  assert.match(failed.stdout, /^ {2}p95<50ms +fail +observed 60 ms +limit 50 ms$/m);
  assert.match(failed.stdout, /^ {2}error-rate<=5% +pass +observed 4\.02 % +limit 5 %$/m);
  assert.match(failed.stdout, /^FAILED: .*p95<50ms/m);
  const cut = await judge(killed, '--gate', 'p95<500ms');
  assert.equal(cut.exitCode, EXIT.interrupted);
  assert.match(cut.stdout, /^ {2}p95<500ms +pass/m);
  // Of several runs the gravest.
  assert.equal((await judge(run, killed, '--gate', 'p95<1ms')).exitCode, EXIT.interrupted);
  const out = join(scratch, 'judged');
  const elsewhere = await judge(run, '--gate', 'p95<50ms', '--form', 'junit,line', '--out', out);
  assert.match(readFileSync(join(out, 'junit.xml'), 'utf8'), /<failure message="p95&lt;50ms/);
  assert.match(elsewhere.stdout, /^❌ .*p95<50ms/m);
  assert.deepEqual([run, killed].map(contentOf), before);
});

test('report refuses what does not go together, all of it at once', async () => {
  const refused = async (...args: string[]) => {
    const { exitCode, stderr } = await runCommand(report, args, { cwd: scratch });
    assert.equal(exitCode, EXIT.usage, stderr);
    return stderr;
  };
  const all = await refused('a', 'b', '--gate', 'p95', '--gate', 'p77<1', '--wiki', 'w', '--out', 'o', '--push'); // prettier-ignore
  for (const words of [
    /--gate must be a condition/,
    /knows no figure "p77"/,
    /--out takes/,
    /exclude each other/,
    /--push needs --commit/,
  ])
    assert.match(all, words);
  assert.match(await refused('a', '--commit'), /--commit needs --wiki/);
  assert.match(await refused('a', '--gate', 'p95<1s', '--form', 'md'), /--form needs --out/);
  assert.match(await refused('a', '--form', 'pdf,md'), /must be a list of md, html, junit/);
});

test('report writes the forms that were asked for', async () => {
  const [run, other] = [copyOf('minute'), copyOf('minute')];
  const made = (folder: string) => readdirSync(folder).filter((name) => /^report\.|junit|job-/.test(name)); // prettier-ignore
  await runCommand(report, [run], { cwd: scratch });
  assert.deepEqual(made(run), ['junit.xml', 'report.html', 'report.md']);
  const { stdout } = await runCommand(report, [other, '--form', 'summary, line'], { cwd: scratch });
  assert.deepEqual(made(other), ['job-summary.md']);
  assert.match(stdout, /job-summary\.md\n❌ 2026-01-02T03-04-05Z-load: FAILED: .*\n$/);
});
