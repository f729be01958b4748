/** The build: several at once, none where nothing has changed, read-only, and what is said where something is missing. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Linter } from 'eslint';
import { projectRoot } from '../paths.ts';
import { changeSource, checkout, run } from './support/checkout.ts';

const PRODUCERS = ['--run', 'producers', '--count', '2'];
const root = checkout();
const dist = join(root, 'dist');
const timesOf = () =>
  readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => `${name} ${statSync(join(dist, name)).mtimeMs}`);

test('three commands at once in a fresh checkout all work, and leave nothing but the build', async () => {
  const ends = await Promise.all([1, 2, 3].map(() => run(root, PRODUCERS)));
  for (const { exitCode, stdout, stderr } of ends) {
    assert.equal(exitCode, 0, stderr);
    assert.equal(stdout.trimEnd().split('\n').length, 2);
  }
  const stamp = JSON.parse(readFileSync(join(dist, 'build.json'), 'utf8')) as {
    files: Record<string, number>;
  };
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(dist, name)).isFile(),
  );
  assert.deepEqual(files.sort(), [...Object.keys(stamp.files), 'build.json'].sort());
});

test('nothing is written where nothing has changed, whatever the times of the sources', async () => {
  const before = timesOf();
  const path = join(root, 'cli', 'main.ts');
  writeFileSync(path, readFileSync(path));
  assert.equal((await run(root, PRODUCERS)).exitCode, 0);
  assert.deepEqual(timesOf(), before);
});

test('a change is built, the chunks of the build before stay, and a damaged file is made anew', async () => {
  const chunks = readdirSync(join(dist, 'chunks'));
  changeSource(root, 1);
  writeFileSync(join(dist, 'mina.wasm'), 'half');
  // Left by a build that was killed.
  writeFileSync(join(dist, 'building'), '999999999');
  const ends = await Promise.all([1, 2, 3].map(() => run(root, PRODUCERS)));
  for (const { exitCode, stderr } of ends) assert.equal(exitCode, 0, stderr);
  const now = readdirSync(join(dist, 'chunks'));
  assert.deepEqual(
    chunks.filter((name) => !now.includes(name)),
    [],
  );
  assert.ok(now.length > chunks.length);
  assert.ok(statSync(join(dist, 'mina.wasm')).size > 1000);
  assert.ok(!existsSync(join(dist, 'building')));
});

const canMount = (() => {
  try {
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
const readOnly = [
  ...['unshare', '-m', 'sh', '-c'],
  `mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$0" && exec "$@"`,
  root,
];

test(
  'a read-only checkout works as it was built; one that is not built, or has changed, says so in one sentence',
  { skip: !canMount && 'NOT TESTED: this user may not mount (unshare -m)' },
  async () => {
    const built = await run(root, PRODUCERS, readOnly);
    assert.equal(built.exitCode, 0, built.stderr);
    changeSource(root, 2);
    const changed = await run(root, PRODUCERS, readOnly);
    assert.equal(changed.exitCode, 5);
    assert.equal(
      changed.stderr,
      `error: the toolkit has changed since it was built, and ${dist} cannot be written (EROFS)\nwhat to do: run "npm run build" where it can be written; from then on it may be read-only\n`,
    );
    rmSync(dist, { recursive: true });
    const bare = await run(root, PRODUCERS, readOnly);
    assert.equal(bare.exitCode, 5);
    assert.match(bare.stderr, /^error: the toolkit is not built yet, and .* \(EROFS\)\n.*\n$/);
  },
);

test('packages that are missing or of another version are named, with npm ci as what to do', async () => {
  const modules = join(root, 'node_modules');
  rmSync(modules);
  const none = await run(root, PRODUCERS);
  assert.equal(none.exitCode, 5);
  assert.match(
    none.stderr,
    /^error: \d+ packages are not installed: .*, …\nwhat to do: run "npm ci" in /,
  );
  mkdirSync(modules);
  for (const name of readdirSync(join(projectRoot, 'node_modules')))
    if (name !== 'tar') symlinkSync(join(projectRoot, 'node_modules', name), join(modules, name));
  const gone = await run(root, PRODUCERS);
  assert.match(
    gone.stderr,
    /^error: a package is not installed: tar \d+\.\d+\.\d+\nwhat to do: .*npm ci/,
  );
  mkdirSync(join(modules, 'tar'));
  writeFileSync(join(modules, 'tar', 'package.json'), '{"version":"0.0.1"}');
  const other = await run(root, PRODUCERS);
  assert.match(other.stderr, /tar \d+\.\d+\.\d+ \(here it is 0\.0\.1\)\n/);
});

test('a Node below that of package.json is told, by a file that old ones can read', async () => {
  const path = join(root, 'package.json');
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace('"node": ">=20.19"', '"node": ">=98.99.1"'));
  const { exitCode, stderr } = await run(root, PRODUCERS);
  assert.equal(exitCode, 5);
  assert.match(
    stderr,
    /^error: Node \S+ is too old: 98\.99\.1 or later is needed\nwhat to do: install/,
  );
  // ES2020 has import(); Node 12 has all else of it that stands there but no import of `node:…`.
  const source = readFileSync(join(projectRoot, 'build.mjs'), 'utf8');
  const faults = new Linter().verify(source, {
    languageOptions: { ecmaVersion: 2020, sourceType: 'module' },
  });
  assert.deepEqual(faults, []);
  assert.doesNotMatch(source, /from 'node:|\?\.|\?\?/);
});

test('six commands at once from one checkout, five times: thirty exit codes of 0', async () => {
  const other = checkout();
  for (let round = 0; round < 5; round++) {
    if (round % 2 === 0) changeSource(other, round);
    const ends = await Promise.all(Array.from({ length: 6 }, () => run(other, PRODUCERS)));
    for (const { exitCode, stdout, stderr } of ends) {
      assert.equal(exitCode, 0, stderr);
      assert.equal(stdout.trimEnd().split('\n').length, 2);
    }
  }
});
