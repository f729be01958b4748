import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { describeRun, markdownReport, ResultsGone, writeReport } from '../../report/describe.ts';
import { escapeMarkdown } from '../../report/print-markdown.ts';
import { pageOfRun } from '../../report/run-page.ts';
import { verdictOf } from '../../judge/verdict.ts';
import { readRun, type Run } from '../../results/reader.ts';
import { projectRoot } from '../../paths.ts';
import { EXIT, UserError } from '../../user-error.ts';
import { USUAL_CHARTS } from '../support/charts.ts';
import { SYNTHETIC_RUNS, syntheticRun, writeRun } from '../../bench/synthetic-run.ts';
import { scratchFolder } from '../support/scratch.ts';

const scratch = scratchFolder();

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

test('a chart in which nothing would stand is left out, in one sentence that says why', () => {
  const page = markdownReport(syntheticRun({ seconds: 12, errors: () => ({ '503': 1 }) }), PICTURES); // prettier-ignore
  const shown = [...page.matchAll(/!\[[^\]]*\]\(([\w-]+)\.png\)/g)].map(([, name]) => name);
  assert.deepEqual(shown, ['throughput', 'resources']);
  assert.match(page, /^Not drawn: `latency`, `heatmap`, `distribution` \(no answer was as expected, so no latency was measured\)\.$/m); // prettier-ignore
  const unread = markdownReport(syntheticRun({ seconds: 12, unread: () => true, processes: {} }), PICTURES); // prettier-ignore
  assert.doesNotMatch(unread, /no answer was as expected/);
  assert.doesNotMatch(GOLDEN.usual(), /Not drawn/);
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
  const row = page.split('\n').find((line) => /^\|.*--tag/.test(line))!;
  assert.equal(row.replaceAll('\\|', '').split('|').length, 5);
});

test('writeReport links the pictures that are there, and only those', async () => {
  const folder = join(scratch, 'run');
  writeRun(folder, syntheticRun({ seconds: 3 }));
  writeFileSync(join(folder, 'latency.png'), '');
  writeFileSync(join(folder, 'latency.svg'), '');
  writeFileSync(join(folder, 'resources.svg'), '');
  const path = await writeReport(await readRun(folder));
  assert.equal(path, join(folder, 'report.md'));
  const links = [...readFileSync(path, 'utf8').matchAll(/!\[[^\]]+\]\(([^)]+)\)/g)].map(
    ([, link]) => link,
  );
  assert.deepEqual(links, ['latency.png', 'resources.svg']);
});

test('no page for what is no run', async () => {
  const folder = scratchFolder();
  await assert.rejects(describeRun(folder), UserError);
  assert.ok(!existsSync(join(folder, 'report.md')));
});

test('the page of a run reads its folder once, and says when the results are gone', async () => {
  const folder = join(scratch, 'once');
  writeRun(folder, syntheticRun({ seconds: 3 }));
  const { open } = fsPromises;
  const read: string[] = [];
  const spy = mock.method(fsPromises, 'open', (...args: Parameters<typeof open>) => {
    if (typeof args[0] === 'string') read.push(args[0]);
    return open(...args);
  });
  syncBuiltinESMExports();
  try {
    assert.equal(await describeRun(folder, { justEnded: true }), join(folder, 'report.md'));
  } finally {
    spy.mock.restore();
    syncBuiltinESMExports();
  }
  // Its first line, its last ones, and then all of it, once for pictures and report.
  assert.equal(read.filter((path) => path.endsWith('samples.ndjson')).length, 3);
});

test('results that are deleted while the pictures are drawn have not passed', async () => {
  const isGone = (error: unknown) => {
    assert.ok(error instanceof ResultsGone);
    assert.equal(error.exitCode, EXIT.broken);
    assert.match(error.message, /^the results are gone: .* was deleted before the run had ended$/);
    return true;
  };
  const never = join(scratch, 'never');
  await assert.rejects(describeRun(never, { justEnded: true }), isGone);
  const folder = join(scratch, 'vanishes');
  writeRun(folder, syntheticRun({ seconds: 3 }));
  const described = describeRun(folder, { justEnded: true });
  rmSync(folder, { recursive: true });
  await assert.rejects(described, isGone);
  assert.ok(!existsSync(folder), 'the folder is not made again for pictures alone');
  // Of a run of yesterday it is the user's word that is wrong.
  await assert.rejects(describeRun(never), (error: UserError) => error.exitCode === EXIT.usage);
});

test("the target's own words stand below its answers, and what to look at below the verdict", () => {
  const run = syntheticRun({ seconds: 3, errors: () => ({ '400': 1 }) });
  const { figures } = run.summary!;
  const refusals = [
    {
      answer: '400',
      text: 'Field `created_at` is a timestamp in future | x',
      count: figures.sent - 1,
    },
    { answer: '400', text: '', count: 1 },
  ];
  figures.refusals = refusals;
  run.summary!.verdict = verdictOf(
    { figures, broken: [], interrupted: false, generatorLimit: null },
    [],
  );
  const page = markdownReport(run, []);
  assert.match(page, /What came instead of an expected answer, in its own words:/);
  assert.match(page, /\| 400 +\| `` Field `created_at` is a timestamp in future \\\| x `` \|/);
  assert.match(page, /\| +1 \| 400 +\| not known +\|/);
  assert.match(page, /^What to look at: the target's clock is behind this machine's/m);
  assert.doesNotMatch(GOLDEN.usual(), /What to look at|own words/);
});

