/**
 * From words on the command line and in the environment to checked values. Every problem of an input is
 * reported at once. Parser and help are commander's; the checks come from the command's own table.
 */
import { resolve } from 'node:path';
import { Command as Parser, CommanderError, Option } from 'commander';
import { projectRoot } from '../paths.ts';
import type { OptionValue } from '../results/types.ts';
import { durationText, parseDuration } from '../system/duration.ts';
import type { OptionSpec, OptionValues } from '../system/option.ts';
import { EXIT, UserError } from '../user-error.ts';
import type { Command } from './command.ts';
import { type ConfigFile, readConfigFile } from './config-file.ts';

export type Parsed = {
  values: OptionValues;
  sources: Record<string, OptionValue['source']>;
  operands: string[];
};

/** One option's text -> its value, or a problem as text that goes after the option's name. */
function parseValue(
  spec: OptionSpec,
  text: string,
): { value: number | string } | { problem: string } {
  const range = () => {
    if (spec.min !== undefined && spec.max !== undefined) return ` from ${spec.min} to ${spec.max}`;
    if (spec.min !== undefined) return ` of at least ${spec.min}`;
    return spec.max === undefined ? '' : ` of at most ${spec.max}`;
  };
  const outside = (value: number) =>
    value < (spec.min ?? -Infinity) || value > (spec.max ?? Infinity);
  switch (spec.type) {
    case 'integer': {
      const value = Number(text);
      if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(value) || outside(value))
        return { problem: `must be a whole number${range()}, but is "${text}"` };
      return { value };
    }
    case 'number': {
      const value = Number(text);
      if (text.trim() === '' || !Number.isFinite(value) || outside(value))
        return { problem: `must be a number${range()}, but is "${text}"` };
      return { value };
    }
    case 'duration': {
      const value = parseDuration(text);
      if (value === null)
        return { problem: `must be a duration such as 90s, 1m30s or 2h, but is "${text}"` };
      if (outside(value)) {
        const limits = [
          spec.min === undefined ? '' : `at least ${durationText(spec.min)}`,
          spec.max === undefined ? '' : `at most ${durationText(spec.max)}`,
        ];
        return { problem: `must be ${limits.filter(Boolean).join(' and ')}, but is "${text}"` };
      }
      return { value };
    }
    case 'choice':
      if (!spec.choices!.includes(text))
        return { problem: `must be one of ${spec.choices!.join(', ')}, but is "${text}"` };
      return { value: text };
    case 'url':
      if (!/^https?:\/\//.test(text) || !URL.canParse(text))
        return { problem: `must be a URL such as http://127.0.0.1:8080, but is "${text}"` };
      return { value: text };
    case 'text':
    case 'path':
    case 'flag':
      if (text === '') return { problem: 'must not be empty' };
      break;
  }
  const problem = spec.check?.(text) ?? null;
  return problem === null ? { value: text } : { problem };
}

/** The commander parser of one command; also prints its help. */
function parserOf(command: Command): Parser {
  const parser = new Parser(`npm run ${command.name} --`)
    .description(command.summary)
    .exitOverride()
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined })
    .helpOption('-h, --help', 'show this help')
    .showSuggestionAfterError(true);
  if (command.operands) parser.argument(`[${command.operands.replace('…', '')}...]`);
  else parser.allowExcessArguments(true);
  for (const spec of command.options) parser.addOption(optionOf(spec));
  return parser;
}

function optionOf(spec: OptionSpec): Option {
  const flags =
    spec.type === 'flag' ? `--${spec.name}` : `--${spec.name} <${spec.argument ?? 'value'}>`;
  const facts = [
    spec.choices && `one of ${spec.choices.join(', ')}`,
    spec.default !== undefined && `default ${spec.default}`,
    spec.env && `or ${spec.env} in the environment`,
  ].filter(Boolean);
  const option = new Option(flags, spec.help + (facts.length > 0 ? ` (${facts.join('; ')})` : ''));
  if (spec.repeatable)
    option.argParser((text: string, before: unknown) => [...((before as string[]) ?? []), text]);
  return option;
}

/** The name under which commander keeps `--some-name`. */
const attributeOf = (name: string) =>
  name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** `true`/`1`/`yes` and their opposites, for flags set in the environment. */
function parseSwitch(text: string): boolean | null {
  if (['1', 'true', 'yes', 'on'].includes(text.toLowerCase())) return true;
  if (['0', 'false', 'no', 'off', ''].includes(text.toLowerCase())) return false;
  return null;
}

/** npm runs every script at the project's root; what the user writes is meant from where they stand. */
export const whereTheUserStands = (env: NodeJS.ProcessEnv): string =>
  env.npm_command !== undefined && process.cwd() === projectRoot
    ? (env.INIT_CWD ?? process.cwd())
    : process.cwd();

/** `text` is the help when the user asked for it. */
export class HelpRequested extends Error {
  readonly text: string;
  constructor(text: string) {
    super('help');
    this.text = text;
  }
}

/** An option's text, where it stands (for messages), and the folder that relative paths are meant from. */
type Setting = {
  text: string | boolean | string[];
  source: OptionValue['source'];
  name: string;
  folder: string;
};

/** The file that `--config` (or its variable) names, for commands that have this option. */
function configFileOf(
  command: Command,
  given: Record<string, string | boolean | string[]>,
  env: NodeJS.ProcessEnv,
  cwd: string,
): ConfigFile | null {
  const spec = command.options.find(({ name }) => name === 'config');
  if (!spec) return null;
  const path = given.config ?? (spec.env === undefined ? undefined : env[spec.env]);
  return typeof path === 'string' && path !== ''
    ? readConfigFile(resolve(cwd, path), command)
    : null;
}

