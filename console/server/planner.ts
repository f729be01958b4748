/** What the command line gives to the console: the same table of options, checks and decision as `npm run load` has. Types alone. */
import type { OptionValue } from '../../results/types.ts';
import type { OptionSpec } from '../../system/option.ts';

/** As somebody would type them: texts by option name, several for a repeatable one; true for a flag. */
export type GivenOptions = Record<string, string | string[] | true>;

export type Planned =
  | { problems: string[] }
  | {
      /** The decision, line by line, as the dry run prints it. */
      lines: { name: string; text: string }[];
      gates: string[];
      /** Every option with its value and where it came from. */
      options: Record<string, OptionValue>;
      /** Hosts of targets that are not this machine: a start needs each of them once more. */
      remoteHosts: string[];
    };

export type Planner = {
  options: readonly OptionSpec[];
  scenarios: readonly { name: string; summary: string; defaults: Readonly<Record<string, string>>; uses: readonly string[] }[]; // prettier-ignore
  headings: Readonly<Record<string, string>>;
  plan: (given: GivenOptions) => Promise<Planned>;
};

/**
 * Options that the console does not take: programs to run, places to write to, and what makes another command of it. A browser is not
 * to choose them, whoever sits before it.
 */
export const NOT_TAKEN: readonly string[] = ['k6', 'results', 'config', 'explain', 'dry-run', 'ab', 'rounds', 'effect', 'allow-remote', 'e2e', 'e2e-name', 'e2e-folder', 'e2e-wait']; // prettier-ignore

/** Words of the command line, `--name=value`. */
export const wordsOf = (given: GivenOptions): string[] =>
  Object.entries(given).flatMap(([name, value]) =>
    value === true
      ? [`--${name}`]
      : (Array.isArray(value) ? value : [value]).map((text) => `--${name}=${text}`),
  );

const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** The same as a line for a shell, to copy. */
function commandLine(command: string, given: GivenOptions, more: readonly string[]): string {
  const options = Object.entries(given).flatMap(
    ([name, value]) =>
    value === true
      ? [`--${name}`]
      : (Array.isArray(value) ? value : [value]).map((text) => text.startsWith('-') ? `--${name}=${quoted(text)}` : `--${name} ${quoted(text)}`), // prettier-ignore
  );
  return [`npm run ${command}`, ...options, ...more].join(' ').replace(/ --$/, '');
}

export const commandLineOf = (given: GivenOptions, resultsFolder: string | null): string =>
  commandLine(
    'load --',
    given,
    resultsFolder === null ? [] : [`--results ${quoted(resultsFolder)}`],
  );

export const e2eCommandLineOf = (given: GivenOptions, folder: string | null): string =>
  commandLine('e2e -- run', given, folder === null ? [] : [`--folder ${quoted(folder)}`]);

/** What would happen in an end-to-end run. */
export type E2ePlanned =
  | { problems: string[] }
  | {
      name: string;
      /** What it is made of, then notes. */
      lines: { name: string; text: string }[];
      steps: { name: string; title: string }[];
      /** What is waited for, each with its deadline. */
      conditions: { words: string; withinMs: number }[];
    };

export type E2ePlanner = {
  options: readonly OptionSpec[];
  plan: (given: GivenOptions) => E2ePlanned;
};
