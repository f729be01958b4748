/**
 * Builds everything into dist/ where something has changed (build/ensure.mjs). `--run COMMAND …` then runs a command in this same
 * process, so a signal from the terminal or from npm reaches the command with no shell between.
 *
 * Old versions of Node must be able to read this file, to be told that they are too old: no syntax and no import that Node 12 lacks.
 */
import fs from 'fs';
import path from 'path';
import url from 'url';

const BROKEN = 5; // user-error.ts
const root = path.dirname(url.fileURLToPath(import.meta.url));

function fail(message, hint) {
  console.error('error: ' + message);
  console.error('what to do: ' + hint);
  process.exit(BROKEN);
}

/** Whether version `found` is `needed` or later; both are `20.19.0` or the beginning of it. */
function isAtLeast(found, needed) {
  const parts = needed.split('.').map((part, i) => Number(found.split('.')[i] || 0) - Number(part));
  const different = parts.find((part) => part !== 0);
  return different === undefined || different > 0;
}

const engines = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')).engines;
const needed = engines.node.replace('>=', '');
if (!isAtLeast(process.versions.node, needed))
  fail(
    'Node ' + process.versions.node + ' is too old: ' + needed + ' or later is needed',
    'install a newer Node (https://nodejs.org), and look at "node --version"',
  );

const runAt = process.argv.indexOf('--run');
import('./build/ensure.mjs')
  .then((build) => build.ensureBuilt(root))
  .then(() => {
    if (runAt === -1) return undefined;
    const program = path.join(root, 'dist', 'cli.js');
    process.argv = [process.argv[0], program].concat(process.argv.slice(runAt + 1));
    return import(url.pathToFileURL(program).href);
  })
  .catch((error) => {
    if (error.hint !== undefined) fail(error.message, error.hint);
    if (error.code === 'ERR_MODULE_NOT_FOUND')
      fail(error.message.split(' imported from ')[0], 'run "npm ci" in ' + root);
    fail(
      error.stack || String(error),
      'run "npm ci" in ' + root + '; else please report it with these lines',
    );
  });
