/**
 * Builds everything into dist/: the command line and its worker programs for Node, the scenarios for
 * k6, and the WASM of the signer. `--run COMMAND …` then runs a command in this same process, so a
 * signal from the terminal or from npm reaches the command with no shell between.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, 'dist');

/** Programs for Node: dist name -> source. */
const PROGRAMS = {
  cli: 'cli/main.ts',
  backend: 'stack/backend/main.ts',
  'backend-file-writer': 'stack/storage/file-writer.ts',
  'sign-worker': 'producers/sign-worker.ts',
  'key-worker': 'producers/key-worker.ts',
};

/** Compiles mina/wasm, or does nothing when its sources have not changed since the last build. */
async function buildWasm() {
  const folder = join(root, 'mina', 'wasm');
  const sources = readdirSync(folder)
    .filter((name) => /\.(ts|mjs)$/.test(name))
    .sort();
  const hash = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)));
  hash.update(readFileSync(join(root, 'node_modules/assemblyscript/package.json')));
  for (const name of sources) hash.update(name).update(readFileSync(join(folder, name)));
  const stamp = hash.digest('hex');
  const output = join(dist, 'mina.wasm');
  const stampFile = join(dist, 'mina.wasm.stamp');
  if (existsSync(output) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp)
    return;
  const { default: asc } = await import('assemblyscript/asc');
  const { unrolledSource } = await import('./mina/wasm/unrolled.mjs');
  // Written beside and renamed: two builds at once never leave a half-written file.
  const part = `${output}.${process.pid}`;
  const { error, stderr } = await asc.main(
    [
      join('mina', 'wasm', 'index.ts'),
      '--baseDir',
      root,
      '--outFile',
      part,
      '--optimizeLevel',
      '3',
      '--shrinkLevel',
      '0',
      '--converge',
      '--runtime',
      'stub',
      '--noAssert',
      '--enable',
      'simd',
    ],
    {
      // `./unrolled` is written by a program; everything else is read from its file.
      readFile: (name, baseDir) => {
        const path = resolve(baseDir, name);
        if (path === join(folder, 'unrolled.ts')) return unrolledSource();
        return existsSync(path) ? readFileSync(path, 'utf8') : null;
      },
    },
  );
  if (error) throw new Error(`AssemblyScript: ${error.message}\n${stderr.toString()}`);
  renameSync(part, output);
  writeFileSync(stampFile, stamp);
}

async function build() {
  mkdirSync(dist, { recursive: true });
  const node = {
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    sourcemap: true,
    logLevel: 'warning',
    absWorkingDir: root,
  };
  const scenarios = readdirSync(join(root, 'scenarios'))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => join('scenarios', name));
  await Promise.all([
    esbuild.build({
      ...node,
      entryPoints: Object.fromEntries(
        Object.entries(PROGRAMS).filter(([, source]) => existsSync(join(root, source))),
      ),
      outdir: 'dist',
      // A command that is not asked for is not loaded: help and errors come at once.
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
    }),
    scenarios.length > 0 &&
      esbuild.build({
        entryPoints: scenarios,
        outdir: 'dist/scenarios',
        bundle: true,
        format: 'esm',
        target: 'es2022', // top-level await; the same line of esbuild that k6 embeds takes it
        platform: 'neutral',
        mainFields: ['module', 'main'],
        external: ['k6', 'k6/*'],
        logLevel: 'warning',
        absWorkingDir: root,
      }),
    buildWasm(),
  ]);
}

const runAt = process.argv.indexOf('--run');
try {
  await build();
} catch (error) {
  // esbuild has printed its own messages by now; AssemblyScript's come with the error.
  console.error(`error: the build failed: ${error.message}`);
  console.error(`${basename(root)} needs "npm ci" after every pull; then try again.`);
  process.exit(5);
}
if (runAt !== -1) {
  const program = join(dist, 'cli.js');
  process.argv = [process.argv[0], program, ...process.argv.slice(runAt + 1)];
  await import(pathToFileURL(program).href);
}
