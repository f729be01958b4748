/**
 * A file of options, YAML or JSON: `vus: 500`. Its keys are the long names of the command's options, so one table
 * checks flags, variables and files alike; {@link configSchema} gives the same table to editors.
 *
 * Values reach an option as they were written: `1.10` is no 1.1 and `0012` no 12, `yes` and dates are texts. So the
 * file is read without YAML's types, and an alias is followed one step: nothing in it can grow.
 */
import { dirname } from 'node:path';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type ParsedNode,
  type Scalar,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import type { OptionSpec } from '../system/option.ts';
import { readRegularFileSync } from '../system/regular-file.ts';
import { UserError } from '../user-error.ts';
import type { Command } from './command.ts';
import { didYouMean } from '../system/suggest.ts';

/** What a file says: texts by option name, as if they stood on the command line. */
export type ConfigFile = {
  path: string;
  /** Relative paths in the file are meant from here. */
  folder: string;
  texts: Record<string, { text: string | string[]; line: number }>;
  problems: string[];
};

/** Options are some hundred lines; what is larger was named by mistake. */
const MOST_BYTES = 1_000_000;
/** Of a wrong value, in a message. */
const SHOWN_CHARACTERS = 60;

/** A file of settings as it stands there: nodes with their places, every value a text. */
export type SettingsFile = {
  path: string;
  text: string;
  document: Document.Parsed;
  lineAt: (position: number) => number;
  problems: string[];
};

/** Reads the file; whatever is wrong with it is in `problems`. JSON is YAML, so one parser reads both. */
export function readConfigFile(path: string, command: Command): ConfigFile {
  const config: ConfigFile = { path, folder: dirname(path), texts: {}, problems: [] };
  const file = readSettingsFile(path);
  if ('problems' in file && file.problems.length > 0) return { ...config, problems: file.problems };
  const { contents } = (file as SettingsFile).document;
  if (contents === null || (isScalar(contents) && textOf(contents) === null)) return config;
  if (!isMap(contents)) {
    config.problems.push(`${path} must hold options such as "vus: 500"`);
    return config;
  }
  const { texts, problems } = readOptions(contents, file as SettingsFile, command, ['config']);
  return { ...config, texts, problems };
}

/** Reads a file of settings whose shape its reader knows. */
export function readSettingsFile(path: string): SettingsFile | { problems: string[] } {
  const problems: string[] = [];
  const lines = new LineCounter();
  let text: string;
  let document: Document.Parsed;
  try {
    const bytes = readRegularFileSync(path, { what: '--config', maxBytes: MOST_BYTES });
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      schema: 'failsafe', // every value is a text
    });
  } catch (error) {
    problems.push(
      error instanceof UserError
        ? error.message
        : error instanceof RangeError
          ? `${path} is nested too deeply`
          : `${path} is no text (UTF-8)`,
    );
    return { problems };
  }
  const lineAt = (position: number): number => lines.linePos(position).line;
  const faults = new Map(
    // The first of a line: those after it come from it.
    document.errors.toReversed().map((error) => [lineAt(error.pos[0]), error]),
  );
  for (const [line, error] of [...faults].reverse())
    problems.push(`${path}, line ${line}: ${sentenceOf(error)}`);
  return { path, text, document, lineAt, problems };
}

/** The options of a command that stand in a map of the file. @param without names that may not stand there */
export function readOptions(
  map: YAMLMap.Parsed,
  { path, text, document, lineAt }: SettingsFile,
  command: Command,
  without: readonly string[],
): Pick<ConfigFile, 'texts' | 'problems'> {
  const texts: ConfigFile['texts'] = {};
  const problems: string[] = [];
  const specs = new Map(command.options.map((spec) => [spec.name, spec]));
  for (const name of without) specs.delete(name);
  for (const { key, value } of map.items) {
    const line = lineAt(key.range[0]);
    const say = (problem: string) => problems.push(`${path}, line ${line}: ${problem}`);
    const name = isScalar(key) ? String(key.value) : shown(key, text);
    if (name === '$schema') continue;
    const spec = specs.get(name);
    if (!spec) {
      const renamed = command.options.find(({ formerly }) => formerly === name);
      say(
        renamed === undefined
          ? `there is no option "${name.slice(0, SHOWN_CHARACTERS)}"${didYouMean(name, [...specs.keys()])}`
          : `${name} has another name now: ${renamed.name}`,
      );
      continue;
    }
    const given = textsOf(value, document, spec);
    if (given === undefined)
      say(
        `${name} must be ${spec.repeatable ? 'a value or a list of values' : 'one value'}, but is ${shown(value!, text)}`,
      );
    else if (given !== null) texts[name] = { text: given, line };
  }
  return { texts, problems };
}

