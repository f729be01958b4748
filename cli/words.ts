/** The words after a command's name: which options they give, which operands, and what is wrong. commander reads them. Pure. */
import { Command as Parser, Option } from 'commander';
import type { Command } from './command.ts';
import { didYouMean } from '../system/suggest.ts';

export type Words = {
  /** Texts by option name, in the order given; true for a flag. */
  given: Record<string, true | string[]>;
  operands: string[];
  /** `--help` stands among them. */
  wantsHelp: boolean;
  problems: string[];
};

const HELP = ['-h', '--help'];

/**
 * A value that begins with `-` is written with `=` (`--seed=-x`): `--vus --duration 1m` is a value that was forgotten,
 * and no VUs named `--duration`. Negative numbers are values.
 */
export function readWords(command: Command, words: readonly string[]): Words {
  const read: Words = { given: {}, operands: [], wantsHelp: false, problems: [] };
  const parser = new Parser().helpOption(false);
  for (const spec of command.options) {
    // A value that may be missing for commander, so that it goes on and all that is wrong is found.
    const option = new Option(spec.type === 'flag' ? `--${spec.name}` : `--${spec.name} [value]`);
    parser.addOption(option);
    parser.on(`option:${option.name()}`, (text: string | null | undefined) => {
      if (spec.type === 'flag') read.given[spec.name] = true;
      else if (typeof text !== 'string')
        read.problems.push(
          `--${spec.name} needs a value: --${spec.name}=${spec.argument ?? 'value'}`,
        );
      else (read.given[spec.name] = asList(read.given[spec.name])).push(text);
    });
  }
  const { operands, unknown } = parser.parseOptions(joined(command, words));
  read.operands.push(...operands);
  readUnknown(command, unknown, read);
  return read;
}

/** `--pause -5s`: a number with a unit is a value, too, if a wrong one; commander takes it for an option. */
function joined({ options }: Command, words: readonly string[]): string[] {
  const joins = new Set(
    options.filter(({ type }) => type !== 'flag').map(({ name }) => `--${name}`),
  );
  const out: string[] = [];
  for (let i = 0; i < words.length; i++) {
    if (words[i] === '--') return [...out, ...words.slice(i)];
    const next = words[i + 1] ?? '';
    if (joins.has(words[i]) && /^-\.?\d/.test(next)) out.push(`${words[i]}=${words[++i]}`);
    else out.push(words[i]);
  }
  return out;
}

const asList = (before: true | string[] | undefined): string[] =>
  Array.isArray(before) ? before : [];

/** What commander did not know, from the first such option on; operands stand between. */
function readUnknown(command: Command, unknown: readonly string[], read: Words): void {
  const names = command.options.map(({ name }) => name);
  for (let i = 0; i < unknown.length; i++) {
    const word = unknown[i];
    if (word === '--') {
      read.operands.push(...unknown.slice(i + 1));
      return;
    }
    if (!isOption(word)) read.operands.push(word);
    else if (HELP.includes(word)) read.wantsHelp = true;
    else {
      const [name, ...rest] = word.replace(/^--?/, '').split('=');
      if (word.startsWith('--') && names.includes(name)) {
        read.problems.push(`--${name} takes no value, but was given "${rest.join('=')}"`);
        continue;
      }
      const renamed = command.options.find(({ formerly }) => formerly === name);
      read.problems.push(
        renamed === undefined
          ? `unknown option '${word.split('=')[0]}'${didYouMean(name, names, '--')}`
          : `--${name} has another name now: --${renamed.name}`,
      );
      // Most likely its value.
      if (!word.includes('=') && i + 1 < unknown.length && !isOption(unknown[i + 1])) i++;
    }
  }
}

const isOption = (word: string): boolean =>
  word.length > 1 && word.startsWith('-') && !/^-(\d+|\d*\.\d+)(e[+-]?\d+)?$/.test(word);
