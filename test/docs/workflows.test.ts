/** The workflows of GitHub Actions, as text: pinned actions, least rights, no input inside a script, the README's lines word by word. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { nightly } from '../../cli/commands/nightly.ts';
import { load } from '../../cli/commands/load.ts';
import { report } from '../../cli/commands/report.ts';
import { K6_RELEASE } from '../../load/k6/binary.ts';
import { projectRoot } from '../../paths.ts';

type Step = { uses?: string; run?: string; name?: string; with?: Record<string, unknown> };
type Job = {
  steps: Step[];
  permissions?: Record<string, string>;
  'timeout-minutes'?: number;
};
type Workflow = {
  permissions?: object;
  concurrency?: { group: string };
  jobs: Record<string, Job>;
  on: Record<string, unknown>;
};

const folder = join(projectRoot, '.github', 'workflows');
const files = readdirSync(folder);
const textOf = (file: string): string => readFileSync(join(folder, file), 'utf8');

/** What is wrong with a workflow, in sentences. */
function faultsOf(text: string): string[] {
  const faults: string[] = [];
  const { permissions, concurrency, jobs } = parse(text) as Workflow;
  if (permissions === undefined || Object.keys(permissions).length > 0)
    faults.push('the workflow has rights that no job asked for');
  if (concurrency?.group === undefined) faults.push('no concurrency group');
  for (const [, line] of text.matchAll(/^ +-? *uses: (.*)$/gm))
    if (!/^[\w-]+\/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$/.test(line)) faults.push(`not pinned: ${line}`); // prettier-ignore
  for (const [name, job] of Object.entries(jobs)) {
    if (job.permissions === undefined) faults.push(`${name}: no permissions`);
    if (job['timeout-minutes'] === undefined) faults.push(`${name}: no timeout`);
    for (const { run = '', uses = '', with: options = {} } of job.steps) {
      if (run.includes('${{')) faults.push(`${name}: an expression inside a script: ${run}`);
      if (uses.startsWith('actions/checkout@') && options['persist-credentials'] === undefined)
        faults.push(`${name}: a checkout leaves its credentials behind`);
      if (
        uses.startsWith('actions/upload-artifact@') &&
        /["<>|*?:\r\n/\\]/.test(String(options.name).replaceAll(/\$\{\{.*?\}\}/g, 'x'))
      )
        faults.push(`${name}: GitHub takes no such name: ${String(options.name)}`);
    }
  }
  return faults;
}

test('every workflow: pinned by commit, rights job by job, no input inside a script', () => {
  assert.ok(files.includes('ci.yml') && files.includes('nightly.yml'));
  for (const file of files) assert.deepEqual(faultsOf(textOf(file)), [], file);
  // One right more than reading, and only where the wiki is pushed.
  for (const file of files)
    for (const [name, { permissions }] of Object.entries((parse(textOf(file)) as Workflow).jobs))
      assert.deepEqual(permissions, { contents: name === 'wiki' ? 'write' : 'read' }, name);
});

test('the rule sees what it forbids', () => {
  const faults = faultsOf(`
permissions: write-all
jobs:
  one:
    steps:
      - uses: actions/checkout@v4
      - run: echo "\${{ inputs.x }}"
      - uses: actions/upload-artifact@0123456789012345678901234567890123456789 # v7.0.0
        with:
          name: a:b
`);
  for (const cause of [
    /rights that no job/,
    /no concurrency/,
    /not pinned: actions\/checkout@v4/,
    /one: no permissions/,
    /no timeout/,
    /inside a script/,
    /leaves its credentials/,
    /takes no such name: a:b/,
  ])
    assert.ok(
      faults.some((fault) => cause.test(fault)),
      String(cause),
    );
});

const runsOf = (file: string): string =>
  Object.values((parse(textOf(file)) as Workflow).jobs)
    .flatMap(({ steps }) => steps.map(({ run = '' }) => run))
    .join('\n');

test('ci.yml runs the lines of the README as they stand there, on every Node and system', () => {
  const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8');
  const lines = [...readme.matchAll(/^ {4}(npm ci && .*)$/gm)].map(([, line]) => line);
  assert.equal(lines.length, 2);
  for (const line of lines) assert.ok(runsOf('ci.yml').split('\n').includes(line), line);
  const { jobs } = parse(textOf('ci.yml')) as {
    jobs: Record<string, { strategy: { matrix: object } }>;
  };
  assert.deepEqual(jobs.test.strategy.matrix, {
    os: ['ubuntu-24.04', 'macos-15'],
    node: ['20.19', '22', '24'],
  });
  for (const what of [/npm pack /, /npm audit /, /npm sbom /, /actionlint@v/, /zizmor==/])
    assert.match(runsOf('ci.yml'), what);
});

test('ci.yml runs the long tests of reports, comparisons and nights, in a browser that is named; each part of a path is one of a test', () => {
  const { reports } = (parse(textOf('ci.yml')) as Workflow).jobs;
  const runs = reports.steps.map(({ run = '' }) => run);
  assert.ok(runs.some((run) => run.includes('echo "CHROMIUM=$chromium" >> "$GITHUB_ENV"')));
  const slow = readdirSync(join(projectRoot, 'test'), { recursive: true, encoding: 'utf8' })
    .map((name) => `test/${name.replaceAll('\\', '/')}`)
    .filter((name) => name.endsWith('.slow.ts'));
  const picked = (run: string): string[] =>
    run.split(' ').flatMap((part) => {
      const found = slow.filter((name) => name.includes(part));
      assert.ok(found.length > 0, `no slow test has ${part} in its path`);
      return found;
    });
  const lines = [...runsOf('ci.yml').matchAll(/node test\/run\.mjs --slow (.*)$/gm)];
  assert.equal(lines.length, 2);
  for (const [, parts] of lines) picked(parts);
  const parts = runs.join('\n').split('node test/run.mjs --slow ')[1].trim();
  for (const file of [
    'test/cli/compare.slow.ts',
    'test/cli/nightly.slow.ts',
    'test/load/ab/ab.slow.ts',
    'test/nightly/wiki.slow.ts',
    'test/report/html.slow.ts',
    'test/report/wiki.slow.ts',
  ])
    assert.ok(picked(parts).includes(file), file);
});

test('options that the workflows give are options, and the version of k6 is found where they look', () => {
  const runs = runsOf('nightly.yml');
  const known = new Set([...nightly.options, ...load.options, ...report.options].map(({ name }) => name)); // prettier-ignore
  for (const line of runs.split('\n').filter((one) => /npm run|options/.test(one)))
    for (const [, name] of line.matchAll(/(?<=[\s(])--([a-z][\w-]+)/g))
      assert.ok(known.has(name), `--${name} in ${line}`);
  const [, pattern] = /match\(\/(.*?)\/\)\[1\]/.exec(runs)!;
  const source = readFileSync(join(projectRoot, 'load/k6/probe.ts'), 'utf8');
  assert.equal(new RegExp(pattern).exec(source)![1], K6_RELEASE);
});
