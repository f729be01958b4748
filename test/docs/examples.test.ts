/** Every example is run, as a user would: with the real command where it takes seconds, else with its plan. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'yaml';
import { load } from '../../cli/commands/load.ts';
import { stack } from '../../cli/commands/stack.ts';
import { parseCommandLine } from '../../cli/parse.ts';
import { projectRoot } from '../../paths.ts';
import { runCli } from '../support/cli.ts';
import { runHere } from '../support/run-command.ts';
import { scratchFolder } from '../support/scratch.ts';
import { slowOnly } from '../support/thorough.ts';

const examples = join(projectRoot, 'examples');
const file = (name: string): string => join(examples, name);
const results = scratchFolder();
after(() => rmSync(results, { recursive: true, force: true }));

test(
  'a config file: a shorter run of it passes, and its values came from it',
  slowOnly,
  async () => {
    const short = ['--vus', '2', '--duration', '6s', '--think', '1s', '--warm-up', '0'];
    const { exitCode, stdout } = await runCli([
      'load',
      ...['--config', file('load.yaml'), '--results', results],
      ...short,
    ]);
    assert.equal(exitCode, 0, stdout);
    const [run] = readdirSync(results);
    const plan = JSON.parse(readFileSync(join(results, run, 'plan.json'), 'utf8')) as {
      options: Record<string, { value: unknown; source: string }>;
    };
    assert.deepEqual(plan.options.seed, { value: 'examples', source: 'file' });
    assert.equal(plan.options.duration.source, 'flag');
  },
);

test('a nightly job: its gates are taken, beside the defaults', async () => {
  const { exitCode, stdout } = await runHere([
    'load',
    ...['--config', file('nightly.yaml'), '--dry-run'],
  ]);
  assert.equal(exitCode, 0, stdout);
  const gates = (parse(readFileSync(file('nightly.yaml'), 'utf8')) as { gate: string[] }).gate;
  assert.ok(gates.length >= 6);
  for (const gate of gates) assert.ok(stdout.includes(gate), gate);
  assert.match(stdout, /^scenario +arrival /m);
});

test('a compose file: both command lines are ones that the commands take', () => {
  type Service = { command: string };
  const { services } = parse(readFileSync(file('compose.yaml'), 'utf8')) as {
    services: Record<string, Service>;
  };
  const words = (text: string): string[] =>
    [...text.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);
  for (const [name, command] of [
    ['backend', stack],
    ['load', load],
  ] as const) {
    const [npm, run, silent, script, dashes, ...args] = words(services[name].command);
    assert.deepEqual([npm, run, silent, script, dashes], ['npm', 'run', '-s', command.name, '--']);
    const { values } = parseCommandLine(command, args, {}, examples);
    assert.ok(Object.keys(values).length > 0);
  }
});

test('a list of producers: two public keys', async () => {
  const { exitCode, stdout } = await runHere([
    'producers',
    ...['--producers-file', file('producers.csv'), '--format', 'text'],
  ]);
  assert.equal(exitCode, 0, stdout);
  assert.equal((stdout.match(/^B62q/gm) ?? []).length, 2);
});

test('a scenario of one’s own', async () => {
  const { exitCode, stdout } = await runHere([
    'load',
    ...['--scenario', 'example', '--vus', '2', '--duration', '3s', '--think', '500ms'],
    ...['--results', results],
  ]);
  assert.equal(exitCode, 0, stdout);
});

test('the list of examples names every file', () => {
  const readme = readFileSync(file('README.md'), 'utf8');
  for (const name of readdirSync(examples))
    if (name !== 'README.md') assert.ok(readme.includes(`](${name})`), name);
});
