import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { markdownTable } from 'markdown-table';
import { load } from '../../cli/commands/load.ts';
import { configSchema } from '../../cli/config-file.ts';
import type { Command } from '../../cli/command.ts';
import { COMMAND_NAMES } from '../../cli/commands.ts';
import { projectRoot } from '../../paths.ts';
import { EXIT } from '../../user-error.ts';

const readme = join(projectRoot, 'README.md');
const START = '<!-- options of load: written by UPDATE_GOLDEN=1 npm test -->';
const END = '<!-- end of options -->';

function optionsTable({ options }: Command): string {
  const rows = options.map(({ name, argument, help, default: preset, env, choices }) => [
    `\`--${name}${argument === undefined ? '' : ` ${argument}`}\``,
    choices ? `${help} (${choices.join(', ')})` : help,
    preset === undefined ? '' : `\`${preset}\``,
    env === undefined ? '' : `\`${env}\``,
  ]);
  return markdownTable([['option', 'what', 'default', 'environment'], ...rows], {
    alignDelimiters: false,
  });
}

test("the README's table of options is the parser's own", () => {
  const text = readFileSync(readme, 'utf8');
  const from = text.indexOf(START) + START.length;
  const to = text.indexOf(END);
  assert.ok(from > START.length && to > from, 'the marks are gone');
  const table = `\n\n${optionsTable(load)}\n\n`;
  if (process.env.UPDATE_GOLDEN === '1')
    writeFileSync(readme, text.slice(0, from) + table + text.slice(to));
  else assert.ok(text.slice(from, to) === table, 'renew it with UPDATE_GOLDEN=1 npm test');
});

test('every command and every exit code stands in the README', () => {
  const text = readFileSync(readme, 'utf8');
  for (const name of COMMAND_NAMES) assert.ok(text.includes(`npm run ${name}`), name);
  for (const code of Object.values(EXIT))
    assert.ok(new RegExp(`^\\| ${code} +\\| `, 'm').test(text), `exit code ${code}`);
});

test('every command has an npm script', () => {
  const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const name of COMMAND_NAMES) assert.equal(scripts[name], `node build.mjs --run ${name}`);
});

test('load.schema.json is the table of options, for editors', () => {
  const file = join(projectRoot, 'load.schema.json');
  const schema = `${JSON.stringify(configSchema(load), null, 2)}\n`;
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, schema);
  else assert.ok(readFileSync(file, 'utf8') === schema, 'renew it with UPDATE_GOLDEN=1 npm test');
});
