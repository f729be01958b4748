/** Options that npm keeps for itself when the `--` is forgotten: with the real npm, and with what it leaves behind. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { load } from '../../cli/commands/load.ts';
import { stackDown } from '../../cli/commands/stack-down.ts';
import { npmTook } from '../../cli/npm-options.ts';
import { distFile } from '../../paths.ts';
import { scratchFolder } from '../support/scratch.ts';
import { slowOnly, thorough } from '../support/thorough.ts';

const folder = scratchFolder();
const userSettings = join(folder, 'user-npmrc');
const env = { npm_lifecycle_event: 'load', npm_config_userconfig: userSettings };

const took = (more: NodeJS.ProcessEnv, words: string[] = [], operands: string[] = words) =>
  npmTook(load, { ...env, ...more }, new Set(), words, operands);
const lineOf = (more: NodeJS.ProcessEnv, words?: string[]): string | undefined =>
  /type: (.*)$/.exec(took(more, words)?.problem ?? '')?.[1];

test('the right line has every option that npm took, as the shell reads it', () => {
  assert.equal(lineOf({ npm_config_vus: '500' }), 'npm run load -- --vus=500');
  assert.equal(
    lineOf({ npm_config_gate: 'p95<1s\n\nrate>5', npm_config_dry_run: 'true' }),
    "npm run load -- --gate='p95<1s' --gate='rate>5' --dry-run",
  );
  // `npm run load --vus 500 keep`: npm took --vus as a switch.
  assert.equal(lineOf({ npm_config_vus: 'true' }, ['500']), 'npm run load -- --vus 500');
  assert.equal(
    lineOf({ npm_config_scenario: 'true', npm_config_think: 'true' }, ['soak', '5s']),
    'npm run load -- --scenario NAME --think FROM-TO',
  );
});

test('a part of a command is called by its script', () => {
  const down = npmTook(
    stackDown,
    { ...env, npm_lifecycle_event: 'stack', npm_config_folder: '/run', npm_config_keep_data: 'true' }, // prettier-ignore
    new Set(),
    [],
    [],
  );
  assert.match(down!.problem, /type: npm run stack -- down --folder=\/run --keep-data$/);
});

test('what npm sets by itself is nobody’s forgotten option', () => {
  const settings = {
    npm_config_proxy: 'http://proxy:3128/',
    npm_config_ca: 'x',
    npm_config_key: 'y',
  };
  assert.equal(took(settings), null);
  assert.equal(took({ npm_config_vus: '' }), null);
  assert.equal(npmTook(load, { ...env, npm_config_vus: '5' }, new Set(['vus']), [], []), null);
  assert.equal(took({ npm_config_vus: '5', npm_lifecycle_event: 'nightly' }), null);
  const other = join(folder, 'other-npmrc');
  writeFileSync(other, 'fund=false\n dry-run = true\n');
  assert.equal(took({ npm_config_dry_run: 'true', npm_config_userconfig: other }), null);
  assert.match(took({ npm_config_keep: 'true' })!.problem, /^npm took --keep for itself/);
});

const npm = (args: string[], more: NodeJS.ProcessEnv = {}) =>
  spawnSync('npm', ['run', '--silent', 'load', ...args], {
    cwd: folder,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    env: { ...process.env, npm_config_userconfig: userSettings, ...more },
  });

const script = `node ${JSON.stringify(distFile('cli.js'))} load`;
const manifest = { name: 'caller', version: '1.0.0', scripts: { load: script } };
writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
writeFileSync(userSettings, '');

test('the real npm: options before "--" are refused with the line to type, and nothing is sent', () => {
  const { status, stderr, stdout } = npm(['--vus=500', '--gate=p95<1s', `--results=${folder}/r`]);
  assert.equal(status, 2, stdout + stderr);
  assert.match(stderr, /^error: npm took --vus, --gate, --results for itself/);
  assert.match(stderr, /type: npm run load -- --vus=500 --gate='p95<1s' --results=\S+\n/);
  if (!thorough) return;
  const cut = npm(['--vus', '500']);
  assert.equal(cut.status, 2, cut.stderr);
  assert.match(cut.stderr, /^error: npm took --vus [^\n]* type: npm run load -- --vus 500\nwhat/);
  const dry = npm(['--dry-run']);
  assert.match(dry.stderr, /type: npm run load -- --dry-run\n/);
  assert.equal(existsSync(join(folder, 'r')), false);
});

test('the real npm: its own settings for proxy and CA do not stand in the way', slowOnly, () => {
  const settings = { npm_config_proxy: 'http://127.0.0.1:9', npm_config_ca: 'x' };
  const { status, stdout, stderr } = npm(['--', '--vus', '7', '--explain'], settings);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^vus +7 +flag$/m);
  assert.match(stdout, /^proxy +- +default$/m);
});