/** YAML's faults in words that fit the file. */
function sentenceOf({ code, message }: YAMLError): string {
  if (code === 'MULTIPLE_DOCS') return 'a second document begins; options stand in one';
  if (code === 'DUPLICATE_KEY') return 'an option stands there for a second time';
  if (code === 'RESOURCE_EXHAUSTION') return 'it is nested too deeply';
  return message.split('\n')[0];
}

/** @returns what the option gets; null: nothing is said; undefined: it can't take this */
export function textsOf(
  node: ParsedNode | null,
  document: Document.Parsed,
  spec: Pick<OptionSpec, 'repeatable'>,
): string | string[] | null | undefined {
  const found = followed(node, document);
  if (found === undefined || found === null) return found;
  if (isScalar(found)) return textOf(found);
  if (!isSeq(found) || spec.repeatable !== true) return undefined;
  const texts: string[] = [];
  for (const item of found.items) {
    const one = followed(item as Node | null, document);
    const text = isScalar(one) ? textOf(one) : null;
    if (text === null) return undefined;
    texts.push(text);
  }
  return texts;
}

/** @returns what an alias stands for, one step; undefined: for nothing, or for another alias */
function followed(node: Node | null, document: Document.Parsed): Node | null | undefined {
  if (!isAlias(node)) return node;
  const target = node.resolve(document);
  return isAlias(target) ? undefined : target;
}

/** @returns null for an empty place, `~` and `null` without quotes: as if the option were not there */
function textOf({ type, source, value }: Scalar): string | null {
  if (type === 'PLAIN' && /^(|~|null)$/i.test(source ?? '')) return null;
  return source ?? String(value);
}

/** A place of the file as it stands there, cut. */
export function shown(node: { range?: [number, number, number] | null }, text: string): string {
  const [from, to] = node.range ?? [0, 0];
  const words = text
    .slice(from, Math.min(to, from + 10 * SHOWN_CHARACTERS))
    .replace(/\s+/g, ' ')
    .trim();
  return words.length > SHOWN_CHARACTERS ? `${words.slice(0, SHOWN_CHARACTERS)}…` : words;
}

/** JSON Schema (2020-12) of the command's config file, from its table of options. */
export function configSchema(command: Command): object {
  const properties: Record<string, object> = { $schema: { type: 'string' } };
  for (const spec of command.options) {
    if (spec.name === 'config') continue;
    const one = { description: spec.help, ...schemaOf(spec) };
    properties[spec.name] = spec.repeatable
      ? {
          description: spec.help,
          anyOf: [schemaOf(spec), { type: 'array', items: schemaOf(spec) }],
        }
      : one;
  }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: `Options of npm run ${command.name}`,
    type: 'object',
    additionalProperties: false,
    properties,
  };
}

function schemaOf(spec: OptionSpec): object {
  const limits = {
    ...(spec.min !== undefined && { minimum: spec.min }),
    ...(spec.max !== undefined && { maximum: spec.max }),
  };
  switch (spec.type) {
    case 'flag':
      return { type: 'boolean' };
    case 'integer':
      return { type: 'integer', ...limits };
    case 'number':
      return { type: 'number', ...limits };
    case 'duration':
      return { type: 'string', pattern: '^(0|(\\d+(\\.\\d+)?(ms|s|m|h|d))+)$' };
    case 'choice':
      return { enum: [...spec.choices!] };
    case 'url':
      return { type: 'string', pattern: '^https?://' };
    case 'text':
    case 'path':
      return {
        type: ['string', 'number'],
        ...(spec.examples !== undefined && { examples: [...spec.examples] }),
      };
  }
}
