import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { escapeMarkdown, markdownReport, writeReport } from '../../report/markdown.ts';
import type { Run } from '../../results/reader.ts';
import { projectRoot } from '../../paths.ts';
import { UserError } from '../../user-error.ts';
import { USUAL_CHARTS } from '../support/charts.ts';
import { SYNTHETIC_RUNS, syntheticRun, writeRun } from '../support/synthetic-run.ts';

const scratch = mkdtempSync(join(tmpdir(), 'report-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const PICTURES = USUAL_CHARTS.map((name) => `${name}.png`);

const killed = (): Run => ({
  ...syntheticRun({ seconds: 10 }),
  summary: null,
  reconcile: null,
  notes: ['summary.json is missing.', 'reconcile.json is missing.'],
});
const GOLDEN: Record<string, () => string> = {
  usual: () => markdownReport(SYNTHETIC_RUNS.usual(), PICTURES),
  killed: () => markdownReport(killed(), PICTURES),
  breakpoint: () => markdownReport(SYNTHETIC_RUNS.breakpoint(), ['breakpoint.png', ...PICTURES]),
  'no-data': () => {
    const run = syntheticRun({ seconds: 1, rate: 0, processes: {} });
    const noted: Run = {
      ...run,
      resources: [{ t: run.samples[0].t, kind: 'note', name: 'backend', text: 'ended by SIGKILL' }],
    };
    return markdownReport(noted, []);
  },
};

for (const [name, make] of Object.entries(GOLDEN))
  test(`golden page: ${name}`, () => {
    const file = join(projectRoot, 'test/golden', `report-${name}.md`);
    const page = make();
    // UPDATE_GOLDEN=1 writes them anew: read each before it is committed.
    if (process.env.UPDATE_GOLDEN) writeFileSync(file, page);
    assert.equal(page, readFileSync(file, 'utf8'));
  });

test('the verdict comes before everything else', () => {
  const page = GOLDEN.usual();
  const lines = page.split('\n').filter((line) => line !== '');
  assert.match(lines[0], /^# /);
  assert.match(lines[2], /^\*\*FAILED: .*\*\*$/);
  assert.match(GOLDEN.killed(), /\*\*NO VERDICT: the run did not end by itself/);
});

test('each class of answers is explained and counted', () => {
  const run = SYNTHETIC_RUNS.failed();
  const page = markdownReport(run, []);
  const { answers, sent } = run.summary!.figures;
  let counted = 0;
  for (const [answer, count] of Object.entries(answers)) {
    const row = page
      .split('\n')
      .find((line) => line.startsWith(`| ${answer.replace('error:', 'k6 ')} `));
    assert.ok(row, answer);
    assert.ok(row.includes(` ${count.toLocaleString('en-US')} |`), row);
    counted += count;
  }
  assert.equal(counted, sent);
  assert.match(page, /k6 1211 +\| could not connect in time \(dial timeout\)/);
});

test('a 200 with another body is not passed off as accepted', () => {
  const run = syntheticRun({ seconds: 3 });
  run.summary!.figures.accepted -= 7;
  assert.match(markdownReport(run, []), /7 of the answers 200 had another body/);
});

test('what a user or a target chose stays text', () => {
  assert.equal(
    escapeMarkdown('a|b *c* [d](e) <f>\n`g`'),
    'a\\|b \\*c\\* \\[d\\](e) \\<f\\> \\`g\\`',
  );
  const run = syntheticRun({ seconds: 2, processes: { 'a|b<script>': 0.5 } });
  run.plan!.options.tag = { value: 'x`|`y\n# z', source: 'flag' };
  const page = markdownReport(run, []);
  assert.doesNotMatch(page, /<script>/);
  assert.doesNotMatch(page, /^# z/m);
  for (const line of page.split('\n').filter((text) => text.startsWith('|'))) {
    const cells = line.replaceAll('\\|', '').split('|').length;
    assert.ok(cells >= 4, line);
  }
  const row = page.split('\n').find((line) => line.includes('--tag'))!;
  assert.equal(row.replaceAll('\\|', '').split('|').length, 5);
});

test('writeReport links the pictures that are there, and only those', async () => {
  const folder = join(scratch, 'run');
  writeRun(folder, syntheticRun({ seconds: 3 }));
  writeFileSync(join(folder, 'latency.png'), '');
  writeFileSync(join(folder, 'latency.svg'), '');
  writeFileSync(join(folder, 'resources.svg'), '');
  const path = await writeReport(folder);
  assert.equal(path, join(folder, 'report.md'));
  const links = [...readFileSync(path, 'utf8').matchAll(/!\[[^\]]+\]\(([^)]+)\)/g)].map(
    ([, link]) => link,
  );
  assert.deepEqual(links, ['latency.png', 'resources.svg']);
});

test('no page for what is no run', async () => {
  const folder = mkdtempSync(join(scratch, 'other-'));
  await assert.rejects(writeReport(folder), UserError);
  assert.ok(!existsSync(join(folder, 'report.md')));
});
