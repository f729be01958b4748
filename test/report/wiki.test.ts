/** A run in a wiki's checkout, with real git. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { report } from '../../cli/commands/report.ts';
import { projectRoot } from '../../paths.ts';
import { writeWiki } from '../../report/wiki.ts';
import { listLine, listWith, pageNameOf } from '../../report/wiki-page.ts';
import { EXIT } from '../../user-error.ts';
import { runCommand } from '../support/run-command.ts';
import { chainFigures } from '../support/chain-figures.ts';
import { scratchFolder } from '../support/scratch.ts';
import { syntheticRun } from '../../bench/synthetic-run.ts';
import { slowOnly } from '../support/thorough.ts';

/** Nothing of the machine's own settings. */
const ENV = {
  PATH: process.env.PATH,
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Test', GIT_AUTHOR_EMAIL: 'test@example.com',
  GIT_COMMITTER_NAME: 'Test', GIT_COMMITTER_EMAIL: 'test@example.com',
}; // prettier-ignore
const git = (folder: string, ...args: string[]): string =>
  execFileSync('git', ['-C', folder, ...args], { env: ENV, encoding: 'utf8', stdio: 'pipe' });

const ID = '2026-01-02T03-04-05Z-load';
const PAGE = `Load-Test-${ID}.md`;
/** Of a run whose folder is long gone. */
const OLD = { 'Load-Test-2025-01-01T00-00-00Z-load.md': '# Old\n', 'images/2025-01-01T00-00-00Z-load-latency.png': 'a picture' }; // prettier-ignore

/** A bare repository with some pages, one of an older run, a checkout of it, and a run. */
function place(t: TestContext) {
  const folder = scratchFolder(t);
  const [bare, wiki, run] = ['bare.git', 'wiki', 'run'].map((name) => join(folder, name));
  git(folder, 'init', '--quiet', '--bare', '--initial-branch=master', bare);
  git(folder, 'clone', '--quiet', bare, wiki);
  git(wiki, 'checkout', '--quiet', '-B', 'master');
  writeFileSync(join(wiki, 'Home.md'), 'Welcome\n');
  writeFileSync(join(wiki, 'Test-Reports.md'), '# Reports\n\nOur words.\n\n- [Load test old](Load-Test-2025-01-01T00-00-00Z-load) · x, with a remark\n\nThe end.\n'); // prettier-ignore
  mkdirSync(join(wiki, 'images'));
  for (const [file, text] of Object.entries(OLD)) writeFileSync(join(wiki, file), text);
  git(wiki, 'add', '.');
  git(wiki, 'commit', '--quiet', '-m', 'first');
  git(wiki, 'push', '--quiet', '-u', 'origin', 'master');
  cpSync(join(projectRoot, 'test/fixtures/runs/minute'), run, { recursive: true });
  const make = (...args: string[]) => runCommand(report, [run, '--wiki', wiki, ...args], { cwd: folder, env: ENV }); // prettier-ignore
  return { folder, bare, wiki, run, make };
}
const count = (folder: string, branch = 'master'): number =>
  Number(git(folder, 'rev-list', '--count', branch));

