/**
 * Runs the tests with node's own runner: `node test/run.mjs [--slow] [PART OF A PATH …]`.
 *
 * All files are bundled once (esbuild, a second) into a folder of dist/ that is gone at the end: compiling them in each process takes a
 * minute of CPU. Their stacks name the sources. Quick files share processes (groups.mjs). One file alone: `node --import tsx --test FILE`.
 */
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { groupsOf } from './groups.mjs';
import { cpuSeconds, slowestFiles, TIMES_VARIABLE } from './times.mjs';

const DAY_MS = 86_400_000;
/** 1: files that failed are run once more, alone; what passes then is printed as flaky. */
const AGAIN_VARIABLE = 'MINA_TEST_AGAIN';
/** More files than that are no accident. */
const MOST_AGAIN = 5;
/** Longer than any file takes on any machine. */
const HUNG_MS = { quick: 300_000, slow: 1_200_000 };
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
const { metafile } = await build({
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
  metafile: true,
  sourcesContent: false,
  logLevel: 'error',
});

const builtFrom = (name) => join(folder, name.replace(/\.ts$/, '.js'));
/** What node's runner starts, by the file's path. It starts them in the order of their names. */
const starts = new Map();
for (const [i, group] of groupsOf(files, { root, share: !slow }).entries()) {
  const words = `${String(i).padStart(3, '0')} ${group.name}`.replaceAll(/[^\w.]+/g, '-');
  const start = join(folder, `${words}.mjs`);
  const imports = group.files.map((name) => `import ${JSON.stringify(pathToFileURL(builtFrom(name)))};\n`); // prettier-ignore
  writeFileSync(start, imports.join(''));
  starts.set(start, group);
}

// Files wait for the processes they start, so two more than there are cores; node's own number is one less. Slow ones load the machine more, and
// some of them measure: of these one more, since with one for each core a third of the cores' time was left (2,180 s for 2,634 CPU s on two).
const usual = availableParallelism() + (slow ? 1 : 2);
const times = join(folder, 'times.ndjson');
const failed = join(folder, 'failed.txt');
const startedMs = performance.now();

/** @returns the exit code of node's runner */
function runFiles(paths, concurrency) {
  const child = spawn(
    process.execPath,
    [
      ...['--enable-source-maps', '--import', new URL('times.mjs', import.meta.url).href],
      // A file that leaves a thread or a server alive hangs: it fails then, by its name.
      ...['--test', `--test-timeout=${HUNG_MS[slow ? 'slow' : 'quick']}`],
      `--test-concurrency=${concurrency}`,
      ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
      ...[`--test-reporter=${new URL('failed-files.mjs', import.meta.url).href}`],
      ...[`--test-reporter-destination=${failed}`],
      ...paths,
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
  const pass = (signal) => child.kill(signal);
  // A terminal sends it to all: the tests end first.
  for (const signal of ENDS) process.on(signal, pass);
  return new Promise((resolve) =>
    child.on('exit', (code, signal) => {
      for (const one of ENDS) process.off(one, pass);
      if (signal !== null) interrupted = true;
      resolve(code ?? 128 + constants.signals[signal]);
    }),
  );
}

let interrupted = false;
const ENDS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
for (const signal of ENDS) process.on(signal, () => (interrupted = true));
const nameOf = (file) => starts.get(file)?.name ?? relative(folder, file).replace(/\.js$/, '.ts');

/** @returns paths from the root: of sources, as the stacks name them, or of bundles that broke as a whole */
const failedSources = () =>
  existsSync(failed)
    ? readFileSync(failed, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((path) => relative(root, path))
    : [];

/** The bundles to run for a file that failed: a slow one may import the quick one. Undefined: it stands in several. */
function bundlesOf(source) {
  const group = starts.get(join(root, source));
  // A whole process broke: which of its files did it shows when each has its own.
  if (group !== undefined) return group.files.map(builtFrom);
  const found = Object.entries(metafile.outputs).find(
    ([output, { entryPoint, inputs }]) =>
      output === source || (entryPoint !== undefined && source in inputs),
  );
  return found && [join(root, found[0])];
}

let code = await runFiles([...starts.keys()], usual);
const failures = [...new Set(failedSources())];
const once = [...new Set(failures.flatMap(bundlesOf))];
// Asked for by a variable, so that nobody's own run passes unseen: a machine that others use, too, breaks a test now and then.
if (
  code !== 0 &&
  !interrupted &&
  once.length > 0 &&
  !once.includes(undefined) &&
  failures.length <= MOST_AGAIN &&
  process.env[AGAIN_VARIABLE] === '1'
) {
  console.log(`\nfailed, and run again with nothing beside: ${once.map(nameOf).join(', ')}\n`);
  code = await runFiles(once, 1);
  console.log(
    code === 0
      ? `\nFLAKY: failed once and passed when run again: ${once.map(nameOf).join(', ')}`
      : '\nfailed twice',
  );
}
const wallS = (performance.now() - startedMs) / 1000;
console.log(slowestFiles(times, { nameOf, files: files.length, wallS, cpuS: cpuSeconds() }));
process.exit(code);
