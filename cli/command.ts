/** What a command is: a table of options and a function. The table feeds parser, checks, help and README. */
import type { OptionValue } from '../results/types.ts';

/** How an option's text is read; `duration` gives milliseconds (`90s`, `1m30s`, `500ms`, `2h`). */
export type OptionType =
  'flag' | 'integer' | 'number' | 'duration' | 'text' | 'path' | 'url' | 'choice';

export type OptionSpec = {
  /** Long name without the dashes, e.g. `allow-remote`. */
  name: string;
  type: OptionType;
  /** Shown in help after the name, e.g. `N`, `DIR`. Flags have none. */
  argument?: string;
  /** As the user would write it, so help and parser share it; absent: no default. */
  default?: string;
  /** Environment variable that sets it where the flag is absent. */
  env?: string;
  min?: number;
  max?: number;
  choices?: readonly string[];
  /** Of a text: a further check. @returns what is wrong, to stand after the name; null: nothing */
  check?: (text: string) => string | null;
  /** Of a text: values that an editor may suggest. */
  examples?: readonly string[];
  /** Of a path: whether a text is one; others are left as they are. */
  isPath?: (text: string) => boolean;
  /** May be given several times; the value is then a list of texts. */
  repeatable?: boolean;
  help: string;
};

/** Parsed and checked options by long name; a flag is true or false, an absent option undefined. */
export type OptionValues = Record<string, string | number | boolean | string[] | undefined>;

export type CommandCall = {
  values: OptionValues;
  sources: Record<string, OptionValue['source']>;
  operands: string[];
  /** Where the user stands: relative operands are meant from here (options of type path are resolved already). */
  cwd: string;
  stdout: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  stderr: NodeJS.WritableStream;
  env: NodeJS.ProcessEnv;
};

export type Command = {
  name: string;
  summary: string;
  /** Operands in help, e.g. `FILE…`; absent: none allowed. */
  operands?: string;
  options: readonly OptionSpec[];
  /** Defaults by the value of the option `scenario`; they come before the table's own. */
  presets?: Record<string, Record<string, string>>;
  /** @returns the exit code. @throws UserError for what the user can mend */
  run(call: CommandCall): Promise<number>;
};
