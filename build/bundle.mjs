/** Makes what dist/ holds, in memory: the command line and its worker programs for Node, the scenarios for k6, the program inside report.html, the WASM of the signer. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

/** Programs for Node: dist name -> source. */
const PROGRAMS = {
  cli: 'cli/main.ts',
  backend: 'stack/backend/main.ts',
  'backend-check-worker': 'stack/backend/check-worker.ts',
  'backend-file-writer': 'stack/storage/file-writer.ts',
  'sign-worker': 'producers/sign-worker.ts',
  'sum-worker': 'results/sum-worker.ts',
  'key-worker': 'producers/key-worker.ts',
  'e2e-network': 'e2e/network/main.ts',
  'proof-worker': 'stack/verifier/proof-worker.ts',
  postgres: 'stack/services/postgres-main.ts',
  verifier: 'stack/verifier/service-main.ts',
  'fault-proxy': 'faults/proxy/main.ts',
};

/** @returns path in dist/ (with `/`) -> bytes. @throws Error whose message has what the compilers complain about */
export async function bundle(root) {
  const parts = await Promise.all([bundleScripts(root), compileWasm(root)]);
  return new Map(parts.flatMap((part) => [...part]));
}

async function bundleScripts(root) {
  const { build } = await import('esbuild');
  const common = {
    bundle: true,
    format: 'esm',
    // Complaints come with the error.
    logLevel: 'silent',
    absWorkingDir: root,
    write: false,
  };
  const scenarios = readdirSync(join(root, 'scenarios'))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => join('scenarios', name));
  const results = await Promise.all([
    build({
      ...common,
      platform: 'node',
      target: 'node20',
      packages: 'external',
      sourcemap: true,
      entryPoints: PROGRAMS,
      outdir: 'dist',
      // A command that is not asked for is not loaded: help and errors come at once.
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
    }),
    build({
      ...common,
      entryPoints: scenarios,
      outdir: 'dist/scenarios',
      target: 'es2022', // top-level await; the same line of esbuild that k6 embeds takes it
      platform: 'neutral',
      mainFields: ['module', 'main'],
      external: ['k6', 'k6/*'],
    }),
    // The program inside report.html. Only ASCII, so that it is the same whatever the file is read as.
    build({
      ...common,
      format: 'iife',
      platform: 'browser',
      target: 'es2022',
      entryPoints: { 'report-page': 'report/browser/main.ts' },
      outdir: 'dist',
      minify: true,
      legalComments: 'none',
      charset: 'ascii',
    }),
    // The page of the console, which its server hands out: fonts have addresses of their own.
    build({
      ...common,
      format: 'iife',
      platform: 'browser',
      target: 'es2022',
      entryPoints: { console: 'console/page/main.tsx' },
      outdir: 'dist',
      minify: true,
      legalComments: 'none',
      charset: 'utf8',
      jsx: 'automatic',
      jsxImportSource: 'preact',
      external: ['/assets/*'],
    }),
  ]);
  return results.flatMap(({ outputFiles }) =>
    outputFiles.map(({ path, contents }) => [
      relative(join(root, 'dist'), path).replaceAll('\\', '/'),
      contents,
    ]),
  );
}

/** Each of its own entry; `paired` wants what Node 20 has behind a flag alone (paths.ts). */
const WASM_MODULES = [
  { entry: 'index.ts', output: 'mina.wasm', features: 'simd' },
  { entry: 'kimchi-pair.ts', output: 'mina-pair.wasm', features: 'simd,relaxed-simd' },
];

async function compileWasm(root) {
  const { default: asc } = await import('assemblyscript/asc');
  const folder = join(root, 'mina', 'wasm');
  const { unrolledSource } = await import('../mina/wasm/unrolled.mjs');
  const { pairedSource } = await import('../mina/wasm/paired.mjs');
  // Written by programs; everything else is read from its file.
  const generated = new Map([
    [join(folder, 'unrolled.ts'), unrolledSource],
    [join(folder, 'paired.ts'), pairedSource],
  ]);
  const written = [];
  for (const { entry, output, features } of WASM_MODULES) {
    const { error, stderr } = await asc.main(
      [
        join('mina', 'wasm', entry),
        ...['--baseDir', root, '--outFile', output],
        ...['--optimizeLevel', '3', '--shrinkLevel', '0', '--converge'],
        ...['--runtime', 'stub', '--noAssert', '--enable', features],
      ],
      {
        readFile: (name, baseDir) => {
          const path = resolve(baseDir, name);
          const source = generated.get(path);
          if (source) return source();
          return existsSync(path) ? readFileSync(path, 'utf8') : null;
        },
        writeFile: (name, contents) => void written.push([name, contents]),
      },
    );
    if (error) throw new Error(`AssemblyScript: ${error.message}\n${stderr.toString()}`);
  }
  return written.filter(([name]) => WASM_MODULES.some(({ output }) => name === output));
}
