/**
 * Runs the tests with node's own runner: `node test/run.mjs [--slow] [PART OF A PATH …]`.
 *
 * All files are bundled once (esbuild, a second) into a folder of dist/ that is gone at the end: compiling them in each of some hundred
 * processes takes a minute of CPU. Their stacks name the sources. One file alone: `node --import tsx --test FILE`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { cpuSeconds, slowestFiles, TIMES_VARIABLE } from './times.mjs';

const DAY_MS = 86_400_000;
/** Longer than any file takes on any machine. */
const HUNG_MS = { quick: 900_000, slow: 3_600_000 };
const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const args = process.argv.slice(2);
const slow = args.includes('--slow');
const parts = args.filter((arg) => !arg.startsWith('--'));
const suffix = slow ? '.slow.ts' : '.test.ts';
const files = readdirSync(here, { recursive: true })
  .map((name) => relative(root, join(here, name)))
  .filter((name) => name.endsWith(suffix))
  .filter((name) => parts.length === 0 || parts.some((part) => name.includes(part)))
  .sort();
if (files.length === 0) {
  console.error(`error: no test file matches ${parts.join(' ') || suffix}`);
  process.exit(1);
}

// Below the packages, and below package.json: paths.ts looks for it.
const dist = join(root, 'dist');
mkdirSync(dist, { recursive: true });
// What killed ones left, here and in test/support/program.ts.
for (const name of readdirSync(dist).filter((one) => /^(tests|programs)-/.test(one)))
  if (Date.now() - statSync(join(dist, name)).mtimeMs > DAY_MS)
    rmSync(join(dist, name), { recursive: true, force: true });
const folder = mkdtempSync(join(dist, 'tests-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
/** A file inside a package stays where it is: from elsewhere, what it imports would not be found. */
const insidesOfPackages = {
  name: 'insides of packages',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\..*\/node_modules\// }, ({ path, resolveDir }) => ({
      path: pathToFileURL(join(resolveDir, path)).href,
      external: true,
    })),
};
await build({
  entryPoints: files,
  absWorkingDir: root,
  outdir: folder,
  outbase: '.',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  plugins: [insidesOfPackages],
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'error',
});

// Files wait for the processes they start, so two more than there are cores; node's own number is one less. Slow ones load the machine more, and
// some of them measure: one for each core.
const atOnce = [`--test-concurrency=${availableParallelism() + (slow ? 0 : 2)}`];
const times = join(folder, 'times.ndjson');
const startedMs = performance.now();
const child = spawn(
  process.execPath,
  [
    ...['--enable-source-maps', '--import', new URL('times.mjs', import.meta.url).href],
    // A file that leaves a thread or a server alive hangs: it fails then, by its name.
    ...[
      '--test',
      `--test-timeout=${HUNG_MS[slow ? 'slow' : 'quick']}`,
      '--test-reporter=spec',
      ...atOnce,
    ],
    ...files.map((name) => join(folder, name.replace(/\.ts$/, '.js'))),
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      NODE_ENV: 'test',
      MINA_TEST_THOROUGH: slow ? '1' : '0',
      [TIMES_VARIABLE]: times,
    },
  },
);
// A terminal sends it to all: the tests end first.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  const wallS = (performance.now() - startedMs) / 1000;
  console.log(slowestFiles(times, { folder, wallS, cpuS: cpuSeconds() }));
  process.exit(code ?? (signal ? 128 + constants.signals[signal] : 0));
});
