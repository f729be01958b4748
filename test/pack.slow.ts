/** The package as `npm pack` makes it: what is in it, and that its command runs where nothing of the checkout is. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import * as tar from 'tar';
import { projectRoot } from '../paths.ts';
import { USUAL_ENV } from './support/cli.ts';
import { scratchFolder } from './support/scratch.ts';

type Packed = { filename: string; size: number; files: { path: string }[] };
const manifest = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
  name: string;
  dependencies: Record<string, string>;
  overrides?: object;
};

test('the packed tarball: this build, no sources, no runs; its command runs in an empty folder', async () => {
  // npm looks at the overrides of the root alone: who installs the package would get other packages.
  assert.equal(manifest.overrides, undefined);
  const folder = scratchFolder();
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
      cwd: projectRoot,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  ) as Packed[];
  const paths = packed.files.map(({ path }) => path);
  for (const needed of [
    'bin.mjs',
    'dist/cli.js',
    'dist/mina.wasm',
    'dist/mina-pair.wasm',
    'dist/scenarios/load.js',
    'scenarios/load.ts',
    'LICENSE',
    'README.md',
    'load.schema.json',
    'nightly.schema.json',
    'examples/nightly.yaml',
    'stack/services/postgres-16/package-lock.json',
  ])
    assert.ok(paths.includes(needed), needed);
  const foreign = paths.filter((path) => /^(test|bench|results|node_modules)\/|^dist\/(tests|programs)-|\.map$/.test(path)); // prettier-ignore
  assert.deepEqual(foreign, []);
  const { files } = JSON.parse(readFileSync(join(projectRoot, 'dist', 'build.json'), 'utf8')) as {
    files: Record<string, number>;
  };
  const chunks = paths.filter((path) => path.startsWith('dist/chunks/'));
  for (const chunk of chunks) assert.ok(chunk.slice('dist/'.length) in files, chunk);
  assert.ok(packed.size < 5_000_000, `${packed.size} bytes`);

  // Installed, its packages beside it as npm puts them.
  const modules = join(folder, 'node_modules');
  const installed = join(modules, manifest.name);
  mkdirSync(installed, { recursive: true });
  await tar.extract({ file: join(folder, packed.filename), cwd: installed, strip: 1 });
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(projectRoot, 'node_modules', name), join(modules, name));
  }
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(installed, 'bin.mjs'), ...args], {
      cwd: folder,
      env: { ...process.env, ...USUAL_ENV, MINA_LOAD_SKIP_PICTURES: '' },
      encoding: 'utf8',
      timeout: 120_000,
    });
  const dry = run('nightly', '--config', join(installed, 'examples', 'nightly.yaml'), '--dry-run');
  assert.equal(dry.status, 0, dry.stderr);
  const load = run('load', '--vus', '2', '--duration', '3s', '--think', '500ms', '--port', '0');
  assert.equal(load.status, 0, load.stdout + load.stderr);
  // Where the user stands, and not inside the package.
  const [result] = readdirSync(join(folder, 'results'));
  const written = readdirSync(join(folder, 'results', result));
  for (const file of ['report.html', 'latency.png', 'summary.json'])
    assert.ok(written.includes(file), file);
  assert.ok(!readdirSync(installed).includes('results'));
});
