/** Where the project's own files lie, the same from the sources (tests) and from the bundles (`dist`). */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('package.json not found above the program');
    folder = parent;
  }
  return folder;
}

/** The folder of package.json. */
export const projectRoot = findRoot();

/** A file that build.mjs made, e.g. `distFile('scenarios', 'load.js')`. */
export const distFile = (...parts: string[]): string => join(projectRoot, 'dist', ...parts);

/** Where results go unless somebody says otherwise: into the checkout; of an installed package to where the user stands. */
export const usualResultsFolder = (cwd: string): string =>
  join(projectRoot.split(/[\\/]/).includes('node_modules') ? cwd : projectRoot, 'results');

/** The compiled WASM of `mina/wasm`, ready to instantiate; read anew at each call. */
export const loadMinaWasm = (): WebAssembly.Module =>
  new WebAssembly.Module(readFileSync(distFile('mina.wasm')));

/**
 * The module of two hashes side by side (`mina/wasm/kimchi-pair.ts`).
 * @returns null where this Node has no relaxed SIMD. Node 20 has it behind a flag, which counts from now on.
 */
export function loadMinaPairWasm(): WebAssembly.Module | null {
  const bytes = readFileSync(distFile('mina-pair.wasm'));
  if (!WebAssembly.validate(bytes) && process.versions.node.startsWith('20.'))
    setFlagsFromString('--experimental-wasm-relaxed-simd');
  return WebAssembly.validate(bytes) ? new WebAssembly.Module(bytes) : null;
}

/** Version of this toolkit, from package.json. */
export const toolkitVersion = (): string =>
  (JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string })
    .version;

/** npm runs every script at the project's root; what the user writes is meant from where they stand. */
export const whereTheUserStands = (env: NodeJS.ProcessEnv): string =>
  env.npm_command !== undefined && process.cwd() === projectRoot
    ? env.INIT_CWD || process.cwd()
    : process.cwd();
