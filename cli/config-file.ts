/**
 * A file of options, YAML or JSON: `vus: 500`. Its keys are the long names of the command's options, so one table
 * checks flags, variables and files alike; {@link configSchema} gives the same table to editors.
 */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { closest } from 'fastest-levenshtein';
import { LineCounter, parseDocument } from 'yaml';
import type { Command } from './command.ts';
import type { OptionSpec } from '../system/option.ts';

/** What a file says: texts by option name, as if they stood on the command line. */
export type ConfigFile = {
  path: string;
  /** Relative paths in the file are meant from here. */
  folder: string;
  texts: Record<string, string | string[]>;
  problems: string[];
};

/** Reads the file; whatever is wrong with it is in `problems`. JSON is YAML, so one parser reads both. */
export function readConfigFile(path: string, command: Command): ConfigFile {
  const config: ConfigFile = { path, folder: dirname(path), texts: {}, problems: [] };
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    config.problems.push(
      `--config ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
    );
    return config;
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  for (const { message, pos } of document.errors)
    config.problems.push(`${path}, line ${lines.linePos(pos[0]).line}: ${message}`);
  if (config.problems.length > 0) return config;
  const content = document.toJS({ maxAliasCount: 100 }) as unknown;
  if (content === null) return config;
  if (typeof content !== 'object' || Array.isArray(content)) {
    config.problems.push(`${path} must hold options such as "vus: 500"`);
    return config;
  }
  const specs = new Map(command.options.map((spec) => [spec.name, spec]));
  specs.delete('config');
  for (const [name, value] of Object.entries(content)) {
    if (name === '$schema') continue;
    const spec = specs.get(name);
    if (!spec) {
      const near = closest(name, [...specs.keys()]);
      const renamed = command.options.find(({ formerly }) => formerly === name);
      config.problems.push(
        renamed === undefined
          ? `${path}: there is no option "${name}" (did you mean ${near}?)`
          : `${path}: ${name} has another name now: ${renamed.name}`,
      );
    } else if (!isPlain(value, spec)) {
      config.problems.push(
        `${path}: ${name} must be ${spec.repeatable ? 'a value or a list of values' : 'one value'}, but is ${JSON.stringify(value)}`,
      );
    } else if (value !== null)
      config.texts[name] = Array.isArray(value) ? value.map(String) : String(value);
  }
  return config;
}

const isPlain = (value: unknown, spec: OptionSpec): value is string | number | boolean | null =>
  spec.repeatable && Array.isArray(value)
    ? value.every((one) => one !== null && typeof one !== 'object')
    : value === null || typeof value !== 'object';

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
