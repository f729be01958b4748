/**
 * Runs the tests with node's own runner: `node test/run.mjs [--slow] [PART OF A PATH …]`.
 * (node 20's `--test` takes no glob, and finds no .ts file by itself.)
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

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
// Files wait for the processes they start, so one more than there are cores; node's own number is one less. Slow ones want a core for themselves.
const atOnce = slow ? [] : [`--test-concurrency=${availableParallelism() + 1}`];
const child = spawn(
  process.execPath,
  ['--import', 'tsx', '--test', '--test-reporter=spec', ...atOnce, ...files],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, NODE_ENV: 'test', MINA_TEST_THOROUGH: slow ? '1' : '0' },
  },
);
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