/**
 * Flag, then environment, then config file, then the scenario's own default, then the default.
 * @throws UserError (exit 2) with every problem, one a line; HelpRequested for `--help`
 */
export function parseCommandLine(
  command: Command,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string = whereTheUserStands(env),
): Parsed {
  const problems: string[] = [];
  let words = [...args];
  let parser = parserOf(command);
  // commander stops at the first fault: note it, take the words away and go on, to see them all.
  for (let attempt = 0; attempt <= args.length; attempt++) {
    parser = parserOf(command);
    try {
      parser.parse(words, { from: 'user' });
      break;
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      if (error.code === 'commander.helpDisplayed')
        throw new HelpRequested(parserOf(command).helpInformation());
      const faulty = /'(-[^' ]*)/.exec(error.message)?.[1];
      const renamed = command.options.find(
        ({ formerly }) => formerly !== undefined && faulty?.split('=')[0] === `--${formerly}`,
      );
      problems.push(
        renamed === undefined
          ? error.message.replace(/^error: /, '').replace(/\n\(/, ' (')
          : `--${renamed.formerly} has another name now: --${renamed.name}`,
      );
      const at = words.findIndex((word) => word === faulty || word.startsWith(`${faulty}=`));
      if (at === -1) break;
      const takesValue = words[at + 1] !== undefined && !words[at + 1].startsWith('-');
      words = words.filter((_, i) => i !== at && !(takesValue && i === at + 1));
    }
  }

  const given = parser.opts<Record<string, string | boolean | string[]>>();
  const operands = [...parser.args];
  if (!command.operands && operands.length > 0)
    problems.push(`"${operands.join(' ')}" belongs to no option`);

  const file = configFileOf(command, given, env, cwd);
  problems.push(...(file?.problems ?? []));
  const settingOf = (spec: OptionSpec, presets: Record<string, string>): Setting | undefined => {
    const flag = given[attributeOf(spec.name)];
    if (flag !== undefined)
      return { text: flag, source: 'flag', name: `--${spec.name}`, folder: cwd };
    const fromEnv = spec.env === undefined ? undefined : env[spec.env];
    if (fromEnv !== undefined)
      return { text: fromEnv, source: 'environment', name: spec.env!, folder: cwd };
    const fromFile = file?.texts[spec.name];
    if (fromFile !== undefined)
      return {
        text: fromFile,
        source: 'file',
        name: `${file!.path}: ${spec.name}`,
        folder: file!.folder,
      };
    const preset = presets[spec.name];
    const text = preset ?? spec.default;
    if (text === undefined) return undefined;
    const source = preset === undefined ? 'default' : 'scenario';
    return { text, source, name: `--${spec.name}`, folder: cwd };
  };
  // The scenario decides the defaults of other options, so it is looked up before them.
  const scenario = command.options.find(({ name }) => name === 'scenario');
  const chosen = scenario && settingOf(scenario, {})?.text;
  const presets = (typeof chosen === 'string' && command.presets?.[chosen]) || {};

  const values: OptionValues = {};
  const sources: Parsed['sources'] = {};
  for (const spec of command.options) {
    const setting = settingOf(spec, presets);
    sources[spec.name] = setting?.source ?? 'default';
    if (spec.type === 'flag') values[spec.name] = false;
    if (setting === undefined) continue;
    const { text, name, folder } = setting;
    if (spec.type === 'flag') {
      const value = typeof text === 'boolean' ? text : parseSwitch(String(text));
      if (value === null) problems.push(`${name} must be 1 or 0, but is "${String(text)}"`);
      else values[spec.name] = value;
      continue;
    }
    const texts = Array.isArray(text) ? text : [String(text)];
    const parsed = texts.map((one) => parseValue(spec, one));
    for (const one of parsed) if ('problem' in one) problems.push(`${name} ${one.problem}`);
    const good = parsed
      .flatMap((one) => ('value' in one ? [one.value] : []))
      .map((value) =>
        spec.type === 'path' && value !== '-' && (spec.isPath?.(`${value}`) ?? true)
          ? resolve(folder, `${value}`)
          : value,
      );
    if (spec.repeatable) values[spec.name] = good.map(String);
    else if (good[0] !== undefined) values[spec.name] = good[0];
  }

  throwProblems(problems, `see npm run ${command.name} -- --help`);
  return { values, sources, operands };
}

/** Throws one UserError (exit 2) that lists every problem; does nothing when there are none. */
export function throwProblems(problems: readonly string[], hint: string): void {
  if (problems.length === 0) return;
  throw new UserError(problems.join('\n'), { hint, exitCode: EXIT.usage });
}

/** Options as a plan keeps them: every one with its value, as the user would write it, and where it came from. */
export function optionRecord(
  specs: readonly OptionSpec[],
  values: OptionValues,
  sources: Record<string, OptionValue['source']>,
): Record<string, OptionValue> {
  return Object.fromEntries(
    specs.map(({ name, type }) => {
      const value = values[name];
      const written = Array.isArray(value)
        ? value.join(', ')
        : type === 'duration' && typeof value === 'number'
          ? durationText(value)
          : (value ?? null);
      return [name, { value: written, source: sources[name] ?? 'default' }];
    }),
  );
}
