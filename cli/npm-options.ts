/**
 * `npm run load --vus=500`, the `--` forgotten: npm keeps the option for itself and leaves its value in the
 * environment (npm_config_vus), so another load than the one that was asked for would run, and pass.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../paths.ts';
import type { OptionSpec } from '../system/option.ts';
import type { Command } from './command.ts';

/** Settings of npm itself that companies make once for all, in the environment too: having them says nothing. */
const PERMANENT = new Set(['proxy', 'ca', 'cert', 'key']);

/** @param given names of the options that reached the command, and so need no explanation */
export function npmTook(
  command: Command,
  env: NodeJS.ProcessEnv,
  given: ReadonlySet<string>,
  words: readonly string[],
  operands: readonly string[],
): { problem: string; explainsOperands: boolean } | null {
  // Of a script of another name these are that script's; npm_config_* are inherited.
  // `stack down` is a part of the script stack.
  const [script, ...part] = command.name.split(' ');
  if (env.npm_lifecycle_event !== script) return null;
  const settings = settingsOf(env);
  const taken = command.options.filter(
    ({ name }) =>
      !given.has(name) && !PERMANENT.has(name) && !settings.has(name) && valueOf(name, env) !== '',
  );
  if (taken.length === 0) return null;
  // `--vus 500`: npm takes --vus as a switch, and 500 arrives as a word that belongs to nothing.
  const cut = taken.filter((spec) => isCut(spec, env));
  const explainsOperands = command.operands === undefined && cut.length >= operands.length;
  const only = cut.length === 1 && operands.length === 1 ? operands[0] : undefined;
  const right = taken.flatMap((spec) =>
    isCut(spec, env)
      ? [`--${spec.name} ${only === undefined ? (spec.argument ?? 'VALUE') : quoted(only)}`]
      : writtenAs(spec, env),
  );
  const rest = explainsOperands ? words.filter((word) => !operands.includes(word)) : words;
  const names = taken.map(({ name }) => `--${name}`).join(', ');
  return {
    problem:
      `npm took ${names} for itself, because no "--" stands before it; ` +
      `type: npm run ${script} -- ${[...part, ...right, ...rest.map(quoted)].join(' ')}`,
    explainsOperands,
  };
}

/** `--no-verify` is for npm the opposite of `--verify`. */
function valueOf(name: string, env: NodeJS.ProcessEnv): string {
  const text = env[`npm_config_${name.replaceAll('-', '_')}`] ?? '';
  const opposite = name.startsWith('no-')
    ? env[`npm_config_${name.slice(3).replaceAll('-', '_')}`]
    : undefined;
  return opposite === '' ? 'true' : text;
}

const isCut = ({ name, type }: OptionSpec, env: NodeJS.ProcessEnv): boolean =>
  type !== 'flag' && valueOf(name, env) === 'true';

/** npm joins the values of an option that was given several times by an empty line. */
const writtenAs = ({ name, type }: OptionSpec, env: NodeJS.ProcessEnv): string[] =>
  type === 'flag'
    ? [`--${name}`]
    : valueOf(name, env)
        .split('\n\n')
        .map((text) => `--${name}=${quoted(text)}`);

const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** Names that stand in a file of npm's settings: npm sets those by itself. */
function settingsOf(env: NodeJS.ProcessEnv): Set<string> {
  const files = [
    env.npm_config_userconfig,
    env.npm_config_globalconfig,
    join(projectRoot, '.npmrc'),
  ];
  const names = new Set<string>();
  for (const file of files) {
    let text = '';
    try {
      if (file) text = readFileSync(file, 'utf8');
    } catch {
      // Most people have none.
    }
    for (const [, name] of text.matchAll(/^\s*([\w-]+)\s*(?:=|$)/gm)) names.add(name);
  }
  return names;
}