test(
  'page, pictures and a line; again changes nothing; commits and pushes only when asked',
  slowOnly,
  async (t) => {
    const { bare, wiki, run, make } = place(t);
    const ofRun = readdirSync(run);
    const first = await make();
    assert.equal(first.exitCode, EXIT.passed, first.stderr);
    assert.deepEqual(readdirSync(run), ofRun);
    const page = readFileSync(join(wiki, PAGE), 'utf8');
    for (const chart of ['throughput', 'latency', 'resources', 'distribution']) {
      const [png, svg] = ['png', 'svg'].map((format) => `images/${ID}-${chart}.${format}`);
      assert.match(page, new RegExp(`^\\[!\\[[^\\]]+\\]\\(${png}\\)\\]\\(${svg}\\)$`, 'm'));
      assert.ok(existsSync(join(wiki, png)) && existsSync(join(wiki, svg)));
    }
    const list = readFileSync(join(wiki, 'Test-Reports.md'), 'utf8').split('\n');
    assert.match(list[4], new RegExp(`^- \\[Load test ${ID}\\]\\(Load-Test-${ID}\\) · 2026-01-02 03:04 UTC · scenario load · ❌ FAILED`)); // prettier-ignore
    assert.match(list[5], /with a remark$/);
    assert.deepEqual([...list.slice(0, 4), ...list.slice(6)], ['# Reports', '', 'Our words.', '', '', 'The end.', '']); // prettier-ignore
    assert.equal(count(wiki), 1);

    const commit = await make('--commit');
    assert.equal(commit.exitCode, EXIT.passed, commit.stderr);
    assert.equal(commit.stdout, '');
    assert.deepEqual([count(wiki), count(bare)], [2, 1]);
    assert.equal(git(wiki, 'status', '--porcelain'), '');
    assert.match(git(wiki, 'log', '-1', '--format=%s%n%b'), new RegExp(`^Load test ${ID}: not passed\nFAILED: 8688`)); // prettier-ignore

    const again = await make('--commit', '--push');
    assert.equal(again.exitCode, EXIT.passed, again.stderr);
    assert.equal(again.stdout, 'nothing to commit: the wiki has it already\n');
    assert.deepEqual([count(wiki), count(bare)], [2, 2]);
    assert.equal(git(bare, 'show', `master:${PAGE}`), page);

    // Another run: the pages and pictures that are there stay as they are.
    const before = git(wiki, 'ls-tree', '-r', 'master').split('\n').filter((line) => !line.endsWith('Test-Reports.md')); // prettier-ignore
    for (const file of [...Object.keys(OLD), PAGE]) assert.ok(before.some((line) => line.endsWith(`\t${file}`)), file); // prettier-ignore
    for (const [file, text] of Object.entries(OLD)) assert.equal(git(bare, 'show', `master:${file}`), text); // prettier-ignore
    const later = ID.replace('2026-01-02', '2026-01-03');
    for (const file of ['plan.json', 'summary.json']) {
      const text = readFileSync(join(run, file), 'utf8');
      assert.ok(text.includes(ID), file);
      writeFileSync(join(run, file), text.replaceAll(ID, later));
    }
    const second = await make('--commit', '--push');
    assert.equal(second.exitCode, EXIT.passed, second.stderr);
    const files = git(bare, 'ls-tree', '-r', 'master').split('\n');
    for (const line of before) assert.ok(files.includes(line), line);
    assert.ok(files.some((line) => line.endsWith(`\tLoad-Test-${later}.md`)));
    assert.deepEqual(
      readFileSync(join(wiki, 'Test-Reports.md'), 'utf8').match(/(?<=\(Load-Test-)[^)]*/g),
      [later, ID, '2025-01-01T00-00-00Z-load'],
    );
  },
);

test(
  'what others changed stays theirs: no foreign file in the commit, and a push that was beaten goes upon theirs',
  slowOnly,
  async (t) => {
    const { folder, bare, wiki, make } = place(t);
    const other = join(folder, 'other');
    git(folder, 'clone', '--quiet', bare, other);
    writeFileSync(join(other, 'Other.md'), 'x\n');
    git(other, 'add', '.');
    git(other, 'commit', '--quiet', '-m', 'other');
    git(other, 'push', '--quiet');
    writeFileSync(join(wiki, 'Draft.md'), 'not yet\n');
    git(wiki, 'add', 'Draft.md');
    const { exitCode, stderr } = await make('--commit', '--push');
    assert.equal(exitCode, EXIT.passed, stderr);
    assert.equal(count(bare), 3);
    assert.doesNotMatch(git(bare, 'ls-tree', '-r', '--name-only', 'master'), /Draft/);
    assert.match(git(bare, 'ls-tree', '-r', '--name-only', 'master'), /^Other\.md$/m);
    assert.equal(readFileSync(join(wiki, 'Draft.md'), 'utf8'), 'not yet\n');
  },
);

