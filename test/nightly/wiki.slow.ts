/** The last night in a wiki's checkout: its page with the trends, a page for its run; again changes nothing. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { nightly } from '../../cli/commands/nightly.ts';
import { appendToHistory, readHistory } from '../../results/history.ts';
import { EXIT } from '../../user-error.ts';
import { runCommand } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';
import { syntheticRun, writeRun } from '../../bench/synthetic-run.ts';

test('a night in a wiki', async () => {
  const folder = scratchFolder();
  const config = join(folder, 'nightly.yaml');
  writeFileSync(config, 'folder: nights\nscenarios:\n  - name: usual\n    figures: p95\n');
  const run = syntheticRun({ seconds: 5 });
  const id = run.plan!.id;
  writeRun(join(folder, 'nights', id), run);
  let history = await readHistory(join(folder, 'nights', 'history.ndjson'));
  for (const day of ['01', '02', '03'])
    history = await appendToHistory(history, {
      format: 1,
      night: `2026-01-${day}T04-00-00Z-night`,
      t: `2026-01-${day}T04:00:00Z`,
      scenario: 'usual',
      run: day === '03' ? id : null,
      fingerprint: 'abc',
      exitCode: EXIT.passed,
      sentence: 'PASSED: all were accepted.',
      tookMs: 1000,
      values: { p95: 40 },
      suspicions: [],
    });
  const wiki = scratchFolder();
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', wiki, ...args], { encoding: 'utf8' });
  git('init', '--quiet');
  const env = Object.fromEntries(
    ['AUTHOR', 'COMMITTER'].flatMap((who) => [
      [`GIT_${who}_NAME`, 'A test'],
      [`GIT_${who}_EMAIL`, 'test@example.org'],
    ]),
  );
  const write = () =>
    runCommand(nightly, ['--config', config, '--wiki', wiki, '--commit'], {
      env: { ...process.env, ...env },
    });
  const first = await write();
  assert.equal(first.exitCode, EXIT.passed, first.stderr);
  const page = readFileSync(join(wiki, 'Nightly.md'), 'utf8');
  assert.match(page, /# Night 2026-01-03T04-00-00Z-night/);
  const pictures = [...page.matchAll(/\((images\/[^)]+)\)/g)].map(([, file]) => file);
  assert.deepEqual(pictures, [
    'images/nightly-trend-usual-p95.png',
    'images/nightly-trend-usual-p95.svg',
  ]);
  for (const file of [...pictures, `Load-Test-${id}.md`, 'Test-Reports.md'])
    assert.ok(existsSync(join(wiki, file)), file);
  assert.match(git('log', '-1', '--format=%B'), /^Nightly 2026-01-03T04-00-00Z-night\n\nPASSED: 1 scenario, nothing suspicious\./); // prettier-ignore
  assert.equal(git('status', '--porcelain'), '');
  const again = await write();
  assert.equal(again.stdout, 'nothing to commit: the wiki has it already\n');
  const refused = await runCommand(nightly, ['--config', config, '--commit']);
  assert.equal(refused.exitCode, EXIT.usage);
  assert.match(refused.stderr, /--commit needs --wiki/);
});
