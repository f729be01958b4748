/** Every example is run, as a user would: with the real command where it takes seconds, else with its plan. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse, stringify } from 'yaml';
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

test('a nightly job: each scenario with its options and gates', async () => {
  const { exitCode, stdout, stderr } = await runHere([
    'nightly',
    ...['--config', file('nightly.yaml'), '--folder', results, '--dry-run'],
  ]);
  assert.equal(exitCode, 0, stderr);
  const { options, scenarios } = parse(readFileSync(file('nightly.yaml'), 'utf8')) as {
    options: { gate: string[] };
    scenarios: { name: string }[];
  };
  assert.ok(options.gate.length >= 3 && scenarios.length >= 2);
  for (const gate of options.gate) assert.equal(stdout.split(gate).length - 1, scenarios.length);
  for (const { name } of scenarios) assert.match(stdout, new RegExp(`^${name}:$`, 'm'));
  assert.match(stdout, /^ {2}scenario +arrival /m);
});

test('the commented part of a nightly job, with a good version, is right, too', async () => {
  const whole = readFileSync(file('nightly.yaml'), 'utf8');
  const [before, commented] = whole.split('# With a backend of your own');
  const more = commented.split('#\n')[1].replaceAll(/^# ?/gm, '');
  // Its options beside those that stand there.
  const config = join(results, 'good.yaml');
  const merged = { ...(parse(before) as object), ...(parse(more) as object) };
  writeFileSync(config, stringify(merged));
  const { exitCode, stdout, stderr } = await runHere(['nightly', '--config', config, '--dry-run']);
  assert.equal(exitCode, 0, stderr);
  assert.match(
    stdout,
    /second stage +8 rounds beside the good version at http:\/\/127\.0\.0\.1:8081/,
  );
  rmSync(config);
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

test('a scenario of one’s own', slowOnly, async () => {
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