test(
  'no folder, no checkout, a folder inside another checkout, a push that fails: each is named',
  slowOnly,
  async (t) => {
    const { folder, bare, wiki, run, make } = place(t);
    const at = (dir: string, ...args: string[]) => runCommand(report, [run, '--wiki', dir, ...args], { env: ENV }); // prettier-ignore
    const nowhere = await at(join(folder, 'nowhere'));
    assert.equal(nowhere.exitCode, EXIT.usage);
    assert.match(nowhere.stderr, /there is no folder/);
    mkdirSync(join(folder, 'plain'));
    const plain = await at(join(folder, 'plain'), '--commit');
    assert.equal(plain.exitCode, EXIT.broken);
    assert.match(plain.stderr, /is no checkout of git/);
    mkdirSync(join(wiki, 'inside'));
    const inside = await at(join(wiki, 'inside'), '--commit');
    assert.match(inside.stderr, /is a folder inside the checkout/);
    assert.equal(count(wiki), 1);
    git(wiki, 'remote', 'set-url', 'origin', 'https://user:hidden@127.0.0.1:1/x.git');
    const unreachable = await make('--commit', '--push');
    assert.equal(unreachable.exitCode, EXIT.broken);
    assert.match(unreachable.stderr, /git push failed: fatal: unable to access/);
    assert.doesNotMatch(unreachable.stderr, /hidden/);
    assert.deepEqual([count(wiki), count(bare)], [2, 1]);
  },
);

test('the list is kept newest first, whatever is around, and remarks stay', () => {
  const at = (id: string) => {
    const run = syntheticRun({ seconds: 2 });
    return { ...run, plan: { ...run.plan!, id } };
  };
  const ids = ['2026-01-03', '2026-01-01', '2026-01-02', '2026-01-04'];
  const list = ids.reduce<string | null>((text, id) => listWith(text, at(id)), null)!;
  assert.deepEqual(
    [...list.matchAll(/\(Load-Test-([\d-]+)\)/g)].map(([, id]) => id),
    ['2026-01-04', '2026-01-03', '2026-01-02', '2026-01-01'],
  );
  const remarked = list.replace(/$/m, '').replace('2026-01-02) · ', '2026-01-02) · **slow disk** · '); // prettier-ignore
  assert.equal(listWith(remarked, at('2026-01-02')), remarked);
  const windows = 'Words\r\n';
  assert.equal(listWith(windows, at('x')), `Words\r\n\r\n${listLine(at('x'))}\r\n`);
  const killed = { ...at('2026-01-02'), summary: null };
  const before = listWith(null, killed);
  assert.match(before, /NO VERDICT/);
  assert.equal(listWith(before, at('2026-01-02')), listWith(null, at('2026-01-02')));
  assert.equal(pageNameOf(at('a/../b c')), 'Load-Test-a-..-b-c');
});

test(
  'the pictures of a page: how long the chain took is one, what has no data is none',
  slowOnly,
  async (t) => {
    const wiki = scratchFolder(t);
    const run = syntheticRun({ seconds: 12, errors: () => ({ '503': 1 }) });
    run.summary = { ...run.summary!, e2e: chainFigures(run.samples[0].t, 12) };
    await writeWiki(run, wiki);
    const page = readFileSync(join(wiki, PAGE), 'utf8');
    const names = ['resources', 'stage-lags', 'throughput'];
    assert.deepEqual(readdirSync(join(wiki, 'images')), names.flatMap((name) => [`${ID}-${name}.png`, `${ID}-${name}.svg`])); // prettier-ignore
    for (const name of names) assert.ok(page.includes(`](images/${ID}-${name}.png)](images/${ID}-${name}.svg)`)); // prettier-ignore
    assert.match(page, /^Not drawn: `latency`/m);
  },
);
