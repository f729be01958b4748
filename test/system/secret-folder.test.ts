import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { makeSecretFolder, sweepSecretFolders } from '../../system/secret-folder.ts';
import { scratchFolder } from '../support/scratch.ts';
import { program } from '../support/program.ts';

/** A process of its own that makes such a folder with a secret in it, and ends as `end` says. */
function leftBy(base: string, end: string): void {
  const words = program(`
    import { writeFileSync } from 'node:fs';
    import { makeSecretFolder } from './system/secret-folder.ts';
    writeFileSync(makeSecretFolder(${JSON.stringify(base)}).path + '/headers.json', 'token');
    ${end};`);
  spawnSync(process.execPath, words);
}

test('what a killed process left behind goes at the next start; what one needs stays', () => {
  const base = scratchFolder();
  leftBy(base, "process.kill(process.pid, 'SIGKILL')");
  const [killed] = readdirSync(base);
  assert.ok(existsSync(join(base, killed, 'headers.json')));
  const own = makeSecretFolder(base);
  writeFileSync(join(own.path, 'headers.json'), 'token');
  if (process.platform !== 'win32') assert.equal(statSync(own.path).mode & 0o777, 0o700);
  // Of a container with ids of its own, and of somebody else's program.
  const others = [killed.replace(/^mina-load-\d+-/, 'mina-load-1-'), 'mina-load-thing', 'other'];
  for (const name of others) mkdirSync(join(base, name));
  sweepSecretFolders(base);
  assert.deepEqual(readdirSync(base).sort(), [basename(own.path), ...others].sort());
  own.remove();
  own.remove();
  assert.deepEqual(readdirSync(base).sort(), others.sort());
});

test('a process that ends in any other way leaves nothing', () => {
  const base = scratchFolder();
  for (const end of ['', 'process.exit(130)', "throw new Error('x')"]) leftBy(base, end);
  assert.deepEqual(readdirSync(base), []);
  sweepSecretFolders(join(base, 'not there'));
});