test('the head names all targets', () => {
  const run = syntheticRun({ seconds: 3 });
  const targets = ['http://a/v1/submit', 'http://b/v1/submit'].map((url) => ({ url, weight: 1 }));
  run.plan!.target = { url: targets[0].url, embedded: false, targets };
  const [, , facts] = markdownReport(run, []).split('\n');
  assert.match(facts, / · targets `http:\/\/a\/v1\/submit`, `http:\/\/b\/v1\/submit` · /);
});

test('a request whose end is not known was not "answered"', () => {
  const run = syntheticRun({ seconds: 3 });
  const classes = {
    right: 1, different: 0, missing: 1, sameSecond: 0, refusedStored: 0, unknownStored: 1, unknownNotStored: 0,
    foreign: 0, hostile: 0, retried: 0, doubles: 0, unreadable: 0,
  }; // prettier-ignore
  const answered_at = '2026-01-02T03:04:06Z';
  run.reconcile!.look = {
    storage: 'x', complete: true, waitedMs: 1, readings: 1, blocksCompared: 1, classes,
    examples: [{ class: 'unknown', answered_at, stored: true }, { class: 'missing', answered_at }],
  }; // prettier-ignore
  const page = markdownReport(run, []);
  assert.match(page, /\| Without an answer .*\| its request ended 2026-01-02T03:04:06Z; stored \|/);
  assert.match(page, /\| Not stored .*\| answered 2026-01-02T03:04:06Z +\|/);
  assert.match(page, /the bytes of 1 block was compared/i);
});

test('sections are data: each has an id, and every row as many cells as its head', () => {
  const run = SYNTHETIC_RUNS.breakpoint();
  const { sections } = pageOfRun(run, PICTURES);
  const ids = sections.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(ids, ['verdict', 'search', 'gates', 'answers', 'what-was-sent', 'figures', 'pictures', 'processes', 'machine', 'how-it-was-run']); // prettier-ignore
  const tables = sections.flatMap(({ blocks }) => blocks).filter((block) => block.kind === 'table');
  assert.ok(tables.length > 5);
  for (const { head, align, rows } of tables) {
    assert.equal(align.length, head.length);
    for (const row of rows) assert.equal(row.length, head.length);
  }
});

test('a search without a knee says why, and shows its trials', () => {
  const run = SYNTHETIC_RUNS.breakpoint();
  const found = run.summary.breakpoint;
  const pageOf = (change: Partial<typeof found>) => {
    run.summary.breakpoint = { ...found, rate: null, low: null, high: null, confirmedRate: null, ...change }; // prettier-ignore
    return markdownReport(run, []);
  };
  const throttled = pageOf({ notConfirmed: { rate: 297, throttlesAfterMs: 31_000 } });
  assert.match(throttled, /No knee is given: at 297\/s, which shorter trials say it takes, the target throttles after 31 s\./); // prettier-ignore
  assert.doesNotMatch(throttled, /The knee lies|may go either way/);
  assert.match(throttled, /\| +13, for 1 min 30 s \| +297 \| held/);
  assert.match(pageOf({ notConfirmed: { rate: 297, throttlesAfterMs: null } }), /No knee is given: no longer load held \(the last at 297\/s\)\./); // prettier-ignore
  // A folder of a toolkit that judged trials otherwise shows what it judged them by.
  const trials = found.trials.map((trial) => ({ ...trial, queueGrowth: undefined }));
  const old = pageOf({ trials, rate: 304, low: 297, high: 311, confirmedRate: 297, blur: null });
  assert.match(old, /\| Answered in time \|/);
  assert.doesNotMatch(old, /[Qq]ueue growth/);
});

test('how to run it again is a command line that a shell takes apart into the options that were given', () => {
  const run = syntheticRun({ seconds: 3 });
  run.plan!.options = {
    vus: { value: 5, source: 'flag' },
    results: { value: 'elsewhere', source: 'flag' },
    gate: { value: 'p95<800ms, note=it\'s "x" $HOME', values: ['p95<800ms', `it's "x" $HOME`], source: 'file' }, // prettier-ignore
    header: { value: 'X-Key: ***', source: 'environment' },
    resume: { value: false, source: 'flag' },
    seed: { value: '-5', source: 'flag' },
    'key-prefix': { value: "it's\t# z", source: 'flag' },
    'fork-share': { value: 0.05, source: 'scenario' },
    duration: { value: '1m', source: 'default' },
  };
  const page = markdownReport(run, []);
  const [, command] = /```sh\n(npm run load .*)\n```/.exec(page)!;
  const words = execFileSync('bash', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' });
  assert.deepEqual(words.trimEnd().split('\n').slice(4), ['--gate', 'p95<800ms', '--gate', `it's "x" $HOME`, '--header', 'X-Key: ***', '--key-prefix', "it's\t# z", '--no-resume', '--seed=-5', '--vus', '5']); // prettier-ignore
  assert.match(page, /\\\*\\\*\\\* stands for what no result shows/);
  assert.match(page, /## What was sent\n[^]*Target: `http/);
});
