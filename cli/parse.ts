/**
 * From words on the command line, the environment and a config file to checked values. Every problem of an input is
 * reported at once; the checks come from the command's own table.
 */
import { resolve } from 'node:path';
import { whereTheUserStands } from '../paths.ts';
import type { OptionValue } from '../results/types.ts';
import type { OptionSpec, OptionValues } from '../system/option.ts';
import { listProblems } from '../system/problems.ts';
import type { Command } from './command.ts';
import { type ConfigFile, readConfigFile } from './config-file.ts';
import { helpText } from './help.ts';
import { npmTook } from './npm-options.ts';
import { parseSwitch, parseValue } from './option-value.ts';
import { readWords, type Words } from './words.ts';

export { optionRecord } from './option-value.ts';
/** Throws one UserError (exit 2) that lists every problem; does nothing when there are none. */
export { listProblems as throwProblems } from '../system/problems.ts';

export type Parsed = {
  values: OptionValues;
  sources: Record<string, OptionValue['source']>;
  operands: string[];
};

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
  text: true | string | string[];
  source: OptionValue['source'];
  name: string;
  folder: string;
};

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
  const words = readWords(command, args);
  if (words.wantsHelp) throw new HelpRequested(helpText(command));
  const problems = [...words.problems];
  const took = npmTook(command, env, new Set(Object.keys(words.given)), args, words.operands);
  if (took !== null) problems.push(took.problem);
  const isPair =
    command.pair !== undefined &&
    words.operands.length === 1 &&
    Object.hasOwn(words.given, command.pair);
  if (!command.operands && words.operands.length > 0 && !isPair && took?.explainsOperands !== true)
    problems.push(`"${words.operands.join(' ')}" belongs to no option`);
  const file = configFileOf(command, words, env, cwd);
  problems.push(...(file?.problems ?? []));
  const { values, sources } = settled(command, { words, env, file, cwd }, problems);
  listProblems(problems, `see npm run ${command.name} -- --help`);
  return { values, sources, operands: words.operands };
}

/** As {@link parseCommandLine}, where a file alone says what is asked for. @returns what is wrong with it, in sentences with their lines */
export function parseFile(
  command: Command,
  file: ConfigFile,
  env: NodeJS.ProcessEnv,
): Parsed & { problems: string[] } {
  const problems = [...file.problems];
  const words = { given: {}, operands: [], problems: [], wantsHelp: false };
  const from = { words, env, file, cwd: file.folder };
  return { ...settled(command, from, problems), operands: [], problems };
}

type Places = { words: Words; env: NodeJS.ProcessEnv; file: ConfigFile | null; cwd: string };

/** Every option's value and where it comes from; what is wrong is added to `problems`. */
function settled(
  command: Command,
  places: Places,
  problems: string[],
): Pick<Parsed, 'values' | 'sources'> {
  const settings = new Settings(places);
  // The scenario decides the defaults of other options, so it is looked up before them.
  const scenario = command.options.find(({ name }) => name === 'scenario');
  const chosen = scenario && settings.of(scenario, {})?.text;
  const named = Array.isArray(chosen) ? chosen.at(-1) : chosen;
  const presets = (typeof named === 'string' && command.presets?.[named]) || {};

  const values: OptionValues = {};
  const sources: Parsed['sources'] = {};
  for (const spec of command.options) {
    const setting = settings.of(spec, presets);
    sources[spec.name] = setting?.source ?? 'default';
    const value = setting && valueOf(spec, setting, problems);
    if (value !== undefined) values[spec.name] = value;
    else if (spec.type === 'flag') values[spec.name] = false;
  }
  return { values, sources };
}

/** Where an option's text may stand. */
class Settings {
  readonly #from: Places;
  constructor(from: Places) {
    this.#from = from;
  }

  /** @returns what comes first; undefined: nobody says anything */
  of(spec: OptionSpec, presets: Record<string, string>): Setting | undefined {
    const { words, file, cwd } = this.#from;
    const flag = words.given[spec.name];
    if (flag !== undefined)
      return { text: flag, source: 'flag', name: `--${spec.name}`, folder: cwd };
    const fromEnv = variableOf(spec, this.#from.env);
    if (fromEnv !== undefined)
      return { text: fromEnv, source: 'environment', name: spec.env!, folder: cwd };
    const fromFile = file?.texts[spec.name];
    if (fromFile !== undefined)
      return {
        text: fromFile.text,
        source: 'file',
        name: `${file!.path}, line ${fromFile.line}: ${spec.name}`,
        folder: file!.folder,
      };
    const preset = presets[spec.name];
    const text = preset ?? spec.default;
    if (text === undefined) return undefined;
    const source = preset === undefined ? 'default' : 'scenario';
    return { text, source, name: `--${spec.name}`, folder: cwd };
  }
}

/** A variable that is set but empty says nothing: each template of a CI makes such ones. */
const variableOf = (spec: OptionSpec, env: NodeJS.ProcessEnv): string | undefined =>
  (spec.env !== undefined && env[spec.env]) || undefined;

/** The file that `--config` (or its variable) names, for commands that have this option. */
function configFileOf(
  command: Command,
  { given }: Words,
  env: NodeJS.ProcessEnv,
  cwd: string,
): ConfigFile | null {
  const spec = command.options.find(({ name }) => name === 'config');
  if (!spec || command.readsConfig === true) return null;
  const flag = given[spec.name];
  const path = Array.isArray(flag) ? flag.at(-1) : variableOf(spec, env);
  return path ? readConfigFile(resolve(cwd, path), command) : null;
}

/** @returns undefined where it has a problem, which is added to `problems` */
function valueOf(
  spec: OptionSpec,
  { text, name, folder }: Setting,
  problems: string[],
): OptionValues[string] {
  const texts = Array.isArray(text) ? text : [text];
  if (spec.type === 'flag') {
    const last = texts.at(-1);
    const value = last === true ? last : parseSwitch(String(last));
    if (value === null) problems.push(`${name} must be 1 or 0, but is "${String(last)}"`);
    return value ?? undefined;
  }
  // Of an option that stands there twice, though it is one, the last counts.
  const asked = spec.repeatable ? texts : texts.slice(-1);
  const parsed = asked.map((one) => parseValue(spec, String(one)));
  for (const one of parsed) if ('problem' in one) problems.push(`${name} ${one.problem}`);
  const good = parsed
    .flatMap((one) => ('value' in one ? [one.value] : []))
    .map((value) =>
      spec.type === 'path' && value !== '-' && (spec.isPath?.(`${value}`) ?? true)
        ? resolve(folder, `${value}`)
        : value,
    );
  return spec.repeatable ? good.map(String) : good[0];
}
